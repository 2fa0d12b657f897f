"""Outlines are repaired, measured on the ellipsoid, and drawn in without leaving themselves."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from labels import parcels

GEOD = Geod(ellps="WGS84")


def shapes(*found):
    return np.array(found, dtype=object)


@st.composite
def rings(draw, largest=300.0):
    """Corners around a centre at any distance: convex and not, and crossing themselves where `turns` is above 1."""
    count = draw(st.integers(3, 14))
    turns = draw(st.sampled_from([1, 1, 1, 2]))
    distance = np.array(draw(st.lists(st.floats(1, largest), min_size=count, max_size=count)))
    angle = np.sort(np.array(draw(st.lists(st.floats(0, 2 * np.pi * turns), min_size=count, max_size=count))))
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)


polygons = rings().map(lambda ring: shapely.make_valid(shapely.Polygon(ring))).filter(lambda shape: shape.area > 1).map(
    lambda shape: shape if shape.geom_type == "Polygon" else shapely.convex_hull(shape))


def places(latitude, corners):
    """Corners in metres around a place, in degrees, by the geodesic azimuth and distance."""
    east, north = np.asarray(corners).T
    lon, lat, _ = GEOD.fwd(np.full(len(east), 5.0), np.full(len(east), latitude), np.degrees(np.arctan2(east, north)),
                           np.hypot(east, north))
    return shapely.Polygon(np.stack([lon, lat], axis=1))


@given(ring=rings())
def test_what_is_repaired_is_valid_and_covers_no_more_than_its_ring_surrounds(ring):
    found, changed = parcels.repaired(shapes(shapely.Polygon(ring)))
    if found[0] is None:
        assert shapely.make_valid(shapely.Polygon(ring)).area == 0
        return
    assert found[0].is_valid
    assert found[0].geom_type in ("Polygon", "MultiPolygon")
    assert changed[0] == (not shapely.Polygon(ring).is_valid)
    assert found[0].area <= shapely.convex_hull(shapely.MultiPoint(ring)).area * (1 + 1e-9)


@given(shape=polygons)
def test_a_valid_outline_stays_as_it_is(shape):
    found, changed = parcels.repaired(shapes(shape))
    assert not changed[0]
    assert found[0].equals_exact(shape, 0)


def test_a_ring_that_crosses_itself_becomes_both_its_lobes():
    found, changed = parcels.repaired(shapes(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])))
    assert changed[0]
    assert found[0].area == 2


def test_what_has_no_area_or_no_place_is_none():
    line, infinite = shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon([(0, 0), (np.inf, 1), (1, 1)])
    found, changed = parcels.repaired(shapes(None, shapely.Polygon(), line, shapely.Point(0, 0), infinite,
                                             shapely.Polygon([(0, 0), (1, 1), (2, 2)])))
    assert (found == None).all()  # noqa: E711
    assert not changed.any()


def test_of_a_collection_the_areas_are_left_and_are_one():
    square = shapely.box(0, 0, 2, 2)
    mixed = shapely.GeometryCollection([square, shapely.LineString([(5, 5), (6, 6)]), shapely.box(1, 1, 3, 3)])
    two = shapely.MultiPolygon([shapely.box(5, 5, 6, 6), shapely.box(8, 8, 9, 9)])
    apart = shapely.GeometryCollection([square, two])
    found, changed = parcels.repaired(shapes(mixed, apart, shapely.GeometryCollection([square])))
    assert changed.all()
    assert shapely.is_valid(found).all()
    assert shapely.area(found).tolist() == [7, 6, 4]
    assert found[2].geom_type == "Polygon"


def test_heights_are_left_out_and_are_no_damage():
    found, changed = parcels.repaired(shapes(shapely.Polygon([(0, 0, 7), (1, 0, 7), (1, 1, 7)])))
    assert not found[0].has_z
    assert not changed[0]


@pytest.mark.parametrize("latitude", [-60, -35, 0, 48.7, 65])
@given(ring=rings(largest=1000.0))
def test_areas_are_those_on_the_ellipsoid(latitude, ring):
    shape = parcels.repaired(shapes(places(latitude, ring)))[0]
    if shape[0] is None:
        return
    found = parcels.measured(shape, 0).area_ha[0]
    area, perimeter = GEOD.geometry_area_perimeter(shapely.orient_polygons(shape[0]))
    # The geodesic between corners L metres apart lies up to L² tan(latitude) / 8R beside the straight line in degrees.
    beside = (perimeter / 2) ** 2 * 2.2 / (8 * 6.37e6)
    assert found == pytest.approx(abs(area) / 1e4, rel=1e-4, abs=beside * perimeter / 1e4 + 1e-8)


@pytest.mark.parametrize("latitude", [0.0, 60.0])
def test_the_plane_of_a_parcel_is_true_ten_kilometres_around(latitude):
    square = 10_000 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    outline = shapely.segmentize(places(latitude, square), 0.001)
    found = parcels.measured(shapes(outline), 0)
    assert found.area_ha[0] == pytest.approx(abs(GEOD.geometry_area_perimeter(outline)[0]) / 1e4, rel=1e-4)
    inside = parcels.measured(shapes(outline), 100.0).inside[0]
    lon, lat = shapely.get_coordinates(inside).T
    edge_lon, edge_lat = shapely.get_coordinates(shapely.segmentize(outline, 1e-4)).T
    near = np.arange(len(lon))[::7]
    least = [GEOD.inv(np.full(len(edge_lon), lon[i]), np.full(len(edge_lon), lat[i]), edge_lon, edge_lat)[2].min()
             for i in near]
    assert min(least) == pytest.approx(100, rel=0.003)


@given(shape=polygons, inward=st.floats(0.5, 60))
def test_what_is_inside_is_covered_and_keeps_its_distance(shape, inward):
    found = parcels.drawn_in(shapes(shape), inward)[0]
    if found is None:
        # No circle of that radius fits, to the hundredth that GEOS smooths outlines by.
        assert shapely.buffer(shape, -inward * 1.02).is_empty
        return
    assert found.is_valid
    assert found.area < shape.area
    assert shape.buffer(1e-7 * inward).covers(found)
    assert shapely.distance(shape.boundary, found) >= inward * 0.98


@given(shape=polygons, inward=st.floats(0.5, 60))
def test_moving_edges_gives_what_geos_gives(shape, inward):
    """Its own buffer is the oracle; it smooths what it is given by a hundredth of the distance."""
    found, known = parcels._moved_edges(shapes(shape), inward)
    if known[0]:
        buffered = shapely.buffer(shape, -inward, join_style="mitre", mitre_limit=5)
        assert shapely.symmetric_difference(found[0], buffered).area <= 0.011 * inward * shape.length


def test_edges_are_moved_for_most_real_parcels(real_data):
    import pyogrio
    outlines = shapely.transform(pyogrio.read_dataframe(real_data / "parcels" / "LEM_dataset.shp").geometry.to_numpy(),
                                 Transformer.from_crs(4326, 32723, always_xy=True).transform, interleaved=False)
    found, known = parcels._moved_edges(outlines, 10.0)
    buffered = shapely.buffer(outlines, -10, join_style="mitre", mitre_limit=5)
    assert known.mean() > 0.5
    differ = shapely.area(shapely.symmetric_difference(found[known], buffered[known])) / shapely.length(outlines[known])
    assert differ.max() < 0.1


def test_a_neck_that_is_too_narrow_parts_a_parcel():
    dumbbell = shapely.union_all([shapely.box(0, 0, 100, 100), shapely.box(100, 40, 200, 55),
                                  shapely.box(200, 0, 300, 100)])
    found = parcels.drawn_in(shapes(dumbbell), 10.0)[0]
    assert len(found.geoms) == 2
    assert found.covers(shapely.MultiPolygon([shapely.box(10, 10, 90, 90), shapely.box(210, 10, 290, 90)]))


def test_a_hole_keeps_its_distance_too():
    ring = shapely.difference(shapely.box(0, 0, 100, 100), shapely.box(40, 40, 60, 60))
    found = parcels.drawn_in(shapes(ring), 10.0)[0]
    assert found.area == pytest.approx(80 * 80 - (20 * 20 + 4 * 20 * 10 + np.pi * 100), rel=1e-3)


@pytest.mark.parametrize(("sides", "width"), [((5, 400), 5), ((20, 20), 20), ((9, 9), 9)])
def test_the_width_is_the_shorter_side(sides, width):
    measured = parcels.measured(shapes(places(50, np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * sides)), 0)
    assert measured.width_m[0] == pytest.approx(width, rel=1e-3)


def test_nothing_is_left_of_what_is_narrow():
    measured = parcels.measured(shapes(places(50, [(0, 0), (15, 0), (15, 400), (0, 400)]),
                                       places(50, [(0, 0), (45, 0), (45, 400), (0, 400)])), 10.0)
    assert measured.inside[0] is None
    area = abs(GEOD.geometry_area_perimeter(measured.inside[1])[0])
    assert area == pytest.approx(25 * 380, rel=1e-3)


def test_no_parcels_are_no_measures():
    found = parcels.measured(np.array([], dtype=object), 10.0)
    assert len(found.inside) == len(found.area_ha) == 0
