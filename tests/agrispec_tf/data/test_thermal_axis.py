"""Thermal time: the calendar where all are as warm, another year's date where they are not; never beyond a window."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import preset
from agrispec.errors import ConfigError, DataError
from agrispec.season import Window
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.data.thermal_axis import ThermalAxis, continued

CUBE = preset("cropnet-5d", gdd_base=0.0)
MIDDLES = np.arange(73) * 5 + 2.5
seeds = st.integers(0, 2**32 - 1)


def warmth(days: np.ndarray) -> np.ndarray:
    """Growing degree days of a year of 12 °C on average, frost in winter, at days of the year."""
    hours = np.arange(-60, 430, 0.25)
    gained = np.maximum(12 - 14 * np.cos(2 * np.pi * (hours - 20) / 365), 0) * 0.25
    sums = np.cumsum(gained)
    return np.interp(days, hours, sums - sums[np.searchsorted(hours, 0)])


def year(seed: int, count: int = 5, clear: float = 0.5, heat: np.ndarray | None = None) -> Series:
    rng = np.random.default_rng(seed)
    counts = (rng.random((count, 73)) < clear).astype(np.float32)
    values = rng.random((count, 73, 10), np.float32)
    values[counts == 0] = CUBE.fill
    if heat is None:
        heat = np.cumsum(rng.uniform(0, 100, (count, 73)), axis=1)
    return Series(cube=CUBE, values=values, counts=counts, heat=heat.astype(np.float32))


def axis(series: Series, smoothing: float = 0.0) -> Preparation:
    return Preparation(smoothing=smoothing, thermal=ThermalAxis.fitted(series))


def drawn(seed: int, count: int) -> augmentation.Draw:
    return augmentation.draw(Augmentation(dropped_share=0.3), CUBE.window, 5, count, np.random.default_rng(seed))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds, frost=st.booleans())
def test_series_that_share_one_curve_are_read_by_date(smoothing, seed, frost):
    curve = warmth(MIDDLES) if frost else np.cumsum(np.random.default_rng(seed).uniform(0, 90, 73))
    series = year(seed, heat=np.tile(curve, (5, 1)))
    thermal, calendar = axis(series, smoothing), Preparation(smoothing=smoothing)
    for draw in (None, drawn(seed, 5)):
        np.testing.assert_allclose(thermal.apply(series, draw), calendar.apply(series, draw), rtol=2e-4, atol=2e-4)


@given(seed=seeds)
def test_the_levels_are_the_means_of_the_training_samples(seed):
    series = year(seed)
    np.testing.assert_allclose(ThermalAxis.fitted(series).levels, series.heat.astype(np.float64).mean(axis=0),
                               rtol=1e-6)


def smooth(shift: float) -> np.ndarray:
    """A year's feature at the steps, `shift` days early."""
    day = MIDDLES + shift
    return 0.1 + 0.5 * np.exp(-((day - 150) / 30) ** 2) + 0.3 * np.exp(-((day - 250) / 25) ** 2)


@pytest.mark.parametrize("shift", [-20.0, -7.0, 3.0, 12.0, 25.0])
def test_a_season_that_comes_early_with_its_warmth_is_read_as_the_training_season(shift):
    def season(days):
        values = np.tile(smooth(days)[None, :, None], (3, 1, 10)).astype(np.float32)
        heat = np.tile(warmth(MIDDLES + days) - warmth(np.array(days)), (3, 1)).astype(np.float32)
        return Series(cube=CUBE, values=values, counts=np.ones((3, 73), np.float32), heat=heat)

    thermal, calendar = axis(season(0.0)), Preparation()
    expected = thermal.apply(season(0.0))
    off = np.abs(calendar.apply(season(shift)) - expected).max()
    found = np.abs(thermal.apply(season(shift)) - expected)
    inside = slice(6, 37)  # within a month of the window's edges the other season lies outside of it
    assert found[:, inside].max() < 0.02 < 0.04 < off


@given(seed=seeds)
def test_a_reading_equals_numpys_interp_of_both_curves(seed):
    training, series = year(seed, 8), year(seed + 1, 4, clear=1.0)
    prepared = axis(training).apply(series)
    tenth = 0.1 * 5 * np.arange(73)
    levels = training.heat.astype(np.float64).mean(axis=0) + tenth
    window = np.arange(24, 67)
    for n in range(4):
        places = np.interp(levels[window], series.heat[n, window] + tenth[window], window)
        for feature in (0, 9):
            expected = np.interp(places, window, series.values[n, window, feature])
            np.testing.assert_allclose(prepared[n, :, feature], expected, atol=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds)
