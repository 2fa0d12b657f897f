"""A season's shift is found from series alone, to the day where steps are days apart, and shown away."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.cube import CubeSpec
from agrispec.season import Window
from agrispec_tf.adaptation import season_shift
from agrispec_tf.data.preparation import Preparation

FIVE = CubeSpec(features=("B4", "B8", "B11"), step_days=5, exported=Window(0, 73), window=Window(20, 68))
SHIFTS = [-23.0, -10.0, 0.0, 13.0, 24.0]


@pytest.fixture(scope="module")
def pair(grown):
    """What makes (training samples, samples of a season that runs so many days ahead) of a cube."""
    def made(days, cube=FIVE, seed=9):
        year = cube.step_days * cube.exported.steps
        return grown(900, seed=seed + 1, cube=cube), grown(900, seed=seed, place="T", delay=-days / year, cube=cube)
    return made


@pytest.mark.parametrize("seed", [9, 40, 77])
@pytest.mark.parametrize("days", SHIFTS)
def test_a_known_shift_is_found_within_a_day(pair, days, seed):
    training, target = pair(days, seed=seed)
    assert season_shift.found(Preparation(), training, target.series) == pytest.approx(days, abs=1.0)


@pytest.mark.parametrize("days", SHIFTS)
def test_of_steps_of_16_days_it_is_found_within_a_fifth(pair, small_cube, days):
    training, target = pair(days, small_cube)
    assert season_shift.found(Preparation(), training, target.series) == pytest.approx(days, abs=3.2)


@pytest.mark.parametrize("seen", [slice(0, 45), slice(0, 36), slice(36, 73)], ids=["until 14 August", "until 30 June",
                                                                                    "from 1 July on"])
@pytest.mark.parametrize("days", SHIFTS)
def test_a_season_that_was_seen_in_part_is_compared_where_it_was_seen(pair, days, seen):
    training, target = pair(days)
    counts = np.zeros_like(target.series.counts)
    counts[:, seen] = target.series.counts[:, seen]
    found = season_shift.found(Preparation(), training, replace(target.series, counts=counts))
    assert found == pytest.approx(days, abs=4.0)


def test_another_class_mix_is_no_shift(pair):
    training, target = pair(13.0)
    mostly_wheat = target.take((target.labels == 0) | (np.arange(900) % 6 == 1))
    assert season_shift.found(Preparation(), training, mostly_wheat.series) == pytest.approx(13, abs=1.5)


def test_sides_that_share_no_step_have_no_shift(pair):
    training, target = pair(13.0)
    early, late = (np.where((np.arange(73) < 44) == first, side.series.counts, 0)
                   for first, side in ((True, training), (False, target)))
    apart = replace(training, series=replace(training.series, counts=early.astype(np.float32)))
    assert season_shift.found(Preparation(), apart, replace(target.series, counts=late.astype(np.float32))) == 0


def test_a_season_that_runs_ahead_is_shown_on_the_sources_calendar(knowing, grown):
    early, same = (grown(300, seed=9, place="T", delay=delay) for delay in (-20 / (23 * 16), 0.0))

    def right(samples, days):
        found = knowing.probabilities(samples.series, draw=season_shift.calendar(samples.series, days))
        return (found.argmax(axis=1) == samples.labels).mean()
    assert right(same, 0.0) > 0.95
    assert right(early, 20.0) > right(early, 0.0) + 0.1
    assert right(early, 20.0) > 0.9


def test_no_shift_shows_series_as_they_are(knowing, grown):
    series = grown(40, seed=3).series
    shown = knowing.probabilities(series, draw=season_shift.calendar(series, 0.0))
    np.testing.assert_allclose(shown, knowing.probabilities(series), atol=1e-6)
