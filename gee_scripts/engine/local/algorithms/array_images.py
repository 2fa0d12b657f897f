"""Images whose pixels are arrays: made, cut, put together and brought into other shapes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import array_functions
from gee_scripts.engine.local.algorithms.arithmetic import matched
from gee_scripts.engine.local.algorithms.array_axes import checked_axes, checked_axis, checked_step
from gee_scripts.engine.local.algorithms.array_bands import made, per_band, rank_of, shared_rank
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, Constant, Mask, PixelType, seen
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]

_INTEGER = np.dtype(np.int32)
_UNSET = np.iinfo(np.int64).min
"""A start or end that is not given, or masked."""


@algorithm("Image.toArray")
def to_array(image: Image, axis: int) -> Image:
    """The bands of numbers as one vector a pixel, or their arrays one after the other along an axis; masked where any
    band is."""
    if not image.bands:
        raise AlgorithmError("The image has no bands", mend="select some")
    rank = shared_rank(image.bands)
    checked_axis(axis, rank, 1)
    dtype = np.result_type(*(band.type.dtype for band in image.bands))
    band = made("Image.toArray", lambda *arrays: array_functions.concatenated(arrays, rank, axis), image.bands,
                PixelType(dtype, max(rank, axis + 1)))
    return image.with_bands([band.renamed("array")])


@algorithm("Image.arrayCat")
def cat(first: Image, second: Image, axis: int) -> Image:
    """The arrays of pairs of bands one after the other along an axis."""
    bands = []
    for one, other, name in matched(first, second):
        rank = shared_rank([one, other])
        checked_axis(axis, rank, 1)
        kind = PixelType(np.result_type(one.type.dtype, other.type.dtype), max(rank, axis + 1))
        bands.append(made("Image.arrayCat", partial(_cat, rank, axis), [one, other], kind).renamed(name))
    return first.with_bands(bands)


def _cat(rank: int, axis: int, *arrays: Array) -> Array:
    return array_functions.concatenated(arrays, rank, axis)


@algorithm("Image.arrayProject")
def project(image: Image, axes: list[int]) -> Image:
    """The named axes alone; the others must not be longer than 1."""
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        bands.append(made("Image.arrayProject", partial(_project, rank, checked_axes(axes, rank)), [band],
                          PixelType(band.type.dtype, len(axes))))
    return image.with_bands(bands)


def _project(rank: int, axes: list[int], values: Array) -> Array:
    return array_functions.projected(values, rank, axes)


@algorithm("Image.arrayFlatten")
def flatten(image: Image, labels: list[list[str]], separator: str) -> Image:
    """A band of numbers for each element of the arrays, named by the labels of its position on each axis."""
    if len(image.bands) != 1:
        raise AlgorithmError(f"The image must have one band. Got {len(image.bands)}", mend="select one band")
    band = image.bands[0]
    rank = rank_of(band)
    if len(labels) != rank:
        raise AlgorithmError(f"There must be labels for each of the {rank} axes. Got {len(labels)} lists",
                             mend="give one list of labels an axis")
    shape = tuple(map(len, labels))
    names = [separator.join(map(str, chosen)) for chosen in itertools.product(*labels)]
    if len(set(names)) != len(names):
        raise AlgorithmError("The labels do not make different band names", mend="give each position another label")
    whole = made("Image.arrayFlatten", partial(_of_shape, rank, shape), [band], band.type)
    bands = [replace(whole, name=name, type=PixelType(band.type.dtype), size=None,
                     values=Apply(partial(_element, rank, shape, place), (whole.values,)))
             for name, place in zip(names, itertools.product(*map(range, shape)), strict=True)]
    return image.with_bands(bands)


def _of_shape(rank: int, shape: tuple[int, ...], values: Array) -> Array:
    lengths = array_functions.own(values, rank)
    if lengths != shape:
        raise AlgorithmError(f"Arrays of lengths {list(lengths)} do not fit labels of lengths {list(shape)}",
                             mend="give a label for each position; slice or pad arrays that vary")
    return values


def _element(rank: int, shape: tuple[int, ...], place: tuple[int, ...], values: Array) -> Array:
    # Where all pixels are masked the arrays are of length 1.
    taken: tuple[Any, ...] = (..., *place)
    return np.broadcast_to(values, values.shape[:values.ndim - rank] + shape)[taken]  # type: ignore[no-any-return]


@algorithm("Image.arrayGet", differs="a position outside of a pixel's array masks the pixel")
def get(image: Image, position: Image) -> Image:
    """The numbers at a position of array bands, a band of the position an axis."""
    coordinates = [band for given in position.bands for band in _scalars(given)]
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        if len(coordinates) != rank:
            raise AlgorithmError(f"band '{band.name}' holds arrays of {rank} axes, the position has "
                                 f"{len(coordinates)}", mend="give one coordinate an axis")
        bands.append(made("Image.arrayGet", partial(_at, rank), [band, *coordinates], PixelType(band.type.dtype),
                          holds=partial(_within, rank)))
    return image.with_bands(bands)


def _scalars(band: Band) -> list[Band]:
    if band.type.dimensions == 0:
        return [band]
    if band.type.dimensions == 1 and isinstance(band.values, Constant):
        return [replace(band, type=PixelType(band.type.dtype), values=Constant(number)) for number in band.values.value]
    raise AlgorithmError("The position must have bands of numbers", mend="give one coordinate a band")


def _at(rank: int, values: Array, *position: Array) -> Array:
    lengths = array_functions.own(values, rank)
    flat = values.reshape((*values.shape[:values.ndim - rank], -1))
    if not flat.shape[-1]:
        return np.zeros(flat.shape[:-1], values.dtype)
    inside = [np.clip(place.astype(np.int64), 0, length - 1) for place, length in zip(position, lengths, strict=True)]
    return np.take_along_axis(flat, np.ravel_multi_index(inside, lengths)[..., None], axis=-1)[..., 0]


def _within(rank: int, values: Array, *position: Array) -> Array:
    lengths = array_functions.own(values, rank)
    fits = [(place >= 0) & (place < length) for place, length in zip(position, lengths, strict=True)]
    return np.asarray(np.logical_and.reduce(fits))


@algorithm("Image.arraySlice")
def slice_(image: Image, axis: int, start: Image | None, end: Image | None, step: int) -> Image:
    """Positions of one axis from `start` to before `end`, every `step`; negative ones count from the axis' end.
    A start or end that is masked is not given."""
    checked_step(step)
    ends = [[other for _, other in per_band(image.bands, given.bands, name)] if given is not None else None
            for given, name in ((start, "start"), (end, "end"))]
    bands = []
    for place, band in enumerate(image.bands):
        rank = rank_of(band)
        checked_axis(axis, rank)
        keys = [_bound(None if given is None else given[place]) for given in ends]
        bands.append(made("Image.arraySlice", partial(_slice, rank, axis, step), [band], band.type, keys))
    return image.with_bands(bands)


def _bound(band: Band | None) -> Band:
    values = Constant(np.asarray(_UNSET)) if band is None else Apply(_bounds, (band.values, band.mask))
    return Band(name="bound", type=PixelType(np.dtype(np.int64)), values=values)


def _bounds(values: Array, mask: Mask) -> Array:
    whole = np.asarray(values).astype(np.int64)
    return whole if mask is None else np.where(np.asarray(seen(mask)), whole, _UNSET)


def _slice(rank: int, axis: int, step: int, values: Array, start: Array, end: Array) -> Array:
    first, last = (None if bound == _UNSET else int(bound) for bound in (start, end))
    return array_functions.sliced(values, rank, axis, first, last, step)


@algorithm("Image.arrayRepeat")
def repeat(image: Image, axis: int, copies: Image) -> Image:
    """Copies of each pixel's array one after the other along an axis, which may be the next one after the last."""
    bands = []
    for band, other in per_band(image.bands, copies.bands, "copies"):
        rank = band.type.dimensions
        checked_axis(axis, rank, 1)
        bands.append(made("Image.arrayRepeat", partial(_repeat, rank, axis), [band],
                          PixelType(band.type.dtype, max(rank, axis + 1)), [other]))
    return image.with_bands(bands)


