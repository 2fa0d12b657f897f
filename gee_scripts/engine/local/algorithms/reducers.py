"""Reducers, and what each does to the numbers of a region and to a stack of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels.median import median as kernel_median
from gee_scripts.engine.local.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Part, Reducer

Array = NDArray[Any]

# https://developers.google.com/earth-engine/guides/reducers_weighting: these take pixels by their centre.
_UNWEIGHTED = {"count", "min", "max", "minMax", "first", "last", "countDistinct", "countDistinctNonNull", "toList",
               "anyNonZero", "allNonZero", "product"}
# These take arrays as well as numbers.
_ANY_INPUT = {"first", "last", "count", "toList"}
_OUTPUTS = {"countDistinct": ("count",), "countDistinctNonNull": ("count",), "minMax": ("min", "max"),
            "frequencyHistogram": ("histogram",), "toList": ("list",), "anyNonZero": ("any",), "allNonZero": ("all",)}


def plain(kind: str) -> Reducer:
    """A reducer of one part."""
    return Reducer((Part(kind=kind, outputs=_OUTPUTS.get(kind, (kind,)), weighted=kind not in _UNWEIGHTED),))


def _constructor(kind: str) -> Callable[..., Reducer]:
    return lambda *options: plain(kind)


for _kind in ("mean", "sum", "count", "stdDev", "sampleStdDev", "variance", "sampleVariance", "min", "max", "median",
              "mode", "first", "last", "countDistinct", "countDistinctNonNull", "frequencyHistogram", "toList",
              "minMax", "anyNonZero", "allNonZero", "product"):
    algorithm(f"Reducer.{_kind}")(_constructor(_kind))


@algorithm("Reducer.percentile")
def percentile(percents: list[float], names: list[str] | None, *options: Any) -> Reducer:
    """Percentiles, named p10 and so on."""
    outputs = tuple(names) if names else tuple(f"p{percent:g}".replace(".", "_") for percent in percents)
    return Reducer((Part(kind="percentile", outputs=outputs, numbers=tuple(percents)),))


@algorithm("Reducer.combine")
def combine(first: Reducer, second: Reducer, prefix: str, shared: bool) -> Reducer:
    """Both side by side over the same input."""
    if not shared:
        raise AlgorithmError("reducers with inputs of their own are not implemented by the local engine",
                             mend="combine them with sharedInputs")
    parts = tuple(replace(part, outputs=tuple(prefix + name for name in part.outputs)) for part in second.parts)
    return Reducer(first.parts + parts)


@algorithm("Reducer.setOutputs")
def set_outputs(reducer: Reducer, names: list[str]) -> Reducer:
    """The reducer with other names of its outputs."""
    if len(names) != len(reducer.outputs):
        raise AlgorithmError(f"{len(names)} names for {len(reducer.outputs)} outputs", mend="name every output")
    left = iter(names)
    return Reducer(tuple(replace(part, outputs=tuple(next(left) for _ in part.outputs)) for part in reducer.parts))


@algorithm("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """The reducer with every input counted as one."""
    return Reducer(tuple(replace(part, weighted=False) for part in reducer.parts))


@algorithm("List.reduce")
def reduce_list(items: list[Any], reducer: Reducer) -> Any:
    """The numbers of a list reduced: one value, or a dictionary of several outputs."""
    values = np.asarray([item for item in items if item is not None])
    every = np.ones(len(values))
    found = dict(zip(reducer.outputs, over_numbers(reducer, values, every, every > 0), strict=True))
    return found if len(found) > 1 else next(iter(found.values()))


# -- a region: (N,) values, (N,) weights > 0 -> values of the outputs

def over_numbers(reducer: Reducer, values: Array, weights: Array, central: Array) -> list[Any]:
    """Every output of a reducer over numbers; None where there is nothing to reduce.

    Args:
        values: (N,).
        weights: (N,), share of each that counts; those of 0 do not.
        central: (N,) bool, whether an unweighted reducer takes it.
    """
    results: list[Any] = []
    for part in reducer.parts:
        taken = weights > 0 if part.weighted else central & (weights > 0)
        chosen = values[taken]
        share = weights[taken].astype(np.float64) if part.weighted else np.ones(len(chosen))
        results += _numbers(part, chosen, share)
    return [item.item() if isinstance(item, np.generic) else item for item in results]


def _numbers(part: Part, values: Array, share: Array) -> list[Any]:
    kind, n = part.kind, len(values)
    if values.dtype == object and kind not in _ANY_INPUT:
        raise AlgorithmError(f"Reducer.{kind} takes numbers, not arrays",
                             mend="use arrayGet or arrayReduce first, or Reducer.first, last, count or toList")
    if kind in ("count", "countDistinct", "countDistinctNonNull"):
        return [n if kind == "count" else len(np.unique(values))]
    if kind == "toList":
        return [values.tolist()]
    if kind == "frequencyHistogram":
        keys, places = np.unique(values, return_inverse=True)
        return [{_key(key): float(total) for key, total in zip(keys, np.bincount(places, share), strict=True)}]
    if kind == "sum":
        return [float((values * share).sum())]
    if n == 0:
        return [None] * len(part.outputs)
    if kind in ("first", "last"):
        return [values[0 if kind == "first" else -1]]
    exact = values.astype(np.float64)
    if kind in ("mean", "stdDev", "variance", "sampleStdDev", "sampleVariance"):
        mean = (exact * share).sum() / share.sum()
        if kind == "mean":
            return [mean]
        square = (share * (exact - mean) ** 2).sum()
        if kind.startswith("sample"):
            if share.sum() <= 1:
                return [None]
            square = square / (share.sum() - 1)
        else:
            square = square / share.sum()
        return [np.sqrt(square) if kind.endswith("StdDev") or kind == "stdDev" else square]
    match kind:
        case "min":
            return [values.min()]
        case "max":
            return [values.max()]
        case "minMax":
            return [values.min(), values.max()]
        case "product":
            return [float(exact.prod())]
        case "anyNonZero":
            return [int((values != 0).any())]
        case "allNonZero":
            return [int((values != 0).all())]
        case "mode":
            keys, places = np.unique(values, return_inverse=True)
            return [keys[np.bincount(places, share).argmax()]]
        case "median":
            return [_quantile(exact, share, 0.5)]
        case "percentile":
            return [_quantile(exact, share, percent / 100) for percent in part.numbers]
    raise _missing(kind)


def _quantile(values: Array, share: Array, at: float) -> float:
    """The value that `at` of the weight lies below; the mean of two where it falls between them."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(share[order])
    place = int(np.searchsorted(below, at * below[-1], side="left"))
    place = min(place, len(values) - 1)
    if below[place] == at * below[-1] and place + 1 < len(values):
        return float((values[order[place]] + values[order[place + 1]]) / 2)
    return float(values[order[place]])


