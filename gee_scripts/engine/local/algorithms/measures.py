"""Areas, lengths and distances of geometries, on the ellipsoid unless a projection is given."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.polygon import orient

from gee_scripts.engine.local.algorithms.geometries import local_crs
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import in_one
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.globe import simple

_GLOBE = Geod(ellps="WGS84")
# The mean radius of the ellipsoid, metres.
_SPHERE = Geod(a=6371008.7714, f=0)
_DEGREES = "EPSG:4326"
_ALONG = "without a projection planar edges are measured in steps of a tenth of a degree"


@algorithm("Geometry.area", differs=_ALONG)
def area(geometry: Geometry, error: Any, projection: Projection | None) -> float:
    """Square metres on the globe, or square units of a projection."""
    if projection is not None:
        return float(geometry.to(projection.crs).area)
    polygons = [part for part in simple(geometry.to(_DEGREES)) if part.geom_type == "Polygon"]
    return sum(abs(float(_GLOBE.geometry_area_perimeter(orient(shapely.segmentize(piece, 0.1)))[0]))
               for part in polygons for piece in _quarters(part))


def _quarters(part: shapely.Geometry) -> list[shapely.Geometry]:
    """A polygon in pieces no wider than 90 degrees: of a ring around more than a hemisphere the smaller side would be
    measured."""
    west, _, east, _ = part.bounds
    if east - west <= 90:
        return [part]
    valid = part if part.is_valid else shapely.make_valid(part)
    strips = (shapely.intersection(valid, shapely.box(start, -90, start + 90, 90)) for start in (-180, -90, 0, 90))
    return [piece for strip in strips for piece in simple(strip) if piece.geom_type == "Polygon"]


@algorithm("Geometry.length", differs=_ALONG)
def length(geometry: Geometry, error: Any, projection: Projection | None) -> float:
    """Metres of the lines on the globe, or units of a projection; polygons have none."""
    return _length(geometry, projection, ("LineString", "LinearRing"))


@algorithm("Geometry.perimeter", differs=_ALONG)
def perimeter(geometry: Geometry, error: Any, projection: Projection | None) -> float:
    """Metres around the polygons on the globe, or units of a projection; lines have none."""
    return _length(geometry, projection, ("Polygon",))


def _length(geometry: Geometry, projection: Projection | None, kinds: tuple[str, ...]) -> float:
    crs = projection.crs if projection else _DEGREES
    # In one piece: what was cut at the antimeridian has no edge there.
    parts = [part for part in simple(in_one(geometry, crs)) if part.geom_type in kinds]
    if projection is not None:
        return float(sum(part.length for part in parts))
    return float(sum(_GLOBE.geometry_length(shapely.segmentize(part, 0.1)) for part in parts))


def _nearest(left: Geometry, right: Geometry, projection: Projection | None) -> tuple[Any, Any, str] | None:
    """The point of each geometry that is nearest to the other one, and their CRS; None where one is empty."""
    if left.shape.is_empty or right.shape.is_empty:
        return None
    crs = local_crs(left, projection)
    line = shapely.shortest_line(left.to(crs), right.to(crs))
    if projection is None:
        # Again around the middle of what was found: lengths are true there.
        crs = local_crs(Geometry(line.interpolate(0.5, normalized=True), crs), None)
        line = shapely.shortest_line(left.to(crs), right.to(crs))
    points = shapely.points(shapely.get_coordinates(line))
    return points[0], points[-1], crs


@algorithm("Geometry.distance", source="https://developers.google.com/earth-engine/apidocs/ee-geometry-distance")
def distance(left: Geometry, right: Geometry, error: Any, projection: Projection | None, spherical: bool) -> float:
    """The shortest way between two geometries in metres, or in units of a projection."""
    found = _nearest(left, right, projection)
    if found is None:
        raise AlgorithmError("there is no distance to an empty geometry", mend="give two geometries")
    one, other, crs = found
    if projection is not None:
        return float(one.distance(other))
    if one.distance(other) == 0:
        return 0.0
    ends = [Geometry(point, crs).to(_DEGREES) for point in (one, other)]
    globe = _SPHERE if spherical else _GLOBE
    return float(globe.inv(ends[0].x, ends[0].y, ends[1].x, ends[1].y)[2])


@algorithm("Geometry.withinDistance")
def within_distance(left: Geometry, right: Geometry, limit: float, error: Any, projection: Projection | None) -> bool:
    """Whether two geometries are no further apart than metres."""
    if left.shape.is_empty or right.shape.is_empty:
        return False
    return distance(left, right, error, projection, False) <= limit


@algorithm("Geometry.closestPoint")
def closest_point(left: Geometry, right: Geometry, error: Any, projection: Projection | None) -> Geometry | None:
    """The point of the right geometry that is nearest to the left one."""
    return closest_points(left, right, error, projection).get("right")


@algorithm("Geometry.closestPoints")
def closest_points(left: Geometry, right: Geometry, error: Any,
                   projection: Projection | None) -> dict[str, Geometry]:
    """The nearest point of each geometry."""
    found = _nearest(left, right, projection)
    if found is None:
        return {}
    one, other, crs = found
    shown = projection.crs if projection else _DEGREES
    return {"left": Geometry(Geometry(one, crs).to(shown), shown),
            "right": Geometry(Geometry(other, crs).to(shown), shown)}


@algorithm("Geometry.cutLines")
def cut_lines(geometry: Geometry, distances: list[float], error: Any, projection: Projection | None) -> Geometry:
    """Lines cut at distances from their start; everything else is dropped."""
    crs = projection.crs if projection else _DEGREES
    pieces: list[Any] = []
    for part in simple(in_one(geometry, crs)):
        if part.geom_type in ("LineString", "LinearRing"):
            pieces += _cut(shapely.get_coordinates(part), sorted(set(map(float, distances))), projection is None)
    return Geometry(shapely.MultiLineString(pieces), crs, geometry.geodesic)


def _cut(points: np.ndarray[Any, Any], distances: list[float], metres: bool) -> list[np.ndarray[Any, Any]]:
    if metres:
        _, _, steps = _GLOBE.inv(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1])
    else:
        steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    # The line between two vertices is straight: a share of its length is a share of the way.
    cuts = [value for value in distances if 0 < value < along[-1]]
    ends = [0.0, *cuts, float(along[-1])]
    pieces = []
    for start, stop in itertools.pairwise(ends):
        inner = points[(along > start) & (along < stop)]
        edge = [[np.interp(at, along, points[:, axis]) for axis in (0, 1)] for at in (start, stop)]
        pieces.append(np.vstack([edge[0], inner, edge[1]]))
    return pieces
