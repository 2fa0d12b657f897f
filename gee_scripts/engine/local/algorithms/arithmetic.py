"""Arithmetic of images: bands are matched, masks are the smaller of both, types as Earth Engine unites them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import EngineError
from gee_scripts.engine.local.algorithms.array_pixels import over_pixels
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.nodes import Pixelwise
from gee_scripts.engine.local.rasters.raster import Apply, Band, Constant, Mask, Node, PixelType, both
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]
BOOLEAN = PixelType(np.dtype(np.uint8))
"""Comparisons give 0 or 1; their arrays are bool until somebody counts with them."""


_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Rounded(Pixelwise):
    """A sum, difference, product or quotient in double of numbers that are exact in float.

    Attributes:
        single: the same in float: what the double rounds to, to the last bit, at a third of the time. Source:
            Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30 (3), 1995.
    """

    single: Node


def _single(band: Band) -> bool:
    """Whether every value of a band is exact in float."""
    if isinstance(band.values, Constant) and band.type.dimensions == 0:
        return bool(np.float32(band.values.value) == band.values.value)
    return band.type.dtype == _FLOAT or (band.type.dtype.kind in "iu" and band.type.dtype.itemsize <= 2)


def matched(first: Image, second: Image) -> list[tuple[Band, Band, str]]:
    """Pairs of bands, and the name of what comes from each: by name where the names agree, else in order; a single
    band goes with all.

    Raises:
        AlgorithmError: neither has one band, and their numbers differ; or one has none and the other has some.
    """
    a, b = first.bands, second.bands
    if bool(a) != bool(b):
        # In the service's words, which tell of a reduced collection that was empty.
        raise AlgorithmError(f"If one image has no bands, the other must also have no bands. Got {len(a)} and {len(b)}",
                             mend="see that the collection is not empty before it is reduced")
    if len(a) == len(b):
        if len(a) > 1 and set(first.names) == set(second.names):
            by_name = {band.name: band for band in b}
            return [(band, by_name[band.name], band.name) for band in a]
        return [(one, other, one.name) for one, other in zip(a, b, strict=True)]
    if len(b) == 1:
        return [(band, b[0], band.name) for band in a]
    if len(a) == 1:
        return [(a[0], band, band.name) for band in b]
    raise AlgorithmError(f"Images must have the same number of bands, or one of them a single band. Got {len(a)} and "
                         f"{len(b)}", mend="select the bands that belong together")


def tightest(band: Band) -> DType:
    """The narrowest type that holds the band: a constant counts by its value."""
    if isinstance(band.values, Constant) and band.type.dimensions == 0 and band.type.dtype.kind in "iu":
        return np.min_scalar_type(int(band.values.value))
    return band.type.dtype


def united(first: DType, second: DType) -> DType:
    """The type of sums and differences: floats as NumPy unites them, integers with room to grow."""
    joined = np.result_type(first, second)
    if joined.kind == "f":
        return joined
    return np.dtype(np.int32 if max(first.itemsize, second.itemsize) <= 2 else np.int64)


def product(first: DType, second: DType) -> DType:
    """The type of products: as `united`, wider where int32 cannot hold the product of the largest values."""
    joined = united(first, second)
    if joined != np.int32:
        return joined
    one, other = np.iinfo(first), np.iinfo(second)
    ends = [int(a) * int(b) for a in (one.min, one.max) for b in (other.min, other.max)]
    return joined if min(ends) >= -2**31 and max(ends) < 2**31 else np.dtype(np.int64)


def quotient(first: DType, second: DType) -> DType:
    """The type of quotients and functions such as sqrt: float where both fit one, else double."""
    joined = np.result_type(first, second)
    return np.dtype(np.float32 if joined.kind == "f" and joined.itemsize <= 4 else np.float64)


def widest(first: DType, second: DType) -> DType:
    """The type that holds both."""
    return np.result_type(first, second)


def _boolean(first: DType, second: DType) -> DType:
    return BOOLEAN.dtype


def combined(first: Image, second: Image, function: Callable[[Array, Array, DType], Array],
             kind: Callable[[DType, DType], DType], undefined: Callable[..., Mask] | None = None) -> Image:
    """Band by band. The image has the properties and footprint of the first one; composites take the projection
    of what they are combined with."""
    masks: dict[tuple[int, int], Node] = {}
    bands = []
    for one, other, name in matched(first, second):
        dtype = kind(tightest(one), tightest(other))
        ranks = one.type.dimensions, other.type.dimensions
        if ranks[0] != ranks[1] and 0 not in ranks:
            raise AlgorithmError(f"Arrays of {ranks[0]} and {ranks[1]} dimensions cannot be combined",
                                 mend="give arrays of the same shape, or one of numbers")
        # Bands of one scene have one mask; so have the results.
        key = id(one.mask), id(other.mask)
        mask = known = masks.setdefault(key, both(one.mask, other.mask))
        if undefined is not None:
            mask = Apply(undefined, (one.values, other.values, mask))
        inputs = one.values, other.values
        call = partial(_call, function, dtype)
        values: Node = Pixelwise(call, inputs)
        if any(ranks):
            values = Apply(partial(over_pixels, partial(_aligned, call, ranks), ranks, 0, max(ranks), dtype),
                           (known, *inputs))
        elif dtype == np.float64 and function in _ROUNDED and _single(one) and _single(other):
            values = Rounded(call, inputs, Pixelwise(partial(_call, function, _FLOAT), inputs))
        lead = other if one.composite and not other.composite else one
        bands.append(Band(name=name, type=PixelType(dtype, max(ranks)),
                          projection=lead.projection, composite=lead.composite, values=values, mask=mask))
    return replace(first, bands=tuple(bands), id=None)


def _call(function: Callable[[Array, Array, DType], Array], dtype: DType, a: Array, b: Array) -> Array:
    return function(a, b, dtype)


def _aligned(call: Callable[[Array, Array], Array], ranks: tuple[int, int], a: Array, b: Array) -> Array:
    """Arrays of one shape, or arrays and numbers."""
    if ranks[0] == ranks[1]:
        if a.shape[-ranks[0]:] != b.shape[-ranks[0]:]:
            raise EngineError(f"Arrays must have the same shape. Got {list(a.shape[-ranks[0]:])} and "
                              f"{list(b.shape[-ranks[0]:])}", mend="slice, pad or repeat one")
        return call(a, b)
    wide = max(ranks)
    return call(a[(..., *(None,) * wide)] if ranks[0] == 0 else a, b[(..., *(None,) * wide)] if ranks[1] == 0 else b)


def _ufunc(of: Any) -> Callable[[Array, Array, DType], Array]:
    # The type holds every result; a constant's own type may be wider than its value needs.
    return lambda a, b, dtype: of(a, b, dtype=dtype, casting="unsafe")


def divided(a: Array, b: Array, dtype: DType) -> Array:
    """Quotients; 0 where the divisor is 0."""
    if np.ndim(b) == 0:
        return np.divide(a, b, dtype=dtype) if b else np.zeros(np.shape(a), dtype)
    result = np.divide(a, b, dtype=dtype)
    result[np.broadcast_to(b == 0, result.shape)] = 0
    return result


def _comparison(of: Any) -> Callable[[Array, Array, DType], Array]:
    return lambda a, b, dtype: of(a, b)


_ADD, _SUBTRACT, _MULTIPLY = _ufunc(np.add), _ufunc(np.subtract), _ufunc(np.multiply)
_ROUNDED = (_ADD, _SUBTRACT, _MULTIPLY, divided)
"""Operations that IEEE 754 rounds correctly."""

BINARY: dict[str, tuple[Callable[[Array, Array, DType], Array], Callable[[DType, DType], DType]]] = {
    "add": (_ADD, united), "subtract": (_SUBTRACT, united), "multiply": (_MULTIPLY, product),
    "divide": (divided, quotient),
    "pow": (_ufunc(np.power), quotient), "hypot": (_ufunc(np.hypot), quotient), "atan2": (_ufunc(np.arctan2), quotient),
    "mod": (lambda a, b, dtype: np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b))).astype(dtype), widest),
    "max": (_ufunc(np.maximum), widest), "min": (_ufunc(np.minimum), widest),
    "first": (lambda a, b, dtype: np.broadcast_arrays(a, b)[0], widest),
    "firstNonZero": (lambda a, b, dtype: np.where(np.asarray(a) != 0, a, b).astype(dtype, copy=False), widest),
    "eq": (_comparison(np.equal), _boolean), "neq": (_comparison(np.not_equal), _boolean),
    "lt": (_comparison(np.less), _boolean), "lte": (_comparison(np.less_equal), _boolean),
    "gt": (_comparison(np.greater), _boolean), "gte": (_comparison(np.greater_equal), _boolean),
    "and": (_comparison(np.logical_and), _boolean), "or": (_comparison(np.logical_or), _boolean),
}


def _binary(function: Callable[[Array, Array, DType], Array],
            kind: Callable[[DType, DType], DType]) -> Callable[[Image, Image], Image]:
    return lambda first, second: combined(first, second, function, kind)


_WIDER = "integer types are whole bytes, not the ranges that results can have"
_KEPT = "All properties of the first image are kept; the service's guides copy those that they need."
for _name, (_function, _kind) in BINARY.items():
    algorithm(f"Image.{_name}", differs=f"{_KEPT[:-1]}; {_WIDER}.",
              source="https://developers.google.com/earth-engine/guides/image_math")(_binary(_function, _kind))


def each(image: Image, function: Callable[[Array], Array], kind: Callable[[DType], DType]) -> Image:
    """A function of every band's values; masks stay."""
    bands = []
    for band in image.bands:
        dtype, rank = kind(band.type.dtype), band.type.dimensions
        call = partial(_each, function, dtype)
        values: Node = Pixelwise(call, (band.values,))
        if rank:
            values = Apply(partial(over_pixels, call, (rank,), 0, rank, dtype), (band.mask, band.values))
        bands.append(replace(band, type=PixelType(dtype, rank), values=values))
    return image.with_bands(bands)


