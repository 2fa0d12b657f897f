"""Filters by where elements lie."""

from __future__ import annotations

from typing import Any

import ee
from pyproj import Geod


def kept(world: Any, collection: ee.FeatureCollection) -> list[int]:
    return [item.properties["k"] for item in world.value(collection).items]


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
