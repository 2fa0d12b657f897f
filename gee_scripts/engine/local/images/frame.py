"""Where to compute: the projection that is asked for, the pixels of a region, the grid of an export."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.rasters.domains import WGS84, Points, Projection, coordinates, is_geographic
from gee_scripts.engine.local.rasters.globe import continued, halves
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.values import Image, geometry_of


def projection_for(image: Image, scale: float | None, projection: Projection | None,
                   transform: Sequence[float] | None = None) -> Projection:
    """The grid to sample or reduce an image on.

    Args:
        image: its first band gives what is not asked for.
        scale: metres of a pixel.
        projection: CRS, and the grid too where no scale is given.
        transform: instead of a scale.

    Raises:
        EngineError: nothing but the default projection of a composite (1 degree) is left. The service would
            compute on it without a word, and what comes out is of no use.
    """
    if not image.bands:
        raise EngineError("Image has no bands", mend="select at least one band")
    band = image.bands[0]
    if transform is not None:
        return (projection or band.projection).with_transform(transform)
    if scale is not None:
        return (projection or band.projection).at_scale(scale)
    given = projection if projection is not None else None if band.composite else band.projection
    if given is None or (band.composite and given.transform == WGS84.transform):
        raise EngineError(f"band '{band.name}' is a composite: it has only the default projection, EPSG:4326 with "
                          "pixels of 1 degree", mend="give scale (metres) or crsTransform")
    return given


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RegionPixels:
    """Pixels of a projection that a geometry touches.

    Attributes:
        columns, rows: (N,) int64.
        weights: (N,) float32, the share of each pixel that lies inside, in steps of 1/256.
        central: (N,) bool, whether its centre lies inside.
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: NDArray[np.float32]
    central: NDArray[np.bool_]


# Pixels of one region stand in memory together, some 100 bytes each.
_MOST_AT_ONCE = 50_000_000


def region_pixels(geometry: Geometry, projection: Projection, most: float | None = None) -> RegionPixels:
    """The pixels of a geometry: of points those that hold them, of lines those they cross, of areas those that
    they cover in part.

    Raises:
        EngineError: there are more than `most` in its bounds.
    """
    shape = geometry.to(projection.crs)
    if hasattr(shape, "geoms") and is_geographic(projection.crs) and len(sides := halves(shape)) > 1:
        # Each side of the antimeridian in its own bounds: between them lies the rest of the globe.
        found = [region_pixels(Geometry(side, projection.crs), projection, most) for side in sides]
        return RegionPixels(**{name: np.concatenate([getattr(one, name) for one in found])
                               for name in ("columns", "rows", "weights", "central")})
    a, b, c, d, e, f = projection.transform
    if shape.is_empty:
        nothing = np.empty(0, np.int64)
        return RegionPixels(columns=nothing, rows=nothing, weights=np.empty(0, np.float32),
                            central=np.empty(0, np.bool_))
    size = a * e - b * d
    if isinstance(shape, shapely.Point):
        # As below, without what only several need: samples are thousands of points.
        x, y = shape.x - c, shape.y - f
        return RegionPixels(columns=np.floor([(e * x - b * y) / size + 1e-6]).astype(np.int64),
                            rows=np.floor([(a * y - d * x) / size + 1e-6]).astype(np.int64),
                            weights=np.ones(1, np.float32), central=np.ones(1, np.bool_))
    _check_finite(shape, projection)
    # In pixels from here on: a pixel is a unit square.
    unit = shapely.transform(shape, lambda xy: np.column_stack(
        [(e * (xy[:, 0] - c) - b * (xy[:, 1] - f)) / size, (a * (xy[:, 1] - f) - d * (xy[:, 0] - c)) / size]))
    if unit.geom_type in ("Point", "MultiPoint"):
        # A point within a millionth of a pixel of an edge is on it, and belongs to the pixel that begins there.
        cells = np.unique(np.floor(shapely.get_coordinates(unit) + 1e-6).astype(np.int64), axis=0)
        ones = np.ones(len(cells))
        return RegionPixels(columns=cells[:, 0], rows=cells[:, 1], weights=ones.astype(np.float32),
                            central=ones.astype(np.bool_))
    west, south, east, north = unit.bounds
    left, top = math.floor(west + 1e-6), math.floor(south + 1e-6)
    width, height = max(math.ceil(east - 1e-6) - left, 1), max(math.ceil(north - 1e-6) - top, 1)
    if width * height > _MOST_AT_ONCE and (most is None or width * height <= most):
        raise EngineError(f"User memory limit exceeded: {width * height} pixels in one region",
                          mend="use a larger scale or a smaller region, or export an image")
    if most is not None and width * height > most:
        raise EngineError(f"Too many pixels in the region. Found {width * height}, but maxPixels allows only {most:g}",
                          mend="use a larger scale, a smaller region, or a higher maxPixels")
    areal, far = unit.geom_type in ("Polygon", "MultiPolygon", "GeometryCollection"), max(width, height) > _PART
    if areal and not unit.is_valid:
        unit = shapely.make_valid(unit)
    shapely.prepare(unit)
    # Part by part: a thin region across wide bounds is looked at where it lies, and a request that ends, ends here.
    go_on = GO_ON.get()
    strips: list[tuple[NDArray[Any], ...]] = []
    for first in range(0, height, _PART):
        weights = np.zeros((min(_PART, height - first), width), np.float32)
        central = np.zeros(weights.shape, np.bool_)
        for start in range(0, width, _PART):
            go_on()
            part = slice(start, start + _PART)
            _fill(weights[:, part], central[:, part], unit, left + start, top + first, areal=areal, far=far)
        kept = central | (weights > 0)
        rows, columns = np.nonzero(kept)
        strips.append((columns + left, rows + (top + first), weights[kept], central[kept]))
    columns, rows, weights, central = (np.concatenate(parts) for parts in zip(*strips, strict=True))
    return RegionPixels(columns=columns, rows=rows, central=central,
                        weights=np.where(weights > 0, weights, np.float32(1 / 256)))


