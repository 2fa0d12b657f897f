"""Images reduced over the neighbourhood of each pixel, convolutions, and neighbourhoods as bands or arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms import tuples
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.kernels import SHAPES, Cells, Rows, rows_of, units_of, weights_of
from gee_scripts.engine.local.algorithms.reducers import over_stack, stacked_type
from gee_scripts.engine.local.domains import Domain, Points, Projection
from gee_scripts.engine.local.raster import Apply, Band, Mask, Node, PixelType, seen
from gee_scripts.engine.local.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Image, Kernel, Part, Reducer

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Around(Node):
    """A function of the pixels around each pixel, on the grid that is asked for.

    At points it is computed on a raster of their grid that covers them all.

    Attributes:
        bands: their values and masks are read.
        reach: pixels that the function needs around each, on a grid.
        function: of the values, the masks (bool, or float32 where they are not), and the grid of the result; the
            arrays reach over its edges. It gives an array of the grid's shape, and of more axes, or several.
    """

    bands: tuple[Band, ...]
    reach: Callable[[Grid], int]
    function: Callable[[list[Array], list[Array], Grid], Any]

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The input, over the edges too."""
        grid = domain.cover() if isinstance(domain, Points) else domain
        n = self.reach(grid)
        around = grid.window(-n, -n, grid.height + 2 * n, grid.width + 2 * n) if n else grid
        return [(node, around) for band in self.bands for node in (band.values, band.mask)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The function's value at every pixel."""
        grid = domain.cover() if isinstance(domain, Points) else domain
        n = self.reach(grid)
        shape = grid.height + 2 * n, grid.width + 2 * n
        values = [np.ascontiguousarray(np.broadcast_to(array, shape)) for array in arrays[::2]]
        masks = [np.broadcast_to(np.True_ if mask is None else mask, shape) for mask in arrays[1::2]]
        result = self.function(values, masks, grid)
        return _gathered(result, domain) if isinstance(domain, Points) else result


def _gathered(result: Any, points: Points) -> Any:
    if isinstance(result, list | tuple):
        return type(result)(_gathered(item, points) for item in result)
    return result[points.rows - points.rows.min(), points.columns - points.columns.min()]


def scale_of(grid: Grid) -> float:
    """Metres of a pixel's side."""
    return Projection(grid.crs, grid.transform).nominal_scale


def under(bands: Sequence[Band], kernel: Kernel, function: Callable[..., Any]) -> Around:
    """A node of `function(values, masks, cells)` of the pixels under a kernel."""
    return Around(bands=tuple(bands), reach=lambda grid: rows_of(kernel, scale_of(grid)).reach,
                  function=lambda values, masks, grid: function(values, masks, rows_of(kernel, scale_of(grid))))


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


@algorithm("Image.reduceNeighborhood", differs="Only means, sums, variances and standard deviations are weighted.")
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
        return image.with_bands(_together(reducer, image.bands, kernel, skip_masked, ""))
    if tuples.together(reducer):
        return image.with_bands(out for band in image.bands
                                for out in _together(reducer, [band], kernel, skip_masked, f"{band.name}_"))
    return _over(image, reducer, kernel, weights, skip_masked, suffix=True)


def _together(reducer: Reducer, bands: Sequence[Band], kernel: Kernel, skip_masked: bool, prefix: str) -> list[Band]:
    def computed(part: Part) -> Node:
        def function(values: list[Array], masks: list[Array], rows: Rows | Cells) -> tuple[list[Array], Array]:
            columns = [rows.stacked(values[place]) for place in part.inputs]
            valid = [rows.stacked(np.asarray(seen(masks[place]))) for place in part.inputs]
            found, known = tuples.reduced(part, columns, valid, [0] * len(columns))
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
        mask = band.mask if skip_masked else Apply(_as_bool, (under([band], kernel, _any_valid),))
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
    one = kernel.magnitude / max(rows.cells, 1) if kernel.normalised else kernel.magnitude
    flat = isinstance(rows, Rows) or rows.flat
    soft = mask.dtype != np.bool_
    if part.kind not in ("mean", "sum", "stdDev", "variance") or not part.weighted or (
            flat and (weights == "kernel" or (weights == "mask" and not soft))):
        factor = one if weights == "kernel" and part.weighted else 1.0
        if isinstance(rows, Cells) and rows.cells and weights == "kernel" and part.weighted:
            factor = float(rows.weights[0])
        return reduced(part, output, dtype, factor, own, valid, rows)
    share = rows.stacked(mask).astype(np.float64)
    if weights != "mask":
        each = np.full(rows.cells, one) if isinstance(rows, Rows) else rows.weights
        each = each[:, None, None]
        share = np.where(share > 0, each if weights == "kernel" else np.minimum(share, each), 0)
    around = np.where(share != 0, rows.stacked(own), 0).astype(np.float64)
    total = (share * around).sum(axis=0)
    if part.kind == "sum":
        return cast(total, dtype)
    whole = share.sum(axis=0)
    mean = total / whole
    if part.kind == "mean":
        return cast(mean, dtype)
    square = (share * (around - mean) ** 2).sum(axis=0) / whole
    return cast(np.sqrt(square) if part.kind == "stdDev" else square, dtype)


def _any_valid(values: list[Array], masks: list[Array], rows: Rows | Cells) -> Array:
    return rows.sums(np.asarray(seen(masks[0]))) > 0


def _as_bool(found: Array) -> Mask:
    return None if found.all() else found


def _focal(kind: str) -> Callable[..., Image]:
    def focal(image: Image, radius: float, shape: str, units: str, iterations: int, kernel: Kernel | None) -> Image:
        if kernel is None:
            if shape not in SHAPES:
                raise AlgorithmError(f"kernel type '{shape}' is not implemented by the local engine",
                                     mend=f"use one of {', '.join(SHAPES)}")
            kernel = Kernel(kind=shape, radius=radius, units=units_of(units))
        for _ in range(iterations):
            reducer = Reducer((Part(kind=kind, outputs=(kind,)),))
            image = _over(image, reducer, kernel, "kernel", False, suffix=False)
        return image

    return focal


for _name, _reducer in {"Min": "min", "Max": "max", "Mean": "mean", "Mode": "mode", "Median": "median"}.items():
    algorithm(f"Image.focal{_name}", f"Image.focal_{_reducer}")(_focal(_reducer))


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
                             mask=Apply(lambda found: _as_bool(found[1]), (node,))))
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
