"""Geometries from coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError

from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import WGS84, Projection, is_geographic


def _numbers(coordinates: Any) -> list[float]:
    if isinstance(coordinates, int | float) and math.isfinite(coordinates):
        return [float(coordinates)]
    if isinstance(coordinates, Geometry):
        return [value for point in shapely.get_coordinates(coordinates.shape) for value in map(float, point)]
    if isinstance(coordinates, list):
        return [value for item in coordinates for value in _numbers(item)]
    raise AlgorithmError(f"'{coordinates}' is no coordinate", mend="give finite numbers, or points")


def _pairs(coordinates: Any) -> list[tuple[float, float]]:
    flat = _numbers(coordinates)
    if len(flat) % 2:
        raise AlgorithmError("Invalid number of coordinates", mend="give pairs of x and y, or longitude and latitude")
    return list(zip(flat[::2], flat[1::2], strict=True))


def _checked(geometry: Geometry) -> Geometry:
    """A geometry on the globe, or in a projection.

    Raises:
        AlgorithmError: a latitude lies beyond a pole.
    """
    if is_geographic(geometry.crs) and not geometry.shape.is_empty:
        _, south, _, north = geometry.shape.bounds
        beyond = north if north > 90 else south
        if abs(beyond) > 90:
            raise AlgorithmError(f"Invalid latitude: {beyond:g} is beyond the pole",
                                 mend="give longitude before latitude, and latitudes from -90 to 90")
    return geometry


def _made(kind: Callable[[Any], shapely.Geometry], coordinates: Any, projection: Projection | None,
          geodesic: bool | None) -> Geometry:
    try:
        shape = kind(coordinates)
    except (ShapelyError, ValueError) as error:
        raise AlgorithmError(f"Invalid geometry: {error}",
                             mend="give two points of a line and three of a ring") from error
    crs = projection.crs if projection else "EPSG:4326"
    if projection and projection.transform != WGS84.transform:
        a, b, c, d, e, f = projection.transform
        shape = shapely.transform(shape, lambda xy: np.column_stack(
            [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f]))
    return _checked(Geometry(shape, crs, geodesic if geodesic is not None else crs == "EPSG:4326"))


@algorithm("GeometryConstructors.Point")
def point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """A point of x and y."""
    pairs = _pairs(coordinates)
    if len(pairs) != 1:
        raise AlgorithmError(f"Invalid number of coordinates: {2 * len(pairs)}", mend="give one x and one y")
    return _made(shapely.Point, pairs[0], crs, None)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Points."""
    return _made(shapely.MultiPoint, _pairs(coordinates), crs, None)


@algorithm("GeometryConstructors.LineString")
def line(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """A line through points."""
    return _made(shapely.LineString, _pairs(coordinates), crs, geodesic)


@algorithm("GeometryConstructors.LinearRing")
def ring(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """A line through points that ends where it starts."""
    return _made(shapely.LinearRing, _pairs(coordinates), crs, geodesic)


@algorithm("GeometryConstructors.MultiLineString")
def multi_line(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Lines; a single one may stand without a list around it."""
    first = coordinates[0] if coordinates else None
    single = isinstance(first, int | float) or (isinstance(first, Geometry) and first.shape.geom_type == "Point") or (
        isinstance(first, list) and bool(first) and isinstance(first[0], int | float) and len(first) == 2)
    lines = [coordinates] if single else coordinates
    return _made(shapely.MultiLineString, [pairs for pairs in map(_pairs, lines) if pairs], crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, even_odd: bool) -> Geometry:
    """The rectangle of two opposite corners."""
    pairs = _pairs(coordinates)
    if len(pairs) < 2:
        raise AlgorithmError(f"Invalid number of coordinates: {2 * len(pairs)}", mend="give two opposite corners")
    return _made(lambda corners: shapely.box(*shapely.MultiPoint(corners).bounds), pairs, crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """The rectangle of four edges in degrees; what is further east than 180 goes on beyond it."""
    for name, value, wrong in (("west", west, west == math.inf), ("east", east, east == -math.inf),
                               ("south", south, south > 90), ("north", north, north < -90)):
        if math.isnan(value) or wrong:
            raise AlgorithmError(f"Geometry.BBox: {name} must not be {value:g}", mend="give degrees")
    if east - west >= 360:
        west, east = -180.0, 180.0
    else:
        west, east = (value % 360 - (360 if value % 360 > 180 else 0) for value in (west, east))
        east += 360 if east < west else 0
    return Geometry(shapely.box(west, max(south, -90), east, min(north, 90)), geodesic=False)


@algorithm("GeometryConstructors.Polygon")
def polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any,
            even_odd: bool) -> Geometry:
    """The polygon of an outer ring and holes."""
    return _made(_polygon, coordinates, crs, geodesic)


def _polygon(coordinates: list[Any]) -> shapely.Polygon:
    first = coordinates[0] if coordinates else ()
    if isinstance(first, int | float) or (isinstance(first, list) and first and isinstance(first[0], int | float)):
        coordinates = [coordinates]  # one ring
    rings = [pairs for pairs in map(_pairs, coordinates) if pairs]
    return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None, error: Any,
                  even_odd: bool) -> Geometry:
    """Polygons."""
    if not all(isinstance(item, list) for item in coordinates):
        raise AlgorithmError("The polygons are not lists of rings", mend="give a list for each polygon")
    return _made(lambda items: shapely.MultiPolygon([part for part in map(_polygon, items) if not part.is_empty]),
                 coordinates, crs, geodesic)


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(geometries: list[Geometry], crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Geometries as one."""
    target = crs.crs if crs else geometries[0].crs if geometries else "EPSG:4326"
    states = {item.geodesic for item in geometries}
    if len(states) == 1 and all(item.crs == target for item in geometries):
        kept = states.pop() if geodesic is None else geodesic
        return Geometry(shapely.GeometryCollection([item.shape for item in geometries]), target, kept)
    return Geometry(shapely.GeometryCollection([item.to(target) for item in geometries]), target)
