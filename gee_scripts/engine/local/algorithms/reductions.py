"""What reducers of one input do to a stack: (N, …) values and validity -> values, valid where enough was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels.median import median as kernel_median
from gee_scripts.engine.local.algorithms import histograms
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Part

Array = NDArray[Any]

ALWAYS = {"count", "countEvery", "countDistinct", "countDistinctNonNull", "sum"}
"""Reducers that have a value, 0, where nothing was seen."""


def stacked_type(kind: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a reducer's outputs over values of a type."""
    if kind in ("count", "countEvery", "countDistinct", "countDistinctNonNull"):
        return np.dtype(np.int32)
    if kind in ("min", "max", "minMax", "first", "last", "mode", "toList"):
        return dtype
    if kind in ("anyNonZero", "allNonZero"):
        return np.dtype(np.uint8)
    if kind in ("bitwiseAnd", "bitwiseOr"):
        return dtype if dtype.kind in "iu" else np.dtype(np.int64)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def over_stack(part: Part, values: Array, valid: Array | None) -> tuple[Array, ...]:
    """The outputs of one part over axis 0. Where nothing is valid they hold anything, 0 if they are `ALWAYS`."""
    kind = part.kind
    if valid is None:
        valid = np.ones(values.shape, np.bool_)
    number = valid.sum(axis=0)
    if kind == "count":
        return (number,)
    if kind == "countEvery":
        return (np.full(number.shape, len(values), np.int32),)
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
    if kind in ("skew", "kurtosis"):
        return (standardised_moment(values, valid, 3 if kind == "skew" else 4),)
    if kind in ("bitwiseAnd", "bitwiseOr"):
        return (_bits(kind, values, valid),)
    if kind in ("circularMean", "circularVariance", "circularStddev"):
        return (circular(kind, values, valid),)
    if kind == "intervalMean":
        return (_interval(values, valid, number, part.numbers[0] / 100, part.numbers[1] / 100),)
    if kind == "fixedHistogram":
        low, high, steps, cumulative = part.numbers
        return (histograms.fixed(values, valid, low, high, int(steps), bool(cumulative)),)
    raise missing(kind)


def standardised_moment(values: Array, share: Array, order: int) -> Array:
    """Skewness (order 3) or excess kurtosis (order 4) over axis 0 by the moments of the values themselves."""
    whole = share.sum(axis=0)
    mean = np.where(share > 0, values * share, 0).sum(axis=0, dtype=np.float64) / whole
    apart = np.where(share > 0, values - mean, 0)
    moment, variance = (share * apart**order).sum(axis=0) / whole, (share * apart**2).sum(axis=0) / whole
    return np.asarray(moment / variance ** (order / 2) - (3 if order == 4 else 0))


def circular(kind: str, values: Array, share: Array) -> Array:
    """Mean direction, or spread around it, of angles over axis 0."""
    sine = np.where(share > 0, np.sin(values, dtype=np.float64) * share, 0).sum(axis=0)
    cosine = np.where(share > 0, np.cos(values, dtype=np.float64) * share, 0).sum(axis=0)
    if kind == "circularMean":
        return np.asarray(np.arctan2(sine, cosine))
    length = np.minimum(np.hypot(sine, cosine) / share.sum(axis=0), 1)
    return np.asarray(1 - length if kind == "circularVariance" else np.sqrt(-2 * np.log(length)))


def _bits(kind: str, values: Array, valid: Array) -> Array:
    whole = values if values.dtype.kind in "iu" else np.trunc(values).astype(np.int64)
    if kind == "bitwiseOr":
        return np.asarray(np.bitwise_or.reduce(np.where(valid, whole, whole.dtype.type(0)), axis=0))
    return np.asarray(np.bitwise_and.reduce(np.where(valid, whole, ~whole.dtype.type(0)), axis=0))


def _interval(values: Array, valid: Array, number: Array, low: float, high: float) -> Array:
    ranked = np.sort(np.where(valid, values.astype(np.float64), np.inf), axis=0)
    place = np.arange(len(values)).reshape((-1,) + (1,) * (values.ndim - 1))
    first = np.minimum(np.floor(low * number + 1e-9), np.maximum(number - 1, 0))
    inside = (place >= first) & (place < np.maximum(np.ceil(high * number - 1e-9), first + 1)) & (place < number)
    return np.asarray(np.where(inside, ranked, 0).sum(axis=0) / np.maximum(inside.sum(axis=0), 1))


def least(part: Part) -> int:
    """How many values there must be for the outputs not to be null."""
    if part.kind in ALWAYS:
        return 0
    return 2 if part.kind in ("sampleStdDev", "sampleVariance") else 1


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
    return np.asarray(np.take_along_axis(ranked, length.argmax(axis=0)[None], axis=0)[0])


def _distinct(values: Array, valid: Array) -> Array:
    return np.asarray((_runs(values, valid)[1] == 1).sum(axis=0))


def missing(kind: str) -> AlgorithmError:
    """The refusal of a reducer that has no value here."""
    return AlgorithmError(f"Reducer.{kind} is not implemented per pixel by the local engine",
                          mend="use it in reduceRegion, reduceColumns or List.reduce, or use another reducer")
