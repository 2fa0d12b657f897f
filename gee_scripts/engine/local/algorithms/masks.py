"""Masks: 0 (invalid) to 1 (valid), shared by the bands of a scene wherever they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import matched, tightest, widest
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.promotion import static_mask
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain
from gee_scripts.engine.local.rasters.globe import places
from gee_scripts.engine.local.rasters.nodes import Filled
from gee_scripts.engine.local.rasters.raster import (
    VALID,
    Apply,
    Band,
    Constant,
    Mask,
    Node,
    PixelType,
    both,
    choose,
    seen,
    smaller,
)
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Collection, Feature, Image, geometry_of

Array = NDArray[Any]


def as_mask(band: Band) -> Node:
    """The mask that a band's values mean: clipped to 0 … 1, and 0 where the band itself is masked."""
    static = static_mask(band)
    if static is not None:
        return static  # type: ignore[no-any-return]
    return Apply(_values_as_mask, (band.values, band.mask))


def _values_as_mask(values: Array, mask: Mask) -> Mask:
    if values.dtype.kind == "f":
        # Most masks made by arithmetic are whole all the same: those are bool, which nothing has to weigh by.
        meant = values >= 1
        if not (meant | ~(values > 0)).all():
            meant = np.clip(np.nan_to_num(values), 0, 1).astype(np.float32)
    else:
        meant = values if values.dtype.kind == "b" else values > 0
    return smaller(np.asarray(meant), seen(mask))


def _pairs(image: Image, mask: Image) -> list[tuple[Band, Band]]:
    if len(mask.bands) not in (1, len(image.bands)):
        raise AlgorithmError(f"The mask image must have one band, or as many as the image. Got {len(mask.bands)} "
                             f"and {len(image.bands)}", mend="select the band that holds the mask")
    only_numbers(mask)
    return [(band, mask.bands[0 if len(mask.bands) == 1 else place]) for place, band in enumerate(image.bands)]


def only_numbers(*images: Image) -> None:
    """Whether the bands hold numbers. Raises AlgorithmError: one holds arrays."""
    for image in images:
        for band in image.bands:
            if band.type.dimensions:
                raise AlgorithmError(f"Band '{band.name}' holds arrays, where numbers are expected",
                                     mend="use arrayGet, arrayReduce or arrayFlatten first, or arrayMask to mask "
                                          "elements of arrays")


@algorithm("Image.updateMask")
def update_mask(image: Image, mask: Image) -> Image:
    """The image masked where the mask is 0 too; what was masked stays so."""
    meanings: dict[int, Node] = {}
    masks: dict[tuple[int, int], Node] = {}
    bands = []
    for band, other in _pairs(image, mask):
        meant = meanings.get(id(other)) or meanings.setdefault(id(other), as_mask(other))
        key = id(band.mask), id(meant)
        shared = masks.get(key) or masks.setdefault(key, both(band.mask, meant))
        bands.append(band.masked(shared))
    return image.with_bands(bands)


@algorithm("Image.selfMask")
def self_mask(image: Image) -> Image:
    """The image masked where it is 0."""
    return update_mask(image, image)


@algorithm("Image.mask")
def mask(image: Image, new: Image | None) -> Image:
    """The masks as an image of floats; or the image with other masks, 0 where it was masked before."""
    if new is None:
        return image.with_bands(
            band.computed(PixelType(np.dtype(np.float32)), values=Apply(_mask_as_values, (band.mask,)), mask=VALID)
            for band in image.bands)
    return image.with_bands(replace(band, values=Apply(_cleared, (band.values, band.mask)), mask=as_mask(other))
                            for band, other in _pairs(image, new))


def _mask_as_values(known: Mask) -> Array:
    return np.ones((), np.float32) if known is None else known.astype(np.float32)


def _cleared(values: Array, known: Mask) -> Array:
    if known is None:
        return values
    shown = seen(known)
    # Elements of an array are masked with their pixel.
    return np.where(shown.reshape(shown.shape + (1,) * (values.ndim - shown.ndim)), values, values.dtype.type(0))


