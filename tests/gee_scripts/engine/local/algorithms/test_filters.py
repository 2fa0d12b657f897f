"""Filters: written as texts, by type and by area."""

from __future__ import annotations

from typing import Any

import ee
import pytest
from pyproj import Geod

from agrispec.errors import EngineError

ROWS = [{"k": 0, "n": 5, "t": "a", "system:x": 1}, {"k": 1, "n": -2.5, "t": "b", "m": 5}, {"k": 2, "n": 7, "t": "a"},
        {"k": 3, "t": "c"}]


@pytest.fixture
def table(client: None) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, row) for row in ROWS])


def kept(world: Any, collection: ee.FeatureCollection) -> list[int]:
    return [item.properties["k"] for item in world.value(collection).items]


@pytest.mark.parametrize(("text", "expected"), [
    ("n > 4", [0, 2]), ("n >= 5 && n <= 7", [0, 2]), ("n < 0", [1]), ("t == 'a'", [0, 2]), ('t != "a"', [1, 3]),
    ("4 < n", [0, 2]), ("!(t == 'a')", [1, 3]), ("t == 'a' && n > 5 || t == 'c'", [2, 3]), ("n == -2.5", [1]),
    ("system:x == 1", [0]), ("t == 'a' and not n > 5", [0]), ("t in ['b', 'c']", [1, 3]), ("n < m", [1]),
    ("t == 'b' or t == 'c'", [1, 3]), ("(n > 4)", [0, 2]), ("n == 99", []), ("absent > 1", []),
])
def test_a_text_keeps_what_it_says(world: Any, table: ee.FeatureCollection, text: str, expected: list[int]) -> None:
    assert kept(world, table.filter(text)) == expected
    assert kept(world, table.filter(ee.Filter.expression(text))) == expected
    assert kept(world, table.limit(0).filter(text)) == []


@pytest.mark.parametrize("text", ["", "n", "n >", "n + 1", "n == (1 + 2)", "'a' == 'b'", "t in 'b'", "n ? 1 : 2"])
def test_a_text_that_is_no_filter_is_refused(world: Any, table: ee.FeatureCollection, text: str) -> None:
    with pytest.raises(EngineError, match=r"Filter\.expression"):
        world.value(table.filter(ee.Filter.expression(text)))


@pytest.mark.parametrize(("kind", "expected"), [("String", [0, 1, 2, 3]), ("Number", []), ("Object", [0, 1, 2, 3])])
def test_types_are_told_apart(world: Any, table: ee.FeatureCollection, kind: str, expected: list[int]) -> None:
    assert kept(world, table.filter(ee.Filter.hasType("t", kind))) == expected


def test_absent_values_have_no_type_and_unknown_types_are_refused(world: Any, table: ee.FeatureCollection) -> None:
    assert kept(world, table.filter(ee.Filter.hasType("n", "Number"))) == [0, 1, 2]
    with pytest.raises(EngineError, match="'Thing' is no type"):
        world.value(table.filter(ee.Filter.hasType("n", "Thing")))


def test_areas_are_those_of_the_ellipsoid(world: Any) -> None:
    boxes = [(0, 0, 0.01, 0.01), (0, 60, 0.01, 60.01), (0, 0, 0.02, 0.02)]
    sizes = [abs(Geod(ellps="WGS84").polygon_area_perimeter([w, e, e, w], [s, s, n, n])[0]) for w, s, e, n in boxes]
    features = [ee.Feature(ee.Geometry.Rectangle(list(box)), {"k": k}) for k, box in enumerate(boxes)]
    table = ee.FeatureCollection([*features, ee.Feature(None, {"k": 9})])
    order = sorted(sizes)
    assert kept(world, table.filter(ee.Filter.area(order[1] * 0.999, order[1] * 1.001))) == [0]
    assert kept(world, table.filter(ee.Filter.area(0, order[1] * 1.001))) == [0, 1]
    inner = table.map(lambda feature: ee.Feature(None, {"k": feature.get("k"), "g": feature.geometry()}))
    assert kept(world, inner.filter(ee.Filter.area(0, 1e12, None, "g"))) == [0, 1, 2]
