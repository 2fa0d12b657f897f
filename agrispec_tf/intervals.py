"""How sure a score is: intervals that hold 95 % of the scores of cells drawn anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
"""Of cells, for an interval."""

Interval = tuple[float, float, float]
"""Of all samples, and the lower and the upper end of the 95 %."""


def by_cell(labels: NDArray[np.integer], cells: NDArray[np.generic], predicted: NDArray[np.integer],
            classes: int) -> NDArray[np.int64]:
    """Counts (cells, C, C), rows the truth, of the class numbers (N,) that samples of a cell (N,) have and were given.

    The cells are in order of their names, whatever was predicted.
    """
    names, cell = np.unique(cells, return_inverse=True)
    counts = np.zeros((len(names), classes, classes), np.int64)
    np.add.at(counts, (cell, labels, predicted), 1)
    return counts


def of(counts: Sequence[NDArray[np.int64]]) -> Mapping[str, Interval]:
    """`macro_f1` and `accuracy` of counts by cell, one array a seed: means over seeds, and their intervals."""
    drawn = _drawn(len(counts[0]))
    return {name: _interval(found) for name, found in _means(counts, drawn).items()}


def differences(ours: Sequence[NDArray[np.int64]], theirs: Sequence[NDArray[np.int64]]) -> Mapping[str, Interval]:
    """How much better `ours` is, in `macro_f1` and `accuracy` of all samples.

    Both are counts by cell, one array a seed; a difference is that of the seeds' means. The bootstrap is paired: cells
    are drawn anew as a whole, because samples of one cell resemble each other, and the same ones for both.
    """
    drawn = _drawn(len(ours[0]))
    one, other = _means(ours, drawn), _means(theirs, drawn)
    return {name: _interval(one[name] - other[name]) for name in one}


def _drawn(cells: int) -> NDArray[np.int64]:
    """(1 + DRAWS, cells): how often each cell counts; once each in the first row. The same draws for the same cells."""
    drawn = np.random.default_rng(0).multinomial(cells, np.full(cells, 1 / cells), DRAWS)
    return np.concatenate([np.ones((1, cells), np.int64), drawn])


def _interval(scores: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(scores[1:], (0.025, 0.975))
    return float(scores[0]), float(low), float(high)


def _means(counts: Sequence[NDArray[np.int64]], drawn: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    found = [_scores(np.einsum("db,bij->dij", drawn, one)) for one in counts]
    return {name: np.mean([one[name] for one in found], axis=0) for name in ("macro_f1", "accuracy")}


def _scores(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Scores of many confusion matrices (D, C, C), as `Confusion` has them."""
    hits, truth, called = np.einsum("dii->di", counts), counts.sum(axis=2), counts.sum(axis=1)
    f1 = np.divide(2 * hits, truth + called, out=np.zeros(hits.shape), where=truth + called > 0)
    present = truth > 0
    return {"macro_f1": (f1 * present).sum(axis=1) / present.sum(axis=1),
            "accuracy": hits.sum(axis=1) / truth.sum(axis=1)}