def _repeat(rank: int, axis: int, values: Array, copies: Array) -> Array:
    if not np.isfinite(copies):
        raise AlgorithmError(f"The number of copies must be finite. Got {copies}", mend="give 0 or more")
    return array_functions.repeated(values, rank, axis, int(copies))


@algorithm("Image.arrayReshape")
def reshape(image: Image, lengths: Image, dimensions: int) -> Image:
    """The elements in another shape, a vector a pixel; one length may be -1 and takes what is left."""
    if len(lengths.bands) != 1 or lengths.bands[0].type.dimensions != 1:
        raise AlgorithmError("'lengths' must have one band of 1-D arrays",
                             mend="give e.g. ee.Image([2, 3]).toArray()")
    shape = lengths.bands[0]
    bands = []
    for band in image.bands:
        bands.append(made("Image.arrayReshape", partial(_reshape, band.type.dimensions, dimensions), [band],
                          PixelType(band.type.dtype, dimensions), [shape]))
    return image.with_bands(bands)


def _reshape(rank: int, dimensions: int, values: Array, lengths: Array) -> Array:
    if len(lengths) != dimensions:
        raise AlgorithmError(f"'lengths' must hold {dimensions} lengths, as 'dimensions' says. Got {len(lengths)}",
                             mend="give one length a dimension")
    return array_functions.reshaped(values, rank, lengths.tolist())


