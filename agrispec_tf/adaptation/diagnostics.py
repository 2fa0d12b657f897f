"""How far two seasons or regions are apart, and whether their gaps alone tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from agrispec_tf.data.preparation import Preparation, clear_looks
from agrispec_tf.data.samples import Series

_MOST = 1000
"""Series of either side that are compared."""

_CLOSE, _GAPS = 0.5, 0.75
"""A proxy A-distance below the first leaves nothing to align; an AUC above the second gives a domain away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far the target's series are from the source's.

    Attributes:
        a_distance: proxy A-distance, 2 (1 - 2 e) with e the error of a forest that tells the two apart, each of its
            folds by the others: 0 where it cannot, 2 where it always can.
        mmd: maximum mean discrepancy of prepared series, squared, unbiased, by a Gaussian kernel of the median
            distance: about 0 where the two are alike.
        missing_source, missing_target: share of the window's steps without a clear look.
        gaps_auc: how well the pattern of missing steps alone tells the two apart: 0.5 not at all, 1 always.
    """

    a_distance: float
    mmd: float
    missing_source: float
    missing_target: float
    gaps_auc: float

    def doubts(self) -> Iterator[str]:
        """What should be known before a network is adapted, a sentence each."""
        if self.a_distance < _CLOSE:
            yield (f"source and target are close (proxy A-distance {self.a_distance:.2f} of 2): adversarial training"
                   " has nothing to win here, and may lose")
        if self.gaps_auc > _GAPS:
            yield (f"the missing steps alone tell source and target apart (AUC {self.gaps_auc:.2f}): what is aligned"
                   " may be clouds, not crops; look at the rung common, where there is one, or choose [cube]"
                   " window_days in which both were seen")


def distance(source: Series, target: Series, *, seed: int = 0) -> Distance:
    """The distance of two sets of series of one cube; of more than 1,000 on a side as many are drawn.

    Both are prepared alike, gaps filled linearly. The error of the A-distance is that of series beside the training
    ones: fields lie close together, so distances are rather too large than too small.

    Source: Ben-David et al. 2007, https://papers.nips.cc/paper/2983; Gretton et al. 2012,
    https://jmlr.org/papers/v13/gretton12a.html
    """
    generator = np.random.default_rng(seed)
    sides = [series.take(np.sort(generator.permutation(len(series))[:_MOST])) for series in (source, target)]
    vectors = [Preparation().apply(series).reshape(len(series), -1) for series in sides]
    gaps = [(~clear_looks(series)).astype(np.float32) for series in sides]
    domain = np.repeat([0, 1], [len(series) for series in sides])
    probability = _told_apart(np.concatenate(vectors), domain, seed)
    # Both sides weigh the same, whatever their number.
    errors = [float(((probability > 0.5) != domain)[domain == side].mean()) for side in (0, 1)]
    varying = np.concatenate(gaps)
    auc = 0.5 if (varying == varying[0]).all() else float(roc_auc_score(domain, _told_apart(varying, domain, seed)))
    return Distance(a_distance=max(0.0, 2 * (1 - sum(errors))), mmd=_mmd(*vectors),
                    missing_source=float(gaps[0].mean()), missing_target=float(gaps[1].mean()), gaps_auc=auc)


def _told_apart(vectors: NDArray[np.float32], domain: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """(N,) the probability of the target, each by a forest that did not learn it."""
    forest = RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(forest, vectors, domain, cv=folds, method="predict_proba")[:, 1], np.float64)


def _mmd(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    both = np.concatenate([one, other]).astype(np.float64)
    both = (both - both.mean(axis=0)) / np.maximum(both.std(axis=0), 1e-9)
    squared = cdist(both, both, "sqeuclidean")
    kernel = np.exp(-squared / max(float(np.median(squared)), 1e-12))
    np.fill_diagonal(kernel, 0.0)
    n, m = len(one), len(other)
    return float(kernel[:n, :n].sum() / (n * (n - 1)) + kernel[n:, n:].sum() / (m * (m - 1))
                 - 2 * kernel[:n, n:].mean())
