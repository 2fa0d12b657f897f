"""Image collections as one image: the best image at each pixel, and arrays of each band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import tuples
from gee_scripts.engine.local.algorithms.stacks import Stacks, footprint_of
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, Node, PixelType, both, seen
from gee_scripts.engine.local.values import Collection, Image

Array = NDArray[Any]


@algorithm("ImageCollection.qualityMosaic", differs="Of images of equal quality the first one is taken.")
def quality_mosaic(collection: Collection, name: str) -> Image:
    """At each pixel all bands of the image whose quality band is largest; it must be valid there."""
    images: Sequence[Image] = collection.items
    if not images:
        return Image(bands=())
    columns_by_name = tuples.aligned([image.bands for image in images])
    quality = [band for same in columns_by_name for band in same if same[0].name == name]
    if not quality:
        raise AlgorithmError(f"no band is named '{name}'", mend=f"use one of {', '.join(images[0].names)}")
    best = Apply(_best, tuple(node for band in quality for node in (band.values, band.mask)))
    bands = []
    for same in columns_by_name:
        dtype = np.result_type(*(band.type.dtype for band in same))
        node = Apply(partial(_picked, dtype), (best, *(node for band in same for node in (band.values, band.mask))))
        bands.append(Band(name=same[0].name, type=PixelType(dtype), composite=True,
                          values=Apply(lambda found: found[0], (node,)), mask=Apply(lambda found: found[1], (node,))))
    return Image(bands=tuple(bands), footprint=footprint_of(images))


def _best(*arrays: Any) -> Array:
    """The place of the image of best quality, -1 where none is valid."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays if array is not None))
    place, best = np.full(shape, -1, np.int32), np.full(shape, -np.inf)
    for number, (values, mask) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        better = (values > best) | (place < 0)
        if mask is not None:
            better = better & seen(mask)
        place = np.where(better, np.int32(number), place)
        best = np.where(better, values, best)
    return place


def _picked(dtype: np.dtype[Any], place: Array, *arrays: Any) -> tuple[Array, Mask]:
    shape = np.broadcast_shapes(place.shape, *(array.shape for array in arrays if array is not None))
    result, mask = np.zeros(shape, dtype), np.zeros(shape, np.float32)
    for number, (values, own) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        here = np.broadcast_to(place == number, shape)
        np.copyto(result, np.broadcast_to(values.astype(dtype, copy=False), shape), where=here)
        np.copyto(mask, 1 if own is None else np.broadcast_to(own, shape), where=here)
    return result, mask


@algorithm("ImageCollection.toArrayPerBand")
def to_array_per_band(collection: Collection, axis: int, drop_masked: bool) -> Image:
    """The images' pixels of each band, one after the other along an axis of an array."""
    images: Sequence[Image] = collection.items
    if not images:
        return Image(bands=())
    stacks = Stacks()
    bands = []
    for same in tuples.aligned([image.bands for image in images]):
        ranks = {band.type.dimensions for band in same}
        rank = max(ranks)
        if len(ranks) > 1 or not 0 <= axis <= rank:
            raise AlgorithmError(f"axis {axis} of arrays of {', '.join(map(str, sorted(ranks)))} dimensions",
                                 mend="give arrays of one rank, and an axis from 0 to it")
        dtype = np.result_type(*(band.type.dtype for band in same))
        valid = stacks.valid(same)
        values = Apply(partial(_joined, dtype, rank, axis, drop_masked), (valid, *(band.values for band in same)))
        mask = stacks.any(same) if drop_masked else _every(same)
        bands.append(replace(same[0], type=PixelType(dtype, max(rank, axis + 1)), values=values, mask=mask, size=None))
    return Image(bands=tuple(bands), footprint=footprint_of(images))


def _every(bands: Sequence[Band]) -> Node:
    mask = bands[0].mask
    for band in bands[1:]:
        mask = both(mask, band.mask)
    return mask


def _joined(dtype: np.dtype[Any], rank: int, axis: int, drop_masked: bool, valid: Array | None,
            *values: Array) -> Array:
    if any(value.dtype == object for value in values):
        raise AlgorithmError("the pixels hold arrays of different shapes", mend="pad or slice the arrays first")
    shape = np.broadcast_shapes(*(value.shape[:value.ndim - rank] for value in values),
                                () if valid is None else valid.shape[1:])
    parts = [np.broadcast_to(value, shape + value.shape[value.ndim - rank:]) for value in values]
    if axis == rank:
        parts = [part[..., None] for part in parts]
    if valid is None or not drop_masked or valid.all():
        return np.concatenate(parts, axis=len(shape) + axis).astype(dtype, copy=False)
    known = np.stack([np.broadcast_to(line, shape) for line in valid])
    ragged = np.empty(shape, object)
    for cell in np.ndindex(*shape):
        kept = [part[cell] for part, there in zip(parts, known[:, *cell], strict=True) if there]
        ragged[cell] = np.concatenate(kept, axis=axis).astype(dtype, copy=False) if kept else np.empty(0, dtype)
    return ragged
