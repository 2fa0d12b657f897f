"""Growing degree days of local temperatures: NumPy's sums of days, whatever the periods."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import CubeSpec, preset
from agrispec.errors import ConfigError, DataError
from agrispec.season import Season
from agrispec_tf.adaptation.thermal_time import heat, warmed
from agrispec_tf.data.samples import Series
from agrispec_tf.data.vectors import VectorSpec

seeds = st.integers(0, 2**32 - 1)


def by_hand(daily: np.ndarray, season: Season, cube: CubeSpec) -> np.ndarray:
    """The mean of the sums to each step's beginning and to its end, from temperatures (N, days of the season)."""
    sums = np.cumsum(np.maximum(daily.astype(np.float64) - cube.gdd_base, 0), axis=1)
    sums = np.concatenate([np.zeros((len(daily), 1)), sums], axis=1)
    bounds = np.array([[(day - season.start).days for day in season.bounds(step)] for step in cube.exported])
    return (sums[:, bounds[:, 0]] + sums[:, bounds[:, 1]]) / 2


@given(seed=seeds, name=st.sampled_from(["cropnet-5d", "agrispec-23"]), year=st.sampled_from([2023, 2024]),
       first_day=st.sampled_from(["01-01", "07-01"]), base=st.sampled_from([0.0, 8.0]), view=st.booleans())
def test_daily_temperatures_give_numpys_sums(seed, name, year, first_day, base, view):
    cube = preset(name, gdd_base=base)
    cube = cube.view() if view else cube
    season = Season.of(year, first_day, cube.step_days)
    length = (season.end - season.start).days
    daily = np.random.default_rng(seed).normal(9, 9, (3, length)).astype(np.float32)
    found = heat(daily, np.arange(length + 1), season, cube)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(daily, season, cube), rtol=1e-5, atol=1e-3)
    assert (np.diff(found, axis=1) >= 0).all()


@given(seed=seeds)
def test_periods_of_even_days_give_the_sums_of_their_days(seed):
    rng = np.random.default_rng(seed)
    cube, season = preset("cropnet-5d", gdd_base=0.0), Season.of(2023)
    ends = np.concatenate([[0], np.sort(rng.choice(np.arange(1, 365), 40, replace=False)), [365]])
    means = rng.normal(9, 9, (2, 41)).astype(np.float32)
    daily = np.repeat(means, np.diff(ends), axis=1)
    np.testing.assert_allclose(heat(means, ends, season, cube), by_hand(daily, season, cube), rtol=1e-5, atol=1e-3)


@given(seed=seeds, before=st.integers(1, 90))
def test_warmth_before_the_season_does_not_count(seed, before):
    cube, season = preset("cropnet-5d", gdd_base=0.0), Season.of(2023)
    daily = np.random.default_rng(seed).normal(9, 9, (2, before + 365)).astype(np.float32)
    np.testing.assert_allclose(heat(daily, np.arange(-before, 366), season, cube),
                               by_hand(daily[:, before:], season, cube), rtol=1e-5, atol=1e-2)


@given(seed=seeds, known=st.integers(5, 364))
def test_steps_whose_days_are_not_all_known_have_no_sum(seed, known):
    cube, season = preset("cropnet-5d", gdd_base=0.0), Season.of(2023)
    daily = np.random.default_rng(seed).normal(9, 9, (2, 365)).astype(np.float32)
    whole = heat(daily, np.arange(366), season, cube)
    daily[0, known:] = np.nan
    found = heat(daily, np.arange(366), season, cube)
    np.testing.assert_allclose(found[0, :known // 5], whole[0, :known // 5], rtol=1e-6)
    assert np.isnan(found[0, known // 5:]).all()
    np.testing.assert_array_equal(found[1], whole[1])


def test_temperatures_missing_between_known_ones_are_filled_linearly():
    cube, season = preset("cropnet-5d", gdd_base=0.0), Season.of(2023)
    ramp = np.linspace(1, 20, 365, dtype=np.float32)[None]
    holes = ramp.copy()
    holes[:, 100:130] = np.nan
    np.testing.assert_allclose(heat(holes, np.arange(366), season, cube), heat(ramp, np.arange(366), season, cube),
                               rtol=1e-5)


def test_what_cannot_be_summed_is_refused_with_its_mend():
    cube, season, days = preset("cropnet-5d", gdd_base=0.0), Season.of(2023), np.arange(366)
    daily = np.full((2, 365), 10.0, np.float32)
    for error, told, ask in [
            (DataError, "no temperature is known", lambda: heat(daily * np.nan, days, season, cube)),
            (DataError, "begin 3 days after the season", lambda: heat(daily, days + 3, season, cube)),
            (DataError, "ascending days", lambda: heat(daily, days[::-1], season, cube)),
            (DataError, "ascending days", lambda: heat(daily, days[1:], season, cube)),
            (ConfigError, "base temperature None", lambda: heat(daily, days, season, replace(cube, gdd_base=None))),
            (ConfigError, "steps of 16 days", lambda: heat(daily, days, Season.of(2023, step_days=16), cube))]:
        with pytest.raises(error, match=told) as refused:
            ask()
        assert refused.value.mend


def test_vectors_cannot_be_warmed():
    vectors = Series(cube=VectorSpec(kind="presto", length=4), values=np.zeros((1, 1, 4), np.float32),
                     counts=np.ones((1, 1), np.float32))
    with pytest.raises(ConfigError, match="no steps"):
        warmed(vectors, np.zeros((1, 365)), np.arange(366), Season.of(2023), 0.0)
