"""What weighted reducers of one input do to a stack in which every value counts by its share.

Source: https://developers.google.com/earth-engine/guides/reducers_weighting: inputs weigh as much as their masks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import histograms
from gee_scripts.engine.local.algorithms.reductions import circular, over_stack, standardised_moment
from gee_scripts.engine.local.values import Part

Array = NDArray[Any]

ROUNDING = 1e-9
"""Of a whole weight: sums of shares such as 1/6 are equal to a half up to it."""


def over_shares(part: Part, values: Array, share: Array) -> tuple[Array, ...]:
    """The outputs of one part over axis 0.

    Args:
        part: one that is not weighted counts every value with a share as one.
        values: (N, …).
        share: (N, …) float, 0 where a value is not there.

    Returns:
        As `reductions.over_stack`: where nothing is there they hold anything, a sum 0.
    """
    kind, there = part.kind, share > 0
    if not part.weighted:
        return over_stack(part, values, there)
    share = share.astype(np.float64, copy=False)
    if kind in ("sum", "mean", "stdDev", "variance", "sampleStdDev", "sampleVariance"):
        # Weights of kernels may be negative.
        return (_spread(kind, np.where(share != 0, values, 0).astype(np.float64, copy=False), share),)
    if kind in ("median", "percentile"):
        ranked, below = _ranked(values.astype(np.float64, copy=False), share)
        number = there.sum(axis=0)
        return tuple(_quantile(ranked, below, number, percent / 100)
                     for percent in (part.numbers if kind == "percentile" else (50,)))
    if kind == "mode":
        return (_mode(values, share),)
    if kind == "intervalMean":
        return (_interval(values, share, part.numbers[0] / 100, part.numbers[1] / 100),)
    if kind in ("skew", "kurtosis"):
        return (standardised_moment(values, share, 3 if kind == "skew" else 4),)
    if kind in ("circularMean", "circularVariance", "circularStddev"):
        return (circular(kind, values, share),)
    if kind == "fixedHistogram":
        low, high, steps, cumulative = part.numbers
        return (histograms.fixed(values, share, low, high, int(steps), bool(cumulative)),)
    return over_stack(part, values, there)


def _spread(kind: str, values: Array, share: Array) -> Array:
    total = (share * values).sum(axis=0)
    if kind == "sum":
        return np.asarray(total)
    whole = share.sum(axis=0)
    mean = total / whole
    if kind == "mean":
        return np.asarray(mean)
    square = (share * (values - mean) ** 2).sum(axis=0) / (whole - 1 if kind.startswith("sample") else whole)
    return np.asarray(np.sqrt(square) if "tdDev" in kind else square)


def _ranked(values: Array, share: Array) -> tuple[Array, Array]:
    """Values in ascending order, those without a share last, and the sums of the shares up to each."""
    order = np.argsort(np.where(share > 0, values, np.inf), axis=0, kind="stable")
    return np.take_along_axis(values, order, axis=0), np.take_along_axis(share, order, axis=0).cumsum(axis=0)


def _quantile(ranked: Array, below: Array, number: Array, at: float) -> Array:
    """The value that `at` of the weight lies below; the mean of two where it falls between them."""
    target, near = at * below[-1], ROUNDING * below[-1]
    place = np.minimum((below < target - near).sum(axis=0), np.maximum(number - 1, 0))
    between = np.take_along_axis(below, place[None], axis=0)[0] <= target + near
    after = np.where(between & (place + 1 < number), place + 1, place)
    return np.asarray(np.take_along_axis(ranked, np.stack([place, after]), axis=0).mean(axis=0))


def _mode(values: Array, share: Array) -> Array:
    """The value of the largest weight; the least of several."""
    order = np.argsort(np.where(share > 0, values.astype(np.float64), np.inf), axis=0, kind="stable")
    ranked, weight = np.take_along_axis(values, order, axis=0), np.take_along_axis(share, order, axis=0)
    for place in range(1, len(ranked)):
        weight[place] += np.where((ranked[place] == ranked[place - 1]) & (weight[place] > 0), weight[place - 1], 0)
    return np.asarray(np.take_along_axis(ranked, weight.argmax(axis=0)[None], axis=0)[0])


def _interval(values: Array, share: Array, low: float, high: float) -> Array:
    """The mean of the weight between two shares of it, whole ranks at both ends."""
    ranked, below = _ranked(values.astype(np.float64), share)
    upto = below / below[-1]
    before = np.concatenate([np.zeros_like(upto[:1]), upto[:-1]])
    # One value at least is taken, that in which the lower end falls.
    first = np.minimum((upto < low).sum(axis=0), len(upto) - 1)
    inside = (upto > low + 1e-9) & (before < high - 1e-9)
    inside |= ~inside.any(axis=0) & (np.arange(len(upto)).reshape((-1,) + (1,) * first.ndim) == first)
    taken = np.where(inside, np.diff(below, axis=0, prepend=0), 0)
    return np.asarray((taken * np.where(taken > 0, ranked, 0)).sum(axis=0) / taken.sum(axis=0))
