"""A random forest whose trees vote."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from agrispec.kernels.trees import Trees, joined
from agrispec_tf.calibration import VOTES

DEEPEST = 30
"""Splits between a root and a leaf: R, in whose words Earth Engine reads trees, numbers nodes by 32 bits, and the
children of node k are 2k and 2k + 1. https://cran.r-project.org/package=rpart (rpart.control)"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Forest:
    """Trees that each have one vote; the probability of a class is its share of the votes.

    That is what Earth Engine makes of trees that it is sent (`gee_scripts.forest`), so both give the same
    classes. scikit-learn averages the leaves' class shares instead: the same numbers wherever leaves hold one
    class, as those of trees grown to their ends do but where samples of two classes are alike.

    Attributes:
        trees: their leaves say class numbers. Limits are float32 numbers, compared with float32 inputs: a limit
            between two float32 numbers and the lower one of them tell all inputs apart in the same way, and
            a float32 number means the same in single and in double precision.
        classes: C.
        inputs: D, length of a vector.
    """

    method: ClassVar[str] = "random-forest"
    pseudocount: ClassVar[float] = VOTES

    trees: Trees
    classes: int
    inputs: int

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shares of the votes (N, C) for vectors (N, D); as many votes mean the lower class number."""
        found = np.empty((len(vectors), self.classes), np.float32)
        for rows, votes in self.trees.says(np.asarray(vectors, np.float32)):
            for number in range(self.classes):
                found[rows, number] = (votes == number).mean(axis=1)
        return found


def grown(vectors: NDArray[np.float32], labels: NDArray[np.integer], classes: int, *, seed: int, trees: int = 500,
          leaves: int | None = None, jobs: int | None = None) -> Forest:
    """Grows a forest with scikit-learn; classes weigh the same, whatever their number of samples.

    Give what `agrispec_tf.baselines.baseline` has checked.

    Args:
        vectors: (N, D), finite.
        labels: (N,) class numbers, each of 0 … `classes` - 1 at least once.
        classes: C.
        seed: the same one grows the same forest.
        trees: how many; 500 as in the published comparison (docs/cropnet.md).
        leaves: most leaves of a tree, None for as many as it grows within `DEEPEST` splits. Fewer make a
            forest that is smaller to send.
        jobs: trees grown at once, -1 for one a core; no effect on the forest.
    """
    model = RandomForestClassifier(trees, class_weight="balanced", max_depth=DEEPEST, max_leaf_nodes=leaves,
                                   random_state=seed, n_jobs=jobs)
    with warnings.catch_warnings():
        # Its threads empty each other's filters of warnings, and then it warns of that (scikit-learn 1.9.1,
        # `sklearn.utils.parallel._FuncWrapper`).
        warnings.filterwarnings("ignore", "`sklearn.utils.parallel.delayed` should be used", UserWarning)
        model.fit(vectors, labels)
    parts = []
    for one in model.estimators_:
        tree = one.tree_
        inner = tree.children_left >= 0
        parts.append({"inputs": np.where(inner, tree.feature, -1), "limits": _single(tree.threshold),
                      "left": tree.children_left, "right": tree.children_right,
                      "values": np.where(inner, 0, tree.value[:, 0].argmax(axis=1))})
    return Forest(trees=joined(parts), classes=classes, inputs=vectors.shape[1])


def _single(limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest float32 numbers that are not above `limits`."""
    near = limits.astype(np.float32)
    return np.where(near > limits, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64)
