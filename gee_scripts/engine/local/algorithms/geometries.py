"""What is made of geometries, and what holds of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import shapely

from gee_scripts.engine.local.geometry import EVERYWHERE, Geometry
from gee_scripts.engine.local.geometry import union as union_of
from gee_scripts.engine.local.images.frame import in_one
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.globe import continued
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Image, geometry_of

# More take minutes and gigabytes.
_MOST_CELLS = 1_000_000


@algorithm("Geometry.coveringGrid")
def covering_grid(geometry: Geometry, projection: Projection, scale: float | None) -> Collection:
    """The cells of a projection that the geometry touches with more than an edge, row by row from its origin."""
    if scale is not None:
        if not scale > 0:
            raise AlgorithmError(f"The scale must be positive. Got {scale}", mend="give metres")
        projection = projection.at_scale(scale)
    a, b, c, d, e, f = projection.transform
    if b or d:
        raise AlgorithmError("a rotated projection has no rectangular cells", mend="give a transform without shear")
    if not (a and e and math.isfinite(a + c + e + f)):
        raise AlgorithmError(f"Cells of {a} by {e} cover nothing", mend="give a scale above 0")
    shape = geometry.to(projection.crs)
    if shape.is_empty:
        return Collection(())
    west, south, east, north = shape.bounds
    columns, rows = sorted(((west - c) / a, (east - c) / a)), sorted(((south - f) / e, (north - f) / e))
    shapely.prepare(shape)
    cells = []
    # A geometry that ends within a billionth of a cell of an edge ends there.
    across, down = (range(first := math.floor(ends[0] + 1e-9), max(math.ceil(ends[1] - 1e-9), first + 1))
                    for ends in (columns, rows))
    if len(across) * len(down) > _MOST_CELLS:
        raise AlgorithmError(f"{len(across)} by {len(down)} cells are too many", mend="give a coarser scale")
    for row in down:
        GO_ON.get()()
        left, top = c + a * np.array(across), f + row * e
        boxes = shapely.box(np.minimum(left, left + a), min(top, top + e), np.maximum(left, left + a),
                            max(top, top + e))
        cells += [Feature(geometry=Geometry(boxes[place], projection.crs),
                          properties={SYSTEM_INDEX: f"{across[place]},{row}"})
                  for place in np.flatnonzero(shapely.intersects(boxes, shape)).tolist()]
    return Collection(tuple(cells))


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The bounding rectangle, in EPSG:4326 unless a projection is given."""
    crs = projection.crs if projection else "EPSG:4326"
    shape = in_one(geometry, crs)
    return Geometry(shapely.GeometryCollection() if shape.is_empty else shapely.box(*shape.bounds), crs)


@algorithm("Geometry.transform")
def transformed(geometry: Geometry, projection: Projection, error: Any, geodesic: Any) -> Geometry:
    """The geometry in another CRS."""
    if projection.crs == geometry.crs and geodesic in (None, geometry.geodesic):
        return geometry
    kept = geometry.geodesic if geodesic is None else geodesic
    return Geometry(in_one(geometry, projection.crs), projection.crs, kept)


@algorithm("Geometry.projection")
def projection_of(geometry: Geometry) -> Projection:
    """Its CRS."""
    return Projection(geometry.crs)


@algorithm("Geometry.type")
def type_(geometry: Geometry) -> str:
    """Point, Polygon, …"""
    return str(geometry.shape.geom_type)


