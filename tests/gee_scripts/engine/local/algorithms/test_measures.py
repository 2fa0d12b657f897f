"""Areas, lengths, distances and cuts, against pyproj's geodesics and shapely."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Geod

from agrispec.errors import EngineError

GLOBE = Geod(ellps="WGS84")
UTM = "EPSG:32631"
SQUARE = [[3.0, 48.7], [3.01, 48.7], [3.01, 48.71], [3.0, 48.71], [3.0, 48.7]]
HOLE = [[3.002, 48.702], [3.004, 48.702], [3.004, 48.704], [3.002, 48.704], [3.002, 48.702]]
LINE = [[3.0, 48.7], [3.01, 48.7], [3.01, 48.72]]


def test_an_area_is_that_of_the_ellipsoid_less_its_holes(world: Any, client: None) -> None:
    outer = abs(GLOBE.polygon_area_perimeter(*zip(*SQUARE, strict=True))[0])
    inner = abs(GLOBE.polygon_area_perimeter(*zip(*HOLE, strict=True))[0])
    for hole in (HOLE, HOLE[::-1]):
        assert world.value(ee.Geometry.Polygon([SQUARE, hole]).area(1)) == pytest.approx(outer - inner, rel=1e-9)
    two = ee.Geometry.MultiPolygon([[SQUARE], [[[4, 40], [4.1, 40], [4.1, 40.1], [4, 40]]]])
    third = abs(GLOBE.polygon_area_perimeter([4, 4.1, 4.1], [40, 40, 40.1])[0])
    assert world.value(two.area(1)) == pytest.approx(outer + third, rel=1e-3)
    assert world.value(ee.Geometry.LineString(LINE).area(1)) == 0
    box = ee.Geometry.Rectangle([500000, 5399000, 500100, 5399300], UTM, False)
    assert world.value(box.area(1, ee.Projection(UTM))) == 30000
    assert world.value(ee.Feature(box).area(1, ee.Projection(UTM))) == 30000
    assert world.value(ee.Feature(None).area()) == 0


def test_lines_have_a_length_and_polygons_a_perimeter(world: Any, client: None) -> None:
    line, square = ee.Geometry.LineString(LINE), ee.Geometry.Polygon([SQUARE])
    assert world.value(line.length(1)) == pytest.approx(GLOBE.line_length(*zip(*LINE, strict=True)))
    assert world.value(line.perimeter(1)) == 0
    assert world.value(square.perimeter(1)) == pytest.approx(GLOBE.line_length(*zip(*SQUARE, strict=True)))
    assert world.value(square.length(1)) == 0
    both = ee.Geometry.MultiLineString([LINE, [[1, 1], [1, 2]]])
    assert world.value(both.length(1)) == pytest.approx(
        GLOBE.line_length(*zip(*LINE, strict=True)) + GLOBE.line_length([1, 1], [1, 2]), rel=1e-6)
    assert world.value(ee.Feature(line).length(1)) == world.value(line.length(1))
    assert world.value(ee.Feature(square).perimeter(1)) == world.value(square.perimeter(1))
    straight = ee.Geometry.LineString([[0, 0], [3, 4]], UTM, False)
    assert world.value(straight.length(1, ee.Projection(UTM))) == 5


@pytest.mark.parametrize("apart", [0.001, 0.5, 20])
def test_a_distance_is_that_of_the_nearest_points(world: Any, client: None, apart: float) -> None:
    square = ee.Geometry.Polygon([SQUARE])
    point = ee.Geometry.Point([3.01 + apart, 48.705])
    found = world.value(square.distance(point, 1))
    # The nearest place of the edge x = 3.01.
    places = np.linspace(48.7, 48.71, 2001)
    steps = GLOBE.inv(np.full(2001, 3.01), places, np.full(2001, 3.01 + apart), np.full(2001, 48.705))[2]
    assert found == pytest.approx(steps.min(), rel=1e-4)
    assert world.value(ee.Feature(square).distance(ee.Feature(point), 1)) == found
    assert world.value(square.withinDistance(point, found * 1.01, 1)) is True
    assert world.value(ee.Feature(square).withinDistance(ee.Feature(point), found * 0.99, 1)) is False
    nearest = world.value(point.closestPoint(square, 1))
    assert nearest.shape.x == pytest.approx(3.01, abs=1e-6)
    pair = world.value(point.closestPoints(square, 1))
    assert GLOBE.inv(pair["left"].shape.x, pair["left"].shape.y, pair["right"].shape.x,
                     pair["right"].shape.y)[2] == pytest.approx(found, rel=1e-6)


def test_distances_in_a_projection_and_on_the_sphere(world: Any, client: None) -> None:
    one, other = ee.Geometry.Point([0, 0], UTM), ee.Geometry.Point([300, 400], UTM)
    assert world.value(one.distance(other, 1, UTM)) == pytest.approx(500)
    west, east = ee.Geometry.Point([0, 0]), ee.Geometry.Point([1, 0])
    assert world.value(west.distance(east, 1, None, True)) == pytest.approx(np.radians(1) * 6371008.77, rel=1e-6)
    assert world.value(west.distance(east, 1)) == pytest.approx(GLOBE.inv(0, 0, 1, 0)[2])
    assert world.value(west.distance(west, 1)) == 0


def test_nothing_is_near_to_nothing(world: Any, client: None) -> None:
    empty, point = ee.Geometry.MultiPoint([]), ee.Geometry.Point([0, 0])
    assert world.value(point.closestPoint(empty, 1)) is None
    assert world.value(empty.closestPoints(point, 1)) == {}
    assert world.value(empty.withinDistance(point, 1e9, 1)) is False
    assert world.value(ee.Feature(None).closestPoint(ee.Feature(point))) is None
    with pytest.raises(EngineError, match="empty"):
        world.value(point.distance(empty, 1))


def test_lines_are_cut_at_distances(world: Any, client: None) -> None:
    line = ee.Geometry.LineString(LINE)
    whole = GLOBE.line_length(*zip(*LINE, strict=True))
    found = world.value(line.cutLines([1000, 500, 1e9, -3]))
    assert found.shape.geom_type == "MultiLineString"
    lengths = [GLOBE.geometry_length(part) for part in found.shape.geoms]
    np.testing.assert_allclose(lengths, [500, 500, whole - 1000], rtol=1e-6)
    assert world.value(ee.Geometry.Polygon([SQUARE]).cutLines([10])).shape.is_empty
    assert world.value(ee.Geometry.Point([0, 0]).cutLines([10])).shape.is_empty
    straight = ee.Feature(ee.Geometry.LineString([[0, 0], [0, 10], [10, 10]], UTM, False), {"k": 1})
    cut = world.value(straight.cutLines([5, 12], 1, UTM))
    assert cut.properties["k"] == 1
    assert [shapely.to_wkt(part, trim=True) for part in cut.geometry.shape.geoms] == [
        "LINESTRING (0 0, 0 5)", "LINESTRING (0 5, 0 10, 2 10)", "LINESTRING (2 10, 10 10)"]


ONE = shapely.box(500000, 5399000, 500100, 5399100)
OTHER = shapely.box(500050, 5399050, 500200, 5399200)
APART = shapely.box(501000, 5399000, 501100, 5399100)


def geometry(shape: shapely.Geometry) -> ee.Geometry:
    return ee.Geometry.Rectangle(list(shape.bounds), UTM, False)


@pytest.mark.parametrize("name", ["union", "intersection", "difference", "symmetricDifference"])
@pytest.mark.parametrize("other", [OTHER, APART, ONE])
def test_features_are_combined_as_shapely_does(world: Any, client: None, name: str, other: Any) -> None:
    left, right = ee.Feature(geometry(ONE), {"k": 1}), ee.Feature(geometry(other), {"k": 2})
    found = world.value(getattr(left, name)(right, 1))
    expected = getattr(ONE, {"symmetricDifference": "symmetric_difference"}.get(name, name))(other)
    assert dict(found.properties) == {"k": 1}
    assert found.geometry.shape.equals(expected)
    assert world.value(getattr(left, name)(ee.Feature(None), 1)).geometry.shape.equals(
        shapely.Polygon() if name == "intersection" else ONE)


@pytest.mark.parametrize("other", [OTHER, APART, ONE, ONE.buffer(-10)])
def test_features_are_compared_as_shapely_does(world: Any, client: None, other: Any) -> None:
    left, right = ee.Feature(geometry(ONE)), ee.Feature(geometry(other))
    assert world.value(left.contains(right, 1)) is ONE.contains(other)
    assert world.value(left.containedIn(right, 1)) is ONE.within(other)
    assert world.value(left.intersects(right, 1)) is ONE.intersects(other)
    assert world.value(left.disjoint(right, 1)) is ONE.disjoint(other)
    assert world.value(left.intersects(ee.Feature(None), 1)) is False


def test_features_without_geometry_stay_and_others_change(world: Any, client: None) -> None:
    bare = ee.Feature(None, {"k": 1})
    for changed in (bare.buffer(10), bare.centroid(1), bare.dissolve(1), bare.cutLines([1])):
        found = world.value(changed)
        assert found.geometry is None
        assert dict(found.properties) == {"k": 1}
    two = ee.Geometry.MultiPolygon([[SQUARE], [SQUARE]])
    assert world.value(ee.Feature(two, {"k": 1}).dissolve(1)).geometry.shape.equals(shapely.Polygon(SQUARE))


def test_constructors_and_flags(world: Any, client: None) -> None:
    assert world.info(ee.Geometry.MultiLineString([LINE, LINE]))["coordinates"] == [LINE, LINE]
    one = ee.ApiFunction.call_("GeometryConstructors.MultiLineString", [ee.Geometry.Point(p) for p in LINE])
    assert world.info(one)["coordinates"] == [LINE]
    assert world.info(ee.ApiFunction.call_("GeometryConstructors.MultiLineString", LINE))["coordinates"] == [LINE]
    assert world.value(ee.Geometry.Point([0, 0]).isUnbounded()) is False
    made = ee.Geometry.LineString([ee.List(p) for p in LINE])
    assert world.value(made.geodesic()) is world.value(made.edgesAreGeodesics()) is True
    flat = ee.Geometry.LineString([ee.List(p) for p in LINE], None, False)
    assert world.value(flat.geodesic()) is False


def test_properties_become_an_array(world: Any, client: None) -> None:
    feature = ee.Feature(None, {"a": 1, "b": 2.5, "t": "x"})
    np.testing.assert_array_equal(world.value(feature.toArray(["b", "a"])), [2.5, 1])
    assert len(world.value(feature.toArray([]))) == 0
    with pytest.raises(EngineError, match="'t'"):
        world.value(feature.toArray(["t"]))
