"""Maps without lone pixels: a pixel's class from what its neighbourhood says."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from agrispec.kernels import compiled

MAJORITY_REACH = 1
"""The majority is that of 3 x 3 pixels: at 10 m a field of 30 m keeps its core."""

# The defaults of bayesEO, the authors' own program: https://cran.r-project.org/package=bayesEO
BAYES_REACH = 3
"""The neighbourhood is of 7 x 7 pixels."""
_SHARE = 0.5
_SMOOTHNESS = 10.0


def majority(classes: NDArray[np.uint8], missing: int) -> NDArray[np.uint8]:
    """The commonest class of each pixel and its eight neighbours; where two are as common, the pixel's own stays.

    Args:
        classes: (row, column) class numbers.
        missing: the number of a pixel without a class; it has no say and stays without one.
    """
    return _majority(np.ascontiguousarray(classes), missing)


def majority_numpy(classes: NDArray[np.uint8], missing: int) -> NDArray[np.uint8]:
    """The twin: counts class by class."""
    padded = np.pad(classes, MAJORITY_REACH, constant_values=missing)
    around = sliding_window_view(padded, (2 * MAJORITY_REACH + 1,) * 2).reshape(*classes.shape, -1)
    present = np.setdiff1d(classes, [missing])
    if not present.size:
        return classes.copy()
    counts = np.stack([(around == crop).sum(axis=-1) for crop in present])
    most = counts.max(axis=0)
    alone = (counts == most).sum(axis=0) == 1
    found = np.where(alone, present[counts.argmax(axis=0)], classes)
    return np.where(classes == missing, missing, found).astype(np.uint8)


@compiled(majority_numpy)
def _majority(classes, missing):  # type: ignore[no-untyped-def]
    rows, columns = classes.shape
    found = classes.copy()
    counts = np.zeros(256, np.int64)
    for row in range(rows):
        for column in range(columns):
            own = classes[row, column]
            if own == missing:
                continue
            top, bottom = max(row - MAJORITY_REACH, 0), min(row + MAJORITY_REACH + 1, rows)
            left, right = max(column - MAJORITY_REACH, 0), min(column + MAJORITY_REACH + 1, columns)
            best, most, tied = own, 0, False
            for i in range(top, bottom):
                for j in range(left, right):
                    if classes[i, j] != missing:
                        counts[classes[i, j]] += 1
            for i in range(top, bottom):
                for j in range(left, right):
                    crop = classes[i, j]
                    if crop == missing:
                        continue
                    if counts[crop] > most:
                        best, most, tied = crop, counts[crop], False
                    elif counts[crop] == most and crop != best:
                        tied = True
            for i in range(top, bottom):
                for j in range(left, right):
                    counts[classes[i, j]] = 0
            if not tied:
                found[row, column] = best
    return found


def bayesian(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits after Bayes: those of a pixel, and the expectation that its neighbourhood raises.

    Of each class the higher half of the logits in 7 x 7 pixels gives a normal prior, of mean m and variance v. With s,
    how far a pixel's logit scatters (variance 10), the posterior mean is (v x + s m) / (v + s): where the neighbours
    agree, v is small and theirs counts; on a border v is large and the pixel's own does.

    Args:
        logits: (row, column, class) of the probability, log p / (1 - p); NaN where there is none, and there it stays.
            Beyond the edges there is none, either.

    Returns:
        (row, column, class). A pixel with fewer than two of the higher half keeps its own.

    Source: Camara et al. 2024, "Bayesian inference for post-processing of remote-sensing image classification",
        https://doi.org/10.3390/rs16234572; defaults as in its program, whose images go on mirrored beyond their edges.
    """
    return _bayesian(np.ascontiguousarray(logits, np.float32))


def bayesian_numpy(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The twin: sorts all neighbourhoods of a class at once."""
    rows, columns, classes = logits.shape
    found = logits.copy()
    side = 2 * BAYES_REACH + 1
    for crop in range(classes):
        padded = np.pad(logits[..., crop].astype(np.float64), BAYES_REACH, constant_values=np.nan)
        around = -np.sort(-sliding_window_view(padded, (side, side)).reshape(rows, columns, -1), axis=-1)
        high = np.ceil(_SHARE * (~np.isnan(around)).sum(axis=-1)).astype(np.int64)
        used = np.where(np.arange(side * side) < high[..., None], around, 0)
        count = np.maximum(high, 2)
        mean = used.sum(axis=-1) / count
        spread = np.where(np.arange(side * side) < high[..., None], around - mean[..., None], 0)
        variance = (spread**2).sum(axis=-1) / (count - 1)
        weight = variance / (variance + _SMOOTHNESS)
        own = logits[..., crop]
        found[..., crop] = np.where(high < 2, own, weight * own + (1 - weight) * mean)
    return found


@compiled(bayesian_numpy)
def _bayesian(logits):  # type: ignore[no-untyped-def]
    rows, columns, classes = logits.shape
    found = logits.copy()
    around = np.empty((2 * BAYES_REACH + 1) ** 2, np.float64)
    for row in range(rows):
        top, bottom = max(row - BAYES_REACH, 0), min(row + BAYES_REACH + 1, rows)
        for column in range(columns):
            left, right = max(column - BAYES_REACH, 0), min(column + BAYES_REACH + 1, columns)
            for crop in range(classes):
                own = logits[row, column, crop]
                if np.isnan(own):
                    continue
                held = 0
                for i in range(top, bottom):
                    for j in range(left, right):
                        if not np.isnan(logits[i, j, crop]):
                            around[held] = logits[i, j, crop]
                            held += 1
                high = math.ceil(_SHARE * held)
                if high < 2:
                    continue
                higher = np.sort(around[:held])[held - high:]
                mean = 0.0
                for value in higher:
                    mean += value
                mean /= high
                variance = 0.0
                for value in higher:
                    variance += (value - mean) ** 2
                variance /= high - 1
                weight = variance / (variance + _SMOOTHNESS)
                found[row, column, crop] = weight * own + (1 - weight) * mean
    return found
