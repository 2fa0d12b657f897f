"""Shapes on the globe as shapes in the plane of longitude and latitude, within [-180, 180]."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from gee_scripts.engine.local.rasters.domains import Domain, centres, is_geographic

Array = NDArray[Any]

TOLERANCE = 0.1
"""Metres: an edge that bends by less stays straight in degrees."""
_RADIUS = 6371008.7714
# An edge of w radians of longitude bends by no more than R·w²/16 (at 45 degrees of latitude), and of latitude by none.
_STRAIGHT = math.degrees(math.sqrt(16 * TOLERANCE / _RADIUS))
_MOST_VERTICES = 100_000


def planar(shape: shapely.Geometry, geodesic: bool) -> shapely.Geometry:
    """A shape in degrees, whose longitudes may have any value, as one with straight edges in [-180, 180].

    The very shape is given back where nothing is to be done: it lies in [-180, 180] and its edges are straight, or so
    short that no great circle on the sphere leaves them by more than `TOLERANCE`.

    Args:
        geodesic: edges take the shorter way around the sphere; those to a pole follow their meridian, and a ring
            around a pole holds it. Otherwise they are straight lines in degrees, as long as their ends say.
    """
    if shape.is_empty:
        return shape
    west, _, east, _ = shape.bounds
    straight = not geodesic or shape.geom_type in ("Point", "MultiPoint") or east - west < _STRAIGHT
    if straight and west >= -180 and east <= 180:
        return shape
    return folded(_rings(shape, _bent) if geodesic else shape)


def near(shape: shapely.Geometry, crs: str) -> shapely.Geometry:
    """The part of a planar shape where a projection has finite coordinates, far around the area it is made for; all
    of it in degrees, and where PROJ knows no such area."""
    area = None if is_geographic(crs) else CRS.from_user_input(crs).area_of_use
    if area is None:
        return shape
    west, east = area.west - 60, area.east + (360 if area.east < area.west else 0) + 60
    if east - west >= 360:
        west, east = -180.0, 180.0
    south = -90.0 if area.south <= -90 else max(area.south - 90, -89.9)
    north = 90.0 if area.north >= 90 else min(area.north + 90, 89.9)
    valid = shape if shape.is_valid else shapely.make_valid(shape)
    return shapely.intersection(valid, folded(shapely.box(west, south, east, north)))


def unbroken(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape that comes from another CRS, its edges that jump over the antimeridian mended."""
    if shape.is_empty or shape.geom_type in ("Point", "MultiPoint"):
        return shape
    west, _, east, _ = shape.bounds
    return shape if east - west <= 180 else folded(_rings(shape, _unrolled))


def continued(shape: shapely.Geometry) -> shapely.Geometry:
    """A planar shape that was cut at the antimeridian in one piece, beyond 180, where it is narrower so."""
    if shape.is_empty or not hasattr(shape, "geoms"):
        return shape
    west, _, east, _ = shape.bounds
    if west + 180 > 1e-9 or 180 - east > 1e-9:
        return shape
    moved = shapely.GeometryCollection([_moved(part, 360) if part.bounds[2] <= 0 else part for part in simple(shape)])
    if moved.bounds[2] - moved.bounds[0] >= east - west:
        return shape
    # What met at the antimeridian is one again.
    whole = shapely.union_all([part if part.is_valid else shapely.make_valid(part) for part in moved.geoms])
    return shapely.line_merge(whole) if shapely.get_dimensions(whole) == 1 else whole


def halves(shape: shapely.Geometry) -> list[shapely.Geometry]:
    """A planar shape in the pieces on either side of the antimeridian, alone where it does not cross it."""
    if continued(shape) is shape:
        return [shape]
    parts = list(simple(shape))
    return [_together(side) for side in ([part for part in parts if part.bounds[2] > 0],
                                         [part for part in parts if part.bounds[2] <= 0])]


def places(domain: Domain) -> tuple[Array, Array]:
    """x and y of the pixel centres, as planar shapes have them: longitudes within [-180, 180]."""
    x, y = centres(domain)
    if is_geographic(domain.crs) and x.size and (x.min() < -180 or x.max() > 180):
        x = (x + 180) % 360 - 180
    return x, y


def simple(shape: shapely.Geometry) -> Iterator[shapely.Geometry]:
    """The points, lines and polygons of a shape."""
    if hasattr(shape, "geoms"):
        for part in shape.geoms:
            yield from simple(part)
    elif not shape.is_empty:
        yield shape


