"""Images reduced over the neighbourhood of each pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import tuples
from gee_scripts.engine.local.algorithms.around import as_mask, under
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.cells import Cells, Rows
from gee_scripts.engine.local.algorithms.kernels import SHAPES, units_of
from gee_scripts.engine.local.algorithms.reducers import over_stack, plain, stacked_type
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, Node, PixelType, seen
from gee_scripts.engine.local.values import Image, Kernel, Part, Reducer

Array = NDArray[Any]

MOST_ITERATIONS = 1000
"""Times that a focal filter is applied, at most; the service's bound is not documented."""

# A kernel's weights add up to 1, which leaves no degree of freedom.
_SAMPLES = ("sampleStdDev", "sampleVariance")


def reduced(part: Part, output: int, dtype: np.dtype[Any], weight: float, values: Array, valid: Array,
            rows: Rows | Cells) -> Array:
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


def _counts(kind: str, values: Array, valid: Array, rows: Rows | Cells) -> Array:
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


@algorithm("Image.reduceNeighborhood", differs="Sample variances and deviations are not weighted.")
def reduce_neighborhood(image: Image, reducer: Reducer, kernel: Kernel, weights: str, skip_masked: bool,
                        optimization: str | None) -> Image:
    """Every band reduced over a kernel, with outputs named band_output, or all bands together by a reducer of as
    many inputs."""
    if weights not in ("mask", "kernel", "min"):
        raise AlgorithmError(f"inputWeight '{weights}' is none", mend="use mask, kernel or min")
    if reducer.width > 1:
        if reducer.width != len(image.bands):
            raise AlgorithmError(f"Need {reducer.width} input(s) for the reducer, got {len(image.bands)}",
                                 mend="select as many bands as the reducer takes inputs")
        return image.with_bands(_together(reducer, image.bands, kernel, weights, skip_masked, ""))
    if tuples.together(reducer):
        return image.with_bands(out for band in image.bands
                                for out in _together(reducer, [band], kernel, weights, skip_masked, f"{band.name}_"))
    return _over(image, reducer, kernel, weights, skip_masked, suffix=True)


def _together(reducer: Reducer, bands: Sequence[Band], kernel: Kernel, weights: str, skip_masked: bool,
              prefix: str) -> list[Band]:
    def computed(part: Part) -> Node:
        def function(values: list[Array], masks: list[Array], rows: Rows | Cells) -> tuple[list[Array], Array]:
            columns = [rows.stacked(values[place]) for place in part.inputs]
            weighted = part.weighted and part.kind not in _SAMPLES
            shares = [_shares(kernel, weights, masks[place], rows) if weighted
                      else rows.stacked(np.asarray(seen(masks[place]))) for place in part.inputs]
            found, known = tuples.reduced(part, columns, shares, [0] * len(columns))
            if skip_masked:
                n = rows.reach
                inner = slice(n, n + known.shape[0]), slice(n, n + known.shape[1])
                for mask in masks:
                    known = known & np.asarray(seen(mask))[inner]
            return found, known

        return under(bands, kernel, function)

    found = tuples.results(reducer, [band.type.dtype for band in bands], [0] * len(bands), computed, prefix)
    return [tuples.placed(band, bands[0]) for band in found]


def _over(image: Image, reducer: Reducer, kernel: Kernel, weights: str, skip_masked: bool, suffix: bool) -> Image:
    bands = []
    for band in image.bands:
        mask = band.mask if skip_masked else Apply(as_mask, (under([band], kernel, _any_valid),))
        for part in reducer.parts:
            for place, title in enumerate(part.outputs):
                dtype = stacked_type(part.kind, band.type.dtype)
                function = partial(_weighted, kernel, weights, part, place, dtype)
                bands.append(replace(band, name=f"{band.name}_{title}" if suffix else band.name,
                                     type=PixelType(dtype), mask=mask, size=None,
                                     values=under([band], kernel, function)))
    return image.with_bands(bands)


def _weighted(kernel: Kernel, weights: str, part: Part, output: int, dtype: np.dtype[Any], values: list[Array],
              masks: list[Array], rows: Rows | Cells) -> Array:
    own, mask = values[0], masks[0]
    valid = np.asarray(seen(mask))
    flat = isinstance(rows, Rows) or rows.flat
    if not part.weighted or (flat and (weights == "kernel" or mask.dtype == np.bool_)):
        one = _one(kernel, rows)
        factor = {"mask": 1.0, "kernel": one, "min": min(one, 1.0)}[weights] if part.weighted else 1.0
        return reduced(part, output, dtype, factor, own, valid, rows)
    return cast(over_shares(part, rows.stacked(own), _shares(kernel, weights, mask, rows))[output], dtype)


def _shares(kernel: Kernel, weights: str, mask: Array, rows: Rows | Cells) -> Array:
    """(cells, row, column): what every neighbour of every pixel counts."""
    share = rows.stacked(mask).astype(np.float64)
    if weights == "mask":
        return share
    each = _one(kernel, rows) if isinstance(rows, Rows) else rows.weights[:, None, None]
    return np.where(share > 0, each if weights == "kernel" else np.minimum(share, each), 0)


def _one(kernel: Kernel, rows: Rows | Cells) -> float:
    """The weight of each pixel of a kernel of equal weights."""
    if isinstance(rows, Cells):
        return float(rows.weights[0]) if rows.cells else 1.0
    return kernel.magnitude / max(rows.cells, 1) if kernel.normalised else kernel.magnitude


def _any_valid(values: list[Array], masks: list[Array], rows: Rows | Cells) -> Array:
    return rows.sums(np.asarray(seen(masks[0]))) > 0


def _focal(kind: str) -> Callable[..., Image]:
    def focal(image: Image, radius: float, shape: str, units: str, iterations: int, kernel: Kernel | None) -> Image:
        if kernel is None:
            if shape not in SHAPES:
                raise AlgorithmError(f"kernel type '{shape}' is not implemented by the local engine",
                                     mend=f"use one of {', '.join(SHAPES)}")
            kernel = Kernel(kind=shape, radius=radius, units=units_of(units))
        if iterations > MOST_ITERATIONS:
            raise AlgorithmError(f"{iterations} iterations are more than {MOST_ITERATIONS}",
                                 mend="give a larger radius in place of iterations")
        for _ in range(iterations):
            image = _over(image, plain(kind), kernel, "kernel", False, suffix=False)
        return image

    return focal


for _name, _reducer in {"Min": "min", "Max": "max", "Mean": "mean", "Mode": "mode", "Median": "median"}.items():
    algorithm(f"Image.focal{_name}", f"Image.focal_{_reducer}")(_focal(_reducer))