def _check_finite(shape: shapely.Geometry, projection: Projection) -> None:
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise EngineError(f"The geometry reaches beyond what the projection {projection.crs} can hold",
                          mend="give a smaller geometry, or a projection made for all of it")


# Side of the parts of a region whose pixels are looked at together.
_PART = 64


def _fill(weights: NDArray[np.float32], central: NDArray[np.bool_], unit: shapely.Geometry, left: int, top: int, *,
          areal: bool, far: bool) -> None:
    """Writes weights and whether centres are inside of the unit squares of one part of a prepared shape.

    Args:
        weights, central: (row, column) of the part, zeros; its first square begins at `left` and `top`.
        unit: the shape.
        areal: it has areas.
        far: it may reach far out of the part.
    """
    height, width = weights.shape
    if far:
        if not unit.intersects(shapely.box(left - 1, top - 1, left + width + 1, top + height + 1)):
            return
        if unit.contains_properly(shapely.box(left - 1, top - 1, left + width + 1, top + height + 1)):
            weights[...], central[...] = 1, True
            return
        # What is far off takes long, and says nothing of these pixels.
        unit = shapely.intersection(unit, shapely.box(left - 2, top - 2, left + width + 2, top + height + 2))
        shapely.prepare(unit)
    columns, rows = np.meshgrid(np.arange(left, left + width), np.arange(top, top + height))
    if not areal:
        weights[...] = central[...] = shapely.intersects(unit, shapely.box(columns, rows, columns + 1, rows + 1))
        return
    central[...] = shapely.contains_xy(unit, columns + 0.5, rows + 0.5)
    edge = unit.boundary if unit.geom_type != "GeometryCollection" else shapely.union_all(
        [part.boundary for part in shapely.get_parts(unit)])
    shapely.prepare(edge)
    near = shapely.dwithin(edge, shapely.points(columns + 0.5, rows + 0.5), 0.7072)
    shares = central.astype(np.float64)
    squares = shapely.box(columns[near], rows[near], columns[near] + 1, rows[near] + 1)
    shares[near] = shapely.area(shapely.intersection(unit, squares))
    # https://developers.google.com/earth-engine/guides/reducers_reduce_region: weights have 8 bits.
    weights[...] = np.floor(shares * 256 + 1e-6) / 256


BLOCK = 1024
"""Side of the blocks points are read in, pixels: neighbourhoods and files are read around a block at a time."""


