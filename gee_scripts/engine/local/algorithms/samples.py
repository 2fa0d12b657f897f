"""What plain reducers of one input do to weighted numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import histograms
from gee_scripts.engine.local.algorithms.reductions import circular, missing, standardised_moment
from gee_scripts.engine.local.algorithms.weighted import ROUNDING
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Part, hashable

Array = NDArray[Any]

# These take anything as well as numbers, the second ones no arrays.
_ANY_INPUT = {"first", "last", "count", "countEvery", "toList", "toCollection"}
_TEXTS_TOO = {"countDistinct", "countDistinctNonNull", "frequencyHistogram", "mode"}


def only_numbers(kind: str, columns: Sequence[Array]) -> AlgorithmError:
    """The refusal of columns that hold arrays or texts."""
    arrays = any(isinstance(value, np.ndarray) for column in columns for value in column[:1])
    return AlgorithmError(f"Reducer.{kind} takes numbers, not {'arrays' if arrays else 'texts'}",
                          mend="use arrayGet or arrayReduce first, or Reducer.first, last, count or toList")


@np.errstate(all="ignore")
def reduced_numbers(part: Part, values: Array, share: Array) -> list[Any]:
    """The outputs of a plain reducer of one input over (N,) values that count by their (N,) share.

    What has no number, as the sum of both infinities, is NaN.
    """
    kind, n = part.kind, len(values)
    if values.dtype == object and kind not in _ANY_INPUT:
        if kind not in _TEXTS_TOO or any(isinstance(value, np.ndarray) for value in values):
            raise only_numbers(kind, [values])
        return _texts(kind, values, share)
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
        return [_spread(kind, exact, share)]
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
        case "intervalMean":
            return [_interval(exact, share, part.numbers[0] / 100, part.numbers[1] / 100)]
        case "bitwiseAnd" | "bitwiseOr":
            return [(np.bitwise_and if kind == "bitwiseAnd" else np.bitwise_or).reduce(values.astype(np.int64))]
        case "histogram":
            return [histograms.as_dictionary(exact, share, *part.numbers[:2])]
        case "autoHistogram":
            return [histograms.as_array(exact, share, part.numbers[0], part.numbers[1], bool(part.numbers[2]))]
        case "fixedHistogram":
            low, high, steps, cumulative = part.numbers
            return [histograms.fixed(exact, share, low, high, int(steps), bool(cumulative))]
    if kind in ("skew", "kurtosis"):
        return [float(standardised_moment(exact, share, 3 if kind == "skew" else 4))]
    if kind in ("circularMean", "circularVariance", "circularStddev"):
        return [float(circular(kind, exact, share))]
    raise missing(kind)


def _texts(kind: str, values: Array, share: Array) -> list[Any]:
    totals: dict[Any, float] = {}
    for value, weight in zip(values, share, strict=True):
        totals[hashable(value)] = totals.get(hashable(value), 0.0) + float(weight)
    if kind == "frequencyHistogram":
        return [{str(key): totals[key] for key in sorted(totals, key=str)}]
    if kind == "mode":
        return [max(totals, key=lambda key: totals[key]) if totals else None]
    return [len(totals)]


def _spread(kind: str, values: Array, share: Array) -> Any:
    whole = share.sum()
    mean = (values * share).sum() / whole
    if kind == "mean":
        return mean
    square = (share * (values - mean) ** 2).sum()
    if kind.startswith("sample"):
        if whole <= 1:
            return None
        square = square / (whole - 1)
    else:
        square = square / whole
    return np.sqrt(square) if kind.endswith("StdDev") or kind == "stdDev" else square


def _interval(values: Array, share: Array, low: float, high: float) -> float:
    """The mean of the weight between two shares of it, whole ranks at both ends."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(share[order]) / share.sum()
    before = np.concatenate([[0.0], upto[:-1]])
    inside = (upto > low + 1e-9) & (before < high - 1e-9)
    if not inside.any():
        inside[min(int(np.searchsorted(upto, low)), len(values) - 1)] = True
    return float(np.average(values[order][inside], weights=share[order][inside]))


def _quantile(values: Array, share: Array, at: float) -> float:
    """The value that `at` of the weight lies below; the mean of two where it falls between them."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(share[order])
    target, near = at * below[-1], ROUNDING * below[-1]
    place = min(int(np.searchsorted(below, target - near, side="left")), len(values) - 1)
    if below[place] <= target + near and place + 1 < len(values):
        return float((values[order[place]] + values[order[place + 1]]) / 2)
    return float(values[order[place]])


def _key(value: Any) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)
