"""Convolutions, slopes and entropy, and neighbourhoods as bands or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.around import Around, as_mask, scale_of, under
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.cells import Cells, Rows, weights_of
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, PixelType, check_bands, seen
from gee_scripts.engine.local.values import Image, Kernel

Array = NDArray[Any]


@algorithm("Image.convolve", differs="Masked neighbours take no part and masks stay; kernels are not turned around.",
           source="https://developers.google.com/earth-engine/guides/image_convolutions")
def convolve(image: Image, kernel: Kernel) -> Image:
    """Sums of weight times pixel under the kernel."""
    def function(dtype: np.dtype[Any], values: list[Array], masks: list[Array], grid: Grid) -> Array:
        cells = Cells(*weights_of(kernel, scale_of(grid)))
        known = np.where(np.asarray(seen(masks[0])), values[0], 0)
        return cells.weighted(known).astype(dtype, copy=False)

    bands = []
    for band in image.bands:
        dtype = np.dtype(np.float32) if band.type.dtype == np.float32 else np.dtype(np.float64)
        bands.append(replace(band, type=PixelType(dtype), size=None, values=Around(
            bands=(band,), function=partial(function, dtype),
            reach=lambda grid: Cells(*weights_of(kernel, scale_of(grid))).reach)))
    return image.with_bands(bands)


@algorithm("Image.entropy")
def entropy(image: Image, kernel: Kernel) -> Image:
    """Bits of the values under the kernel."""
    bands = []
    for band in image.bands:
        if band.type.dtype.kind not in "iub" or band.type.dtype.itemsize > 4:
            raise AlgorithmError("Only 32-bit or smaller integer types are currently supported",
                                 mend="cast it with toInt()")
        bands.append(replace(band, type=PixelType.of(np.float64), size=None, values=under([band], kernel, _entropy)))
    return image.with_bands(bands)


def _entropy(values: list[Array], masks: list[Array], rows: Rows | Cells) -> Array:
    there = rows.stacked(np.asarray(seen(masks[0])))
    ranked = np.sort(np.where(there, rows.stacked(values[0]).astype(np.int64), np.iinfo(np.int64).max), axis=0)
    number = there.sum(axis=0)
    total, run = np.zeros(number.shape), np.zeros(number.shape)
    # c log c of each run of c equal values, grown by one value at a time.
    for place, line in enumerate(ranked):
        again = place > 0 and line == ranked[place - 1]
        run = np.where(again, run, 0) + 1
        step = run * np.log2(run) - (run - 1) * np.log2(np.maximum(run - 1, 1))
        total += np.where(place < number, step, 0)
    some = np.maximum(number, 1)
    return np.asarray(np.log2(some) - total / some)


def _difference(axis: int, metres: bool, values: list[Array], masks: list[Array], grid: Grid) -> tuple[Array, Array]:
    """Central differences along an axis, and where both neighbours are valid."""
    whole, valid = values[0].astype(np.float64), np.asarray(seen(masks[0]))
    after, before = ((slice(1, -1), slice(2, None)), (slice(1, -1), slice(None, -2))) if axis else (
        (slice(2, None), slice(1, -1)), (slice(None, -2), slice(1, -1)))
    step = 2.0
    if metres:
        # To the east and to the north.
        step *= scale_of(grid) * (1 if axis else -1)
    return (whole[after] - whole[before]) / step, valid[after] & valid[before] & valid[1:-1, 1:-1]


def _slopes(band: Band, names: Sequence[str], metres: bool) -> list[Band]:
    bands = []
    for axis, name in zip((1, 0), names, strict=True):
        node = Around(bands=(band,), reach=lambda grid: 1, function=partial(_difference, axis, metres))
        bands.append(replace(band, name=name, type=PixelType.of(np.float32), size=None,
                             values=Apply(lambda found: found[0], (node,)),
                             mask=Apply(lambda found: as_mask(found[1]), (node,))))
    return bands


@algorithm("Image.gradient", differs="Central differences a metre, to the east and to the north; not documented.",
           source="https://developers.google.com/earth-engine/guides/image_gradients")
def gradient(image: Image) -> Image:
    """The slopes of the first band."""
    return image.with_bands(_slopes(image.bands[0], ("x", "y"), True)) if image.bands else image


@algorithm("Image.derivative", differs="Central differences a pixel, to the right and downwards.")
def derivative(image: Image) -> Image:
    """The slopes of every band."""
    return image.with_bands(out for band in image.bands
                            for out in _slopes(band, (f"{band.name}_x", f"{band.name}_y"), False))


def _moved(part: int, offset: tuple[int, int], reach: int, values: list[Array], masks: list[Array],
           grid: Grid) -> Array:
    row, column = reach + offset[0], reach + offset[1]
    source = values[0] if part == 0 else np.asarray(masks[0])
    return source[row:row + grid.height, column:column + grid.width]


@algorithm("Image.neighborhoodToBands", lacks="Not of kernels in metres.",
           differs="Names hold the offset from the centre, to the right and downwards.")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """A band for every neighbour."""
    cells = _pixels_of(kernel)
    check_bands(cells.cells * len(image.bands))
    bands = []
    for band in image.bands:
        for offset in cells.offsets:
            values, mask = (Around(bands=(band,), reach=lambda grid: cells.reach,
                                   function=partial(_moved, part, offset, cells.reach)) for part in (0, 1))
            bands.append(replace(band, name=f"{band.name}_{offset[1]}_{offset[0]}", size=None, values=values,
                                 mask=mask))
    return image.with_bands(bands)


def _pixels_of(kernel: Kernel) -> Cells:
    if kernel.units == "meters":
        raise AlgorithmError("a kernel in metres has no fixed number of pixels", mend="give it in pixels")
    return Cells(*weights_of(kernel, 1.0))


@algorithm("Image.neighborhoodToArray", lacks="Not of kernels in metres.")
def neighborhood_to_array(image: Image, kernel: Kernel, fill: float) -> Image:
    """The neighbourhood of each pixel as an array of rows and columns."""
    if kernel.kind not in ("fixed", "square", "rectangle"):
        raise AlgorithmError("Only fixed, square and rectangle kernels are supported",
                             mend="use one of these kernels")
    weights, x, y = _pixels_of(kernel).box
    height, width = weights.shape
    box = Cells(np.ones(weights.shape), x, y)

    def function(dtype: np.dtype[Any], values: list[Array], masks: list[Array], grid: Grid) -> Array:
        known = np.where(np.asarray(seen(masks[0])), values[0], cast(np.asarray(fill), dtype))
        stacked = np.moveaxis(box.stacked(known), 0, -1)
        return stacked.reshape((*stacked.shape[:2], height, width))

    bands = []
    for band in image.bands:
        if band.type.dimensions:
            raise AlgorithmError(f"band '{band.name}' holds arrays", mend="give scalar bands")
        bands.append(replace(band, type=PixelType(band.type.dtype, 2), size=None, values=Around(
            bands=(band,), reach=lambda grid: box.reach, function=partial(function, band.type.dtype))))
    return image.with_bands(bands)
