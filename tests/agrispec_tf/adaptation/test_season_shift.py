"""A season's shift is found from predictions alone, and shown away."""

import numpy as np
import pytest

from agrispec_tf.adaptation import season_shift


def shown(classifier, series, days):
    """Probabilities of series on the source's calendar."""
    return classifier.probabilities(series, draw=season_shift.calendar(series, days))


@pytest.mark.parametrize("days", [-23.0, -10.0, 0.0, 13.0, 24.0])
def test_a_known_shift_is_found_within_a_day(knowing, source, grown, days):
    # What comes later by `delay` of a year comes earlier by so many days less than none.
    target = grown(400, seed=9, place="T", delay=-days / (23 * 16)).series
    assert season_shift.found(knowing.preparation, source[0], target, 40) == pytest.approx(days, abs=1.0)


def test_another_class_mix_moves_what_is_found_by_days_at_most(knowing, source, grown):
    target = grown(600, seed=9, place="T", delay=-13 / (23 * 16))
    mostly_wheat = target.take((target.labels == 0) | (np.arange(600) % 6 == 1))
    assert season_shift.found(knowing.preparation, source[0], mostly_wheat.series, 40) == pytest.approx(13, abs=3.0)


def test_a_season_that_runs_ahead_is_shown_on_the_sources_calendar(knowing, grown):
    early, same = (grown(300, seed=9, place="T", delay=delay) for delay in (-20 / (23 * 16), 0.0))

    def right(samples, days):
        return (shown(knowing, samples.series, days).argmax(axis=1) == samples.labels).mean()
    assert right(same, 0.0) > 0.95
    assert right(early, 20.0) > right(early, 0.0) + 0.1
    assert right(early, 20.0) > 0.9


def test_no_shift_shows_series_as_they_are(knowing, grown):
    series = grown(40, seed=3).series
    np.testing.assert_allclose(shown(knowing, series, 0.0), knowing.probabilities(series),
                               atol=1e-6)
