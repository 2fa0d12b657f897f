"""Image collections reduced to one image: composites, mosaics, stacks of bands, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import tuples
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.masks import either, over
from gee_scripts.engine.local.algorithms.reducers import ALWAYS, over_stack, plain, stack_median, stacked_type
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import WGS84
from gee_scripts.engine.local.rasters.nodes import AnyValid, StackMedian
from gee_scripts.engine.local.rasters.raster import (
    MASKED,
    VALID,
    Apply,
    Band,
    Constant,
    Mask,
    Node,
    PixelType,
    both,
    seen,
)
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Image, Part, Reducer, get

Array = NDArray[Any]

MOST_BANDS = 5000
"""https://developers.google.com/earth-engine/apidocs/ee-imagecollection-tobands"""


def footprint_of(images: Sequence[Image]) -> tuple[Geometry, ...] | None:
    """The footprints of images together; None as soon as one has no limit."""
    shapes: dict[int, Geometry] = {}
    for image in images:
        if image.footprint is None:
            return None
        shapes |= {id(shape): shape for shape in image.footprint}
    return tuple(shapes.values())


def columns(images: Sequence[Image]) -> dict[str, list[Band]]:
    """Name of a band -> the bands of that name, in the order of the images."""
    found: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            found.setdefault(band.name, []).append(band)
    return found


class Stacks:
    """Nodes of stacked masks, one for all bands that have the same masks."""

    def __init__(self) -> None:
        self._shares: dict[tuple[int, ...], Node] = {}
        self._valid: dict[int, Node] = {}
        self._any: dict[int, Node] = {}

    def shares(self, bands: Sequence[Band]) -> Node:
        """The node of (N, …) masks: bool, float32 where one is, or None where all are valid everywhere."""
        masks = tuple(band.mask for band in bands)
        if all(mask is VALID for mask in masks):
            return VALID
        key = tuple(map(id, masks))
        return self._shares.get(key) or self._shares.setdefault(key, Apply(_stack_masks, masks))

    def valid(self, bands: Sequence[Band]) -> Node:
        """The node of (N, …) bool, None where all are valid everywhere."""
        shares = self.shares(bands)
        if shares is VALID:
            return VALID
        return self._valid.get(id(shares)) or self._valid.setdefault(id(shares), Apply(seen, (shares,)))

    def any(self, bands: Sequence[Band]) -> Node:
        """The mask of pixels that are valid in one band at least."""
        if not bands:
            return MASKED
        if any(band.mask is VALID for band in bands):
            return VALID
        shares = self.shares(bands)
        return self._any.get(id(shares)) or self._any.setdefault(id(shares), AnyValid(_any, (shares,)))

    def opacity(self, bands: Sequence[Band]) -> Node:
        """The mask of bands that lie one over the other."""
        whole = self.any(bands)
        return Apply(_opacity, whole.inputs) if isinstance(whole, AnyValid) else whole


def _opacity(shares: Array | None) -> Mask:
    if shares is None or shares.dtype == np.bool_:
        return _any(shares)
    return np.asarray(1 - np.prod(1 - shares, axis=0, dtype=np.float32))


def _stack_masks(*masks: Mask) -> Array | None:
    if all(mask is None for mask in masks):
        return None
    shape = np.broadcast_shapes(*(mask.shape for mask in masks if mask is not None))
    soft = any(mask is not None and mask.dtype != np.bool_ for mask in masks)
    shares = np.empty((len(masks), *shape), np.float32 if soft else np.bool_)
    for place, mask in enumerate(masks):
        shares[place] = True if mask is None else mask
    return shares


def _any(shares: Array | None) -> Mask:
    return None if shares is None else np.asarray(shares.any(axis=0))


def reduced_band(name: str, part: Part, output: int, bands: Sequence[Band], stacks: Stacks) -> Band:
    """One output of a plain reducer over bands, as a band of a composite."""
    # What is masked everywhere, such as the blank of an empty step, is not read.
    bands = [band for band in bands if band.mask is not MASKED]
    dtype = stacked_type(part.kind, np.result_type(*(band.type.dtype for band in bands)) if bands
                         else np.dtype(np.float32))
    always = part.kind in ALWAYS
    mask = VALID if always else stacks.any(bands)
    values: Node
    if not bands:
        values = Constant(np.zeros((), dtype))
    elif part.kind == "count":
        # Counting looks reads no values.
        valid = stacks.valid(bands)
        values = Constant(np.asarray(len(bands), dtype)) if valid is VALID else Apply(
            partial(_count, len(bands), dtype), (valid,))
    else:
        function, inputs = partial(_reduced, part, output, dtype), (stacks.shares(bands), *(b.values for b in bands))
        values = StackMedian(function, inputs, dtype) if part.kind == "median" else Apply(function, inputs)
    return Band(name=name, type=PixelType(dtype), projection=WGS84, composite=True, values=values, mask=mask)


