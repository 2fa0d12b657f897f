"""Arrays: numbers of one type along any number of axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.language.promotion import DTYPES, Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import PixelType

Array = NDArray[Any]
DType = np.dtype[Any]


@algorithm("Array")
def array(values: Any, kind: PixelType | None) -> Array:
    """An array of a number, or of nested lists of numbers, in the given type or one that holds them."""
    if kind is None:
        if isinstance(values, list) and _empty(values):
            raise AlgorithmError("There are no numbers in 'values', so 'pixelType' is required", mend="give a type")
        return array_of(values)
    if isinstance(values, list) and _empty(values):
        return np.zeros(np.shape(values), kind.dtype)
    return _rounded(array_of(values), kind.dtype)


def _empty(values: list[Any]) -> bool:
    return all(isinstance(item, list) and _empty(item) for item in values)


def array_of(values: Any) -> Array:
    """A number, or nested lists of numbers, in a type that holds them.

    Raises:
        AlgorithmError: it is something else.
    """
    try:
        return promoted(_plain(values), "Array", None)  # type: ignore[arg-type, no-any-return]
    except Mismatch as error:
        raise AlgorithmError(f"'{error.text}' is no array", mend="give a number, or nested lists of numbers of equal "
                                                                 "lengths") from error


def _plain(values: Any) -> Any:
    """Lists in which arrays are lists too."""
    if isinstance(values, list):
        return [_plain(item) for item in values]
    return values.tolist() if isinstance(values, np.ndarray) and values.dtype == object else values


def _rounded(values: Array, dtype: DType) -> Array:
    if dtype.kind in "iu" and values.dtype.kind == "f":
        values = np.floor(values + 0.5)
    return cast(values, dtype)


_ROUNDS = "https://developers.google.com/earth-engine/apidocs/ee-array-byte"


def _cast(dtype: DType) -> Callable[[Array], Array]:
    return lambda values: _rounded(values, dtype)


for _name, _dtype in DTYPES.items():
    algorithm(f"Array.{_name}", f"Array.to{_name[0].upper()}{_name[1:]}", source=_ROUNDS,
              differs="" if _name in ("byte", "uint8", "float", "double")
              else "Rounds to the nearest, halves up, as Array.byte is documented to.")(_cast(np.dtype(_dtype)))


@algorithm("Array.length")
def length(values: Array) -> Array:
    """(dimensions) the length of every axis."""
    return np.asarray(values.shape, np.int32)


@algorithm("Array.identity")
def identity(size: int) -> Array:
    """The square matrix of that size with ones on its diagonal."""
    if size < 1:
        raise AlgorithmError(f"Size must be positive. Got {size}", mend="give 1 or more")
    check_room((), (size, size))
    return np.eye(size, dtype=np.int32)


@algorithm("Array.toList")
def to_list(values: Array) -> Any:
    """Nested lists of the numbers."""
    return values.tolist()


@algorithm("Array.bitsToArray")
def bits_to_array(number: float) -> Array:
    """The bits of a whole number in 64 bits of two's complement, lowest first, up to the highest one."""
    if not math.isfinite(number):
        raise AlgorithmError(f"{number} has no bits", mend="give a finite number")
    bits = int(number) & (2**64 - 1)
    return np.asarray([bits >> place & 1 for place in range(max(bits.bit_length(), 1))], np.uint8)
