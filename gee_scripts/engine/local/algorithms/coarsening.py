"""Images whose pixels are reduced to those of coarser grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.reductions import least, over_stack, stacked_type
from gee_scripts.engine.local.algorithms.reprojection import unprojected, window_of
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, Projection, pixels_of, transformer
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, Node, PixelType
from gee_scripts.engine.local.values import Image, Part, Reducer

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Covered:
    """Which pixels of a grid the pixels of a domain cover: the bounds of each, in pixels of the window, and whether
    it has a place there."""

    left: Array
    right: Array
    top: Array
    bottom: Array
    there: Array
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
        x, y = unprojected(projection.transform, x, y)
        # Edges within a millionth of a pixel of a grid line are on it.
        with np.errstate(invalid="ignore"):
            xs.append(np.where(np.abs(x - np.rint(x)) < 1e-6, np.rint(x), x))
            ys.append(np.where(np.abs(y - np.rint(y)) < 1e-6, np.rint(y), y))
    bounds = [np.minimum.reduce(xs), np.maximum.reduce(xs), np.minimum.reduce(ys), np.maximum.reduce(ys)]
    there = np.logical_and.reduce([np.isfinite(side) for side in bounds])
    # One pixel stands for what has no place, and does not count.
    for low, high in ((0, 1), (2, 3)):
        first = bounds[low][there].min() if there.any() else 0.0
        bounds[low], bounds[high] = np.where(there, bounds[low], first), np.where(there, bounds[high], first + 1)
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
    return Covered(left=bounds[0] - left, right=bounds[1] - left, top=bounds[2] - top, bottom=bounds[3] - top,
                   there=there, around=window_of(projection, top, left, max(height, 1), max(width, 1)))


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
        area = np.where(found.there[rows], (right - left) * (bottom - top), np.inf)
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