def _each(function: Callable[[Array], Array], dtype: DType, values: Array) -> Array:
    if values.dtype.kind == "b":
        values = values.astype(BOOLEAN.dtype)
    if dtype.kind == "f" and values.dtype.kind != "f":
        # NumPy would calculate with bytes in half precision.
        values = values.astype(dtype)
    return np.asarray(function(values)).astype(dtype, copy=False)


def _same(dtype: DType) -> DType:
    return dtype


def _floating(dtype: DType) -> DType:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


UNARY: dict[str, tuple[Callable[[Array], Array], Callable[[DType], DType]]] = {
    "abs": (np.abs, _same), "signum": (np.sign, _same), "floor": (np.floor, _same), "ceil": (np.ceil, _same),
    "round": (lambda values: np.floor(values + 0.5), _same),
    "sqrt": (np.sqrt, _floating), "exp": (np.exp, _floating), "log": (np.log, _floating),
    "log10": (np.log10, _floating), "cbrt": (np.cbrt, _floating), "sin": (np.sin, _floating),
    "cos": (np.cos, _floating), "tan": (np.tan, _floating), "asin": (np.arcsin, _floating),
    "acos": (np.arccos, _floating), "atan": (np.arctan, _floating), "sinh": (np.sinh, _floating),
    "cosh": (np.cosh, _floating), "tanh": (np.tanh, _floating),
    "not": (np.logical_not, lambda dtype: BOOLEAN.dtype),
}


def _unary(function: Callable[[Array], Array], kind: Callable[[DType], DType]) -> Callable[[Image], Image]:
    return lambda image: each(image, function, kind)


for _name, (_one, _of) in UNARY.items():
    algorithm(f"Image.{_name}")(_unary(_one, _of))


@algorithm("Image.clamp")
def clamp(image: Image, low: float, high: float) -> Image:
    """Values not below `low` and not above `high`."""
    return each(image, lambda values: np.clip(values, _held(low, values.dtype), _held(high, values.dtype)), _same)


def _held(bound: float, dtype: DType) -> float:
    """A bound that NumPy compares with values of a type: for integers, no farther than they reach."""
    if dtype.kind not in "iu":
        return bound
    limits = np.iinfo(dtype)
    return min(max(bound, int(limits.min)), int(limits.max))


@algorithm("Image.unitScale")
def unit_scale(image: Image, low: float, high: float) -> Image:
    """0 at `low`, 1 at `high`, a line through both."""
    return each(image, lambda values: (values - low) / (high - low), _floating)
