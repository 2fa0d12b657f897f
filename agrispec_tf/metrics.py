"""Scores of a classification from counts that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

_LEVEL = 0.95
"""Of intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each class was taken for each.

    Counts of two shards add up to the counts of both: `a + b`.

    Attributes:
        counts: (C, C) int64, rows the truth, columns the prediction.
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> Confusion:
        """The counts of class numbers (N,) and (N,), each 0 ... `classes` - 1.

        Raises:
            ValueError: the shapes differ or a number is no class.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"{truth.shape} true and {predicted.shape} predicted classes do not belong together")
        numbers = np.concatenate([truth, predicted])
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < classes):
            raise ValueError(f"class numbers {numbers.min()} ... {numbers.max()} are not 0 ... {classes - 1}")
        pairs = truth.astype(np.int64) * classes + predicted
        return cls(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def support(self) -> NDArray[np.int64]:
        """(C,) samples of each true class."""
        return self.counts.sum(axis=1)

    @property
    def accuracy(self) -> float:
        """Overall accuracy, 0 to 1; 0 without samples."""
        return float(_ratio(np.trace(self.counts), self.counts.sum()))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(C,) share of the samples called a class that are of it (user's accuracy); 0 for a class never called."""
        return _ratio(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """(C,) share of a class's samples that were called so (producer's accuracy); 0 for a class without samples."""
        return _ratio(np.diag(self.counts), self.support)

    @property
    def f1(self) -> NDArray[np.float64]:
        """(C,) harmonic mean of precision and recall."""
        return _ratio(2 * np.diag(self.counts), self.counts.sum(axis=0) + self.support)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that the truth holds; 0 without samples."""
        present = self.support > 0
        return float(self.f1[present].mean()) if present.any() else 0.0

    @property
    def weighted_f1(self) -> float:
        """Mean F1 of the classes, each weighing as many samples as the truth holds of it; 0 without samples."""
        samples = self.counts.sum()
        return float(self.f1 @ self.support / samples) if samples else 0.0


def interval_of_share(hits: ArrayLike, trials: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(low, high) of the 95 % interval of shares, any shape; 0 and 1 where nothing was tried.

    Exact for independent trials; samples of one field or cell are not, and the true interval is wider.
    Source: Clopper and Pearson 1934, https://doi.org/10.1093/biomet/26.4.404.
    """
    hits, trials = np.asarray(hits, np.float64), np.asarray(trials, np.float64)
    rest = (1 - _LEVEL) / 2
    # The function knows no 0 as its parameter; 1 stands in where the answer does not depend on it.
    low = betaincinv(np.maximum(hits, 1), trials - hits + 1, rest)
    high = betaincinv(hits + 1, np.maximum(trials - hits, 1), 1 - rest)
    return np.where(hits > 0, low, 0.0), np.where(hits < trials, high, 1.0)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
