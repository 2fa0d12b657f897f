"""Gradient boosting on histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from agrispec.kernels.trees import Trees, joined
from agrispec_tf.calibration import TINY


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Boosting:
    """Trees whose values add up to the logits of classes.

    Attributes:
        trees: their leaves say what is added.
        adds_to: (trees,) int32, to which class each tree adds.
        offsets: (C,) float64, the logits before the first tree.
        inputs: D, length of a vector.
    """

    method: ClassVar[str] = "histogram-boosting"
    pseudocount: ClassVar[float] = TINY

    trees: Trees
    adds_to: NDArray[np.int32]
    offsets: NDArray[np.float64]
    inputs: int

    def __post_init__(self) -> None:
        if self.adds_to.shape != self.trees.roots.shape or self.offsets.ndim != 1 or not (
                (self.adds_to >= 0) & (self.adds_to < len(self.offsets))).all():
            raise ValueError("the trees add to classes that are none")

    @property
    def classes(self) -> int:
        """C."""
        return len(self.offsets)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities (N, C) of vectors (N, D)."""
        found = np.empty((len(vectors), self.classes), np.float32)
        of_class = np.eye(self.classes)[self.adds_to]
        for rows, added in self.trees.says(vectors):
            logits = self.offsets + added @ of_class
            power = np.exp(logits - logits.max(axis=1, keepdims=True))
            found[rows] = power / power.sum(axis=1, keepdims=True)
        return found


def grown(vectors: NDArray[np.float32], labels: NDArray[np.integer], classes: int, *, seed: int,
          jobs: int | None = None) -> Boosting:
    """Grows trees with scikit-learn, by its defaults but for two: classes weigh the same, whatever their number of
    samples, and no share of the samples is kept back to stop early, which would be drawn without regard to place.

    Give what `agrispec_tf.baselines.baseline` has checked.

    Args:
        vectors: (N, D), finite.
        labels: (N,) class numbers, each of 0 … `classes` - 1 at least once.
        classes: C.
        seed: of the drawn bins, where there are many samples.
        jobs: threads, one by default, -1 for one a core; no effect on the trees. On two cores that others use,
            too, two threads that wait for each other took 6 to 12 times as long as one, at 400 to 20,000 samples.
    """
    model = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=seed)
    with threadpool_limits(None if jobs == -1 else jobs or 1, user_api="openmp"):
        model.fit(vectors, labels)
    start = model._baseline_prediction.ravel()
    parts, adds_to = [], []
    for iteration in model._predictors:
        for number, predictor in enumerate(iteration):
            nodes = predictor.nodes
            parts.append({"inputs": np.where(nodes["is_leaf"], -1, nodes["feature_idx"].astype(np.int64)),
                          "limits": nodes["num_threshold"], "left": nodes["left"], "right": nodes["right"],
                          "values": np.where(nodes["is_leaf"], nodes["value"], 0.0)})
            # Two classes have one tree an iteration, for the second of them.
            adds_to.append(number if classes > 2 else 1)
    offsets = start if classes > 2 else np.array([0.0, *start])
    return Boosting(trees=joined(parts), adds_to=np.array(adds_to, np.int32), offsets=offsets.astype(np.float64),
                    inputs=vectors.shape[1])
