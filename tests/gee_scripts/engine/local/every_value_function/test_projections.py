"""Two projections: planar answers are shapely's after pyproj, geodesic ones pyproj's, whatever the operands are in."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod, Transformer

from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import signatures
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.values import Collection, ConfusionMatrix, Feature, Filter

DEGREES, UTM, NEXT = "EPSG:4326", "EPSG:32631", "EPSG:32632"
GLOBE = Geod(ellps="WGS84")
# Metres of UTM 31: west of its neighbour, whose own metres differ by a rotation of 4.5 degrees.
BENT = shapely.Polygon([(500000, 5400000), (500900, 5400000), (500900, 5400300), (500300, 5400300),
                        (500300, 5400800), (500000, 5400800)])
ACROSS = shapely.box(500200, 5400100, 501200, 5400600)
WITHIN = shapely.box(500050, 5400050, 500150, 5400150)
APART = shapely.box(502000, 5400000, 502500, 5400900)
# Of parallel edges there is no one nearest point.
TIP = shapely.Polygon([(502000, 5400500), (502500, 5400900), (502500, 5400100)])
WAY = shapely.LineString([(500000, 5400000), (500500, 5400300), (500900, 5400100)])
PARTS = shapely.MultiPolygon([BENT, APART])
PAIRS = [(BENT, ACROSS), (BENT, WITHIN), (WITHIN, BENT), (BENT, APART)]
# An edge of a kilometre bends by two centimetres between straight in degrees and straight in UTM.
NEAR = 0.05


def placed_in(shape: shapely.Geometry, crs: str) -> Geometry:
    """A shape of UTM 31 in another CRS, vertex by vertex."""
    change = Transformer.from_crs(UTM, crs, always_xy=True)
    moved = shapely.transform(shape, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    return Geometry(shape if crs == UTM else moved, crs, crs == DEGREES)


def metres(geometry: Geometry) -> shapely.Geometry:
    """A geometry in UTM 31."""
    change = Transformer.from_crs(geometry.crs, UTM, always_xy=True)
    return shapely.transform(geometry.shape, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))


def moved(value: Any, *crs: str) -> Any:
    """A value with its geometries in CRSs, in turn."""
    if isinstance(value, Geometry):
        return placed_in(metres(value), crs[0])
    if isinstance(value, Feature):
        return Feature(geometry=value.geometry and moved(value.geometry, *crs),
                       properties={name: moved(held, *crs) for name, held in value.properties.items()})
    if isinstance(value, Collection):
        return value.having(moved(item, turn) for item, turn in zip(value.items, itertools.cycle(crs)))
    if isinstance(value, list):
        return [moved(item, turn) for item, turn in zip(value, itertools.cycle(crs))]
    return {name: moved(held, *crs) for name, held in value.items()} if isinstance(value, dict) else value


def assert_alike(found: Any, expected: Any, table: Any = ()) -> None:
    """The same values, and geometries at the same places."""
    if isinstance(expected, shapely.Geometry):
        expected = Geometry(expected, UTM)
    if isinstance(expected, ConfusionMatrix):
        found, expected = found.counts, expected.counts
    assert type(found) is type(expected) or isinstance(found, int | float)
    if isinstance(expected, Geometry):
        one, other = metres(found), metres(expected)
        assert one.is_empty == other.is_empty
        if not one.is_empty:
            assert shapely.hausdorff_distance(one, other) < NEAR
            assert one.symmetric_difference(other).area <= 1e-4 * other.area
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=NEAR)
    elif isinstance(expected, Feature):
        assert_alike(dict(found.properties), dict(expected.properties))
        assert_alike(found.geometry, expected.geometry)
    elif isinstance(expected, Collection):
        assert_alike(list(found.items), list(expected.items))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        assert_alike(list(found.values()), list(expected.values()))
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_allclose(found, expected)
    elif isinstance(expected, Filter):
        assert_alike([found.accepts(item, None) for item in table], [expected.accepts(item, None) for item in table])
    else:
        assert found == expected


# Function -> what it is of shapes in metres; those of pairs take two.
ALONE: dict[str, tuple[shapely.Geometry, Callable[[Any], Any], dict[str, Any]]] = {
    "area": (BENT, lambda a: a.area, {}), "perimeter": (PARTS, lambda a: a.length, {}),
    "length": (WAY, lambda a: a.length, {}), "bounds": (BENT, lambda a: shapely.box(*a.bounds), {}),
    "buffer": (BENT, lambda a: a.buffer(30), {"distance": 30}), "centroid": (BENT, lambda a: a.centroid, {}),
    "convexHull": (BENT, lambda a: a.convex_hull, {}), "simplify": (WAY, lambda a: a.simplify(300), {"maxError": 300}),
    "dissolve": (PARTS, shapely.union_all, {}), "transform": (BENT, lambda a: a, {}),
    "cutLines": (WAY, lambda a: shapely.MultiLineString([
        shapely.ops.substring(a, *ends) for ends in ((0, 400), (400, 700), (700, a.length))]),
        {"distances": [400, 700]}),
}
TWO: dict[str, tuple[Callable[[Any, Any], Any], dict[str, Any]]] = {
    **{name: (getattr(shapely, name), {}) for name in ("union", "intersection", "difference", "contains", "intersects",
                                                       "disjoint", "distance")},
    "symmetricDifference": (shapely.symmetric_difference, {}), "containedIn": (shapely.within, {}),
    "withinDistance": (lambda a, b: a.distance(b) <= 900, {"distance": 900}),
    "closestPoint": (lambda a, b: shapely.ops.nearest_points(a, b)[1], {}),
    "closestPoints": (lambda a, b: dict(zip(("left", "right"), (
        Geometry(point, UTM) for point in shapely.ops.nearest_points(a, b)), strict=True)), {}),
}
PLANES = [(DEGREES, DEGREES), (UTM, DEGREES), (DEGREES, NEXT), (NEXT, UTM)]


@pytest.mark.parametrize("crs", [DEGREES, UTM, NEXT])
@pytest.mark.parametrize("name", ALONE)
def test_what_is_done_in_a_projection_is_shapelys_there(every: Any, name: str, crs: str) -> None:
    shape, expected, more = ALONE[name]
    given = placed_in(shape, crs)
    arguments = {**more, "proj": Projection(UTM)}
    assert_alike(every.called(f"Geometry.{name}", geometry=given, **arguments), expected(shape))
    of_feature = every.called(f"Feature.{name}", feature=Feature(geometry=given, properties={"n": 1}), **arguments)
    if isinstance(of_feature, Feature):
        assert of_feature.properties == {"n": 1}
        of_feature = of_feature.geometry
    assert_alike(of_feature, expected(shape))


@pytest.mark.parametrize("crs", PLANES)
@pytest.mark.parametrize("name", TWO)
def test_what_is_done_with_two_projections_is_shapelys_in_one(every: Any, name: str, crs: tuple[str, str]) -> None:
    expected, more = TWO[name]
    for pair in [(BENT, TIP)] if name.startswith("closest") else PAIRS:
        left, right = (placed_in(shape, own) for shape, own in zip(pair, crs, strict=True))
        assert_alike(every.called(f"Geometry.{name}", left=left, right=right, proj=Projection(UTM), **more),
                     expected(*pair))
        found = every.called(f"Feature.{name}", left=Feature(geometry=left), right=Feature(geometry=right),
                             proj=Projection(UTM), **more)
        assert_alike(found.geometry if isinstance(found, Feature) else found, expected(*pair))


@pytest.mark.parametrize("crs", [DEGREES, UTM, NEXT])
def test_without_a_projection_areas_and_lengths_are_those_of_the_ellipsoid(every: Any, crs: str) -> None:
    for name, shape in (("area", BENT), ("perimeter", BENT), ("length", WAY)):
        in_degrees = placed_in(shape, DEGREES).shape
        expected = GLOBE.geometry_area_perimeter(in_degrees)[0] if name == "area" else GLOBE.geometry_length(in_degrees)
        found = every.called(f"Geometry.{name}", geometry=placed_in(shape, crs))
        assert found == pytest.approx(abs(expected), rel=2e-5)
        # UTM's metres are 0.9996 of those on the globe at its middle.
        assert every.called(f"Geometry.{name}", geometry=placed_in(shape, crs), proj=Projection(UTM)) == pytest.approx(
            abs(expected) * 0.9996 ** (2 if name == "area" else 1), rel=2e-5)


@pytest.mark.parametrize("crs", PLANES)
def test_without_a_projection_distances_are_those_of_the_ellipsoid(every: Any, crs: tuple[str, str]) -> None:
    left, right = placed_in(BENT, crs[0]), placed_in(APART, crs[1])
    ends = [placed_in(point, DEGREES).shape for point in shapely.ops.nearest_points(BENT, APART)]
    expected = GLOBE.inv(ends[0].x, ends[0].y, ends[1].x, ends[1].y)[2]
    assert every.called("Geometry.distance", left=left, right=right) == pytest.approx(expected, rel=2e-5)
    assert every.called("Filter.withinDistance", distance=expected * 1.01, leftField=".geo", rightValue=right).accepts(
        Feature(geometry=left), None)
    for limit in (expected * 1.001, expected * 0.999):
        assert every.called("Geometry.withinDistance", left=left, right=right, distance=limit) is (limit > expected)
    point = placed_in(shapely.Point(500000, 5400000), crs[0])
    ring = placed_in(metres(every.called("Geometry.buffer", geometry=point, distance=500.0)), DEGREES).shape.exterior
    middle = placed_in(metres(point), DEGREES).shape
    lengths = GLOBE.inv(*(np.full(len(ring.coords), part) for part in (middle.x, middle.y)), *ring.xy)[2]
    np.testing.assert_allclose(lengths, 500, rtol=1e-4)


TELLS = {"Geometry.projection", "Geometry.coordinates", "Geometry.geodesic", "Geometry.edgesAreGeodesics"}
"""Their answer is of the projection, and is tested below."""


def test_every_answer_is_the_same_at_the_same_places_in_another_projection(every: Any, placed: str) -> None:
    given = every.sample(placed)
    places = [argument.name for argument in signatures()[placed] if argument.name in given and (
        argument.type in every.PLACES or isinstance(given[argument.name], Geometry))
        and not isinstance(given[argument.name], Projection | float)]
    first = every.called(placed, **given)
    for change in itertools.product(((DEGREES, UTM), (UTM, NEXT), (NEXT, DEGREES)), repeat=min(len(places), 2)):
        turned = {name: moved(given[name], *crs) for name, crs in zip(places, itertools.cycle(change), strict=False)} \
            if places else {}
        if placed not in TELLS:
            assert_alike(every.called(placed, **{**given, **turned}), first, moved(every.TABLE, UTM, NEXT).items)


def test_geometries_tell_their_projection_and_coordinates(every: Any) -> None:
    for crs in (DEGREES, UTM, NEXT):
        given = placed_in(BENT, crs)
        assert every.called("Geometry.projection", geometry=given).crs == crs
        np.testing.assert_allclose(every.called("Geometry.coordinates", geometry=given)[0],
                                   shapely.get_coordinates(given.shape))
        assert every.called("Geometry.geodesic", geometry=given) is (crs == DEGREES)
        for name in ("Element.geometry", "Feature.geometry", "Image.geometry"):
            found = every.called(name, feature=Feature(geometry=given), proj=Projection(NEXT), geodesics=False)
            assert (found.crs, found.geodesic) == (NEXT, False)
            assert_alike(found, BENT)


@pytest.mark.parametrize(("name", "coordinates", "kind"), [
    ("Point", [500000.0, 5400000.0], shapely.Point), ("MultiPoint", list(WAY.coords), shapely.MultiPoint),
    ("LineString", list(WAY.coords), shapely.LineString),
    ("LinearRing", list(WITHIN.exterior.coords), shapely.LineString),
    ("MultiLineString", [list(WAY.coords)], shapely.MultiLineString),
    ("Polygon", [list(BENT.exterior.coords)], shapely.Polygon),
    ("MultiPolygon", [[list(BENT.exterior.coords)]], shapely.MultiPolygon),
    ("Rectangle", [[500000.0, 5400000.0], [500100.0, 5400300.0]], shapely.box),
])
def test_constructors_take_the_units_of_a_projection_and_of_its_pixels(every: Any, name: str, coordinates: Any,
                                                                       kind: Any) -> None:
    def listed(value: Any) -> Any:
        return list(map(listed, value)) if isinstance(value, list | tuple) else value

    plain = every.called(f"GeometryConstructors.{name}", coordinates=listed(coordinates), crs=Projection(UTM))
    assert (plain.crs, plain.geodesic) == (UTM, False)
    expected = {"Polygon": BENT, "MultiPolygon": shapely.MultiPolygon([BENT]), "Rectangle": shapely.box(
        500000, 5400000, 500100, 5400300)}.get(name)
    expected = kind(coordinates) if expected is None else expected
    assert plain.shape.equals(expected)
    scaled = Projection(UTM, (10.0, 0.0, 400000.0, 0.0, -10.0, 6000000.0))
    pixels = shapely.transform(expected, lambda xy: (xy - [400000, 6000000]) / [10, -10])
    coarse = every.called(f"GeometryConstructors.{name}", crs=scaled, coordinates=[
        Geometry(pixels, UTM)] if name == "MultiPoint" else listed(_nested(pixels, name)))
    assert_alike(coarse, expected)


def _nested(shape: shapely.Geometry, name: str) -> Any:
    found = shapely.geometry.mapping(shape)["coordinates"]
    return list(found[0][:3:2]) if name == "Rectangle" else found


def test_projections_are_pyprojs(every: Any) -> None:
    for crs, unit in ((DEGREES, np.pi * 6378137 / 180), (UTM, 1.0)):
        base = Projection(crs, (2.0, 0.0, 10.0, 0.0, -2.0, 50.0))
        assert every.called("Projection.crs", projection=base) == crs
        assert every.called("Projection.nominalScale", proj=base) == pytest.approx(2 * unit)
        assert CRS.from_wkt(every.called("Projection.wkt", projection=base)).to_epsg() == int(crs[5:])
        assert every.called("Projection.atScale", projection=base, meters=30.0).nominal_scale == pytest.approx(30)
        assert every.called("Projection.scale", projection=base, x=3, y=5).transform == (6, 0, 10, 0, -10, 50)
        assert every.called("Projection.translate", projection=base, x=3, y=5).transform == (2, 0, 16, 0, -2, 40)


def test_a_covering_grid_is_the_cells_of_its_projection_that_are_touched(every: Any) -> None:
    for crs, given in itertools.product((DEGREES, NEXT), (DEGREES, UTM, NEXT)):
        shape = placed_in(BENT, crs).shape
        side = 100.0 if crs == NEXT else 100 / (np.pi * 6378137 / 180)
        found = every.called("Geometry.coveringGrid", geometry=placed_in(BENT, given), proj=Projection(crs),
                             scale=100.0)
        west, south, east, north = shape.bounds
        expected = {f"{column},{-row - 1}"
                    for column in range(int(west // side), int(east // side) + 1)
                    for row in range(int(south // side), int(north // side) + 1)
                    if shape.intersects(shapely.box(column * side, row * side, (column + 1) * side, (row + 1) * side))}
        assert {item.properties["system:index"] for item in found.items} == expected


def test_every_function_of_a_projection_has_an_oracle(every: Any) -> None:
    takes = {name for name in every.NAMES if name.startswith(("Geometry.", "Feature."))
             and "proj" in {argument.name for argument in signatures()[name]}}
    tested = {f"{owner}.{name}" for owner in ("Geometry", "Feature") for name in (*ALONE, *TWO)}
    assert takes - tested == {"Geometry.coveringGrid", "Feature.geometry"}
