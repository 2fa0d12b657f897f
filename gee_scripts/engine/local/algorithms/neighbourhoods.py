"""Kernels, and images reduced over the neighbourhood of each pixel.

A kernel is cut into rows of pixels, so that a sum costs a difference of running sums a row, and an extreme one
running extreme a row: a circle of radius 6 takes 13 steps instead of 113.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.reducers import over_stack, stacked_type
from gee_scripts.engine.local.domains import Domain, Points, Projection
from gee_scripts.engine.local.raster import Apply, Mask, Node, PixelType, seen
from gee_scripts.engine.local.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Image, Kernel, Part, Reducer

Array = NDArray[Any]

_WIDTHS: dict[str, Callable[[float, int], int]] = {
    # Half the width of the row `offset` rows from the centre.
    "circle": lambda radius, offset: math.floor(math.sqrt(radius * radius - offset * offset) + 1e-9),
    "square": lambda radius, offset: math.floor(radius + 1e-9),
    "diamond": lambda radius, offset: math.floor(radius + 1e-9) - abs(offset),
    "plus": lambda radius, offset: 0 if offset else math.floor(radius + 1e-9),
}


def _constructor(kind: str) -> Callable[..., Kernel]:
    return lambda radius, units, normalised, magnitude: Kernel(
        kind=kind, radius=radius, units=_units(units), normalised=normalised, magnitude=magnitude)


def _units(units: str) -> str:
    if units not in ("pixels", "meters"):
        raise AlgorithmError(f"'{units}' is no unit of a kernel", mend="use pixels or meters")
    return units


for _kind in _WIDTHS:
    algorithm(f"Kernel.{_kind}")(_constructor(_kind))


@dataclass(frozen=True, slots=True)
class Rows:
    """A kernel as rows: half width of each, from the top one to the bottom one."""

    widths: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Pixels from the centre to the kernel's edge, in every direction."""
        return len(self.widths) // 2

    @property
    def cells(self) -> int:
        """Number of pixels."""
        return sum(2 * width + 1 for width in self.widths)

    def sums(self, values: Array) -> Array:
        """Sums over the neighbourhoods; `values` reach over the result's edges by `reach`."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        whole = values.dtype.kind in "biu"
        running = np.zeros((values.shape[0], values.shape[1] + 1), np.int64 if whole else np.float64)
        np.cumsum(values, axis=1, out=running[:, 1:])
        total = np.zeros((height, width), running.dtype)
        for row, half in enumerate(self.widths):
            line = running[row:row + height]
            total += line[:, n + half + 1:n + half + 1 + width] - line[:, n - half:n - half + width]
        return total

    def extremes(self, values: Array, smallest: bool) -> Array:
        """Minima, or maxima, over the neighbourhoods."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        along: dict[int, Array] = {}
        result: Array | None = None
        filtered = ndimage.minimum_filter1d if smallest else ndimage.maximum_filter1d
        for row, half in enumerate(self.widths):
            if half not in along:
                along[half] = filtered(values, 2 * half + 1, axis=1, mode="nearest") if half else values
            line = along[half][row:row + height, n:n + width]
            result = line.copy() if result is None else (np.minimum if smallest else np.maximum)(result, line)
        assert result is not None
        return result

    def stacked(self, values: Array) -> Array:
        """(cells, row, column): every neighbour of every pixel."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        return np.stack([values[row:row + height, n + shift:n + shift + width]
                         for row, half in enumerate(self.widths) for shift in range(-half, half + 1)])


def rows_of(kernel: Kernel, scale: float) -> Rows:
    """The rows of a kernel over pixels of `scale` metres."""
    radius = kernel.radius_pixels(scale)
    reach = math.floor(radius + 1e-9)
    width = _WIDTHS[kernel.kind]
    return Rows(tuple(width(radius, offset) for offset in range(-reach, reach + 1)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Neighbourhood(Node):
    """A function of the pixels around each pixel, on the grid that is asked for.

    At points it is computed on a raster of their grid that covers them all.
    """

    values: Node
    mask: Node
    kernel: Kernel
    function: Callable[[Array, Array, Rows], Array]

    def _rows(self, domain: Domain) -> tuple[Grid, Rows]:
        grid = domain.cover() if isinstance(domain, Points) else domain
        return grid, rows_of(self.kernel, Projection(grid.crs, grid.transform).nominal_scale)

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The input, over the edges too."""
        grid, rows = self._rows(domain)
        n = rows.reach
        around = grid.window(-n, -n, grid.height + 2 * n, grid.width + 2 * n) if n else grid
        return [(self.values, around), (self.mask, around)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Array:
        """The function's value at every pixel."""
        grid, rows = self._rows(domain)
        n = rows.reach
        shape = grid.height + 2 * n, grid.width + 2 * n
        values = np.ascontiguousarray(np.broadcast_to(arrays[0], shape))
        mask = seen(arrays[1])
        valid = np.broadcast_to(True if mask is None else mask, shape)
        result = self.function(values, valid, rows)
        if isinstance(domain, Points):
            return result[domain.rows - domain.rows.min(), domain.columns - domain.columns.min()]
        return result


def reduced(part: Part, output: int, dtype: np.dtype[Any], weight: float, values: Array, valid: Array,
            rows: Rows) -> Array:
    """One output of a plain reducer over neighbourhoods; masked neighbours do not count."""
    kind = part.kind
    if kind in ("count", "countDistinct", "countDistinctNonNull", "mode"):
        return cast(_counts(kind, values, valid, rows), dtype)
    if kind in ("min", "max", "minMax"):
        smallest = kind == "min" or (kind == "minMax" and output == 0)
        low, high = ((np.iinfo if values.dtype.kind in "iu" else np.finfo)(values.dtype).min,
                     (np.iinfo if values.dtype.kind in "iu" else np.finfo)(values.dtype).max) \
            if values.dtype.kind != "b" else (False, True)
        filled = np.where(valid, values, values.dtype.type(high if smallest else low))
        return cast(rows.extremes(filled, smallest), dtype)
    if kind in ("mean", "sum", "stdDev", "variance"):
        number = np.maximum(rows.sums(valid), 1)
        middle = float(values[valid].mean()) if valid.any() else 0.0
        # Around the mean, so that running sums of squares keep their digits.
        apart = np.where(valid, values - middle, 0.0)
        total = rows.sums(apart)
        if kind == "sum":
            return cast((total + middle * rows.sums(valid)) * weight, dtype)
        mean = total / number
        if kind == "mean":
            return cast(mean + middle, dtype)
        square = np.maximum(rows.sums(apart * apart) / number - mean * mean, 0)
        return cast(np.sqrt(square) if kind == "stdDev" else square, dtype)
    return cast(over_stack(part, rows.stacked(values), rows.stacked(valid))[output], dtype)


def _counts(kind: str, values: Array, valid: Array, rows: Rows) -> Array:
    if kind == "count":
        return rows.sums(valid)
    shape = values.shape[0] - 2 * rows.reach, values.shape[1] - 2 * rows.reach
    distinct, most, best = np.zeros(shape, np.int32), np.zeros(shape, np.int64), np.zeros(shape, values.dtype)
    for value in np.unique(values[valid]):
        number = rows.sums((values == value) & valid)
        distinct += number > 0
        more = number > most
        best[more], most[more] = value, number[more]
    return best if kind == "mode" else distinct


@algorithm("Image.reduceNeighborhood")
def reduce_neighborhood(image: Image, reducer: Reducer, kernel: Kernel, weights: str, skip_masked: bool,
                        optimization: str | None) -> Image:
    """Every band reduced over a kernel; outputs are named band_output."""
    return _over(image, reducer, kernel, skip_masked, suffix=True)


def _over(image: Image, reducer: Reducer, kernel: Kernel, skip_masked: bool, suffix: bool) -> Image:
    bands = []
    for band in image.bands:
        around = Neighbourhood(values=band.mask, mask=band.mask, kernel=kernel, function=_any_valid)
        mask = band.mask if skip_masked else Apply(_as_bool, (around,))
        for part in reducer.parts:
            for place, title in enumerate(part.outputs):
                dtype = stacked_type(part.kind, band.type.dtype)
                function = partial(_weighted, kernel, part, place, dtype)
                bands.append(replace(band, name=f"{band.name}_{title}" if suffix else band.name,
                                     type=PixelType(dtype), mask=mask, size=None,
                                     values=Neighbourhood(values=band.values, mask=band.mask, kernel=kernel,
                                                          function=function)))
    return image.with_bands(bands)


def _weighted(kernel: Kernel, part: Part, output: int, dtype: np.dtype[Any], values: Array, valid: Array,
              rows: Rows) -> Array:
    weight = kernel.magnitude / rows.cells if kernel.normalised else kernel.magnitude
    return reduced(part, output, dtype, weight, values, valid, rows)


def _any_valid(values: Array, valid: Array, rows: Rows) -> Array:
    return rows.sums(valid) > 0


def _as_bool(found: Array) -> Mask:
    return None if found.all() else found


def _focal(kind: str) -> Callable[..., Image]:
    def focal(image: Image, radius: float, shape: str, units: str, iterations: int, kernel: Kernel | None) -> Image:
        if kernel is None:
            if shape not in _WIDTHS:
                raise AlgorithmError(f"kernel type '{shape}' is not implemented by the local engine",
                                     mend=f"use one of {', '.join(_WIDTHS)}")
            kernel = Kernel(kind=shape, radius=radius, units=_units(units))
        for _ in range(iterations):
            image = _over(image, Reducer((Part(kind=kind, outputs=(kind,)),)), kernel, False, suffix=False)
        return image

    return focal


for _name, _reducer in {"Min": "min", "Max": "max", "Mean": "mean", "Mode": "mode", "Median": "median"}.items():
    algorithm(f"Image.focal{_name}")(_focal(_reducer))
