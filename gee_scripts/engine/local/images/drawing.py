"""Geometries on the pixels of a domain, and the shapes that mark points and lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.ops import substring

from agrispec.grid import Grid
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.rasters.domains import Domain, Points, is_geographic

Array = NDArray[Any]


def raster_of(domain: Domain) -> Grid:
    """The domain, or the raster that covers its points."""
    return domain.cover() if isinstance(domain, Points) else domain


def at_domain(domain: Domain, plane: Array) -> Array:
    """What a plane over `raster_of` the domain holds at the domain."""
    if isinstance(domain, Points):
        return plane[..., domain.rows - domain.rows.min(), domain.columns - domain.columns.min()]
    return plane


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Geometries that are found by where they are; each is projected once a CRS.

    Attributes:
        geometries: in the order that they are drawn in.
    """

    geometries: Sequence[Geometry]
    _trees: dict[str, tuple[Array, shapely.STRtree]] = field(default_factory=dict, repr=False)

    def near(self, grid: Grid, reach: float) -> tuple[Array, Array]:
        """(places, shapes) of those within `reach` pixels of a grid, in order; shapes in the grid's pixels, rows
        downwards."""
        if grid.crs not in self._trees:
            shapes = np.array([item.to(grid.crs) for item in self.geometries], object)
            self._trees[grid.crs] = shapes, shapely.STRtree(shapes)
        shapes, tree = self._trees[grid.crs]
        n = math.ceil(reach)
        around = grid.window(-n, -n, grid.height + 2 * n, grid.width + 2 * n)
        west, south, east, north = around.bounds
        found = np.sort(tree.query(shapely.box(*around.bounds)))
        if is_geographic(grid.crs) and (west < -180 or east > 180):
            # A grid that goes on beyond the antimeridian shows what is on the other side of the map.
            turned = {turn: tree.query(shapely.box(west - turn, south, east - turn, north)) for turn in (-360, 0, 360)}
            order = sorted((place, turn) for turn, hit in turned.items() for place in hit.tolist())
            found = np.array([place for place, _ in order], np.int64)
            shown = np.array([shapely.transform(shapes[place], lambda xy, turn=turn: xy + np.array([turn, 0]))
                              for place, turn in order], object)
        else:
            shown = shapes[found]
        a, b, c, d, e, f = grid.transform
        size = a * e - b * d
        return found, shapely.transform(shown, lambda xy: np.column_stack(
            [(e * (xy[:, 0] - c) - b * (xy[:, 1] - f)) / size, (a * (xy[:, 1] - f) - d * (xy[:, 0] - c)) / size]))


def burnt(shapes: Sequence[shapely.Geometry], values: Sequence[float], grid: Grid, touched: bool = False) -> Array:
    """(row, column) float64: the value of the last shape that holds a pixel's centre (or, if `touched`, any of the
    pixel), NaN where there is none. Shapes are in pixels."""
    pairs = [(shape, float(value)) for shape, value in zip(shapes, values, strict=True) if not shape.is_empty]
    if not pairs:
        return np.full(grid.shape, np.nan)
    return np.asarray(rasterize(pairs, out_shape=grid.shape, fill=np.nan, all_touched=touched, dtype="float64"))


def outline(shape: shapely.Geometry) -> shapely.Geometry:
    """The lines of a shape: the rings of polygons, lines themselves, no points."""
    lines = []
    for part in parts(shape):
        if part.geom_type == "Polygon":
            lines += [shapely.LineString(ring.coords) for ring in (part.exterior, *part.interiors)]
        elif part.geom_type in ("LineString", "LinearRing"):
            lines.append(shapely.LineString(part.coords))
    return shapely.MultiLineString(lines)


def parts(shape: shapely.Geometry) -> list[shapely.Geometry]:
    """The points, lines and polygons of a shape."""
    if hasattr(shape, "geoms"):
        return [one for part in shape.geoms for one in parts(part)]
    return [] if shape.is_empty else [shape]


def broken(lines: shapely.Geometry, width: float, pattern: str) -> shapely.Geometry:
    """Lines in dashes (three widths, two between) or dots (one, one and a half between); solid ones as they are."""
    if pattern == "solid":
        return lines
    on, off = (3 * width, 2 * width) if pattern == "dashed" else (width * 1e-3, 2.5 * width)
    pieces = []
    for line in parts(lines):
        for start in np.arange(0, line.length, max(on + off, 0.5)):
            pieces.append(substring(line, start, min(start + on, line.length)))
    return shapely.GeometryCollection(pieces)


def _ring(corners: int, turn: float = 0.0, inner: float | None = None) -> list[tuple[float, float]]:
    """Corners on the unit circle, the first one upwards; with others between them at `inner` they are a star."""
    count = corners if inner is None else 2 * corners
    radii = [1.0 if inner is None or place % 2 == 0 else inner for place in range(count)]
    angles = [2 * math.pi * place / count + turn for place in range(count)]
    return [(radius * math.sin(angle), -radius * math.cos(angle)) for radius, angle in zip(radii, angles, strict=True)]


_HALF, _QUARTER = math.pi, math.pi / 2
MARKERS: dict[str, shapely.Geometry] = {
    "circle": shapely.Point(0, 0).buffer(1, quad_segs=16), "square": shapely.box(-1, -1, 1, 1),
    "diamond": shapely.Polygon(_ring(4)), "triangle": shapely.Polygon(_ring(3)),
    "triangle_down": shapely.Polygon(_ring(3, _HALF)), "triangle_left": shapely.Polygon(_ring(3, -_QUARTER)),
    "triangle_right": shapely.Polygon(_ring(3, _QUARTER)), "pentagon": shapely.Polygon(_ring(5)),
    "hexagon": shapely.Polygon(_ring(6)), "pentagram": shapely.Polygon(_ring(5, inner=0.381966)),
    "hexagram": shapely.Polygon(_ring(6, inner=0.57735)),
    "cross": shapely.MultiLineString([[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]]),
    "plus": shapely.MultiLineString([[(-1, 0), (1, 0)], [(0, -1), (0, 1)]]),
}
"""Shape of a marker of radius 1, rows downwards; those of lines have no inside."""
MARKERS |= {short: MARKERS[name] for short, name in {
    "triangle_up": "triangle", "star5": "pentagram", "star6": "hexagram", "o": "circle", "s": "square", "d": "diamond",
    "x": "cross", "+": "plus", "p": "pentagram", "h": "hexagram", "^": "triangle", "v": "triangle_down",
    "<": "triangle_left", ">": "triangle_right"}.items()}


def marked(point: shapely.Point, marker: str, radius: float) -> shapely.Geometry:
    """A marker around a point."""
    return shapely.transform(MARKERS[marker], lambda xy: xy * radius + (point.x, point.y))