def _count(number: int, dtype: np.dtype[Any], valid: Array | None) -> Array:
    return np.asarray(number, dtype) if valid is None else valid.sum(axis=0, dtype=dtype)


def _reduced(part: Part, output: int, dtype: np.dtype[Any], shares: Array | None, *values: Array) -> Array:
    if len(values) == 1 and part.kind in ("median", "mean", "min", "max", "first", "last", "mode"):
        return values[0].astype(dtype, copy=False)
    shape = np.broadcast_shapes(*(item.shape for item in values), () if shares is None else shares.shape[1:])
    stack = np.empty((len(values), *shape), np.result_type(*values))
    for place, item in enumerate(values):
        stack[place] = item
    if shares is not None:
        shares = np.broadcast_to(shares.reshape(shares.shape[:1] + (1,) * (stack.ndim - shares.ndim)
                                                + shares.shape[1:]), stack.shape)
        if shares.dtype != np.bool_:
            return cast(over_shares(part, stack, shares)[output], dtype)
    valid = shares
    if part.kind == "median" and valid is None:
        valid = np.ones(stack.shape, np.bool_)
    if part.kind == "median" and valid is not None:
        return stack_median(stack, valid).astype(dtype, copy=False)
    return cast(over_stack(part, stack, valid)[output], dtype)


def composite(images: Sequence[Image], reducer: Reducer, suffix: bool) -> Image:
    """Every band of images reduced over them, bands matched by name; all bands together where the reducer takes
    several inputs."""
    if reducer.width > 1:
        return _together(images, reducer)
    if tuples.together(reducer) or any(band.type.dimensions for image in images for band in image.bands):
        return Image(bands=tuple(band for name, same in columns(images).items()
                                 for band in tuples.bands(reducer, [same], f"{name}_" if suffix else "")),
                     footprint=footprint_of(images))
    stacks = Stacks()
    bands = [reduced_band(f"{name}_{title}" if suffix else name, part, place, same, stacks)
             for name, same in columns(images).items()
             for part in reducer.parts for place, title in enumerate(part.outputs)]
    return Image(bands=tuple(bands), footprint=footprint_of(images))


def _together(images: Sequence[Image], reducer: Reducer) -> Image:
    if not images:
        return Image(bands=())
    inputs = tuples.aligned([image.bands for image in images])
    if len(inputs) != reducer.width:
        raise AlgorithmError(f"Need {reducer.width} input(s) for the reducer, got {len(inputs)}",
                             mend="select as many bands as the reducer takes inputs")
    return Image(bands=tuple(tuples.bands(reducer, inputs)), footprint=footprint_of(images))


_WEIGHTING = "https://developers.google.com/earth-engine/guides/reducers_weighting"
# These are said to do as ImageCollection.reduce does.
_SHORT = "https://developers.google.com/earth-engine/guides/reducers_image_collection"
_MASK = "The mask is 1 where an input is valid, wholly or in part; not documented."
_DIFFERS = {"count": "Where nothing is valid it is 0 and not masked, which is documented for lists alone.",
            "sum": "The mask is 1 everywhere, and the sum of nothing 0; not documented."}
_BOTH = "The mask is 1 where an input is valid, for sums and counts everywhere; not documented."


def _named(kind: str) -> Any:
    return lambda collection: composite(collection.items, plain(kind), suffix=False)


for _name, _kind in {"median": "median", "count": "count", "mean": "mean", "min": "min", "max": "max", "sum": "sum",
                     "mode": "mode", "product": "product", "and": "allNonZero", "or": "anyNonZero"}.items():
    algorithm(f"reduce.{_name}", differs=_DIFFERS.get(_name, _MASK), source=_SHORT)(_named(_kind))


@algorithm("ImageCollection.reduce", differs=_BOTH, source=_WEIGHTING)
def reduce_collection(collection: Collection, reducer: Reducer, scale: float) -> Image:
    """Every band over the images; outputs are named band_output."""
    return composite(collection.items, reducer, suffix=True)


@algorithm("Image.reduce", differs=_BOTH, source=_WEIGHTING)
def reduce_image(image: Image, reducer: Reducer) -> Image:
    """All bands of an image, pixel by pixel; outputs are named as the reducer names them."""
    if reducer.width > 1:
        raise AlgorithmError(f"The reducer must have a single input, not {reducer.width}",
                             mend="use arrayReduce, or ImageCollection.reduce with a band for every input")
    if not image.bands:
        return image
    if tuples.together(reducer) or any(band.type.dimensions for band in image.bands):
        return image.with_bands(tuples.placed(band, image.bands[0]) for band in tuples.bands(reducer, [image.bands]))
    stacks = Stacks()
    bands = [reduced_band(title, part, place, image.bands, stacks)
             for part in reducer.parts for place, title in enumerate(part.outputs)]
    lead = image.bands[0]
    return image.with_bands(replace(band, projection=lead.projection, composite=lead.composite) for band in bands)


