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
from gee_scripts.engine.local.rasters.pyramids import halvings
from gee_scripts.engine.local.rasters.raster import Node, PixelType
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Between:
    """Where the centres of a domain lie among the pixels of a grid.

    Attributes:
        columns, rows: in pixels from the window's corner, 0.5 at the centre of the first pixel.
        there: which of them have a place near the image.
        nearest: whether some may have no pixel around them that counts: they take the one they lie in.
        around: the pixels that are needed, a window of the endless grid at the level of the domain.
    """

    columns: Array
    rows: Array
    there: NDArray[np.bool_]
    nearest: bool
    around: Grid


@lru_cache(maxsize=8)
def _between(domain: Domain, projection: Projection, reach: int, size: tuple[int, int] | None) -> Between:
    # Coarse pixels lie between those of a level of about their size, as they are read from the pyramid.
    side = 2**halvings(projection, domain)
    a, b, c, d, e, f = projection.transform
    level = Projection(projection.crs, (a * side, b * side, c, d * side, e * side, f))
    x, y = coordinates(domain, projection.crs)
    columns, rows = unprojected(level.transform, x, y)
    there = np.isfinite(columns) & np.isfinite(rows)
    if size is not None:
        # Beyond an asset's edges nothing is to be read, however far a wide domain goes.
        with np.errstate(invalid="ignore"):
            there &= (columns > -reach) & (columns < size[1] / side + reach)
            there &= (rows > -reach) & (rows < size[0] / side + reach)
    columns, rows = (np.where(there, place, place[there].min() if there.any() else 0.0) for place in (columns, rows))
    left, top = math.floor(columns.min() - reach), math.floor(rows.min() - reach)
    width, height = math.ceil(columns.max() + reach) - left + 1, math.ceil(rows.max() + reach) - top + 1
    return Between(columns=columns - left, rows=rows - top, there=there, nearest=side > 1 or not there.all(),
                   around=window_of(level, top, left, height, width))


def _linear(apart: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(apart), 0))


def _cubic(apart: Array) -> Array:
    """Keys's kernel with a = -1/2, that of GDAL."""
    s = np.abs(apart)
    return np.where(s <= 1, (1.5 * s - 2.5) * s * s + 1, np.where(s < 2, ((-0.5 * s + 2.5) * s - 4) * s + 2, 0))


_KERNELS = {"bilinear": (1, _linear), "bicubic": (2, _cubic)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Interpolated(Node):
    """Values between the pixels of a projection; on its own grid the values themselves.

    Attributes:
        size: (rows, columns) of the asset; None where it is not known.
    """

    values: Node
    mask: Node
    projection: Projection
    mode: str
    size: tuple[int, int] | None

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Values and masks around the centres."""
        if aligned(domain, self.projection):
            return [(self.values, domain)]
        found = _between(domain, self.projection, _KERNELS[self.mode][0], self.size)
        needed: list[tuple[Node, Domain]] = [(self.values, found.around), (self.mask, found.around)]
        return [*needed, (self.values, domain)] if found.nearest else needed

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """Sums weighted by distances and masks, over the sums of the weights."""
        if len(arrays) == 1:
            return arrays[0]
        reach, kernel = _KERNELS[self.mode]
        found = _between(domain, self.projection, reach, self.size)
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
        counts = (np.abs(weights) > 1e-9) & found.there
        return np.where(counts, total / np.where(weights == 0, 1, weights), arrays[2] if found.nearest else 0)


@algorithm("Image.resample",
           differs="integers become floats; masked neighbours do not count, and the mask is that of the pixel a centre "
                   "lies in",
           source="https://developers.google.com/earth-engine/guides/resample")
def resample(image: Image, mode: str) -> Image:
    """The image interpolated on other grids than its own; composites stay as they are."""
    if mode not in _KERNELS:
        raise AlgorithmError(f"'{mode}' is no interpolation", mend="use bilinear or bicubic")
    return image.with_bands(band if band.composite or band.type.dimensions else replace(
        band, type=PixelType(quotient(band.type.dtype, band.type.dtype)), values=Interpolated(
            values=band.values, mask=band.mask, projection=band.projection, mode=mode,
            size=band.size)) for band in image.bands)