def folded(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape of any longitudes cut at the antimeridian and moved into [-180, 180]."""
    west, _, east, _ = shape.bounds
    if west >= -180 and east <= 180:
        return shape
    return _together([piece for part in simple(shape) for piece in _folded(part)])


def _folded(part: shapely.Geometry) -> list[shapely.Geometry]:
    west, _, east, _ = part.bounds
    first, last = math.floor((west + 180) / 360), math.ceil((east + 180) / 360)
    if last - first <= 1:
        # A point on the antimeridian stays on its side.
        return [_moved(part, -360 * (0 if west >= -180 and east <= 180 else first))]
    valid = part if part.is_valid else shapely.make_valid(part)
    found = []
    for turn in range(first, last):
        window = shapely.box(360 * turn - 180, -91, 360 * turn + 180, 91)
        piece = _moved(shapely.intersection(valid, window), -360 * turn)
        found += [one for one in simple(piece) if shapely.get_dimensions(one) == shapely.get_dimensions(part)]
    # Once around and more: what meets or overlaps is one.
    return list(simple(shapely.union_all(found))) if east - west > 360 - 1e-9 else found


def _moved(shape: shapely.Geometry, degrees: float) -> shapely.Geometry:
    return shapely.transform(shape, lambda xy: xy + np.array([degrees, 0])) if degrees else shape


def _together(parts: list[shapely.Geometry]) -> shapely.Geometry:
    if len(parts) == 1:
        return parts[0]
    kinds = {part.geom_type for part in parts}
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(parts)
    if kinds <= {"LineString", "LinearRing"}:
        return shapely.MultiLineString(parts)
    return shapely.MultiPoint(parts) if kinds == {"Point"} else shapely.GeometryCollection(parts)


def _rings(shape: shapely.Geometry, change: Callable[[Array], Array]) -> shapely.Geometry:
    """A shape with its lines and rings changed; the shape itself where no line does."""
    if hasattr(shape, "geoms"):
        parts = [_rings(part, change) for part in shape.geoms]
        same = all(new is old for new, old in zip(parts, shape.geoms, strict=True))
        return shape if same else _together([part for part in parts if not part.is_empty])
    if shape.is_empty or shape.geom_type == "Point":
        return shape
    if shape.geom_type != "Polygon":
        line = change(xy := shapely.get_coordinates(shape))
        return shape if line is xy else shapely.LineString(line)
    old = [shapely.get_coordinates(ring) for ring in (shape.exterior, *shape.interiors)]
    new = [change(xy) for xy in old]
    if all(one is other for one, other in zip(old, new, strict=True)):
        return shape
    outer = _closed(new[0])
    middle = (outer[:, 0].min() + outer[:, 0].max()) / 2
    holes = []
    for ring in map(_closed, new[1:]):
        turns = round((middle - (ring[:, 0].min() + ring[:, 0].max()) / 2) / 360)
        holes.append(ring + np.array([360 * turns, 0]))
    return shapely.Polygon(outer, holes)


def _closed(ring: Array) -> Array:
    """A ring that went around the globe closed over the nearer pole."""
    (first, start), last = ring[0], ring[-1, 0]
    if abs(last - first) < 180:
        return ring
    # All the way round in the ring, then along the pole, where the longitude is of no account.
    pole = math.copysign(90.0, ring[:, 1].mean())
    return np.vstack([ring, [[last, pole], [first, pole], [first, start]]])


def _unrolled(xy: Array) -> Array:
    """Longitudes without jumps: each edge takes the shorter way. One of whole turns goes around, as it is given."""
    steps = np.diff(xy[:, 0])
    turns = np.where(np.abs(steps) % 360 == 0, 0, np.ceil((np.abs(steps) - 180) / 360)) * np.sign(steps)
    if not turns.any():
        return xy
    return np.column_stack([xy[:, 0] - 360 * np.concatenate([[0], np.cumsum(turns)]), xy[:, 1]])


def _bent(xy: Array) -> Array:
    """A line whose edges follow great circles, longitudes without jumps."""
    line = _unrolled(xy)
    found, changed = [line[:1]], line is not xy
    ends = np.abs(np.diff(line[:, 0])) >= _STRAIGHT
    if not ends.any():
        return line
    for place, long in enumerate(ends.tolist()):
        edge = _great_circle(line[place], line[place + 1]) if long else None
        changed = changed or edge is not None
        found.append(line[place + 1:place + 2] if edge is None else edge[1:])
    return np.vstack(found) if changed else xy


def _great_circle(start: Array, end: Array) -> Array | None:
    """(N, 2) vertices of an edge in degrees, its ends included; None where it is straight."""
    (west, south), (east, north) = start, end
    polar = [abs(lat) > 90 - 1e-9 for lat in (south, north)]
    if abs(east - west) > 180 or all(polar) or (abs(south + north) < 1e-12 and abs(east - west) == 180):
        return None  # around the globe, on a pole, or no way is the shortest
    if any(polar):
        corner = (west, north) if polar[1] else (east, south)
        return np.array([start, corner, end])
    if abs(east - west) == 180:
        pole = math.copysign(90.0, south + north)
        return np.array([start, (west, pole), (east, pole), end])
    one, other = _vectors(np.array([start, end]))
    angle = math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other))

    def at(share: Array) -> Array:
        across = share[:, None]
        x, y, z = ((np.sin((1 - across) * angle) * one + np.sin(across * angle) * other) / math.sin(angle)).T
        lon, lat = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
        return np.column_stack([lon + 360 * np.round((west + share * (east - west) - lon) / 360), lat])

    shares, points = np.array([0.0, 1.0]), np.array([start, end])
    while len(shares) < _MOST_VERTICES:
        # How far the middle of each piece is from the middle of its chord in degrees.
        middles = (shares[1:] + shares[:-1]) / 2
        bent = at(middles)
        off = bent - (points[1:] + points[:-1]) / 2
        off[:, 0] *= np.cos(np.radians(bent[:, 1]))
        far = np.flatnonzero(np.radians(np.hypot(off[:, 0], off[:, 1])) * _RADIUS >= TOLERANCE)
        if not len(far):
            break
        shares = np.insert(shares, far + 1, middles[far])
        points = np.insert(points, far + 1, bent[far], axis=0)
    return None if len(points) == 2 else points


def _vectors(xy: Array) -> Array:
    lon, lat = np.radians(xy).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
