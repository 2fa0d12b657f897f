"""Probabilities that mean what they say: one temperature for all classes, and how far confidence is from accuracy.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

TINY = float(np.finfo(np.float32).tiny)
"""The pseudocount of what computes probabilities, of which only those that underflow are 0."""

VOTES = 0.01
"""The pseudocount of votes, Laplace's: none of 500 trees for a class makes it improbable, not impossible. Trees of one
forest resemble each other, so that 500 say less than 500 would. On held-out cells of real fields (five splits of
Central Asia, 15 of France) the mean negative log likelihood was 0.541 and 0.723, with half a vote as the least share
0.549 and 0.733; the calibration error of their pooled samples 0.024 and 0.032, against 0.033 and 0.032."""

LOWEST, HIGHEST = 0.05, 20.0
"""Between these a temperature is looked for."""


def temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer],
                pseudocount: float = TINY) -> float:
    """The T of softmax(log p / T) under which the labels are likeliest; above 1 it makes probabilities less extreme.

    Without samples there is nothing to go by, and without a wrong one likelihood only rises as T falls, and says
    nothing of how sure to be: both leave probabilities as they are, T = 1.

    Args:
        probabilities: (N, C) of samples that did not teach.
        labels: (N,) their class numbers.
        pseudocount: added to each probability, since the logarithm of 0 says never: `TINY` or `VOTES`.

    Returns:
        `LOWEST` ... `HIGHEST`; where nothing but wrong classes would have it higher, `HIGHEST`.
    """
    if not len(labels) or (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    logs = np.log(np.asarray(probabilities, np.float64) + pseudocount)
    of_label = logs[np.arange(len(labels)), labels].mean()

    def loss(log_inverse: float) -> float:
        # Convex in 1 / T, so that in its logarithm, too, there is one minimum only.
        inverse = np.exp(log_inverse)
        return float(logsumexp(inverse * logs, axis=1).mean() - inverse * of_label)

    found = minimize_scalar(loss, bounds=(-np.log(HIGHEST), -np.log(LOWEST)), method="bounded",
                            options={"xatol": 1e-6})
    return float(np.exp(-found.x))


def tempered(probabilities: NDArray[np.floating], temperature: float,
             pseudocount: float = TINY) -> NDArray[np.float32]:
    """Probabilities softmax(log p / T), (N, C): the likeliest class stays the likeliest.

    Args:
        probabilities: (N, C).
        temperature: T, positive.
        pseudocount: added to each probability, as in `temperature`.
    """
    raised = np.asarray(probabilities, np.float64) + pseudocount
    rows, likeliest = np.arange(len(raised)), probabilities.argmax(axis=1)
    raised = (raised / raised[rows, likeliest][:, None]) ** (1 / temperature)
    found = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    # Single precision may make two classes equal that were not, and the first of equals counts as the likeliest.
    lost = found.argmax(axis=1) != likeliest
    found[rows[lost], likeliest[lost]] = np.nextafter(found[lost].max(axis=1), np.float32(2))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How often samples of a confidence, the probability of the likeliest class, are right.

    Counts of two shards add up to those of both: `a + b`.

    Attributes:
        counts: (B,) int64, samples by bin; bin b holds confidences above b / B up to (b + 1) / B.
        confidence: (B,) float64, sums of their confidences.
        hits: (B,) int64, those whose likeliest class is theirs.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    hits: NDArray[np.int64]

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = 15) -> Reliability:
        """The counts of probabilities (N, C) and class numbers (N,); 15 bins as in the source."""
        # In double precision: the edges of bins are no single ones.
        confidence = probabilities.max(axis=1).astype(np.float64)
        number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
        right = number[probabilities.argmax(axis=1) == labels]
        return cls(np.bincount(number, minlength=bins), np.bincount(number, confidence, bins),
                   np.bincount(right, minlength=bins))

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(self.counts + other.counts, self.confidence + other.confidence, self.hits + other.hits)

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1: the mean over samples of how far their bin's accuracy is from its mean
        confidence; 0 without samples."""
        samples = self.counts.sum()
        return float(np.abs(self.hits - self.confidence).sum() / samples) if samples else 0.0

    @property
    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """(mean confidence, accuracy, samples) of the bins that hold any, the lowest first."""
        held = self.counts > 0
        counts = self.counts[held]
        return self.confidence[held] / counts, self.hits[held] / counts, counts

    @property
    def table(self) -> Mapping[str, object]:
        """The error and the curve, as JSON types."""
        confidence, accuracy, samples = (values.round(4).tolist() for values in self.curve)
        return {"ece": round(self.ece, 4), "bins": len(self.counts), "confidence": confidence, "accuracy": accuracy,
                "samples": samples}
