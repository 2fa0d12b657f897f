"""Geometries: constructors, measures and predicates."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import WGS84, Projection
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Geometry, geometry_of
from gee_scripts.engine.local.values import union as union_of


def _numbers(coordinates: Any) -> list[float]:
    if isinstance(coordinates, int | float):
        return [float(coordinates)]
    if isinstance(coordinates, Geometry):
        return [value for point in shapely.get_coordinates(coordinates.shape) for value in map(float, point)]
    return [value for item in coordinates for value in _numbers(item)]


def _pairs(coordinates: Any) -> list[tuple[float, float]]:
    flat = _numbers(coordinates)
    if len(flat) % 2:
        raise AlgorithmError("Invalid number of coordinates", mend="give pairs of x and y, or longitude and latitude")
    return list(zip(flat[::2], flat[1::2], strict=True))


def _made(shape: shapely.Geometry, projection: Projection | None, geodesic: bool | None) -> Geometry:
    crs = projection.crs if projection else "EPSG:4326"
    if projection and projection.transform != WGS84.transform:
        a, b, c, d, e, f = projection.transform
        shape = shapely.transform(shape, lambda xy: np.column_stack(
            [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f]))
    return Geometry(shape, crs, geodesic if geodesic is not None else crs == "EPSG:4326")


@algorithm("GeometryConstructors.Point")
def point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """A point of x and y."""
    return _made(shapely.Point(_pairs(coordinates)[0]), crs, None)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Points."""
    return _made(shapely.MultiPoint(_pairs(coordinates)), crs, None)


