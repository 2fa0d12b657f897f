"""What is done along the axes of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import array_functions
from gee_scripts.engine.local.algorithms.arrays import array_of
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Reducer

Array = NDArray[Any]


# Of a NumPy array of any version.
_MOST_AXES = 32


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
    if axis >= _MOST_AXES:
        raise AlgorithmError(f"Axis must be less than {_MOST_AXES}. Got {axis}", mend="arrays have fewer dimensions")
    arrays = [array_of(value) for value in values]
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