@algorithm("ImageCollection.mosaic",
           differs="Under a mask between 0 and 1 the images below show through, as in Image.blend; not documented.")
def mosaic(collection: Collection) -> Image:
    """The last image that is valid at each pixel, over those below it."""
    stacks = Stacks()
    bands = []
    for name, same in columns(collection.items).items():
        there = [band for band in same if band.mask is not MASKED]
        dtype = np.result_type(*(band.type.dtype for band in same))
        values: Node = Constant(np.zeros((), dtype))
        if there:
            nodes = [node for band in there for node in (band.values, band.mask)]
            values = there[0].values if len(there) == 1 else Apply(partial(_topmost, dtype), tuple(nodes))
        bands.append(Band(name=name, type=PixelType(dtype), composite=True, values=values, mask=stacks.opacity(there)))
    return Image(bands=tuple(bands), footprint=footprint_of(collection.items))


def _topmost(dtype: np.dtype[Any], *arrays: Any) -> Array:
    values, masks = arrays[::2], arrays[1::2]
    soft = any(mask is not None and mask.dtype != np.bool_ for mask in masks)
    result: Array = np.zeros((), dtype)
    known: Mask = np.zeros((), np.bool_)
    for top, mask in zip(values, masks, strict=True):
        result = over(dtype, result, known, top, mask)
        known = either(known, mask) if soft else None
    return result


@algorithm("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """All bands of all images, named index_band."""
    bands = [band.renamed(f"{get(image, SYSTEM_INDEX)}_{band.name}")
             for image in collection.items for band in image.bands]
    if len(bands) > MOST_BANDS:
        raise AlgorithmError(f"Too many bands: {len(bands)} (max: {MOST_BANDS})", mend="select fewer bands or images")
    return Image(bands=tuple(bands), footprint=footprint_of(collection.items))


@algorithm("ImageCollection.toArray")
def to_array(collection: Collection) -> Image:
    """One array a pixel: images along axis 0, bands along axis 1. Images that are masked in a band at a pixel
    are left out there; a pixel that all leave out is masked."""
    images: Sequence[Image] = collection.items
    if not images or not images[0].bands:
        raise AlgorithmError("the collection has no images with bands", mend="merge images that are masked everywhere")
    width = len(images[0].bands)
    for place, image in enumerate(images):
        if len(image.bands) != width:
            raise AlgorithmError(f"image {place} has {len(image.bands)} bands and the first one {width}",
                                 mend="select the same bands of every image")
        if any(band.type.dimensions for band in image.bands):
            raise AlgorithmError("the bands hold arrays already", mend="give scalar bands")
    dtype = np.result_type(*(band.type.dtype for image in images for band in image.bands))
    lead = images[0].bands[0]
    rows = []
    for image in images:
        mask = image.bands[0].mask
        known = {id(mask)}
        for band in image.bands[1:]:
            if id(band.mask) not in known:
                known.add(id(band.mask))
                mask = both(mask, band.mask)
        rows.append(replace(lead, mask=mask))
    stacks = Stacks()
    values = Apply(partial(_arrays, dtype, len(images), width),
                   (stacks.valid(rows), *(band.values for image in images for band in image.bands)))
    band = Band(name="array", type=PixelType(dtype, 2), projection=lead.projection, composite=lead.composite,
                values=values, mask=stacks.any(rows))
    return Image(bands=(band,), footprint=footprint_of(images))


def _arrays(dtype: np.dtype[Any], length: int, width: int, valid: Array | None, *values: Array) -> Array:
    shape = np.broadcast_shapes(*(item.shape for item in values), () if valid is None else valid.shape[1:])
    cells = np.empty((*shape, length, width), dtype)
    for place, item in enumerate(values):
        cells[..., place // width, place % width] = item
    if valid is None or valid.all():
        return cells
    if valid.ndim == 1:
        # The masks are constant: the same images are left out at every pixel.
        return cells[..., valid, :]
    valid = np.broadcast_to(valid.reshape((length,) + (1,) * (len(shape) + 1 - valid.ndim) + valid.shape[1:]),
                            (length, *shape))
    ragged = np.empty(shape, object)
    for cell in np.ndindex(*shape):
        ragged[cell] = cells[cell][valid[:, *cell]]
    return ragged
