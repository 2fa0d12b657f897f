"""Steps as days are the days on which a season's steps begin and end."""

from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import CubeSpec
from agrispec.season import Season, Window, steps_per_year
from exports import days


def cube(step_days):
    year = Window(0, steps_per_year(step_days))
    return CubeSpec(features=("B2",), step_days=step_days, exported=year, window=year)


@given(step_days=st.integers(1, 200), part=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_edges_are_the_bounds_of_a_seasons_steps_counted_from_day_1(step_days, part):
    season = Season.of(2023, step_days=step_days)
    first, last = sorted(int(share * (season.steps - 1)) for share in part)
    window = Window(first, last + 1)
    *begins, end = days.edges(window, cube(step_days))
    bounds = [season.bounds(step) for step in window]
    assert begins == [(begin - season.start).days + 1 for begin, _ in bounds]
    assert end == (bounds[-1][1] - season.start).days + 1


def test_steps_in_days_join_where_they_follow_each_other():
    assert days.spans([0, 1, 3, 5, 6], cube(60)) == "1-120, 181-240, 301-365"
    assert days.spans([], cube(60)) == ""