def blocks(projection: Projection, columns: NDArray[np.int64],
           rows: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], Points]]:
    """Pixels grouped by block: (places in the arguments, the points there)."""
    if not len(columns):
        return []
    # Counted from the first pixel: points of one area are in one block, wherever the projection's origin is.
    key = ((rows - rows.min()) // BLOCK) * 2**32 + (columns - columns.min()) // BLOCK
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.diff(key[order])) + 1
    return [(places, Points(projection, columns[places], rows[places])) for places in np.split(order, edges)]


def bounding_grid(geometry: Geometry, projection: Projection) -> Grid:
    """The smallest grid of a projection's pixels that covers the bounds of a geometry. In degrees that of one across
    the antimeridian goes on beyond 180.

    Raises:
        EngineError: the geometry is empty, or has no place in the projection.
    """
    shape = in_one(geometry, projection.crs)
    if shape.is_empty:
        raise EngineError("The geometry is empty: it covers no pixels", mend="give a region of some area")
    _check_finite(shape, projection)
    a, b, c, d, e, f = projection.transform
    west, south, east, north = shape.bounds
    size = a * e - b * d
    corners = np.array([[west, south], [west, north], [east, south], [east, north]])
    columns = (e * (corners[:, 0] - c) - b * (corners[:, 1] - f)) / size
    rows = (a * (corners[:, 1] - f) - d * (corners[:, 0] - c)) / size
    # An edge within a thousandth of a pixel of a grid line is on it: coordinates pass through projections.
    left, top = math.floor(columns.min() + 1e-3), math.floor(rows.min() + 1e-3)
    right, bottom = math.ceil(columns.max() - 1e-3), math.ceil(rows.max() - 1e-3)
    endless = Grid(crs=projection.crs, transform=projection.transform, width=1, height=1)
    return endless.window(top, left, max(bottom - top, 1), max(right - left, 1))


def in_one(geometry: Geometry, crs: str) -> shapely.Geometry:
    """A geometry in a CRS, in the one piece that `bounding_grid` covers."""
    return continued(geometry.to(crs)) if is_geographic(crs) else geometry.to(crs)


def output_grid(image: Image) -> Grid:
    """The grid an export or a thumbnail of an image is computed on.

    It is that of the image's projection (`Image.setDefaultProjection`) and of the geometry and size given by
    `Image.clipToBoundsAndScale`; without them, of its footprint.

    Raises:
        EngineError: the image has no limits, only the default projection of a composite, or limits that have no
            place on its grid.
    """
    try:
        with np.errstate(all="ignore"):
            return _output_grid(image)
    except (ValueError, ArithmeticError, shapely.GEOSException) as error:
        raise EngineError(f"Unable to place the region of the image on its grid: {error}",
                          mend="give a region that the projection can hold, of some area") from error


def _output_grid(image: Image) -> Grid:
    frame = image.output
    geometry = (frame.geometry if frame else None) or geometry_of(image)
    if geometry is None:
        raise EngineError("Unable to export an image without limits", mend="give a region")
    if frame is not None and (frame.width or frame.height or frame.largest):
        return _sized(geometry, image.bands[0].projection.crs, frame.width, frame.height, frame.largest)
    scale = frame.scale if frame else None
    return bounding_grid(geometry, projection_for(image, scale, None))


def _sized(geometry: Geometry, crs: str, width: int | None, height: int | None, largest: int | None) -> Grid:
    west, south, east, north = in_one(geometry, crs).bounds
    if largest is not None:
        side = max(east - west, north - south) / largest
        width, height = max(round((east - west) / side), 1), max(round((north - south) / side), 1)
    elif width is None or height is None:
        side = (east - west) / width if width else (north - south) / (height or 1)
        width, height = width or max(round((east - west) / side), 1), height or max(round((north - south) / side), 1)
    return Grid(crs=crs, transform=((east - west) / width, 0.0, west, 0.0, -(north - south) / height, north),
                width=width, height=height)


def lon_lat(points: Points) -> NDArray[np.float64]:
    """(N, 2) longitude and latitude of the pixel centres."""
    return np.column_stack(coordinates(points, "EPSG:4326"))

