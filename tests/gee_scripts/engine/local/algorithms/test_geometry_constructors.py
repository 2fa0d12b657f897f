"""Geometries from coordinates."""

from __future__ import annotations

from typing import Any

import ee
import pytest
from pyproj import Geod

from agrispec.errors import EngineError

WIDE = [[[-100, 40], [-60, 40], [-60, 30], [-100, 30]]]


@pytest.mark.parametrize("wrong", [
    lambda: ee.Geometry.Point([0, 91]), lambda: ee.Geometry.Polygon([[[0, 0], [1, 0], [1, -91]]]),
    lambda: ee.Geometry.MultiPoint([[0, 0], [1, 90.5]])])
def test_a_latitude_beyond_the_pole_is_named(world: Any, client: None, wrong: Any) -> None:
    with pytest.raises(EngineError, match=r"latitude: -?9[01](\.5)? is beyond the pole"):
        world.value(wrong())
    assert world.value(ee.Geometry.Point([0, 5_400_000], "EPSG:32631")).shape.y == 5_400_000


def test_a_ring_ends_where_it_starts(world: Any, client: None) -> None:
    ring = ee.Geometry.LinearRing([[0, 0], [1, 0], [1, 1]])
    assert world.value(ring.coordinates()) == [[0, 0], [1, 0], [1, 1], [0, 0]]
    assert world.value(ring.type()) == world.info(ring)["type"] == "LinearRing"
    steps = [Geod(ellps="WGS84").inv(*a, *b)[2] for a, b in (((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (0, 0)))]
    assert world.value(ring.length(1)) == pytest.approx(sum(steps), rel=1e-5)


def test_geometries_as_one_keep_their_coordinates_and_edges(world: Any, client: None) -> None:
    bent, point = ee.Geometry.Polygon(WIDE), ee.Geometry.Point([190, 0])
    both = ee.ApiFunction.call_("GeometryConstructors.MultiGeometry", [bent, point])
    found = world.info(both)
    assert [part["coordinates"] for part in found["geometries"]] == [[[*WIDE[0], WIDE[0][0]]], [190, 0]]
    assert "geodesic" not in found
    assert world.value(ee.Geometry(both).contains(ee.Geometry.Point([-80, 41]), 1)) is True
    assert world.value(ee.Geometry(both).intersects(ee.Geometry.Point([-170, 0]), 1)) is True
    mixed = ee.ApiFunction.call_("GeometryConstructors.MultiGeometry", [bent, ee.Geometry.Polygon(WIDE, None, False)])
    assert world.value(mixed).geodesic is False
    assert world.value(ee.Geometry(mixed).intersects(ee.Geometry.Point([-80, 41]), 1)) is True
