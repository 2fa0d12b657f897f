"""Images interpolated between the pixels of their own grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.arithmetic import quotient
from gee_scripts.engine.local.algorithms.reprojection import aligned, unprojected, window_of
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, Projection, coordinates
from gee_scripts.engine.local.rasters.raster import Node, PixelType
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]


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
    columns, rows = unprojected(projection.transform, x, y)
    # What has no place there is masked anyway.
    there = np.isfinite(columns) & np.isfinite(rows)
    columns, rows = (np.where(there, place, place[there].min() if there.any() else 0.0) for place in (columns, rows))
    left, top = math.floor(columns.min() - reach), math.floor(rows.min() - reach)
    width, height = math.ceil(columns.max() + reach) - left + 1, math.ceil(rows.max() + reach) - top + 1
    return Between(columns=columns - left, rows=rows - top, around=window_of(projection, top, left, height, width))


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
