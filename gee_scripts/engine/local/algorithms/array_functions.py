"""Functions of arrays that may be stacked: the last `rank` axes are an array's, axes before them are pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.reductions import over_stack
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Part, Reducer

Array = NDArray[Any]


def own(values: Array, rank: int) -> tuple[int, ...]:
    """Lengths of the arrays' axes."""
    return values.shape[values.ndim - rank:]


def concatenated(arrays: Sequence[Array], rank: int, axis: int) -> Array:
    """One after the other along an axis; along the next axis after the last one, each gets that axis first."""
    if axis == rank:
        arrays, rank = [array[..., None] for array in arrays], rank + 1
    rest = {own(array, rank)[:axis] + own(array, rank)[axis + 1:] for array in arrays}
    if len(rest) > 1:
        lengths = " and ".join(str(list(own(array, rank))) for array in arrays)
        raise AlgorithmError(f"Array lengths must match on all axes but {axis}. Got {lengths}",
                             mend="slice or pad the arrays")
    first = own(arrays[0], rank)
    length = sum(own(array, rank)[axis] for array in arrays)
    check_room(arrays[0].shape[:arrays[0].ndim - rank], (*first[:axis], length, *first[axis + 1:]))
    return np.concatenate(list(arrays), axis=axis - rank)


def sliced(values: Array, rank: int, axis: int, start: int | None, end: int | None, step: int) -> Array:
    """Positions from `start` to before `end`, every `step`, that the axis has; negative ones count from its end."""
    length = own(values, rank)[axis]
    first = 0 if start is None else start if start >= 0 else start + length
    last = length if end is None else end if end >= 0 else end + length
    if first < 0:
        first += -(first // step) * step
    last = min(last, length)
    taken: tuple[Any, ...] = (..., slice(first, max(first, last), step), *(slice(None),) * (rank - axis - 1))
    return np.asarray(values[taken])


def projected(values: Array, rank: int, axes: Sequence[int]) -> Array:
    """The kept axes in their order; the others must not be longer than 1."""
    lengths = own(values, rank)
    for axis in range(rank):
        if axis not in axes and lengths[axis] > 1:
            raise AlgorithmError(f"Dropped axes must be at most length 1. Axis {axis} has length {lengths[axis]}",
                                 mend="keep that axis, or slice or reduce it first")
    empty = any(lengths[axis] == 0 for axis in range(rank) if axis not in axes)
    lead = values.ndim - rank
    order = [*range(lead), *(lead + axis for axis in axes),
             *(lead + axis for axis in range(rank) if axis not in axes)]
    turned = values.transpose(order)
    if empty:
        return np.zeros((*turned.shape[:lead], *(0 for _ in axes)), values.dtype)
    return turned.reshape(turned.shape[:lead + len(axes)])


def transposed(values: Array, rank: int, first: int, second: int) -> Array:
    """Two axes swapped."""
    return np.swapaxes(values, first - rank, second - rank)


def repeated(values: Array, rank: int, axis: int, copies: int) -> Array:
    """Copies one after the other along an axis, which may be the next one after the last."""
    if axis == rank:
        values, rank = values[..., None], rank + 1
    if copies < 0:
        raise AlgorithmError(f"The number of copies must not be negative. Got {copies}",
                             mend="give 0 or more")
    check_room(values.shape, (copies,))
    times = [1] * values.ndim
    times[axis - rank] = copies
    return np.tile(values, times)


def reshaped(values: Array, rank: int, lengths: Sequence[int]) -> Array:
    """The elements in another shape; one length may be -1 and takes what is left."""
    if not np.isfinite(lengths).all():
        raise AlgorithmError("The shape holds numbers that are not finite", mend="give lengths")
    wanted = [int(length) for length in lengths]
    size = math.prod(own(values, rank))
    fixed = math.prod(length for length in wanted if length != -1)
    if wanted.count(-1) > 1 or any(length < -1 for length in wanted):
        raise AlgorithmError(f"Shape {wanted} must not hold more than one -1, nor other negative lengths",
                             mend="give lengths")
    if -1 in wanted and fixed and size % fixed == 0:
        wanted[wanted.index(-1)] = size // fixed
    if math.prod(wanted) != size or -1 in wanted:
        raise AlgorithmError(f"An array of {size} elements cannot have the shape {wanted}",
                             mend="give lengths whose product is the number of elements")
    return values.reshape(values.shape[:values.ndim - rank] + tuple(wanted))


def padded(values: Array, rank: int, lengths: Sequence[int], pad: float) -> Array:
    """A value appended along each axis up to its length; longer axes stay."""
    lead = values.shape[:values.ndim - rank]
    check_room(lead, tuple(map(max, lengths, own(values, rank))))
    more = [(0, 0)] * len(lead)
    more += [(0, max(wanted - length, 0)) for wanted, length in zip(lengths, own(values, rank), strict=True)]
    return np.pad(values, more, constant_values=cast(np.asarray(pad), values.dtype))


def masked(values: Array, rank: int, mask: Array) -> Array:
    """The positions along one axis where the mask, an array of one pixel, is not 0."""
    lengths = own(values, rank)
    fits = [axis for axis in range(rank) if mask.ndim == rank and mask.shape[axis] == lengths[axis]
            and math.prod(mask.shape) == mask.shape[axis]]
    if not fits:
        raise AlgorithmError(f"The mask's shape {list(mask.shape)} does not fit the array's {list(lengths)}",
                             mend="give a mask of as many axes, of the array's length along one and of 1 elsewhere")
    return np.compress(mask.reshape(-1) != 0, values, axis=fits[0] - rank)


def ordered(values: Array, rank: int, keys: Array, keys_rank: int) -> Array:
    """Positions along one axis in ascending order of the keys, which have more than one element along it alone."""
    lengths = own(keys, keys_rank) + (1,) * (rank - keys_rank)
    long = [axis for axis, length in enumerate(lengths) if length != 1]
    if len(long) > 1:
        raise AlgorithmError(f"Keys must have multiple elements along one axis only, not lengths {list(lengths)}",
                             mend="give keys, e.g. one column of the array by arraySlice")
    axis = long[0] if long else 0
    if keys_rank > rank or lengths[axis] != own(values, rank)[axis]:
        raise AlgorithmError(f"Keys of lengths {list(lengths)} do not fit an array of {list(own(values, rank))}",
                             mend="give as many keys as the axis has positions")
    order = np.argsort(keys.reshape((*keys.shape[:keys.ndim - keys_rank], -1)), axis=-1, kind="stable")
    order = order.reshape(order.shape[:-1] + tuple(-1 if place == axis else 1 for place in range(rank)))
    return np.take_along_axis(values, order, axis=axis - rank)


def reduced(values: Array, rank: int, reducer: Reducer, axes: Sequence[int], field_axis: int | None) -> Array:
    """Elements along axes reduced to length 1; several outputs lie along the field axis, which was of length 1."""
    lead = values.ndim - rank
    if field_axis is not None and own(values, rank)[field_axis] != 1:
        raise AlgorithmError(f"The field axis must have length 1, one an input. Got {own(values, rank)[field_axis]}",
                             mend="slice the array to the reducer's input")
    front = np.moveaxis(values, [lead + axis for axis in axes], range(len(axes)))
    flat = front.reshape(math.prod(front.shape[:len(axes)]), *front.shape[len(axes):])
    outputs = [output for part in reducer.parts for output in _outputs(part, flat)]
    outputs = [np.expand_dims(output, sorted(lead + axis for axis in axes)) for output in outputs]
    return outputs[0] if field_axis is None else np.concatenate(outputs, axis=field_axis - rank)


def _outputs(part: Part, flat: Array) -> tuple[Array, ...]:
    if len(flat) == 0:
        return (np.zeros(flat.shape[1:], flat.dtype),) * len(part.outputs)
    return over_stack(part, flat, np.ones(flat.shape, np.bool_))


def accumulated(values: Array, rank: int, axis: int, reducer: Reducer | None) -> Array:
    """At every position along an axis, all up to and including it reduced."""
    if reducer is None or reducer.parts[0].kind == "sum":
        return np.cumsum(values, axis=axis - rank, dtype=np.float64 if values.dtype.kind == "f" else np.int64)
    front = np.moveaxis(values, axis - rank, 0)
    if len(front) == 0:
        return values
    steps = [_outputs(reducer.parts[0], front[:stop])[0] for stop in range(1, len(front) + 1)]
    return np.moveaxis(np.stack(steps), 0, axis - rank)


def place_of_maximum(values: Array, rank: int) -> Array:
    """(…, rank) indices of the first greatest element; arrays must not be empty."""
    lengths = own(values, rank)
    flat = values.reshape((*values.shape[:values.ndim - rank], -1)).argmax(axis=-1)
    return np.stack(np.unravel_index(flat, lengths), axis=-1)


def dot_product(first: Array, second: Array) -> Array:
    """Sums of products of vectors."""
    if first.shape[-1] != second.shape[-1]:
        raise AlgorithmError(f"Vectors must have the same length. Got {first.shape[-1]} and {second.shape[-1]}",
                             mend="slice or pad one")
    return np.asarray((first * second).sum(axis=-1))