@algorithm("Image.arrayTranspose", "Image.matrixTranspose")
def transpose(image: Image, first: int, second: int) -> Image:
    """Two axes swapped."""
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        axes = checked_axis(first, rank), checked_axis(second, rank)
        bands.append(made("Image.arrayTranspose", partial(_transpose, rank, axes), [band], band.type))
    return image.with_bands(bands)


def _transpose(rank: int, axes: tuple[int, int], values: Array) -> Array:
    return array_functions.transposed(values, rank, *axes)


@algorithm("Image.arrayMask", source="https://developers.google.com/earth-engine/apidocs/ee-image-arraymask")
def mask(image: Image, kept: Image) -> Image:
    """The positions along one axis where the mask's array is not 0."""
    bands = []
    for band, other in per_band(image.bands, kept.bands, "mask"):
        rank = rank_of(band)
        shared_rank([band, other])
        nonzero = made("Image.arrayMask", _nonzero, [other], PixelType(np.dtype(np.bool_), rank))
        bands.append(made("Image.arrayMask", partial(_mask, rank), [band], band.type, [nonzero]))
    return image.with_bands(bands)


def _nonzero(values: Array) -> Array:
    return np.asarray(values != 0)


def _mask(rank: int, values: Array, kept: Array) -> Array:
    return array_functions.masked(values, rank, kept)


@algorithm("Image.arrayPad")
def pad(image: Image, lengths: list[int], value: float) -> Image:
    """A value appended along each axis up to a length."""
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        if len(lengths) != rank:
            raise AlgorithmError(f"'lengths' must have one length for each of the {rank} axes. Got {len(lengths)}",
                                 mend="give one an axis")
        bands.append(made("Image.arrayPad", partial(_pad, rank, lengths, value), [band], band.type))
    return image.with_bands(bands)


def _pad(rank: int, lengths: list[int], value: float, values: Array) -> Array:
    return array_functions.padded(values, rank, lengths, value)


@algorithm("Image.arrayLength")
def length(image: Image, axis: int) -> Image:
    """The length of one axis of each pixel's array."""
    bands = []
    for band in image.bands:
        rank = rank_of(band)
        checked_axis(axis, rank)
        bands.append(made("Image.arrayLength", partial(_length, rank, axis), [band], PixelType(_INTEGER)))
    return image.with_bands(bands)


def _length(rank: int, axis: int, values: Array) -> Array:
    return np.full(values.shape[:values.ndim - rank], array_functions.own(values, rank)[axis])


@algorithm("Image.arrayLengths")
def lengths_of(image: Image) -> Image:
    """The lengths of all axes of each pixel's array, as a vector."""
    return image.with_bands(made("Image.arrayLengths", partial(_lengths, rank_of(band)), [band], PixelType(_INTEGER, 1))
                            for band in image.bands)


def _lengths(rank: int, values: Array) -> Array:
    return np.broadcast_to(array_functions.own(values, rank), (*values.shape[:values.ndim - rank], rank))


@algorithm("Image.arrayDimensions")
def dimensions_of(image: Image) -> Image:
    """The number of axes of each band's arrays, 0 where it holds numbers."""
    return image.with_bands(replace(band, type=PixelType(_INTEGER),
                                    values=Constant(np.asarray(band.type.dimensions, _INTEGER)))
                            for band in image.bands)
