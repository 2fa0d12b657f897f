"""Images on other grids than their own: interpolated, reduced, and moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from agrispec.grid import Affine, Grid
from gee_scripts.engine.local.algorithms.arithmetic import quotient
from gee_scripts.engine.local.algorithms.reductions import least, over_stack, stacked_type
from gee_scripts.engine.local.algorithms.reprojection import aligned, pixels_below
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import (
    Domain,
    Points,
    Projection,
    coordinates,
    pixels_of,
    transformer,
)
from gee_scripts.engine.local.rasters.raster import VALID, Apply, Band, Mask, Node, PixelType
from gee_scripts.engine.local.values import Image, Part, Reducer

Array = NDArray[Any]
# Pixels that one request may have to read of the finer grid.
_MOST = 2**26


# -- between the pixels

@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Between:
    """Where the centres of a domain lie among the pixels of a grid.

    Attributes:
        columns, rows: in pixels from the window's corner, 0.5 at the centre of the first pixel.
        around: the pixels that are needed, a window of the endless grid.
    """

    columns: Array
    rows: Array
    around: Grid


@lru_cache(maxsize=8)
def _between(domain: Domain, projection: Projection, reach: int) -> Between:
    x, y = coordinates(domain, projection.crs)
    columns, rows = _unprojected(projection.transform, x, y)
    left, top = math.floor(columns.min() - reach), math.floor(rows.min() - reach)
    width, height = math.ceil(columns.max() + reach) - left + 1, math.ceil(rows.max() + reach) - top + 1
    _check(width * height)
    endless = Grid(crs=projection.crs, transform=projection.transform, width=1, height=1)
    return Between(columns=columns - left, rows=rows - top, around=endless.window(top, left, height, width))


def _check(number: int) -> None:
    if number > _MOST:
        raise AlgorithmError(f"{number} pixels of the image's own grid would have to be read at once",
                             mend="reproject the image to a coarser scale first, or ask for a smaller area")


def _unprojected(transform: Affine, x: Array, y: Array) -> tuple[Array, Array]:
    a, b, c, d, e, f = transform
    size = a * e - b * d
    return (e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size


def _linear(apart: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(apart), 0))


def _cubic(apart: Array) -> Array:
    """Keys's kernel with a = -1/2, that of GDAL."""
    s = np.abs(apart)
    return np.where(s <= 1, (1.5 * s - 2.5) * s * s + 1, np.where(s < 2, ((-0.5 * s + 2.5) * s - 4) * s + 2, 0))


