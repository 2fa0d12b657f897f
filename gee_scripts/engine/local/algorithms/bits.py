"""Bits of whole numbers: of images, arrays and numbers alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import BOOLEAN, combined, each, tightest, widest
from gee_scripts.engine.local.algorithms.array_elements import element_wise, element_wise_both
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Constant
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]

_LONG = np.dtype(np.int64)


def _whole(first: DType, second: DType) -> DType:
    """The type that holds both; int64 where NumPy would take a float."""
    joined = widest(first, second)
    return joined if joined.kind in "iu" else _LONG


def left_shifted(values: Array, bits: Array, dtype: DType) -> Array:
    """Values times 2 to the bits, cut to 64 bits."""
    return np.left_shift(values.astype(_LONG), bits.astype(_LONG)).astype(dtype, copy=False)


def right_shifted(values: Array, bits: Array, dtype: DType) -> Array:
    """Values over 2 to the bits, rounded down: the sign stays."""
    return np.right_shift(values.astype(_LONG), bits.astype(_LONG)).astype(dtype, copy=False)


_BINARY: dict[str, Callable[[Array, Array, DType], Array]] = {
    "bitwiseAnd": lambda a, b, dtype: np.bitwise_and(a.astype(dtype), b.astype(dtype)),
    "bitwiseOr": lambda a, b, dtype: np.bitwise_or(a.astype(dtype), b.astype(dtype)),
    "bitwiseXor": lambda a, b, dtype: np.bitwise_xor(a.astype(dtype), b.astype(dtype)),
    "leftShift": left_shifted, "rightShift": right_shifted,
}
_SYNONYMS = {"bitwiseAnd": "bitwise_and", "bitwiseOr": "bitwise_or", "bitwiseXor": "bitwise_xor",
             "bitwiseNot": "bitwise_not", "leftShift": "left_shift", "rightShift": "right_shift"}
_SHIFT = "shifts by less than 0 or more than 63 bits are not documented: here they are NumPy's"


def bit_count(values: Array) -> Array:
    """Number of ones in 64 bits of two's complement."""
    return np.bitwise_count(np.asarray(values, _LONG).view(np.uint64))


def signed(dtype: DType) -> DType:
    """The smallest signed type that holds a type."""
    return dtype if dtype.kind == "i" else np.result_type(dtype, np.int8) if dtype.itemsize < 8 else _LONG


_UNARY: dict[str, tuple[Callable[[Array], Array], Callable[[DType], DType]]] = {
    "bitwiseNot": (lambda values: np.invert(values.astype(signed(values.dtype))), signed),
    "bitCount": (bit_count, lambda dtype: BOOLEAN.dtype),
}


def _require(*dtypes: DType) -> None:
    if any(dtype.kind == "f" for dtype in dtypes):
        raise AlgorithmError("Bitwise operands must be integer only", mend="cast them first, e.g. by toInt()")


def _image_both(name: str) -> Callable[[Image, Image], Image]:
    def of(first: Image, second: Image) -> Image:
        _require(*(band.type.dtype for band in first.bands + second.bands))
        kind = _whole
        if name == "leftShift":
            # A constant shift needs so many bits more; room for all of them otherwise.
            shifts = [int(np.max(band.values.value)) for band in second.bands if isinstance(band.values, Constant)]
            bits = 8 * max((tightest(band).itemsize for band in first.bands), default=8)
            narrow = len(shifts) == len(second.bands) and bits + max(shifts, default=0) < 32
            kind = _int32 if narrow else _int64
        return combined(first, second, _BINARY[name], kind)

    return of


def _int32(first: DType, second: DType) -> DType:
    return np.dtype(np.int32)


def _int64(first: DType, second: DType) -> DType:
    return _LONG


def _image_one(name: str) -> Callable[[Image], Image]:
    def of(image: Image) -> Image:
        _require(*(band.type.dtype for band in image.bands))
        return each(image, *_UNARY[name])

    return of


def _array_both(name: str) -> Callable[[Array, Array], Array]:
    def of(first: Array, second: Array) -> Array:
        _require(first.dtype, second.dtype)
        return element_wise_both(first, second, _BINARY[name], _int64 if name == "leftShift" else _whole)

    return of


def _array_one(name: str) -> Callable[[Array], Array]:
    def of(array: Array) -> Array:
        _require(array.dtype)
        return element_wise(array, *_UNARY[name])

    return of


def _long(number: float) -> Array:
    if not math.isfinite(number) or number != int(number) or abs(number) > 2**63 - 1:
        raise AlgorithmError("Bitwise operands must be integer only", mend="round the number first, e.g. by toInt()")
    return np.asarray(int(number), _LONG)


def _number_both(name: str) -> Callable[[float, float], int]:
    return lambda left, right: int(_BINARY[name](_long(left), _long(right), _LONG))


def _number_one(name: str) -> Callable[[float], int]:
    return lambda number: int(_UNARY[name][0](_long(number)))


for _name in (*_BINARY, *_UNARY):
    _makers: tuple[Callable[[str], Callable[..., Any]], ...] = (
        (_image_both, _array_both, _number_both) if _name in _BINARY else (_image_one, _array_one, _number_one))
    for _owner, _maker in zip(("Image", "Array", "Number"), _makers, strict=True):
        algorithm(*(f"{_owner}.{name}" for name in {_name, _SYNONYMS.get(_name, _name)}),
                  differs=_SHIFT if "Shift" in _name else "")(_maker(_name))
