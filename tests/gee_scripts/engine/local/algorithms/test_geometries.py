"""Geometries on the globe: at the antimeridian and the poles, on great circles, around the world."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Geod

from agrispec.errors import EngineError
from agrispec.grid import Grid

GLOBE = Geod(ellps="WGS84")
# https://en.wikipedia.org/wiki/World_Geodetic_System: a and f; the closed form of an oblate spheroid.
MAJOR, FLAT = 6378137.0, 1 / 298.257223563
ECCENTRIC = np.sqrt(FLAT * (2 - FLAT))
HALVES = [.5, 0, -180, 0, -.5, 90]
WIDE = [[[-100, 40], [-60, 40], [-60, 30], [-100, 30]]]


def zone(latitude: float) -> float:
    """Square metres between the equator and a latitude."""
    sine = np.sin(np.radians(latitude))
    q = sine / (1 - (ECCENTRIC * sine) ** 2) + np.arctanh(ECCENTRIC * sine) / ECCENTRIC
    return float(np.pi * MAJOR**2 * (1 - ECCENTRIC**2) * q)


@pytest.mark.parametrize(("box", "inside", "outside"), [
    ((-180, 0, 0, 90), [(-100, 40), (-179.9, 1)], [(100, 40), (179.9, 1)]),
    ((179, 0, -179, 1), [(-179.5, .5), (179.5, .5)], [(0, .5), (178.5, .5), (-178.5, .5)]),
    ((170, -10, 190, 10), [(-175, 0), (175, 0)], [(0, 0), (-165, 0)]),
    ((-180, 0, -179, 1), [(-179.5, .5)], [(179.5, .5)]),
    ((-180, -90, 180, 90), [(0, 0), (179, 89)], []),
])
def test_boxes_lie_on_a_circle(world: Any, client: None, box: Any, inside: Any, outside: Any) -> None:
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(place), {"k": k})
                                   for k, place in enumerate([*inside, *outside])])
    made = ee.Geometry.BBox(*box)
    served = ee.Geometry.BBox(ee.Number(box[0]), *box[1:])
    for region in (made, served):
        assert world.value(points.filterBounds(region).aggregate_array("k")) == list(range(len(inside)))
        for place in inside:
            assert world.value(region.contains(ee.Geometry.Point(place), 1)) is True
        for place in outside:
            assert world.value(region.intersects(ee.Geometry.Point(place), 1)) is False


def test_areas_of_more_than_a_hemisphere(world: Any, client: None) -> None:
    area = lambda *box: world.value(ee.Geometry.BBox(*box).area(1))  # noqa: E731
    assert area(-180, -90, 180, 90) == pytest.approx(2 * zone(90), rel=1e-9)
    assert area(-180, -60, 180, 60) == pytest.approx(2 * zone(60), rel=1e-6)
    assert area(-100, -60, 120, 90) == pytest.approx((zone(60) + zone(90)) * 220 / 360, rel=1e-6)
    assert area(100, -60, 320, 90) == pytest.approx((zone(60) + zone(90)) * 220 / 360, rel=1e-6)


def test_measures_at_the_antimeridian(world: Any, client: None) -> None:
    ring = [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]
    square = ee.Geometry.Polygon([ring])
    area, around = GLOBE.polygon_area_perimeter(*zip(*ring, strict=True))
    assert world.value(square.area(1)) == pytest.approx(abs(area), rel=1e-5)
    assert world.value(square.perimeter(1)) == pytest.approx(around, rel=1e-5)
    line = ee.Geometry.LineString(ring[:2])
    assert world.value(line.length(1)) == pytest.approx(GLOBE.inv(179, 0, -179, 0)[2])
    assert world.value(line.coordinates()) == ring[:2]
    assert world.info(square)["coordinates"] == [ring]
    box = ee.Geometry.BBox(170, -10, -170, 10)
    assert world.value(box.bounds(1)).shape.bounds == (170, -10, 190, 10)
    centre = world.value(box.centroid(1)).shape
    assert abs(centre.x) == pytest.approx(180)
    assert centre.y == pytest.approx(0, abs=1e-9)
    assert world.value(box.convexHull(1).area(1)) == pytest.approx(world.value(box.area(1)))
    shared = box.intersection(ee.Geometry.BBox(175, -20, -178, 0), 1)
    assert world.value(shared.area(1)) == pytest.approx(zone(10) * 7 / 360, rel=1e-6)


@pytest.mark.parametrize(("place", "near", "far"), [
    ((179.99, 0), (-179.99, 0), (0, 0)), ((-180, 60), (179.96, 60), (0, 60)), ((0, 90), (77, 89.98), (77, 89.9)),
    ((50, -90), (-120, -89.98), (0, 0))])
def test_buffers_over_the_edges_of_the_map(world: Any, client: None, place: Any, near: Any, far: Any) -> None:
    disc = ee.Geometry.Point(place).buffer(5000, 1)
    assert world.value(disc.area(1)) == pytest.approx(np.pi * 5000**2, rel=1e-3)
    assert world.value(disc.contains(ee.Geometry.Point(near), 1)) is True
    assert world.value(disc.contains(ee.Geometry.Point(far), 1)) is False


@pytest.mark.parametrize(("radius", "error"), [(1000, None), (1000, 100), (1000, 1), (1000, 0.01), (5, 0.001)])
def test_a_buffer_is_as_round_as_its_error_asks(world: Any, client: None, radius: float, error: float | None) -> None:
    disc = world.value(ee.Geometry.Point([3, 48]).buffer(radius, error)).shape
    corners = shapely.get_coordinates(disc)
    middles = (corners[1:] + corners[:-1]) / 2
    away = GLOBE.inv(np.full(len(middles), 3.0), np.full(len(middles), 48.0), middles[:, 0], middles[:, 1])[2]
    assert radius - away.min() < (0.01 * radius if error is None else error)
    # No more corners than needed, but 64.
    assert len(corners) <= max(65, 1.2 * np.pi / np.sqrt(2 * (error or 10) / radius) + 5)


def test_edges_follow_great_circles_unless_planar(world: Any, client: None) -> None:
    bent, flat = ee.Geometry.Polygon(WIDE), ee.Geometry.Polygon(WIDE, None, False)
    over = ee.Geometry.Point([-80, 41])
    assert world.value(bent.contains(over, 1)) is True
    assert world.value(flat.contains(over, 1)) is False
    found = world.value(ee.FeatureCollection([ee.Feature(over)]).filterBounds(bent).size())
    assert found == 1
    assert world.info(bent)["coordinates"] == [[*WIDE[0], WIDE[0][0]]]
    expected = abs(GLOBE.polygon_area_perimeter(*zip(*WIDE[0], strict=True))[0])
    # The engine's great circles are those of the sphere.
    assert world.value(bent.area(1)) == pytest.approx(expected, rel=1e-3)
    assert world.value(flat.area(1)) == pytest.approx((zone(40) - zone(30)) * 40 / 360, rel=1e-6)


def reduced(world: Any, image: Any, reducer: Any, region: Any) -> Any:
    return next(iter(world.value(image.reduceRegion(reducer, region, crs="EPSG:4326",
                                                    crsTransform=HALVES)).values()))


def test_regions_over_the_edges_of_the_map(world: Any, client: None) -> None:
    one, latitude = ee.Image(1), ee.Image.pixelLonLat().select("latitude")
    count = ee.Reducer.count()
    assert reduced(world, one, count, ee.Geometry.BBox(-180, 0, -179, 1)) == 4
    assert reduced(world, one, count, ee.Geometry.BBox(179, 0, -179, 1)) == 8
    assert reduced(world, latitude, ee.Reducer.max(), ee.Geometry.Polygon(WIDE)) == 41.75
    assert reduced(world, latitude, ee.Reducer.max(), ee.Geometry.Polygon(WIDE, None, False)) == 39.75
    # 2 by 1 degrees in pixels of 10 km; the bounds of both halves together hold a hundred times as many.
    utm = world.value(one.reduceRegion(ee.Reducer.sum(), ee.Geometry.BBox(179, 0, -179, 1), 10000, "EPSG:32601"))
    assert utm["constant"] == pytest.approx(2 * 1.1132 * 1.1057 * 100, rel=0.01)
    both = world.value(one.reduceRegion(count, ee.Geometry.BBox(179, 0, -179, 1), crs="EPSG:4326", scale=1000,
                                        maxPixels=30000))
    assert both["constant"] == pytest.approx(222.6 * 111.3, rel=0.02)


@pytest.mark.parametrize("grid", [
    Grid(crs="EPSG:4326", transform=(.5, 0, -180, 0, -.5, 90), width=720, height=360),
    Grid(crs="EPSG:4326", transform=(.5, 0, 170, 0, -.5, 10), width=40, height=40)])
def test_both_sides_are_clipped_and_painted(world: Any, client: None, grid: Grid) -> None:
    box = ee.Geometry.BBox(178, 0, -178, 2)
    clipped = world.pixels(ee.Image(1).clip(box), grid)["constant"]
    painted = world.pixels(ee.Image(0).paint(ee.FeatureCollection([ee.Feature(box)]), 1), grid)["constant"]
    x = grid.transform[2] + .5 * (np.arange(grid.width) + .5)
    y = grid.transform[5] - .5 * (np.arange(grid.height) + .5)
    expected = ((abs((x % 360) - 180) < 2)[None, :]) & ((y > 0) & (y < 2))[:, None]
    assert expected.sum() == 32
    np.testing.assert_array_equal(~np.ma.getmaskarray(clipped), expected)
    np.testing.assert_array_equal(painted == 1, expected)


def test_an_image_without_limits_has_a_geometry_that_goes_on(world: Any, client: None) -> None:
    anywhere = ee.Image(1).geometry()
    assert world.value(anywhere.isUnbounded()) is True
    assert world.value(ee.ImageCollection([ee.Image(1), ee.Image(2)]).geometry().isUnbounded()) is True
    assert world.value(ee.Image(1).clip(ee.Geometry.Point([0, 0]).buffer(9)).geometry().isUnbounded()) is False
    assert world.value(anywhere.area(1)) == pytest.approx(2 * zone(90), rel=1e-9)
    box = ee.Geometry.BBox(3, 40, 4, 41)
    assert world.value(anywhere.intersection(box, 1)).shape.equals(shapely.box(3, 40, 4, 41))
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([170, -80])), ee.Feature(ee.Geometry.Point([0, 0]))])
    assert world.value(points.filterBounds(anywhere).size()) == 2
    assert not np.ma.getmaskarray(world.pixels(ee.Image(1).clip(anywhere))["constant"]).any()
    assert world.value(ee.Image(1).clip(anywhere).geometry().isUnbounded()) is True
    with pytest.raises(EngineError, match="no limits"):
        world.value(ee.Image(1).reduceRegion(ee.Reducer.sum(), anywhere, 100))


@pytest.mark.parametrize("box", [(-180, -90, 180, 90), (-180, -60, 180, 60), (-100, -60, 100, 80), (-60, 45, 60, 50)])
@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:3857", "EPSG:3035", "EPSG:4326"])
def test_boxes_of_half_the_globe_show_in_every_projection(world: Any, client: None, box: Any, crs: str) -> None:
    from gee_scripts.engine.local.rasters.domains import coordinates

    side = {"EPSG:4326": 0.5}.get(crs, 5e4)
    corner = {"EPSG:32631": (1e5, 56e5), "EPSG:3857": (0, 65e5), "EPSG:3035": (35e5, 30e5)}.get(crs, (0, 52))
    grid = Grid(crs=crs, transform=(side, 0, corner[0], 0, -side, corner[1]), width=20, height=20)
    region = ee.Geometry.BBox(*box)
    clipped = world.pixels(ee.Image(1).clip(region), grid)["constant"]
    painted = world.pixels(ee.Image(0).paint(ee.FeatureCollection([ee.Feature(region)]), 1), grid)["constant"]
    x, y = coordinates(grid, "EPSG:4326")
    expected = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    assert expected.any()
    np.testing.assert_array_equal(~np.ma.getmaskarray(clipped), expected)
    np.testing.assert_array_equal(painted == 1, expected)


def test_what_is_cut_at_the_antimeridian_has_no_edge_there(world: Any, client: None) -> None:
    far, here = ee.Geometry.BBox(178, 0, -178, 2), ee.Geometry.BBox(8, 0, 12, 2)
    for change in (lambda g: g.buffer(1000, 1).area(1), lambda g: g.buffer(-1000, 1).area(1), lambda g: g.perimeter(1),
                   lambda g: g.simplify(1).area(1), lambda g: g.convexHull(1).area(1),
                   lambda g: g.bounds(1).area(1)):
        assert world.value(change(far)) == pytest.approx(world.value(change(here)), rel=1e-6)
    assert world.value(far.buffer(1000, 1).type()) == "Polygon"
    pieces = world.value(ee.Geometry.LineString([[179, 0], [-179, 0]]).cutLines([1000, 200_000])).shape.geoms
    np.testing.assert_allclose([GLOBE.geometry_length(piece) for piece in pieces], [1000, 199_000, 22_638.98],
                               rtol=1e-5)
    east, west = ee.Geometry.Point([179.9, 0]), ee.Geometry.Point([-179.9, 0])
    expected = GLOBE.inv(179.9, 0, -179.9, 0)[2]
    assert world.value(east.distance(west, 1)) == pytest.approx(expected)
    near = ee.Filter.withinDistance(expected + 1, ".geo", west)
    assert world.value(ee.FeatureCollection([ee.Feature(east)]).filter(near).size()) == 1
