"""Geodesic and far-east shapes as planar ones, against pyproj's geodesics on the sphere and shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.globe import continued, halves, places, planar, unbroken

RADIUS = 6371008.7714
SPHERE = Geod(a=RADIUS, f=0)


@given(x=st.floats(-179, 179), y=st.floats(-85, 85), size=st.floats(1e-6, 0.02))
def test_a_small_shape_is_left_as_it_is(x: float, y: float, size: float) -> None:
    for shape in (shapely.box(x, y, x + size, y + size), shapely.LineString([(x, y), (x + size, y - size)]),
                  shapely.Point(x, y), shapely.MultiPoint([(x, y), (-x, y)])):
        assert planar(shape, True) is shape
        assert planar(shape, False) is shape
        assert unbroken(shape) is continued(shape) is shape


@pytest.mark.parametrize("ends", [[(-100, 40), (-60, 40)], [(0, -60), (170, -70)], [(10, 0), (12, 80)],
                                  [(3, 48), (3.2, 48)]])
def test_an_edge_follows_the_great_circle_within_the_tolerance(ends: list[tuple[float, float]]) -> None:
    line = planar(shapely.LineString(ends), True)
    dense = shapely.get_coordinates(shapely.segmentize(line, 0.01))
    (west, south), (east, north) = ends
    # The plane of the great circle: how far the vertices are out of it.
    one, other, found = (np.stack([np.cos(np.radians(y)) * np.cos(np.radians(x)),
                                   np.cos(np.radians(y)) * np.sin(np.radians(x)), np.sin(np.radians(y))], -1)
                         for x, y in ((west, south), (east, north), (dense[:, 0], dense[:, 1])))
    normal = np.cross(one, other)
    off = np.abs(found @ (normal / np.linalg.norm(normal))) * RADIUS
    assert off.max() < 0.11
    assert SPHERE.geometry_length(line) == pytest.approx(SPHERE.inv(west, south, east, north)[2], rel=1e-9)


def test_a_meridian_and_the_equator_are_straight() -> None:
    for line in (shapely.LineString([(5, -40), (5, 60)]), shapely.LineString([(-60, 0), (60, 0)])):
        assert planar(line, True) is line


@given(west=st.floats(-1000, 1000), width=st.floats(0.1, 359))
def test_a_planar_box_of_any_longitudes_holds_what_it_holds_on_the_circle(west: float, width: float) -> None:
    found = planar(shapely.box(west, 10, west + width, 20), False)
    assert found.area == pytest.approx(width * 10)
    assert found.bounds[0] >= -180 - 1e-9
    assert found.bounds[2] <= 180 + 1e-9
    longitudes = np.arange(-179.5, 180, 0.37)
    expected = (longitudes - west) % 360 < width
    sure = np.minimum(abs((longitudes - west + 180) % 360 - 180),
                      abs((longitudes - west - width + 180) % 360 - 180)) > 1e-9
    np.testing.assert_array_equal(shapely.contains_xy(found, longitudes, 15)[sure], expected[sure])


def test_a_planar_box_of_more_than_a_turn_is_the_whole_band() -> None:
    assert planar(shapely.box(-300, 0, 300, 10), False).area == pytest.approx(3600)


def test_a_geodesic_ring_takes_the_shorter_way() -> None:
    found = planar(shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)]), True)
    assert found.geom_type == "MultiPolygon"
    assert found.area == pytest.approx(2, rel=1e-3)
    np.testing.assert_allclose(shapely.bounds(found), [-180, 0, 180, 1], atol=1e-3)
    hole = planar(shapely.Polygon([(170, 0), (-170, 0), (-170, 10), (170, 10)],
                                  [[(-179, 4), (-177, 4), (-177, 6), (-179, 6)]]), True)
    np.testing.assert_array_equal(shapely.contains_xy(hole, [-178, -175, 175], [5, 5, 5]), [False, True, True])


@pytest.mark.parametrize("latitude", [-70, 70])
def test_a_ring_around_a_pole_holds_it(latitude: float) -> None:
    ring = [(lon, latitude) for lon in range(-180, 180, 10)]
    for way in (ring, ring[::-1]):
        found = planar(shapely.Polygon(way), True)
        assert found.is_valid
        sign = np.sign(latitude)
        np.testing.assert_array_equal(
            shapely.contains_xy(found, [0.5, 100, -179.5, 0.5], sign * np.array([89.99, 80, 71, 69])),
            [True, True, True, False])


def test_an_edge_to_a_pole_follows_its_meridian() -> None:
    octant = planar(shapely.Polygon([(0, 0), (90, 0), (45, 90)]), True)
    np.testing.assert_array_equal(shapely.contains_xy(octant, [1, 89, 91, -1], [89, 89, 89, 1]),
                                  [True, True, False, False])


def test_a_broken_shape_of_another_crs_is_mended() -> None:
    raw = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])
    found = unbroken(raw)
    assert found.area == pytest.approx(2)
    assert continued(found).equals(shapely.box(179, 0, 181, 1))
    assert [half.bounds for half in halves(found)] == [(179, 0, 180, 1), (-180, 0, -179, 1)]
    two = shapely.MultiPolygon([shapely.box(-100, 0, -99, 1), shapely.box(99, 0, 100, 1)])
    assert halves(shapely.box(0, 0, 1, 1)) == [shapely.box(0, 0, 1, 1)]
    assert continued(two) is two


def test_pixels_beyond_the_antimeridian_are_on_the_other_side() -> None:
    x, _ = places(Grid(crs="EPSG:4326", transform=(1.0, 0.0, 178.0, 0.0, -1.0, 2.0), width=4, height=1))
    np.testing.assert_array_equal(x, [[178.5, 179.5, -179.5, -178.5]])
    x, _ = places(Grid(crs="EPSG:32601", transform=(1.0, 0.0, 178.0, 0.0, -1.0, 2.0), width=4, height=1))
    assert x.max() == 181.5