@algorithm("GeometryConstructors.LineString", "GeometryConstructors.LinearRing")
def line(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """A line through points."""
    return _made(shapely.LineString(_pairs(coordinates)), crs, geodesic)


@algorithm("GeometryConstructors.MultiLineString")
def multi_line(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Lines; a single one may stand without a list around it."""
    first = coordinates[0] if coordinates else None
    single = isinstance(first, int | float) or (isinstance(first, Geometry) and first.shape.geom_type == "Point") or (
        isinstance(first, list) and bool(first) and isinstance(first[0], int | float) and len(first) == 2)
    lines = [coordinates] if single else coordinates
    return _made(shapely.MultiLineString([_pairs(item) for item in lines]), crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, even_odd: bool) -> Geometry:
    """The rectangle of two opposite corners."""
    xs, ys = zip(*_pairs(coordinates), strict=True)
    return _made(shapely.box(min(xs), min(ys), max(xs), max(ys)), crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """The rectangle of four edges in degrees."""
    return Geometry(shapely.box(west, south, east, north), geodesic=False)


@algorithm("GeometryConstructors.Polygon")
def polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any,
            even_odd: bool) -> Geometry:
    """The polygon of an outer ring and holes."""
    return _made(_polygon(coordinates), crs, geodesic)


def _polygon(coordinates: list[Any]) -> shapely.Polygon:
    first = coordinates[0] if coordinates else ()
    if isinstance(first, int | float) or (isinstance(first, list) and isinstance(first[0], int | float)):
        coordinates = [coordinates]  # one ring
    rings = [_pairs(ring) for ring in coordinates]
    return shapely.Polygon(rings[0], rings[1:])


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any,
                  even_odd: bool) -> Geometry:
    """Polygons."""
    return _made(shapely.MultiPolygon([_polygon(item) for item in coordinates]), crs, geodesic)


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(geometries: list[Geometry], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Geometries as one."""
    target = crs.crs if crs else geometries[0].crs if geometries else "EPSG:4326"
    return Geometry(shapely.GeometryCollection([item.to(target) for item in geometries]), target)


@algorithm("Geometry.coveringGrid")
def covering_grid(geometry: Geometry, projection: Projection, scale: float | None) -> Collection:
    """The cells of a projection that the geometry touches with more than an edge, row by row from its origin."""
    if scale is not None:
        projection = projection.at_scale(scale)
    a, b, c, d, e, f = projection.transform
    if b or d:
        raise AlgorithmError("a rotated projection has no rectangular cells", mend="give a transform without shear")
    shape = geometry.to(projection.crs)
    west, south, east, north = shape.bounds
    columns, rows = sorted(((west - c) / a, (east - c) / a)), sorted(((south - f) / e, (north - f) / e))
    shapely.prepare(shape)
    cells = []
    # A geometry that ends within a billionth of a cell of an edge ends there.
    for row, column in itertools.product(range(math.floor(rows[0] + 1e-9), math.ceil(rows[1] - 1e-9) or 1),
                                         range(math.floor(columns[0] + 1e-9), math.ceil(columns[1] - 1e-9) or 1)):
        xs, ys = sorted((c + column * a, c + (column + 1) * a)), sorted((f + row * e, f + (row + 1) * e))
        cell = shapely.box(xs[0], ys[0], xs[1], ys[1])
        if shape.intersects(cell):
            cells.append(Feature(geometry=Geometry(cell, projection.crs),
                                 properties={SYSTEM_INDEX: f"{column},{row}"}))
    return Collection(tuple(cells))


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The bounding rectangle, in EPSG:4326 unless a projection is given."""
    crs = projection.crs if projection else "EPSG:4326"
    return Geometry(shapely.box(*geometry.to(crs).bounds), crs)


@algorithm("Geometry.transform")
def transformed(geometry: Geometry, projection: Projection, error: Any, geodesic: Any) -> Geometry:
    """The geometry in another CRS."""
    return Geometry(geometry.to(projection.crs), projection.crs, geometry.geodesic)


@algorithm("Geometry.projection")
def projection_of(geometry: Geometry) -> Projection:
    """Its CRS."""
    return Projection(geometry.crs)


@algorithm("Geometry.type")
def type_(geometry: Geometry) -> str:
    """Point, Polygon, …"""
    return str(geometry.shape.geom_type)


@algorithm("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it has no limits: none that the local engine holds."""
    return False


@algorithm("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def is_geodesic(geometry: Geometry) -> bool:
    """Whether its edges are shortest paths on the globe."""
    return geometry.geodesic


@algorithm("Geometry.coordinates")
def coordinates_of(geometry: Geometry) -> list[Any]:
    """Its coordinates as GeoJSON nests them."""
    found: list[Any] = json.loads(shapely.to_geojson(geometry.shape)).get("coordinates", [])
    return found


@algorithm("Geometry.geometries")
def parts(geometry: Geometry) -> list[Geometry]:
    """Its parts."""
    return [Geometry(shape, geometry.crs, geometry.geodesic) for shape in shapely.get_parts(geometry.shape)]


def local_crs(geometry: Geometry, projection: Projection | None) -> str:
    """A CRS in metres that is true at the geometry, unless one is given."""
    if projection is not None:
        return projection.crs
    centre = geometry.to("EPSG:4326").centroid
    return f"+proj=aeqd +lat_0={centre.y:.6f} +lon_0={centre.x:.6f} +datum=WGS84 +units=m"


@algorithm("Geometry.buffer")
def buffer(geometry: Geometry, distance: float, error: Any, projection: Projection | None) -> Geometry:
    """The geometry grown, or shrunk, by metres, or by units of a projection."""
    crs = local_crs(geometry, projection)
    grown = Geometry(geometry.to(crs).buffer(distance), crs)
    return Geometry(grown.to(geometry.crs), geometry.crs, geometry.geodesic)


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """Its centre of mass, in EPSG:4326 where no projection is given."""
    crs, wanted = local_crs(geometry, projection), projection.crs if projection is not None else "EPSG:4326"
    return Geometry(Geometry(geometry.to(crs).centroid, crs).to(wanted), wanted)


@algorithm("Geometry.simplify")
def simplify(geometry: Geometry, error: float, projection: Projection | None) -> Geometry:
    """The geometry with fewer vertices, within a tolerance in metres."""
    crs = local_crs(geometry, projection)
    return Geometry(Geometry(geometry.to(crs).simplify(error), crs).to(geometry.crs), geometry.crs)


@algorithm("Geometry.convexHull")
def convex_hull(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The smallest convex shape that holds it."""
    return Geometry(geometry.shape.convex_hull, geometry.crs)


@algorithm("Geometry.dissolve")
def dissolve(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The union of its parts."""
    return Geometry(shapely.union_all(shapely.get_parts(geometry.shape)), geometry.crs)


def _predicate(relation: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """Whether a relation holds between two geometries."""

    def holds(left: Geometry, right: Geometry, error: Any, projection: Projection | None) -> bool:
        crs = projection.crs if projection else left.crs
        return bool(relation(left.to(crs), right.to(crs)))

    return holds


def _combination(operation: Callable[[Any, Any], Any]) -> Callable[..., Geometry]:
    def combined(left: Geometry, right: Geometry, error: Any, projection: Projection | None) -> Geometry:
        crs = projection.crs if projection else left.crs
        return Geometry(operation(left.to(crs), right.to(crs)), crs)

    return combined


for _name, _relation in {"intersects": shapely.intersects, "disjoint": shapely.disjoint,
                         "contains": shapely.contains, "containedIn": shapely.within}.items():
    algorithm(f"Geometry.{_name}")(_predicate(_relation))
for _name, _operation in {"intersection": shapely.intersection, "union": shapely.union,
                          "difference": shapely.difference,
                          "symmetricDifference": shapely.symmetric_difference}.items():
    algorithm(f"Geometry.{_name}")(_combination(_operation))


@algorithm("Collection.geometry")
def collection_geometry(collection: Collection, error: Any) -> Any:
    """The union of a collection's geometries."""
    found = [shape for shape in map(geometry_of, collection.items) if shape is not None]
    return union_of(found) if found else Geometry(shapely.GeometryCollection())


@algorithm("Collection.bounds")
def collection_bounds(collection: Collection, error: Any, projection: Projection) -> Geometry:
    """The bounding rectangle of a collection."""
    return bounds(collection_geometry(collection, error), error, projection)
