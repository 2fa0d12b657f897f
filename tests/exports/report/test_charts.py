"""Drawings put numbers where they belong, and say names as they are."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.cube import preset
from agrispec.season import Season
from exports.inspection.series import Curves, Group
from exports.report import charts, svg
from exports.report.charts import Reliable
from exports.report.svg import Frame

SPEC, SEASON = preset("cropnet-5d"), Season.of(2023)


def circles(drawn):
    return [tuple(map(float, found)) for found in re.findall(r'cx="([\d.-]+)" cy="([\d.-]+)" r="([\d.]+)"', drawn)]


@given(st.floats(1e-3, 1e7))
def test_ticks_are_round_and_reach_as_far_as_the_numbers(most):
    ticks = charts._ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most * (1 - 1e-6)
    assert 3 <= len(ticks) <= 7
    np.testing.assert_allclose(np.diff(ticks), ticks[1])


def test_a_frame_puts_ends_at_its_edges_and_larger_values_higher():
    frame = Frame(left=10, top=20, width=100, height=50, across=(2, 4), up=(0, 1))
    assert frame.at(2, 0) == (10, 70)
    assert frame.at(4, 1) == (110, 20)
    assert frame.at(3, 0.5) == (60, 45)


def test_estimates_and_ends_of_intervals_are_drawn_to_scale():
    drawn = charts.intervals(["a", "b"], [10.0, 40.0], [(5.0, 15.0), (30.0, 50.0)], [20.0, 60.0], "hectares")
    lines = [(float(x), float(y)) for x, y in re.findall(r'<line x1="([\d.]+)"[^>]*x2="([\d.]+)"[^>]*'
                                                         f'stroke="{svg.BLUE}"', drawn)]
    (low, high), (lower, upper) = lines
    _, first, second = circles(drawn)
    scale = (second[0] - first[0]) / 30
    assert high - low == pytest.approx(10 * scale, abs=0.2)
    assert upper - lower == pytest.approx(20 * scale, abs=0.2)
    assert first[0] - low == pytest.approx(5 * scale, abs=0.2)


def test_a_model_that_is_too_sure_is_drawn_below_the_dashed_line():
    drawn = charts.reliability([Reliable(name="m", kept=((0.9, 0.5, 10), (0.6, 0.8, 40)), trained=())])
    _, sure, modest = circles(drawn)
    [(x, y, right, top)] = re.findall(r'<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"[^>]*dash', drawn)
    at = {name: float(y) + (float(top) - float(y)) * (point[0] - float(x)) / (float(right) - float(x))
          for name, point in (("sure", sure), ("modest", modest))}
    assert sure[1] > at["sure"]  # y grows downwards
    assert modest[1] < at["modest"]
    assert modest[2] > sure[2]
    assert "as trained" not in drawn


def curves(values, name="wheat"):
    return Curves(spec=SPEC, name="NDVI", single={}, groups=(
        Group(season=2023, name=name, colour=None, values=values, of=len(values)),
        Group(season=2024, name="no label", colour=None, values=values, of=len(values))))


def test_medians_and_bands_end_where_few_places_were_seen():
    values = np.tile(np.linspace(0.2, 0.8, 73, dtype=np.float32), (20, 1))
    values[:, 30:40] = np.nan
    values[0, 35] = 0.5  # one of twenty does not speak for the class
    drawn = charts.phenology(curves(values), SEASON)
    thick = re.findall(r'points="([^"]*)" fill="none"[^>]*stroke-width="2.4"', drawn)
    assert [len(points.split()) for points in thick] == [30, 33]
    assert len(re.findall("<polygon", drawn)) == 2
    assert "20 places" in drawn
    assert "no label" not in drawn


def test_a_class_that_was_never_seen_has_a_panel_all_the_same():
    drawn = charts.phenology(curves(np.full((4, 73), np.nan, np.float32)), SEASON)
    assert "wheat" in drawn
    assert "nan" not in drawn


def test_names_are_no_markup():
    drawn = charts.phenology(curves(np.full((4, 73), 0.5, np.float32), name="</text><script>"), SEASON)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_gaps_are_as_high_as_their_share():
    shares = np.zeros(73)
    shares[[3, 7]] = 1.0, 0.25
    drawn = charts.gaps({2023: shares}, SPEC, SEASON)
    heights = [float(each) for each in re.findall(rf'height="([\d.]+)" fill="{svg.BLUE}"', drawn)]
    assert heights[3] == pytest.approx(4 * heights[7], abs=0.2)
    assert heights[0] == 0
