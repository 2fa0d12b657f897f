"""Folds blocked in space, and scores with intervals over blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from agrispec_tf.data.samples import Samples
from agrispec_tf.metrics import Confusion

FOLDS = 5
DRAWS = 2000
"""Of blocks, for an interval."""


def folds(samples: Samples, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(training rows, held-out rows) of each fold; a block is in one fold, and classes are spread as evenly as blocks
    allow."""
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    yield from split.split(np.zeros(len(samples)), samples.labels, samples.cells)


def by_block(samples: Samples, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (blocks, C, C), rows the truth, of predicted class numbers (N,)."""
    _, block = np.unique(samples.cells, return_inverse=True)
    counts = np.zeros((block.max() + 1, classes, classes), np.int64)
    np.add.at(counts, (block, samples.labels, predicted), 1)
    return counts


def differences(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Mapping[str, tuple[float, float, float]]:
    """How much better `ours` is: (difference, low, high) of `macro_f1` and `accuracy`, of all held-out samples.

    Both are counts by block, one array a seed; a difference is that of the seeds' means. The interval holds 95 %
    of the differences with blocks drawn anew, the same ones for both.
    """
    blocks = len(ours[0])
    weights = np.random.default_rng(0).multinomial(blocks, np.full(blocks, 1 / blocks), DRAWS)
    weights = np.concatenate([np.ones((1, blocks), np.int64), weights])
    scores = {}
    for name in ("macro_f1", "accuracy"):
        a, b = (np.mean([_scores(np.einsum("db,bij->dij", weights, one))[name] for one in runs], axis=0)
                for runs in (ours, theirs))
        gain = a - b
        low, high = np.quantile(gain[1:], (0.025, 0.975))
        scores[name] = (float(gain[0]), float(low), float(high))
    return scores


def _scores(counts: np.ndarray) -> Mapping[str, np.ndarray]:
    """Scores of many confusion matrices (D, C, C), as `Confusion` has them."""
    hits, truth, called = np.einsum("dii->di", counts), counts.sum(axis=2), counts.sum(axis=1)
    f1 = np.divide(2 * hits, truth + called, out=np.zeros(hits.shape), where=truth + called > 0)
    present = truth > 0
    return {"macro_f1": (f1 * present).sum(axis=1) / present.sum(axis=1),
            "accuracy": hits.sum(axis=1) / truth.sum(axis=1)}


def of_folds(samples: Samples, predicted: np.ndarray, fold: np.ndarray, classes: int) -> list[Confusion]:
    """The confusion of each fold's held-out samples."""
    return [Confusion.of(samples.labels[fold == number], predicted[fold == number], classes)
            for number in range(fold.max() + 1)]
