"""Season shift: by how many days another season runs ahead of the one whose crops are known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist

from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series

MOST_DAYS = 60.0
"""Either way, as in the source."""

_MOST_SERIES = 1000


def found(preparation: Preparation, training: Samples, target: Series, most_days: float = MOST_DAYS) -> float:
    """The days by which the target's crops come earlier than the source's; negative where they come later.

    Series of the target are shown so many days later or earlier, and the shift is taken at which they come closest to
    the source's crops: each has a distance to the nearest of the classes' mean series, in deviations of the source's
    samples about them, and half of the series are closer than what is compared. The class mix may differ, and series of
    other crops may be among them. Shifts are tried every half step (every 4 days where steps are longer than 8), then
    between the neighbours of the best one.

    No network is asked. One that is wrong finds the shift at which it agrees with itself: of 30 simulated days 7.

    Args:
        preparation: what series go through.
        training: labelled samples of the source.
        target: unlabelled series; of more than 1,000 as many are looked at, evenly drawn.
        most_days: the largest shift that is looked for.

    Source: the search is that of TimeMatch, Nyborg et al. 2022, https://arxiv.org/abs/2111.02682, which takes the shift
        of the most confident and varied predictions; what is compared here is this project's.
    """
    every = np.linspace(0, len(target) - 1, min(len(target), _MOST_SERIES)).astype(np.intp)
    series, step_days = target.take(every), target.cube.step_days
    prepared = preparation.apply(training.series)
    classes = np.unique(training.labels)
    curves = np.stack([prepared[training.labels == label].mean(axis=0) for label in classes])
    about = prepared - curves[np.searchsorted(classes, training.labels)]
    spread = about.std(axis=0) + np.finfo(np.float32).eps * np.abs(prepared).max()
    points = (curves / spread).reshape(len(classes), -1)

    def mismatch(days: float) -> float:
        shown = (preparation.apply(series, calendar(series, days)) / spread).reshape(len(series), -1)
        return float(np.median(cdist(shown, points, "sqeuclidean").min(axis=1)))

    between = min(step_days / 2, 4.0)
    steps = int(most_days / between)
    tried = np.arange(-steps, steps + 1) * between
    # Of shifts that fit alike the smallest comes first.
    tried = tried[np.argsort(np.abs(tried), kind="stable")]
    best = float(min(tried, key=mismatch))
    finer = minimize_scalar(mismatch, method="bounded", options={"xatol": 0.1},
                            bounds=(max(best - between, -most_days), min(best + between, most_days)))
    return float(finer.x) if finer.fun < mismatch(best) else best


def calendar(series: Series, earlier_days: float) -> Draw:
    """What series that run so many days ahead show on the source's calendar."""
    return augmentation.plain(series.cube.window, len(series)).later(-earlier_days / series.cube.step_days)
