"""Which predictions a person should look at, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec_tf.metrics import interval_of_share


def confident(probability: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Whether a prediction stands without review: its probability is at least `threshold`. Any shape."""
    return probability >= threshold


def ranking(uncertainty: NDArray[np.floating], area: NDArray[np.floating],
            kind: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The order in which a person should look at predictions: uncertainty x area x diversity, the highest first.

    Diversity is 1 for the most uncertain area of its kind, 1/2 for the second, 1/n for the n-th: what repeats others
    waits, and no kind is left out.

    Args:
        uncertainty: (N,) 0 to 1, as the entropy of the classes.
        area: (N,) of any unit, above 0.
        kind: (N, K) integers; predictions with the same K are of one kind, as one pair of classes in one cell.

    Returns:
        (N,) positions in order, and the (N,) scores in that order; of equal scores the first given comes first.
    """
    base = np.asarray(uncertainty, np.float64) * area
    best = np.argsort(-base, kind="stable")
    # Kinds stand together, the best of each first; where one begins the count begins again.
    together = np.lexsort(kind[best].T)
    sorted_kinds = kind[best][together]
    begins = np.ones(len(base), np.bool_)
    begins[1:] = (sorted_kinds[1:] != sorted_kinds[:-1]).any(axis=1)
    first = np.flatnonzero(begins)
    number = np.empty(len(base), np.int64)
    number[together] = np.arange(len(base)) - np.repeat(first, np.diff(first, append=len(base)))
    scores = np.empty(len(base))
    scores[best] = base[best] / (number + 1)
    order = np.argsort(-scores, kind="stable")
    return order, scores[order]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a threshold leaves standing of samples whose class is known.

    Counts of two shards of one threshold add up to those of both: `a + b`.

    Attributes:
        threshold: probability from which a prediction stands without review.
        samples: how many were predicted.
        standing: how many of them stand.
        right: how many of those are right.
    """

    threshold: float
    samples: int
    standing: int
    right: int

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], labels: NDArray[np.integer], threshold: float) -> Standing:
        """The counts of probabilities (N, C) and class numbers (N,)."""
        stands = confident(probabilities.max(axis=1), threshold)
        right = probabilities.argmax(axis=1) == labels
        return cls(threshold=threshold, samples=len(labels), standing=int(stands.sum()), right=int(right[stands].sum()))

    def __add__(self, other: Standing) -> Standing:
        if self.threshold != other.threshold:
            raise ValueError(f"counts of thresholds {self.threshold} and {other.threshold} do not add up")
        return Standing(threshold=self.threshold, samples=self.samples + other.samples,
                        standing=self.standing + other.standing, right=self.right + other.right)

    @property
    def precision(self) -> float:
        """Share of what stands that is right; 0 where nothing stands."""
        return self.right / max(self.standing, 1)

    @property
    def coverage(self) -> float:
        """Share of samples that stand; 0 without samples."""
        return self.standing / max(self.samples, 1)

    @property
    def precision_interval(self) -> tuple[float, float]:
        """95 % interval of the precision, as if samples were independent; those of one field are not, so that the true
        one is wider."""
        low, high = interval_of_share(self.right, self.standing)
        return float(low), float(high)

    def queue(self, predictions: int) -> tuple[int, int, int]:
        """(expected, low, high) of how many of so many predictions wait for review; low and high are a 95 % interval
        of the share, as if samples were independent."""
        share = 1 - self.coverage if self.samples else 1.0
        low, high = map(float, interval_of_share(self.samples - self.standing, self.samples))
        return round(share * predictions), round(low * predictions), round(high * predictions)

    @property
    def table(self) -> Mapping[str, object]:
        """The same as JSON types."""
        return {"threshold": self.threshold, "samples": self.samples, "standing": self.standing, "right": self.right,
                "precision": round(self.precision, 4),
                "precision_95": [round(end, 4) for end in self.precision_interval],
                "coverage": round(self.coverage, 4), "queue_of_10000": list(self.queue(10_000))}
