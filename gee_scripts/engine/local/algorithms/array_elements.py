"""Functions of the elements of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import BINARY, UNARY
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm

Array = NDArray[Any]
DType = np.dtype[Any]


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
