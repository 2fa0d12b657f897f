"""Season shift: by how many days another season runs ahead of the one whose crops are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.preparation import Preparation, clear_looks
from agrispec_tf.data.samples import Samples, Series

MOST_DAYS = 60.0
"""Either way, as in the source."""

_MOST_SERIES = 1000


def found(preparation: Preparation, training: Samples, target: Series, most_days: float = MOST_DAYS) -> float:
    """The days by which the target's crops come earlier than the source's; negative where they come later.

    The source's classes are shown so many days earlier or later, and the shift is taken at which the target's series
    come closest to them: each has a distance to the nearest class's mean series, in deviations of the source's samples
    about their means, over the steps at which it was clearly seen (on thermal time, the steps of the same number); half
    of the series are closer than what is compared. The class mix may differ, and other crops may be among them. Shifts
    are tried every half step (every 4 days where steps are longer than 8), then between the neighbours of the best.

    Means are moved, not single series: a series that is read between its steps loses noise, and would seem to fit
    better for that alone. No network is asked. One that is wrong finds the shift at which it agrees with itself.

    Args:
        preparation: what series go through.
        training: labelled samples of the source.
        target: unlabelled series; of more than 1,000 as many are looked at, evenly drawn.
        most_days: the largest shift that is looked for; as many days mean that none was found.

    Returns: days; 0 where no step was clearly seen on both sides.

    Source: the search is that of TimeMatch, Nyborg et al. 2022, https://arxiv.org/abs/2111.02682, which takes the shift
        of the most confident and varied predictions; what is compared here is this project's.
    """
    every = np.linspace(0, len(target) - 1, min(len(target), _MOST_SERIES)).astype(np.intp)
    series, step_days = target.take(every), target.cube.step_days
    looks = clear_looks(series) & clear_looks(training.series).any(axis=0)
    compared = looks.any(axis=1)
    if not compared.any():
        return 0.0
    classes, of = np.unique(training.labels, return_inverse=True)
    known = preparation.apply(training.series)
    spread = _within(known, of, len(classes))
    weight = (looks[compared] / looks[compared].sum(axis=1, keepdims=True)).astype(np.float64)
    points = preparation.apply(series)[compared] / spread
    squares = np.einsum("nt,ntf->n", weight, points**2)
    weighted = (weight[:, :, None] * points).reshape(len(points), -1)

    def mismatch(days: float) -> float:
        moved = preparation.apply(training.series, calendar(training.series, -days))
        curves = _means(moved, of, len(classes)) / spread
        apart = (squares[:, None] - 2 * weighted @ curves.reshape(len(classes), -1).T
                 + weight @ (curves**2).sum(axis=2).T)
        return float(np.sqrt(np.maximum(apart.min(axis=1), 0.0)).mean())

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


def _means(prepared: NDArray[np.float32], of: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(C, T, F) mean series by class, each of which has one."""
    members = np.eye(classes)[of]
    return np.einsum("nc,ntf->ctf", members / members.sum(axis=0), prepared.astype(np.float64), optimize=True)


def _within(prepared: NDArray[np.float32], of: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(F,) deviation of each feature about the mean series of its sample's class."""
    about = prepared - _means(prepared, of, classes)[of]
    return np.asarray(about.std(axis=(0, 1)) + np.finfo(np.float32).eps, np.float64)
