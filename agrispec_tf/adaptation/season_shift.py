"""Season shift: by how many days another season runs ahead of the one that a network learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from agrispec_tf.classifier import Classifier
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.samples import Samples, Series

MOST_DAYS = 60.0
"""Either way, as in the source."""

_MOST_SERIES = 1000


def found(classifier: Classifier, training: Samples, target: Series, most_days: float = MOST_DAYS) -> float:
    """The days by which the target's crops come earlier than the source's; negative where they come later.

    Series of the target are shown so many days later or earlier, the network says what grows, and the shift is taken
    at which the mean series of each class is closest to the source's, classes weighing what the network finds of them.
    The class mix may differ. Shifts are tried every half step (every 4 days where steps are longer than 8), then
    between the neighbours of the best one.

    How sure the network is does not tell a shift to the day: crops that are far apart stay so over weeks.

    Args:
        classifier: trained on the source.
        training: labelled samples of the source.
        target: unlabelled series; of more than 1,000 as many are looked at, evenly drawn.
        most_days: the largest shift that is looked for.

    Source: the search is that of TimeMatch, Nyborg et al. 2022, https://arxiv.org/abs/2111.02682, which takes the shift
        of the most confident and varied predictions; what is compared here is this project's.
    """
    every = np.linspace(0, len(target) - 1, min(len(target), _MOST_SERIES)).astype(np.intp)
    series, step_days = target.take(every), target.cube.step_days
    classes = len(classifier.class_names)
    curves = _means(classifier.preparation.apply(training.series), training.labels, classes)
    spread = curves.std(axis=(0, 1)) + np.finfo(np.float32).tiny

    def mismatch(days: float) -> float:
        draw = _calendar(series, days)
        said = classifier.probabilities(series, draw=draw).argmax(axis=1)
        moved = _means(classifier.preparation.apply(series, draw), said, classes)
        apart = (((moved - curves) / spread) ** 2).mean(axis=(1, 2))
        return float(np.nan_to_num(apart) @ np.bincount(said, minlength=classes) / len(said))

    between = min(step_days / 2, 4.0)
    steps = int(most_days / between)
    tried = np.arange(-steps, steps + 1) * between
    # Of shifts that fit alike the smallest comes first.
    tried = tried[np.argsort(np.abs(tried), kind="stable")]
    best = float(min(tried, key=mismatch))
    finer = minimize_scalar(mismatch, method="bounded", options={"xatol": 0.1},
                            bounds=(max(best - between, -most_days), min(best + between, most_days)))
    return float(finer.x) if finer.fun < mismatch(best) else best


def probabilities(classifier: Classifier, series: Series, earlier_days: float) -> NDArray[np.float32]:
    """Class probabilities (N, C) of series that run `earlier_days` ahead, shown on the source's calendar."""
    return classifier.probabilities(series, draw=_calendar(series, earlier_days))


def _calendar(series: Series, earlier_days: float) -> Draw:
    """What series that run so many days ahead show on the source's calendar."""
    return augmentation.plain(series.cube.window, len(series)).later(-earlier_days / series.cube.step_days)


def _means(prepared: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(C, T, F) mean series by class; NaN for a class that no series is of."""
    totals = np.zeros((classes, *prepared.shape[1:]))
    np.add.at(totals, labels, prepared)
    counts = np.bincount(labels, minlength=classes)[:, None, None]
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)
