"""How unlike all that was learnt a series is: its distance to the nearest samples that taught.

It needs no network, is the same for networks and trees, and looks at what goes into them: a softmax may be as sure of
a crop that it never saw as of its own. On held-out cells of real fields (benchmarks/bench_novelty.py, 3 seeds) the mean
area under the ROC curve of crops withheld from training was 0.74 in Central Asia and 0.65 in France, against 0.66 and
0.53 of a forest's probability, 0.62 and 0.57 of the Mahalanobis distance to a class, and 0.70 and 0.63 of an isolation
forest; over five changes of season or region 0.75, against 0.74, 0.76 and 0.68. No score knows a crop that grows like a
known one.

Source: Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors", https://arxiv.org/abs/2204.06507,
here on series, not on a network's features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from agrispec.errors import DataError
from agrispec_tf.baselines.features import Medians
from agrispec_tf.data.samples import Samples, Series

NEIGHBOURS = 10
"""Of which the farthest counts, so that one odd sample makes nothing familiar."""

MOST = 2000
"""Samples that are compared with at most. A million series of 8 values took 10 s of a processor with 2,000 of them, and
of 324 values 32 s with 350."""

USUAL = 0.95
"""Share of samples of the source seasons whose distance is usual."""

_BATCH = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Familiar:
    """What was learnt, to be compared with.

    Attributes:
        mean, deviation: (D,) by which vectors are standardised; D medians of a series, gaps filled linearly.
        vectors: (M, D) standardised vectors of training samples.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, training: Samples, seed: int) -> Familiar:
        """`MOST` of the samples that teach, each class in its share, drawn by a seed.

        Raises:
            DataError: there are fewer than `NEIGHBOURS`.
        """
        if len(training) < NEIGHBOURS:
            raise DataError(f"{len(training)} training samples are too few to say what is unlike them",
                            mend=f"give {NEIGHBOURS} or more")
        found = Medians().of(training.thinned(MOST, np.random.default_rng(seed)).series)
        mean, deviation = found.mean(axis=0), found.std(axis=0)
        # What never varies says nothing of how far a different value is.
        deviation = np.where(deviation > 0, deviation, 1)
        return cls(mean=mean, deviation=deviation, vectors=(found - mean) / deviation)

    def distance(self, series: Series) -> NDArray[np.float32]:
        """(N,) distance to the tenth nearest sample: root of the mean square over the D values, each in standard
        deviations of the training samples."""
        nearest = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(self.vectors)
        found = np.empty(len(series), np.float32)
        for first in range(0, len(series), _BATCH):
            rows = np.arange(first, min(first + _BATCH, len(series)))
            vectors = (Medians().of(series.take(rows)) - self.mean) / self.deviation
            found[rows] = nearest.kneighbors(vectors)[0][:, -1]
        return found / np.float32(np.sqrt(len(self.mean)))


def unusual(usual: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Share of `others` that are farther than `USUAL` of the usual ones, 0 to 1; 1 - `USUAL` if nothing differs.

    Args:
        usual: (N,) distances of samples like those that taught, but of other cells.
        others: (M,) distances, M at least 1.
    """
    return float((others > np.quantile(usual, USUAL)).mean())
