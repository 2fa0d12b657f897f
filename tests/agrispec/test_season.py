"""Seasons cut a year into steps without a gap; windows are slices of them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import ConfigError
from agrispec.season import Season, Window, steps_per_year

years = st.integers(2016, 2035)
first_days = st.sampled_from(["01-01", "07-01", "10-15", "03-01", "02-28"])
step_lengths = st.integers(1, 60)


@given(years, first_days, step_lengths)
def test_steps_cover_every_day_of_the_season_once(year, first_day, step_days):
    season = Season.of(year, first_day, step_days)
    days = [day for step in range(season.steps) for day in _days(*season.bounds(step))]
    assert days == _days(season.start, season.end)


@given(years, first_days, step_lengths, st.integers(0, 364))
def test_step_of_a_day_is_the_step_whose_bounds_hold_it(year, first_day, step_days, offset):
    season = Season.of(year, first_day, step_days)
    day = season.start + timedelta(days=offset)
    opened, closed = season.bounds(season.step_of(day))
    assert opened <= day < closed


def test_five_day_steps_are_73_and_the_last_takes_the_leap_day():
    assert steps_per_year(5) == 73
    assert steps_per_year(16) == 23
    assert Season.of(2024).bounds(72) == (date(2024, 12, 26), date(2025, 1, 1))
    assert Season.of(2023).bounds(72) == (date(2023, 12, 27), date(2024, 1, 1))


def test_a_season_is_named_by_the_year_in_which_it_ends():
    assert Season.of(2023).start == date(2023, 1, 1)
    south = Season.of(2023, "07-01")
    assert (south.start, south.end) == (date(2022, 7, 1), date(2023, 7, 1))


# docs/systems of CropNet's published code: days of year -> slices of the 73 five-day bins.
@pytest.mark.parametrize(("first", "last", "start", "stop"), [
    (121, 334, 24, 67), (71, 284, 14, 57), (90, 303, 17, 61), (111, 324, 22, 65), (118, 331, 23, 67),
    (152, 365, 30, 73), (171, 365, 34, 73), (1, 365, 0, 73), (1, 366, 0, 73)])
def test_windows_of_days_are_the_published_slices(first, last, start, stop):
    assert Window.of_days(first, last, 5) == Window(start, stop)


def test_the_southern_window_is_29_october_to_30_may():
    season, window = Season.of(2023, "07-01"), Window.of_days(121, 334, 5)
    assert season.bounds(window.start)[0] == date(2022, 10, 29)
    assert season.bounds(window.stop - 1)[0] <= date(2023, 5, 30) < season.bounds(window.stop - 1)[1]


@pytest.mark.parametrize("make", [
    lambda: Window(3, 3), lambda: Window(-1, 2), lambda: Window.of_days(334, 121, 5), lambda: Season.of(2023, "13-40"),
    lambda: Season.of(2023, "july"), lambda: Season(start=date(2024, 2, 29)), lambda: steps_per_year(0)])
def test_impossible_seasons_are_refused_with_a_mend(make):
    with pytest.raises(ConfigError) as refused:
        make()
    assert refused.value.mend


def _days(start, end):
    return [start + timedelta(days=i) for i in range((end - start).days)]
