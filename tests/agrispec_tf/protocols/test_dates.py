"""A season grows by about a month, and what is not seen yet is not there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import FILL, CubeSpec, preset
from agrispec.errors import ConfigError
from agrispec.season import Season, Window
from agrispec_tf.baselines.features import Medians
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.protocols import dates


def test_the_published_window_has_a_date_a_month():
    cube = preset("cropnet-5d")
    found = dates.dates(cube, Season.of(2023, "01-01", cube.step_days))
    assert [known.name for known in found] == ["30 May", "29 Jun", "29 Jul", "2 Sep", "2 Oct", "1 Nov", "1 Dec"]
    assert [known.day for known in found] == [150, 180, 210, 245, 275, 305, 335]
    assert found[-1].stop == cube.window.stop


@given(step_days=st.integers(1, 60), share=st.tuples(st.floats(0, 0.9), st.floats(0.05, 1)))
def test_dates_ascend_within_the_window_and_end_with_it(step_days, share):
    steps = -(-365 // step_days)
    start = int(share[0] * (steps - 1))
    window = Window(start, start + max(1, int(share[1] * (steps - start))))
    cube = CubeSpec(features=("B4",), step_days=step_days, exported=Window(0, steps), window=window)
    season = Season.of(2023, "01-01", step_days)
    if window.steps < 2 or round(window.steps * step_days / 30) < 2:
        with pytest.raises(ConfigError, match="is too short for accuracy by date"):
            dates.dates(cube, season)
        return
    stops = [known.stop for known in dates.dates(cube, season)]
    assert (np.diff(stops) > 0).all()
    assert stops[0] > window.start
    assert stops[-1] == window.stop


def test_a_season_that_opens_in_july_has_dates_of_its_own():
    cube = preset("cropnet-5d", window_days=(1, 60))
    assert [known.name for known in dates.dates(cube, Season.of(2023, "07-01", 5))] == ["30 Jul", "29 Aug"]


def test_later_steps_are_not_seen_and_earlier_ones_are_as_they_were(grown, small_cube):
    series = grown(6).series
    found = dates.until(series, 9)
    np.testing.assert_array_equal(found.values[:, :9], series.values[:, :9])
    np.testing.assert_array_equal(found.counts[:, :9], series.counts[:, :9])
    assert (found.values[:, 9:] == FILL).all()
    assert (found.counts[:, 9:] == 0).all()
    partly = replace(series, cube=replace(small_cube, exported=Window(6, 20)), values=series.values[:, 6:20],
                     counts=series.counts[:, 6:20])
    np.testing.assert_array_equal(dates.until(partly, 9).counts[:, :3], series.counts[:, 6:9])
    assert (dates.until(partly, 9).counts[:, 3:] == 0).all()


def test_warmth_after_a_date_is_not_known(grown, warm):
    series = warm(grown(6)).series
    found = dates.until(series, 9).heat
    np.testing.assert_array_equal(found[:, :9], series.heat[:, :9])
    assert np.isnan(found[:, 9:]).all()
    assert found.dtype == np.float32
    assert dates.until(grown(6).series, 9).heat is None


def test_a_season_reads_on_by_the_warmth_of_what_taught_from_its_date_on(grown, warm):
    taught, judged = warm(grown(6)).series, warm(grown(6), delay=0.05).series
    axis, (start, stop) = ThermalAxis.fitted(taught), (np.full(6, step) for step in (6, 20))
    places = np.tile(np.arange(23.0), (6, 1))
    whole, cut = (axis.positions(series, places, start, stop) for series in (judged, dates.until(judged, 12)))
    np.testing.assert_array_equal(cut[whole < 11], whole[whole < 11])
    assert np.isfinite(cut).all()
    # From its last known step, 11, on the season goes on a step a step, as what taught did.
    late = axis.positions(dates.until(taught, 12), places, start, stop)
    np.testing.assert_allclose(late[:, 6:20], places[:, 6:20], atol=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_gaps_are_filled_by_what_was_seen_until_then(grown, smoothing):
    series = grown(8).series
    after = np.arange(23) >= 12
    other = replace(series, values=np.where(after[:, None], np.float32(7), series.values),
                    counts=np.where(after, np.float32(2), series.counts))
    one, two = (Medians(smoothing=smoothing).of(dates.until(it, 12)) for it in (series, other))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(Medians(smoothing=smoothing).of(series), Medians(smoothing=smoothing).of(other))