def _key(value: Any) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


# -- a stack: (N, …) values, (N, …) validity -> values of the outputs, whose masks are "seen in any image"

ALWAYS = {"count", "countDistinct", "countDistinctNonNull", "sum"}
"""Reducers that have a value, 0, where nothing was seen."""


def stacked_type(kind: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a reducer's outputs over values of a type."""
    if kind in ("count", "countDistinct", "countDistinctNonNull"):
        return np.dtype(np.int32)
    if kind in ("min", "max", "minMax", "first", "last", "mode"):
        return dtype
    if kind in ("anyNonZero", "allNonZero"):
        return np.dtype(np.uint8)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def over_stack(part: Part, values: Array, valid: Array | None) -> tuple[Array, ...]:
    """The outputs of one part over axis 0. Where nothing is valid they hold anything, 0 if they are `ALWAYS`."""
    kind = part.kind
    if valid is None:
        valid = np.ones(values.shape, np.bool_)
    number = valid.sum(axis=0)
    if kind == "count":
        return (number,)
    if kind == "median":
        return (stack_median(values, valid),)
    if kind in ("sum", "mean", "stdDev", "variance", "sampleStdDev", "sampleVariance"):
        some = np.maximum(number, 1)
        total = np.where(valid, values, 0).sum(axis=0, dtype=np.float64)
        if kind == "sum":
            return (total,)
        mean = total / some
        if kind == "mean":
            return (mean,)
        square = (np.where(valid, values - mean, 0) ** 2).sum(axis=0)
        square = square / (np.maximum(number - 1, 1) if kind.startswith("sample") else some)
        return (np.sqrt(square) if "tdDev" in kind else square,)
    if kind in ("min", "max", "minMax"):
        low, high = _limits(values.dtype)
        least = np.where(valid, values, high).min(axis=0)
        most = np.where(valid, values, low).max(axis=0)
        return {"min": (least,), "max": (most,), "minMax": (least, most)}[kind]
    if kind in ("first", "last"):
        place = valid.argmax(axis=0) if kind == "first" else len(valid) - 1 - valid[::-1].argmax(axis=0)
        return (np.take_along_axis(values, place[None], axis=0)[0],)
    if kind == "anyNonZero":
        return ((valid & (values != 0)).any(axis=0),)
    if kind == "allNonZero":
        return ((~valid | (values != 0)).all(axis=0),)
    if kind == "product":
        return (np.where(valid, values, 1).prod(axis=0, dtype=np.float64),)
    if kind in ("mode", "countDistinct", "countDistinctNonNull"):
        return (_mode(values, valid) if kind == "mode" else _distinct(values, valid),)
    if kind == "percentile":
        return tuple(_stack_quantile(values, valid, number, percent / 100) for percent in part.numbers)
    raise _missing(kind)


def stack_median(values: Array, valid: Array) -> Array:
    """Median over axis 0 of the valid values; 0 where there are none."""
    if values.dtype == np.float32 or (values.dtype.kind in "iu" and values.dtype.itemsize <= 2):
        return kernel_median(values, valid)[0]
    # Wider types would lose digits in the kernel's float32.
    return _stack_quantile(values, valid, valid.sum(axis=0), 0.5)


def _stack_quantile(values: Array, valid: Array, number: Array, at: float) -> Array:
    ranked = np.sort(np.where(valid, values.astype(np.float64), np.inf), axis=0)
    place = at * number
    low = np.clip(np.ceil(place).astype(np.int64) - 1, 0, len(values) - 1)
    high = np.clip(np.where(place == np.floor(place), low + (place > 0), low), 0, np.maximum(number - 1, 0))
    both = np.take_along_axis(ranked, np.stack([low, high]), axis=0)
    return np.where(number > 0, both.mean(axis=0), 0.0)


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return dtype.type(-np.inf), dtype.type(np.inf)
    if dtype.kind == "b":
        return np.False_, np.True_
    return dtype.type(np.iinfo(dtype).min), dtype.type(np.iinfo(dtype).max)


def _runs(values: Array, valid: Array) -> tuple[Array, Array]:
    """Values in ascending order with the invalid ones last, and how many there are of each up to its place."""
    order = np.argsort(np.where(valid, values.astype(np.float64), np.inf), axis=0, kind="stable")
    ranked = np.take_along_axis(values, order, axis=0)
    there = np.take_along_axis(valid, order, axis=0)
    length = np.zeros(values.shape, np.int32)
    length[0] = there[0]
    for place in range(1, len(values)):
        longer = np.where(ranked[place] == ranked[place - 1], length[place - 1] + 1, 1)
        length[place] = np.where(there[place], longer, 0)
    return ranked, length


def _mode(values: Array, valid: Array) -> Array:
    ranked, length = _runs(values, valid)
    return np.take_along_axis(ranked, length.argmax(axis=0)[None], axis=0)[0]


def _distinct(values: Array, valid: Array) -> Array:
    return (_runs(values, valid)[1] == 1).sum(axis=0)


def _missing(kind: str) -> AlgorithmError:
    return AlgorithmError(f"Reducer.{kind} is not implemented here by the local engine",
                          mend="use another reducer, or set [engine] name = \"cloud\" in agrispec.toml")