def test_a_full_year_and_its_window_give_the_same_input(smoothing, seed):
    whole, window = year(seed), slice(24, 67)
    view = Series(cube=CUBE.view(), values=whole.values[:, window], counts=whole.counts[:, window],
                  heat=whole.heat[:, window])
    prepared = axis(year(seed + 1), smoothing)
    np.testing.assert_allclose(prepared.apply(view), prepared.apply(whole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds)
def test_nothing_outside_of_a_drawn_window_reaches_the_input(smoothing, seed):
    whole, draw = year(seed, 6), drawn(seed, 6)
    step = np.arange(73)
    outside = (step < draw.start[:, None]) | (step >= draw.stop[:, None])
    other = replace(whole, values=np.where(outside[..., None], np.float32(7), whole.values),
                    counts=np.where(outside, np.float32(9), whole.counts))
    prepared = axis(year(seed + 1), smoothing)
    np.testing.assert_array_equal(prepared.apply(whole, draw), prepared.apply(other, draw))


@given(seed=seeds, known=st.integers(1, 72))
def test_warmth_that_stops_goes_on_as_the_training_season_did(seed, known):
    training, whole = year(seed, 8), year(seed + 1)
    mean = training.heat.astype(np.float64).mean(axis=0)
    heat = whole.heat.copy()
    heat[2, known:] = np.nan
    by_hand = whole.heat.astype(np.float64)
    by_hand[2, known:] = by_hand[2, known - 1] + mean[known:] - mean[known - 1]
    prepared, stopped = axis(training), replace(whole, heat=heat)
    np.testing.assert_allclose(prepared.apply(stopped),
                               prepared.apply(replace(whole, heat=by_hand.astype(np.float32))), atol=1e-3)
    assert continued(stopped) == 1
    assert continued(whole) == 0


def test_a_series_whose_warmth_was_never_known_is_read_by_date():
    training, series = year(1, 8), year(2)
    heat = series.heat.copy()
    heat[0] = np.nan
    prepared = axis(training).apply(replace(series, heat=heat))
    np.testing.assert_allclose(prepared[0], Preparation().apply(series)[0], atol=1e-4)
    assert not np.allclose(prepared[1], Preparation().apply(series)[1], atol=1e-2)


def test_steps_unknown_to_some_training_samples_take_the_gain_of_the_others():
    series = year(3, 3)
    heat = series.heat.copy()
    heat[1, 50:] = np.nan
    levels = np.array(ThermalAxis.fitted(replace(series, heat=heat)).levels)
    gains = np.diff(series.heat.astype(np.float64), axis=1)
    np.testing.assert_allclose(np.diff(levels)[49:], gains[[0, 2], 49:].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(levels[:50], series.heat[:, :50].astype(np.float64).mean(axis=0), rtol=1e-6)


def test_a_training_season_without_temperatures_is_refused():
    series = year(0)
    heat = series.heat.copy()
    heat[:, 60:] = np.nan
    with pytest.raises(DataError, match="at step 60") as refused:
        ThermalAxis.fitted(replace(series, heat=heat))
    assert refused.value.mend


def test_a_cube_without_growing_degree_days_is_refused_with_its_mend():
    cold = Series(cube=replace(CUBE, gdd_base=None), values=year(0).values, counts=year(0).counts)
    for ask in (lambda: ThermalAxis.fitted(cold), lambda: axis(year(0)).apply(cold)):
        with pytest.raises(ConfigError, match="no growing degree days") as refused:
            ask()
        assert "gdd = true" in refused.value.mend


def test_another_base_temperature_is_refused():
    warm = replace(year(0), cube=replace(CUBE, gdd_base=8.0))
    with pytest.raises(ConfigError, match="above 0 °C in steps of 5 days, the cube's above 8 °C"):
        axis(year(0)).apply(warm)


def test_steps_beyond_the_axis_are_refused():
    view = Series(cube=CUBE.view(), values=year(0).values[:, 24:67], counts=year(0).counts[:, 24:67],
                  heat=year(0).heat[:, 24:67])
    with pytest.raises(DataError, match="known at 24 to 66"):
        axis(view).apply(year(0))
    later = replace(CUBE, exported=Window(24, 73))
    with pytest.raises(DataError, match="known at 24 to 66"):
        axis(view).apply(Series(cube=later, values=year(0).values[:, 24:], counts=year(0).counts[:, 24:],
                                heat=year(0).heat[:, 24:]))


@pytest.mark.parametrize("broken", [-500.0, np.nan])
def test_warmth_that_falls_or_has_a_hole_is_refused(broken):
    series = year(0)
    heat = series.heat.copy()
    heat[3, 40] = heat[3, 39] + broken
    with pytest.raises(DataError, match="of series 3 fall"):
        axis(year(1)).apply(replace(series, heat=heat))


def test_series_and_their_warmth_are_taken_together():
    series = year(0)
    rows = np.array([3, 1])
    np.testing.assert_array_equal(series.take(rows).heat, series.heat[rows])
    for heat in (None, series.heat[:, :70]):
        with pytest.raises(DataError, match="growing degree days"):
            replace(series, heat=heat)
