"""Arrays: numbers of one type along any number of axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import array_functions
from gee_scripts.engine.local.algorithms.arithmetic import BINARY, UNARY
from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.language.promotion import DTYPES, Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import PixelType
from gee_scripts.engine.local.values import Reducer

Array = NDArray[Any]
DType = np.dtype[Any]


@algorithm("Array")
def array(values: Any, kind: PixelType | None) -> Array:
    """An array of a number, or of nested lists of numbers, in the given type or one that holds them."""
    if kind is None:
        if isinstance(values, list) and _empty(values):
            raise AlgorithmError("There are no numbers in 'values', so 'pixelType' is required", mend="give a type")
        return _of(values)
    if isinstance(values, list) and _empty(values):
        return np.zeros(np.shape(values), kind.dtype)
    return _rounded(_of(values), kind.dtype)


def _empty(values: list[Any]) -> bool:
    return all(isinstance(item, list) and _empty(item) for item in values)


def _of(values: Any) -> Array:
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


# -- elements

def element_wise(values: Array, function: Callable[[Array], Array], kind: Callable[[DType], DType]) -> Array:
    """A function of every element, in a type that depends on theirs."""
    with np.errstate(all="ignore"):
        dtype = kind(values.dtype)
        exact = values.astype(dtype) if dtype.kind == "f" else values
        return np.asarray(function(exact)).astype(dtype, copy=False)


def element_wise_both(first: Array, second: Array, function: Callable[[Array, Array, DType], Array],
                      kind: Callable[[DType, DType], DType]) -> Array:
    """A function of the elements of two arrays of one shape, or of an array and a number.

    Raises:
        AlgorithmError: their shapes differ.
    """
    if first.shape != second.shape and 0 not in (first.ndim, second.ndim):
        raise AlgorithmError(f"Arrays must have the same shape, or one be a number. Got {list(first.shape)} and "
                             f"{list(second.shape)}", mend="slice, pad or repeat one of them")
    with np.errstate(all="ignore"):
        dtype = kind(first.dtype, second.dtype)
        one, other = np.broadcast_arrays(first, second)
        return np.asarray(function(one, other, dtype)).astype(dtype, copy=False)


def _binary(function: Callable[[Array, Array, DType], Array],
            kind: Callable[[DType, DType], DType]) -> Callable[[Array, Array], Array]:
    return lambda first, second: element_wise_both(first, second, function, kind)


def _unary(function: Callable[[Array], Array], kind: Callable[[DType], DType]) -> Callable[[Array], Array]:
    return lambda values: element_wise(values, function, kind)


def _power(first: Array, second: Array, dtype: DType) -> Array:
    return np.power(first.astype(np.float64), second.astype(np.float64)).astype(dtype)


def _single(first: DType, second: DType) -> DType:
    joined = np.result_type(first, second)
    return joined if joined.kind == "f" else np.dtype(np.float32)


# Powers of whole numbers are floats: https://developers.google.com/earth-engine/apidocs/ee-array-pow
for _name, (_function, _kind) in {**BINARY, "pow": (_power, _single), "first_nonzero": BINARY["firstNonZero"]}.items():
    algorithm(f"Array.{_name}")(_binary(_function, _kind))
for _name, (_one, _of_one) in UNARY.items():
    algorithm(f"Array.{_name}")(_unary(_one, _of_one))


# -- shapes

def checked_axis(axis: int, rank: int, appended: int = 0) -> int:
    """An axis that arrays of `rank` axes have; `appended` of 1 also allows the next one.

    Raises:
        AlgorithmError: they do not have it.
    """
    if not 0 <= axis < rank + appended:
        raise AlgorithmError(f"Axis must be between 0 and {rank + appended - 1}. Got {axis}",
                             mend=f"the array has {rank} dimensions")
    return axis


def checked_axes(axes: list[int], rank: int) -> list[int]:
    """Different axes that arrays of `rank` axes have.

    Raises:
        AlgorithmError: they do not have one, or one is repeated.
    """
    if len(set(axes)) != len(axes):
        raise AlgorithmError(f"Axes must not be repeated. Got {axes}", mend="name each axis once")
    return [checked_axis(axis, rank) for axis in axes]


def checked_reducer(reducer: Reducer, field_axis: int | None, axes: list[int], rank: int) -> None:
    """Whether a reducer can reduce arrays.

    Raises:
        AlgorithmError: it has several inputs, which is not implemented, or its outputs have no axis to lie along.
    """
    if reducer.width > 1:
        raise AlgorithmError("reducers of several inputs are not implemented for arrays by the local engine",
                             mend="use matrixSolve, or reduce the collection")
    if len(reducer.outputs) > 1 and field_axis is None:
        raise AlgorithmError(f"The reducer has {len(reducer.outputs)} outputs, so 'fieldAxis' is required",
                             mend="add an axis of length 1, e.g. by toArray, and name it")
    if field_axis is not None and checked_axis(field_axis, rank) in axes:
        raise AlgorithmError(f"'fieldAxis' {field_axis} must not be among 'axes'", mend="give another axis")
    if not axes:
        raise AlgorithmError("'axes' must not be empty", mend="name the axes to reduce")


def checked_step(step: int) -> int:
    """A positive step.

    Raises:
        AlgorithmError: it is not.
    """
    if step < 1:
        raise AlgorithmError(f"The step must be positive. Got {step}", mend="give 1 or more")
    return step


@algorithm("Array.cat")
def cat(arrays: list[Array], axis: int) -> Array:
    """Arrays one after the other along an axis; along the next axis after the last one, each becomes a position."""
    ranks = {item.ndim for item in arrays}
    if len(ranks) != 1:
        raise AlgorithmError(f"Arrays must have the same number of dimensions. Got {sorted(ranks)}",
                             mend="give one array at least, and arrays of the same number of dimensions")
    rank = ranks.pop()
    # An empty vector has no length of its own on other axes.
    full = [item for item in arrays if item.size] or arrays[:1]
    kept = full if axis == 0 else arrays
    return array_functions.concatenated(kept, rank, checked_axis(axis, rank, 1)).astype(
        np.result_type(*(item.dtype for item in arrays)))


def stacked(values: list[Any], axis: int) -> Array:
    """Numbers as a vector along an axis, or arrays one after the other along it."""
    arrays = [_of(value) for value in values]
    return cat([array.reshape(array.shape + (1,) * (axis - array.ndim)) for array in arrays], axis)


@algorithm("Array.get")
def get(values: Array, position: list[int]) -> Any:
    """The number at a position."""
    _full(values, position, "position")
    for axis, (place, length) in enumerate(zip(position, values.shape, strict=True)):
        if not 0 <= place < length:
            raise AlgorithmError(f"Position {place} on axis {axis} must be between 0 and {length - 1}",
                                 mend="ask for an element that is there")
    return values[tuple(position)].item()


@algorithm("Array.cut")
def cut(values: Array, position: list[int]) -> Array:
    """One position of each axis, all of it where that is -1; the number of dimensions stays."""
    _full(values, position, "position")
    for axis, (place, length) in enumerate(zip(position, values.shape, strict=True)):
        if not -1 <= place < length:
            raise AlgorithmError(f"Position {place} on axis {axis} must be between -1 and {length - 1}",
                                 mend="cut at a position that is there")
    return values[tuple(slice(None) if place == -1 else slice(place, place + 1) for place in position)]


def _full(values: Array, per_axis: list[Any], name: str) -> None:
    if len(per_axis) != values.ndim:
        raise AlgorithmError(f"'{name}' must have one number an axis. Got {len(per_axis)} for {values.ndim} "
                             "dimensions", mend="give as many as the array has dimensions")


@algorithm("Array.slice")
def slice_(values: Array, axis: int, start: int, end: int | None, step: int) -> Array:
    """Positions of one axis from `start` to before `end`, every `step`; negative ones count from its end."""
    return array_functions.sliced(values, values.ndim, checked_axis(axis, values.ndim), start, end, checked_step(step))


@algorithm("Array.reshape")
def reshape(values: Array, shape: Array) -> Array:
    """The elements in another shape; one length may be -1 and takes what is left."""
    if not np.isfinite(shape).all():
        raise AlgorithmError("The shape holds numbers that are not finite", mend="give lengths")
    return array_functions.reshaped(values, values.ndim, np.ravel(shape).tolist())


@algorithm("Array.transpose", "Array.matrixTranspose")
def transpose(values: Array, first: int, second: int) -> Array:
    """Two axes swapped."""
    rank = values.ndim
    return array_functions.transposed(values, rank, checked_axis(first, rank), checked_axis(second, rank))


@algorithm("Array.repeat")
def repeat(values: Array, axis: int, copies: int) -> Array:
    """Copies one after the other along an axis, which may be the next one after the last."""
    return array_functions.repeated(values, values.ndim, checked_axis(axis, values.ndim, 1), copies)


@algorithm("Array.project")
def project(values: Array, axes: list[int]) -> Array:
    """The named axes alone; the others must not be longer than 1."""
    return array_functions.projected(values, values.ndim, checked_axes(axes, values.ndim))


@algorithm("Array.pad")
def pad(values: Array, lengths: list[int], value: float) -> Array:
    """A value appended along each axis up to a length."""
    _full(values, lengths, "lengths")
    return array_functions.padded(values, values.ndim, lengths, value)


@algorithm("Array.mask", source="https://developers.google.com/earth-engine/apidocs/ee-array-mask")
def mask(values: Array, kept: Array) -> Array:
    """The positions along one axis where the mask is not 0."""
    return array_functions.masked(values, values.ndim, kept)


@algorithm("Array.sort", differs="equal keys keep their order; the service's is not documented")
def sort(values: Array, keys: Array | None) -> Array:
    """Positions along one axis in ascending order of the keys, or of the values."""
    order = values if keys is None else keys
    return array_functions.ordered(values, values.ndim, order, order.ndim)


@algorithm("Array.length")
def length(values: Array) -> Array:
    """(dimensions) the length of every axis."""
    return np.asarray(values.shape, np.int32)


@algorithm("Array.reduce", lacks="reducers of several inputs")
def reduce(values: Array, reducer: Reducer, axes: list[int], field_axis: int | None) -> Array:
    """Elements along axes reduced to length 1; several outputs lie along the field axis, which was of length 1."""
    axes = checked_axes(axes, values.ndim)
    checked_reducer(reducer, field_axis, axes, values.ndim)
    return array_functions.reduced(values, values.ndim, reducer, axes, field_axis)


@algorithm("Array.accum", source="https://developers.google.com/earth-engine/apidocs/ee-array-accum")
def accumulate(values: Array, axis: int, reducer: Reducer | None) -> Array:
    """At every position along an axis, all up to and including it reduced; their sums without a reducer."""
    checked_axis(axis, values.ndim)
    if reducer is not None and (reducer.width > 1 or len(reducer.outputs) > 1):
        raise AlgorithmError("The reducer must have one input and one output", mend="use e.g. Reducer.max")
    return array_functions.accumulated(values, values.ndim, axis, reducer)


@algorithm("Array.argmax")
def argmax(values: Array) -> list[int] | None:
    """The position of the first greatest element; null of an empty array."""
    if values.size == 0:
        return None
    return [int(place) for place in array_functions.place_of_maximum(values, values.ndim)]


@algorithm("Array.dotProduct")
def dot_product(first: Array, second: Array) -> Any:
    """The sum of the products of two vectors."""
    if first.ndim != 1 or second.ndim != 1:
        raise AlgorithmError(f"Arrays must be 1-D. Got {first.ndim}-D and {second.ndim}-D", mend="project them first")
    return array_functions.dot_product(first, second).item()


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
