"""Steps as days are the days on which a season's steps begin and end, in words and in pictures."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import CubeSpec
from agrispec.season import Season, Window, steps_per_year
from exports import days
from exports.audit import plots
from exports.audit.contents import Contents
from exports.inspection import picture
from exports.inspection.series import Curves, Group


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


# The last step is shorter: days 353-365.
SPEC = CubeSpec(features=("B2",), step_days=16, exported=Window(3, 23), window=Window(7, 12))


def counted_from_day_1(window):
    season = Season.of(2023, step_days=SPEC.step_days)
    return [(day - season.start).days + 1
            for day in (*(season.bounds(step)[0] for step in window), season.bounds(window.stop - 1)[1])]


def test_the_audits_picture_puts_steps_on_their_days(monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "_png", lambda figure, title: figures.append(figure) or b"")
    plots.gaps(Contents.of(np.ones((1, 40), np.float32), np.zeros(1, np.int64), SPEC, 1), [2023], "")
    axes = figures[0].axes[0]
    assert axes.collections[0].get_coordinates()[0, :, 0].tolist() == counted_from_day_1(SPEC.exported)
    opens, *_, closes = counted_from_day_1(SPEC.window)
    assert [line.get_xdata()[0] for line in axes.lines] == [opens, closes]


def test_inspects_pictures_put_steps_on_their_days():
    values = np.ones((1, 20), np.float32)
    group = Group(season=2023, name="wheat", colour=None, values=values, of=1)
    edges = np.array(counted_from_day_1(SPEC.exported))
    opens, *_, closes = counted_from_day_1(SPEC.window)
    upper, lower = picture._by_class(Curves(spec=SPEC, name="B2", groups=(group,), single={})).axes
    bars = lower.patches[:20]
    assert [bar.get_x() for bar in bars] == edges[:-1].tolist()
    assert [bar.get_x() + bar.get_width() for bar in bars] == edges[1:].tolist()
    [alone] = picture._single(Curves(spec=SPEC, name="B2", groups=(), single={"row 0": values[0]})).axes
    for axes in (upper, alone):
        assert axes.lines[0].get_xdata().tolist() == ((edges[:-1] + edges[1:]) / 2).tolist()
        shaded = [(span.get_x(), span.get_x() + span.get_width()) for span in axes.patches]
        assert shaded == [(edges[0], opens), (closes, edges[-1])]
        assert axes.get_xlim() == (edges[0], edges[-1])