@algorithm("Geometry.isUnbounded",
           differs="an unbounded geometry, that of an image without limits, is the box of the whole globe to all "
                   "functions that take it")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it has no limits."""
    return geometry.unbounded


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
    if geometry.shape.is_empty:
        return geometry.crs
    centre = continued(geometry.to("EPSG:4326")).centroid
    return f"+proj=aeqd +lat_0={centre.y:.6f} +lon_0={centre.x:.6f} +datum=WGS84 +units=m"


def _around(geometry: Geometry, crs: str, projection: Projection | None) -> shapely.Geometry:
    """A geometry in its local CRS, or in that of a projection."""
    return geometry.whole(crs) if projection is None else in_one(geometry, crs)


# Vertices of a quarter of a circle: shapely's own number, and the most.
_CORNERS = (16, 4096)


@algorithm("Geometry.buffer",
           differs="circles have at least 64 vertices, however large maxError is; without a projection the buffer is "
                   "computed in an azimuthal equidistant one around the centroid")
def buffer(geometry: Geometry, distance: float, error: Any, projection: Projection | None) -> Geometry:
    """The geometry grown, or shrunk, by metres, or by units of a projection."""
    if not math.isfinite(distance):
        raise AlgorithmError(f"The distance must be finite. Got {distance}", mend="give metres")
    crs = local_crs(geometry, projection)
    radius = abs(distance) * (projection.unit_metres if projection else 1.0)
    grown = Geometry(_around(geometry, crs, projection).buffer(distance, quad_segs=_corners(radius, error)), crs)
    return Geometry(in_one(grown, geometry.crs), geometry.crs, geometry.geodesic)


def _corners(radius: float, error: float | None) -> int:
    """Vertices of a quarter of a circle whose edges are no further from it than an error; metres."""
    share = min(error / radius, 1.0) if error and error > 0 and radius > 0 else 0.01
    # An edge of the angle t passes the circle by 1 - cos(t / 2).
    needed = math.pi / 4 / max(math.acos(1 - share), 1e-6)
    return min(max(math.ceil(needed), _CORNERS[0]), _CORNERS[1])


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """Its centre of mass, in EPSG:4326 where no projection is given."""
    crs, wanted = local_crs(geometry, projection), projection.crs if projection is not None else "EPSG:4326"
    return Geometry(Geometry(_around(geometry, crs, projection).centroid, crs).to(wanted), wanted)


@algorithm("Geometry.simplify")
def simplify(geometry: Geometry, error: float, projection: Projection | None) -> Geometry:
    """The geometry with fewer vertices, within a tolerance in metres."""
    if not 0 <= error < math.inf:
        raise AlgorithmError(f"maxError must be 0 or more, not {error}", mend="give a tolerance in metres")
    crs = local_crs(geometry, projection)
    simpler = Geometry(_around(geometry, crs, projection).simplify(error), crs)
    return Geometry(in_one(simpler, geometry.crs), geometry.crs)


@algorithm("Geometry.convexHull")
def convex_hull(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The smallest convex shape that holds it."""
    crs = projection.crs if projection else geometry.crs
    return Geometry(in_one(geometry, crs).convex_hull, crs)


@algorithm("Geometry.dissolve")
def dissolve(geometry: Geometry, error: Any, projection: Projection | None) -> Geometry:
    """The union of its parts."""
    crs = projection.crs if projection else geometry.crs
    return Geometry(shapely.union_all([_valid(part) for part in shapely.get_parts(geometry.to(crs))]), crs)


def _valid(shape: shapely.Geometry) -> shapely.Geometry:
    """The shape without edges that cross; what they enclose an even number of times is outside."""
    return shape if shape.is_valid else shapely.make_valid(shape)


def _predicate(relation: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """Whether a relation holds between two geometries."""

    def holds(left: Geometry, right: Geometry, error: Any, projection: Projection | None) -> bool:
        crs = projection.crs if projection else left.crs
        return bool(relation(_valid(left.to(crs)), _valid(right.to(crs))))

    return holds


def _combination(operation: Callable[[Any, Any], Any]) -> Callable[..., Geometry]:
    def combined(left: Geometry, right: Geometry, error: Any, projection: Projection | None) -> Geometry:
        crs = projection.crs if projection else left.crs
        return Geometry(operation(_valid(left.to(crs)), _valid(right.to(crs))), crs)

    return combined


def _intersection(left: shapely.Geometry, right: shapely.Geometry) -> shapely.Geometry:
    """As shapely's, which knows no mixed collections: of their parts."""
    if "GeometryCollection" not in (left.geom_type, right.geom_type):
        return shapely.intersection(left, right)
    return shapely.union_all([shapely.intersection(one, other) for one in shapely.get_parts(left)
                              for other in shapely.get_parts(right)])


def _difference(left: shapely.Geometry, right: shapely.Geometry) -> shapely.Geometry:
    """As shapely's, which knows no mixed collections: of their parts."""
    if "GeometryCollection" not in (left.geom_type, right.geom_type):
        return shapely.difference(left, right)
    return shapely.union_all([reduce(shapely.difference, shapely.get_parts(right), one)
                              for one in shapely.get_parts(left)])


def _symmetric_difference(left: shapely.Geometry, right: shapely.Geometry) -> shapely.Geometry:
    if "GeometryCollection" not in (left.geom_type, right.geom_type):
        return shapely.symmetric_difference(left, right)
    return shapely.union_all([_difference(left, right), _difference(right, left)])


for _name, _relation in {"intersects": shapely.intersects, "disjoint": shapely.disjoint,
                         "contains": shapely.contains, "containedIn": shapely.within}.items():
    algorithm(f"Geometry.{_name}")(_predicate(_relation))
for _name, _operation in {"intersection": _intersection, "union": shapely.union, "difference": _difference,
                          "symmetricDifference": _symmetric_difference}.items():
    algorithm(f"Geometry.{_name}")(_combination(_operation))


@algorithm("Collection.geometry")
def collection_geometry(collection: Collection, error: Any) -> Any:
    """The union of a collection's geometries."""
    if any(isinstance(item, Image) and geometry_of(item) is None for item in collection.items):
        return EVERYWHERE
    found = [shape for shape in map(geometry_of, collection.items) if shape is not None]
    return union_of(found)


@algorithm("Collection.bounds")
def collection_bounds(collection: Collection, error: Any, projection: Projection) -> Geometry:
    """The bounding rectangle of a collection."""
    return bounds(collection_geometry(collection, error), error, projection)