@algorithm("Image.unmask")
def unmask(image: Image, value: Image | None, same_footprint: bool) -> Image:
    """Another image's values and masks where the image is masked; within its footprint unless told otherwise."""
    other = value if value is not None else Image(
        bands=(Band(name="constant", type=PixelType(np.dtype(np.uint8)), values=Constant(np.uint8(0))),))
    frame: Node = VALID
    if same_footprint and image.footprint is not None:
        frame = Within(shapes=image.footprint)
    if len(other.bands) not in (1, len(image.bands)):
        raise AlgorithmError(f"The value image must have one band, or as many as the image. Got {len(other.bands)} "
                             f"and {len(image.bands)}", mend="select the bands that belong together")
    only_numbers(image, other)
    fills: dict[tuple[int, int], Node] = {}
    bands = []
    for band, fill, _ in matched(image, other):
        if band.mask is VALID:
            bands.append(band)
            continue
        dtype = band.type.dtype
        if not (isinstance(fill.values, Constant) and _fits(fill.values.value, dtype)):
            dtype = widest(tightest(band), tightest(fill))
        allowed = both(fill.mask, frame)
        key = id(band.mask), id(allowed)
        shared = fills.get(key) or fills.setdefault(key, Apply(_filled_mask, (band.mask, allowed)))
        bands.append(band.computed(PixelType(dtype, band.type.dimensions), mask=shared, values=Filled(
            partial(_filled, dtype), (band.values, band.mask, fill.values), dtype)))
    footprint = image.footprint if same_footprint else None
    if not same_footprint and image.footprint is not None and other.footprint is not None:
        footprint = image.footprint + other.footprint
    return replace(image, bands=tuple(bands), footprint=footprint, id=None)


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a number is held by a type; any number is near enough to one of a float type."""
    if np.ndim(value):
        return False
    return dtype.kind == "f" or bool(cast(np.asarray(value), dtype) == value)


def _filled(dtype: np.dtype[Any], values: Array, known: Mask, fill: Array) -> Array:
    if known is None:
        return values.astype(dtype, copy=False)
    return choose(np.asarray(seen(known)), cast(values, dtype), cast(fill, dtype))


def _filled_mask(known: Mask, allowed: Mask) -> Mask:
    if known is None or (allowed is None and known.dtype == np.bool_):
        return None
    if known.dtype == np.bool_ and allowed is not None and allowed.dtype == np.bool_:
        return np.logical_or(known, allowed)
    other = np.float32(1) if allowed is None else allowed.astype(np.float32)
    return np.where(seen(known), known.astype(np.float32), other)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Within(Node):
    """The mask of pixels whose centre lies in one of some shapes."""

    shapes: tuple[Geometry, ...]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Mask:
        """True inside, by pixel centres; None where all are."""
        distinct = {id(shape): shape for shape in self.shapes}.values()
        shape = shapely.union_all([item.to(domain.crs) for item in distinct])
        shapely.prepare(shape)
        found = shapely.intersects_xy(shape, *places(domain))
        return None if found.all() else found


@algorithm("Image.clip")
def clip(image: Image, shape: Any) -> Image:
    """The image masked outside of a geometry."""
    found = geometry_of(shape) if isinstance(shape, Geometry | Feature | Collection) else None
    if found is None:
        raise AlgorithmError(f"a {type_name(shape)} is no geometry", mend="clip to a geometry or a feature")
    return clipped(image, found)


@algorithm("Image.clipToCollection")
def clip_to_collection(image: Image, collection: Any) -> Image:
    """The image masked outside of every feature."""
    return clip(image, collection)


def clipped(image: Image, shape: Geometry) -> Image:
    """The image masked outside of a geometry, which becomes its footprint."""
    if shape.unbounded:
        return image
    frame: Node = Within(shapes=(shape,))
    masks: dict[int, Node] = {}
    bands = [replace(band, mask=masks.setdefault(id(band.mask), both(band.mask, frame))) for band in image.bands]
    return replace(image, bands=tuple(bands), footprint=(shape,), id=None)


@algorithm("Image.where")
def where(image: Image, test: Image, value: Image) -> Image:
    """Another image's values where a test is not zero and neither is masked; masked pixels stay masked."""
    only_numbers(image)
    bands = []
    for (band, condition), (_, other) in zip(_pairs(image, test), _pairs(image, value), strict=True):
        dtype = widest(tightest(band), tightest(other))
        inputs = (band.values, condition.values, condition.mask, other.values, other.mask)
        bands.append(replace(band, type=PixelType(dtype), values=Apply(partial(_replaced, dtype), inputs)))
    return image.with_bands(bands)


def _replaced(dtype: np.dtype[Any], values: Array, test: Array, test_mask: Mask, other: Array,
              other_mask: Mask) -> Array:
    chosen = test != 0
    for known in (test_mask, other_mask):
        if known is not None:
            chosen = chosen & (known > 0)
    return np.where(chosen, cast(other, dtype), cast(values, dtype))


@algorithm("Image.blend",
           differs="what is under a mask between 0 and 1 shows through by its own mask, as one picture does under "
                   "another")
def blend(bottom: Image, top: Image) -> Image:
    """The top image over the bottom one, by its mask."""
    only_numbers(bottom, top)
    masks: dict[tuple[int, int], Node] = {}
    bands = []
    for low, high, name in matched(bottom, top):
        dtype = widest(tightest(low), tightest(high))
        values = Apply(partial(over, dtype), (low.values, low.mask, high.values, high.mask))
        mask = masks.setdefault((id(low.mask), id(high.mask)), Apply(either, (low.mask, high.mask)))
        bands.append(replace(low, name=name, type=PixelType(dtype), values=values, mask=mask))
    footprint = None if bottom.footprint is None or top.footprint is None else bottom.footprint + top.footprint
    return replace(bottom, bands=tuple(bands), footprint=footprint, id=None)


def over(dtype: np.dtype[Any], low: Array, low_mask: Mask, high: Array, high_mask: Mask) -> Array:
    """Values of one picture under another."""
    if high_mask is None:
        return cast(high, dtype)
    if high_mask.dtype == np.bool_:
        return choose(high_mask, cast(high, dtype), cast(low, dtype))
    share = high_mask.astype(np.float64)
    rest = (1 - share) * (1.0 if low_mask is None else low_mask)
    whole = share + rest
    mixed = (np.where(share > 0, high, 0) * share + np.where(rest > 0, low, 0) * rest) / np.where(whole > 0, whole, 1)
    return cast(mixed if dtype.kind == "f" else np.rint(mixed), dtype)


def either(low: Mask, high: Mask) -> Mask:
    """The mask of one picture under another."""
    if low is None or high is None:
        return None
    if low.dtype == np.bool_ and high.dtype == np.bool_:
        return np.logical_or(low, high)
    share = high.astype(np.float32)
    return share + low * (1 - share)
