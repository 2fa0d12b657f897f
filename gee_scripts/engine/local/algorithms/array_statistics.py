"""Arrays of pixels sorted, reduced and searched."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import array_functions
from gee_scripts.engine.local.algorithms.arithmetic import matched
from gee_scripts.engine.local.algorithms.array_axes import checked_axes, checked_axis, checked_reducer
from gee_scripts.engine.local.algorithms.array_bands import made, per_band, rank_of
from gee_scripts.engine.local.algorithms.reductions import ALWAYS, stacked_type
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, PixelType
from gee_scripts.engine.local.values import Image, Reducer

Array = NDArray[Any]


@algorithm("Image.arraySort", differs="equal keys keep their order; the service's is not documented")
def sort(image: Image, keys: Image | None) -> Image:
    """Positions along one axis in ascending order of the keys, or of the values."""
    if keys is None:
        return image.with_bands(made("Image.arraySort", partial(_sort, rank_of(band)), [band], band.type)
                                for band in image.bands)
    return image.with_bands(
        made("Image.arraySort", partial(_sort_by, rank_of(band), rank_of(other)), [band, other], band.type)
        for band, other in per_band(image.bands, keys.bands, "keys"))


def _sort(rank: int, values: Array) -> Array:
    return array_functions.ordered(values, rank, values, rank)


def _sort_by(rank: int, keys_rank: int, values: Array, keys: Array) -> Array:
    return array_functions.ordered(values, rank, keys, keys_rank)


@algorithm("Image.arrayReduce", lacks="reducers of several inputs",
           differs="a pixel with nothing to reduce is masked, unless the reducer counts or sums")
def reduce(image: Image, reducer: Reducer, axes: list[int], field_axis: int | None) -> Image:
    """Elements along axes reduced to length 1; several outputs lie along the field axis, which was of length 1."""
    always = all(part.kind in ALWAYS for part in reducer.parts)
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        checked = checked_axes(axes, rank)
        checked_reducer(reducer, field_axis, checked, rank)
        dtype = np.result_type(*(stacked_type(part.kind, band.type.dtype) for part in reducer.parts))
        bands.append(made("Image.arrayReduce", partial(_reduce, rank, reducer, checked, field_axis), [band],
                          PixelType(dtype, rank), holds=None if always else partial(_filled, rank, checked)))
    return image.with_bands(bands)


def _reduce(rank: int, reducer: Reducer, axes: list[int], field_axis: int | None, values: Array) -> Array:
    return array_functions.reduced(values, rank, reducer, axes, field_axis)


def _filled(rank: int, axes: list[int], values: Array) -> Array:
    lengths = array_functions.own(values, rank)
    return np.full(values.shape[:values.ndim - rank], all(lengths[axis] > 0 for axis in axes))


@algorithm("Image.arrayAccum")
def accumulate(image: Image, axis: int, reducer: Reducer | None) -> Image:
    """At every position along an axis, all up to and including it reduced; their sums without a reducer."""
    if reducer is not None and (reducer.width > 1 or len(reducer.outputs) > 1):
        raise AlgorithmError("The reducer must have one input and one output", mend="use e.g. Reducer.max")
    bands = []
    for band in image.bands:
        rank, dtype = rank_of(band), band.type.dtype
        checked_axis(axis, rank)
        kind = reducer.parts[0].kind if reducer is not None else "sum"
        to = (dtype if dtype.kind == "f" else np.dtype(np.int64)) if kind == "sum" else stacked_type(kind, dtype)
        bands.append(made("Image.arrayAccum", partial(_accumulate, rank, axis, reducer), [band], PixelType(to, rank)))
    return image.with_bands(bands)


def _accumulate(rank: int, axis: int, reducer: Reducer | None, values: Array) -> Array:
    return array_functions.accumulated(values, rank, axis, reducer)


@algorithm("Image.arrayArgmax", differs="a pixel with an empty array is masked")
def argmax(image: Image) -> Image:
    """The indices of the first greatest element, a vector as long as the arrays have axes."""
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        bands.append(made("Image.arrayArgmax", partial(_argmax, rank), [band], PixelType(np.dtype(np.int32), 1),
                          holds=partial(_filled, rank, [*range(rank)])))
    return image.with_bands(bands)


def _argmax(rank: int, values: Array) -> Array:
    return array_functions.place_of_maximum(values, rank)


@algorithm("Image.arrayDotProduct")
def dot_product(first: Image, second: Image) -> Image:
    """The sums of the products of pairs of vectors."""
    bands = []
    for one, other, name in matched(first, second):
        if (one.type.dimensions, other.type.dimensions) != (1, 1):
            raise AlgorithmError(f"Arrays must be 1-D. Got {one.type.dimensions}-D and {other.type.dimensions}-D",
                                 mend="use arrayProject first")
        dtype = np.result_type(one.type.dtype, other.type.dtype)
        wide = dtype if dtype.kind == "f" else np.dtype(np.int64)
        bands.append(made("Image.arrayDotProduct", partial(_dot, wide), [one, other], PixelType(wide)).renamed(name))
    return first.with_bands(bands)


def _dot(dtype: np.dtype[Any], first: Array, second: Array) -> Array:
    return array_functions.dot_product(first.astype(dtype), second.astype(dtype))


@algorithm("Image.bitsToArrayImage")
def bits_to_array(image: Image) -> Image:
    """The bits of whole numbers in 64 bits of two's complement, lowest first, up to the highest one."""
    return image.with_bands(_bits(band) for band in image.bands)


def _bits(band: Band) -> Band:
    if band.type.dimensions or band.type.dtype.kind == "f":
        raise AlgorithmError(f"Band '{band.name}' must hold whole numbers", mend="cast it, e.g. by toInt()")
    width = replace(band, values=Apply(_highest, (band.values,)))
    return made("Image.bitsToArrayImage", _bits_of, [band], PixelType(np.dtype(np.uint8), 1), [width])


def _highest(values: Array) -> Array:
    places = np.arange(64, dtype=np.uint64)
    raised = (np.asarray(values, np.int64).view(np.uint64)[..., None] >> places) & np.uint64(1) != 0
    return np.where(raised.any(axis=-1), 64 - raised[..., ::-1].argmax(axis=-1), 1)


def _bits_of(values: Array, width: Array) -> Array:
    places = np.arange(int(width), dtype=np.uint64)
    return (values.astype(np.int64).view(np.uint64)[..., None] >> places) & np.uint64(1)
