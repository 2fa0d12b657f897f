"""Sets of classes that hold the true one as often as they promise: split-conformal prediction.

A class is in a sample's set if its probability reaches a threshold, the one that nine in ten true classes of the
calibration samples reach: of all rules with that promise the one of the smallest sets on average (Sadinle et al. 2019,
"Least Ambiguous Set-Valued Classifiers", https://arxiv.org/abs/1609.00451). A set may be empty: then even the likeliest
class is less probable than true classes are.

The promise is that of exchangeable samples: the new ones come from where those of the calibration came from. Samples of
one field or one cell are not independent, and those of another season or region are not exchangeable with these: there
the promise is void, and coverage is what is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.9
"""Share of sets that shall hold the true class."""


def threshold(probabilities: NDArray[np.floating], labels: NDArray[np.integer], coverage: float = COVERAGE) -> float:
    """The probability from which a class is in a set, 0 to 1.

    With n samples it is the k-th lowest probability of a true class, k = floor((n + 1)(1 - coverage)). The share
    that is covered of exchangeable new samples is then Beta(n + 1 - k, k) distributed, and at least `coverage` in the
    mean. Too few samples for that, under 9 for 0.9, give 0: all classes are in all sets.

    Args:
        probabilities: (N, C) of samples that did not teach.
        labels: (N,) their class numbers.
        coverage: above 0 and below 1.
    """
    # Rounded, since (9 + 1) * (1 - 0.9) is a little less than 1.
    rank = int(np.floor(round((len(labels) + 1) * (1 - coverage), 9)))
    if rank == 0:
        return 0.0
    of_label = probabilities[np.arange(len(labels)), labels]
    return float(np.partition(of_label, rank - 1)[rank - 1])


def sets(probabilities: NDArray[np.floating], least: float) -> NDArray[np.bool_]:
    """(..., C) which classes are in the set of each sample, `least` being a `threshold`. Any shape."""
    return probabilities >= least


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How often sets held the true class, and how large they were.

    Counts of two shards add up to those of both: `a + b`.

    Attributes:
        support: (C,) int64, samples of each true class.
        covered: (C,) int64, those whose set holds it.
        sizes: (C + 1,) int64, sets of 0 ... C classes.
    """

    support: NDArray[np.int64]
    covered: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, found: NDArray[np.bool_], labels: NDArray[np.integer]) -> Coverage:
        """The counts of sets (N, C) and class numbers (N,)."""
        classes = found.shape[1]
        holds = found[np.arange(len(labels)), labels]
        return cls(np.bincount(labels, minlength=classes), np.bincount(labels[holds], minlength=classes),
                   np.bincount(found.sum(axis=1), minlength=classes + 1))

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(self.support + other.support, self.covered + other.covered, self.sizes + other.sizes)

    @property
    def coverage(self) -> float:
        """Share of samples whose set holds their class; 0 without samples."""
        return float(self.covered.sum() / max(self.support.sum(), 1))

    @property
    def by_class(self) -> NDArray[np.float64]:
        """(C,) the same of each true class; 0 for one without samples."""
        return self.covered / np.maximum(self.support, 1)

    @property
    def mean_size(self) -> float:
        """Classes in a set; 0 without samples."""
        return float(np.arange(len(self.sizes)) @ self.sizes / max(self.sizes.sum(), 1))

    def table(self, class_names: Sequence[str]) -> Mapping[str, object]:
        """The same as JSON types; by class only where the truth holds it."""
        return {"coverage": round(self.coverage, 4), "mean_size": round(self.mean_size, 3),
                "sets_by_size": self.sizes.tolist(),
                "by_class": {name: round(float(share), 4) for name, share, count in
                             zip(class_names, self.by_class, self.support, strict=True) if count}}