_KERNELS = {"bilinear": (1, _linear), "bicubic": (2, _cubic)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Interpolated(Node):
    """Values between the pixels of a projection; on its own grid the values themselves."""

    values: Node
    mask: Node
    projection: Projection
    mode: str

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Values and masks around the centres."""
        if aligned(domain, self.projection):
            return [(self.values, domain)]
        around = _between(domain, self.projection, _KERNELS[self.mode][0]).around
        return [(self.values, around), (self.mask, around)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """Sums weighted by distances and masks, over the sums of the weights."""
        if len(arrays) == 1:
            return arrays[0]
        reach, kernel = _KERNELS[self.mode]
        found = _between(domain, self.projection, reach)
        values = np.broadcast_to(np.asarray(arrays[0], np.float64), found.around.shape)
        known = np.broadcast_to(1.0 if arrays[1] is None else arrays[1].astype(np.float64), found.around.shape)
        first_row, first_column = (np.floor(place - 0.5).astype(np.int64) for place in (found.rows, found.columns))
        total, weights = np.zeros(domain.shape), np.zeros(domain.shape)
        for down in range(1 - reach, reach + 1):
            row = first_row + down
            along = kernel(found.rows - 0.5 - row)
            for right in range(1 - reach, reach + 1):
                column = first_column + right
                share = along * kernel(found.columns - 0.5 - column) * known[row, column]
                weights += share
                total += share * np.where(share != 0, values[row, column], 0)
        return np.where(np.abs(weights) > 1e-9, total / np.where(weights == 0, 1, weights), 0)


@algorithm("Image.resample",
           differs="integers become floats; masked neighbours do not count, and the mask is that of the pixel a centre "
                   "lies in; always from the pixels of the finest level",
           source="https://developers.google.com/earth-engine/guides/resample")
def resample(image: Image, mode: str) -> Image:
    """The image interpolated on other grids than its own; composites stay as they are."""
    if mode not in _KERNELS:
        raise AlgorithmError(f"'{mode}' is no interpolation", mend="use bilinear or bicubic")
    return image.with_bands(band if band.composite or band.type.dimensions else replace(
        band, type=PixelType(quotient(band.type.dtype, band.type.dtype)), values=Interpolated(
            values=band.values, mask=band.mask, projection=band.projection, mode=mode)) for band in image.bands)


# -- many pixels to one

@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Covered:
    """Which pixels of a grid the pixels of a domain cover: the bounds of each, in pixels of the window."""

    left: Array
    right: Array
    top: Array
    bottom: Array
    around: Grid


@lru_cache(maxsize=8)
def _covered(domain: Domain, projection: Projection, most: float) -> Covered:
    columns, rows, (a, b, c, d, e, f) = pixels_of(domain)
    xs, ys = [], []
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        across, along = np.broadcast_arrays(columns + right, rows + down)
        x, y = a * across + b * along + c, d * across + e * along + f
        if domain.crs != projection.crs:
            x, y = transformer(domain.crs, projection.crs).transform(x, y)
        x, y = _unprojected(projection.transform, x, y)
        # Edges within a millionth of a pixel of a grid line are on it.
        xs.append(np.where(np.abs(x - np.rint(x)) < 1e-6, np.rint(x), x))
        ys.append(np.where(np.abs(y - np.rint(y)) < 1e-6, np.rint(y), y))
    bounds = [np.minimum.reduce(xs), np.maximum.reduce(xs), np.minimum.reduce(ys), np.maximum.reduce(ys)]
    count = float(((bounds[1] - bounds[0]) * (bounds[3] - bounds[2])).max())
    if count > most * (1 + 1e-6):
        raise AlgorithmError(f"Too many input pixels per output pixel. Found {math.ceil(count)}, but maxPixels allows "
                             f"only {most:g}", mend="use a larger maxPixels, or a smaller scale")
    for low, high in ((0, 1), (2, 3)):
        if (bounds[high] - bounds[low]).max() <= 1 + 1e-6 and count <= 1 + 1e-6:
            # Pixels that are no coarser take the one pixel below their centre.
            bounds[low] = np.floor((bounds[low] + bounds[high]) / 2 + 1e-6)
            bounds[high] = bounds[low] + 1
    left, top = math.floor(bounds[0].min()), math.floor(bounds[2].min())
    width, height = math.ceil(bounds[1].max()) - left, math.ceil(bounds[3].max()) - top
    _check(width * height)
    endless = Grid(crs=projection.crs, transform=projection.transform, width=1, height=1)
    return Covered(left=bounds[0] - left, right=bounds[1] - left, top=bounds[2] - top, bottom=bounds[3] - top,
                   around=endless.window(top, left, max(height, 1), max(width, 1)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reduced(Node):
    """(values of the outputs, valid) of a reducer over the pixels that each pixel covers."""

    values: Node
    mask: Node
    projection: Projection
    part: Part
    most: float

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The finer pixels."""
        around = _covered(domain, self.projection, self.most).around
        return [(self.values, around), (self.mask, around)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> tuple[tuple[Array, ...], Array]:
        """A few rows of the domain at a time: every finer pixel is looked at for each."""
        found = _covered(domain, self.projection, self.most)
        values = np.broadcast_to(np.asarray(arrays[0]), found.around.shape)
        known = np.broadcast_to(1.0 if arrays[1] is None else np.asarray(arrays[1], np.float64), found.around.shape)
        tall = int((np.ceil(found.bottom) - np.floor(found.top)).max())
        wide = int((np.ceil(found.right) - np.floor(found.left)).max())
        line = max(int(np.prod(domain.shape[1:])), 1) * tall * wide
        step = max(2**22 // line, 1)
        parts = [self._some(slice(start, start + step), found, values, known, tall, wide)
                 for start in range(0, domain.shape[0], step)]
        outputs = tuple(np.concatenate(each) for each in zip(*(one for one, _ in parts), strict=True))
        return outputs, np.concatenate([valid for _, valid in parts])

    def _some(self, rows: slice, found: Covered, values: Array, known: Array, tall: int,
              wide: int) -> tuple[tuple[Array, ...], Array]:
        left, right, top, bottom = (side[rows] for side in (found.left, found.right, found.top, found.bottom))
        stack, weights = [], []
        for down in range(tall):
            row = np.floor(top).astype(np.int64) + down
            along = np.clip(np.minimum(bottom, row + 1) - np.maximum(top, row), 0, 1)
            row = np.minimum(row, values.shape[0] - 1)
            for over in range(wide):
                column = np.floor(left).astype(np.int64) + over
                across = np.clip(np.minimum(right, column + 1) - np.maximum(left, column), 0, 1)
                column = np.minimum(column, values.shape[1] - 1)
                stack.append(values[row, column])
                weights.append(along * across * known[row, column])
        area = (right - left) * (bottom - top)
        return reduced(self.part, np.stack(stack), np.stack(weights) / area)


def reduced(part: Part, values: Array, weights: Array) -> tuple[tuple[Array, ...], Array]:
    """The outputs of a reducer of weighted values over axis 0, and where they are there."""
    valid = weights > 0
    known = valid.sum(axis=0) >= least(part)
    # The weights of a pixel add up to 1, which leaves no degree of freedom.
    if part.kind in ("sampleStdDev", "sampleVariance"):
        return over_stack(part, values, valid), known
    return over_shares(part, values, weights), known


@algorithm("Image.reduceResolution", lacks="reducers of several inputs; bestEffort does not start from coarser pixels",
           differs="pixels are weighed by the bounds of the output pixel in the image's own projection; sample "
                   "variances and deviations are not weighted",
           source="https://developers.google.com/earth-engine/guides/resample")
def reduce_resolution(image: Image, reducer: Reducer, best_effort: bool, most: float) -> Image:
    """The image with its pixels reduced to those of coarser grids."""
    if any(band.composite for band in image.bands):
        raise AlgorithmError("the image is a composite: it has only the default projection",
                             mend="use Image.setDefaultProjection first")
    if any(part.inputs != (0,) for part in reducer.parts):
        raise AlgorithmError("reducers of several inputs are not implemented by the local engine",
                             mend="use a reducer of one input")
    single = len(reducer.outputs) == 1
    bands: list[Band] = []
    for band in image.bands:
        for part in reducer.parts:
            found = Reduced(values=band.values, mask=band.mask, projection=band.projection, part=part, most=most)
            dtype = stacked_type(part.kind, band.type.dtype)
            for place, output in enumerate(part.outputs):
                bands.append(replace(band, name=band.name if single else f"{band.name}_{output}", size=None,
                                     type=PixelType(dtype), mask=Apply(_valid, (found,)),
                                     values=Apply(partial(_output, place, dtype), (found,))))
    return image.with_bands(bands)


def _output(place: int, dtype: np.dtype[Any], found: tuple[tuple[Array, ...], Array]) -> Array:
    return np.where(found[1], found[0][place], 0).astype(dtype)


def _valid(found: tuple[tuple[Array, ...], Array]) -> Mask:
    return None if found[1].all() else found[1]


# -- moved

@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Moved(Node):
    """A node whose pixels in one projection are shown at the same pixels of another."""

    node: Node
    source: Projection
    target: Projection

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The node where the domain's pixels come from."""
        if domain.crs != self.target.crs:
            domain = pixels_below(domain, Projection(self.target.crs, _fine(domain, self.target)))
        return [(self.node, _domain_moved(domain, self.source, self.target))]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The node's array in the shape of the domain."""
        array = arrays[0]
        if array is None or np.ndim(array) == 0 or domain.crs == self.target.crs:
            return array
        count = math.prod(domain.shape)
        return np.broadcast_to(array, (count, *array.shape[1:])).reshape(*domain.shape, *array.shape[1:])


def _fine(domain: Domain, target: Projection) -> Affine:
    """A grid of the target's CRS, a thousand times as fine as its pixels: places between them keep their place."""
    a, b, c, d, e, f = target.transform
    return a / 1024, b / 1024, c, d / 1024, e / 1024, f


@lru_cache(maxsize=16)
def _domain_moved(domain: Domain, source: Projection, target: Projection) -> Domain:
    if isinstance(domain, Points):
        return Points(Projection(source.crs, _composed(source.transform, _inverse(target.transform),
                                                       domain.projection.transform)), domain.columns, domain.rows)
    return replace(domain, crs=source.crs,
                   transform=_composed(source.transform, _inverse(target.transform), domain.transform))


def _inverse(transform: Affine) -> Affine:
    a, b, c, d, e, f = transform
    size = a * e - b * d
    return e / size, -b / size, (b * f - c * e) / size, -d / size, a / size, (c * d - a * f) / size


def _composed(*transforms: Affine) -> Affine:
    """The last transform, then the one before it, and so on."""
    found = np.eye(3)
    for transform in transforms:
        found = found @ np.array([transform[:3], transform[3:], (0, 0, 1)])
    a, b, c, d, e, f = map(float, found[:2].ravel())
    return a, b, c, d, e, f


@algorithm("Image.changeProj")
def change_projection(image: Image, source: Projection, target: Projection) -> Image:
    """The image with each pixel at the same coordinates of another projection."""
    bands = []
    masks: dict[int, Node] = {}
    for band in image.bands:
        own = band.projection
        if own.crs == source.crs:
            own = Projection(target.crs, _composed(target.transform, _inverse(source.transform), own.transform))
        else:
            own = target
        mask = band.mask if band.mask is VALID else masks.setdefault(
            id(band.mask), Moved(node=band.mask, source=source, target=target))
        bands.append(replace(band, projection=own, mask=mask, size=None,
                             values=Moved(node=band.values, source=source, target=target)))
    footprint = image.footprint
    if footprint is not None:
        # What was at a place of the source's CRS is at that of the target's.
        way = _composed(target.transform, _inverse(source.transform))
        footprint = tuple(_shape_moved(shape, source.crs, target.crs, way) for shape in footprint)
    return replace(image, bands=tuple(bands), footprint=footprint, id=None)


def _shape_moved(shape: Geometry, source: str, target: str, way: Affine) -> Geometry:
    a, b, c, d, e, f = way
    moved = shapely.transform(shape.to(source), lambda xy: np.column_stack(
        [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f]))
    return Geometry(moved, target, shape.geodesic)


@algorithm("Image.translate",
           differs="y counts in the direction of the projection's y axis (northwards) in metres, and in that of its "
                   "rows in pixels")
def translate(image: Image, x: float, y: float, units: str, projection: Projection | None) -> Image:
    """The image moved."""
    if units not in ("meters", "pixels"):
        raise AlgorithmError(f"'{units}' is no unit", mend="use meters or pixels")
    if not image.bands:
        return image
    base = projection or image.bands[0].projection
    a, b, c, d, e, f = base.transform
    if units == "pixels":
        moved = Projection(base.crs, (a, b, c + a * x + b * y, d, e, f + d * x + e * y))
    else:
        moved = Projection(base.crs, (a, b, c + x / base.unit_metres, d, e, f + y / base.unit_metres))
    return change_projection(image, base, moved)
