"""Whatever learns from samples by a seed, with what its outcome follows from. Keras is not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.training import METHODS, MOST_THREADS, features
from agrispec_tf.data.samples import Samples
from agrispec_tf.model_folder import Trained


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """A kind of model.

    Attributes:
        name: as commands take it.
        settings: what its outcome follows from beside samples and seed, JSON types.
        fit: samples that teach and a seed to a trained model. It sees no other sample.
        pseudocount: added to each probability where a temperature is looked for (`calibration.temperature`).
    """

    name: str
    settings: Mapping[str, Any]
    fit: Callable[[Samples, int], Trained]
    pseudocount: float


def trees(model: str, class_names: tuple[str, ...], *, thermal: bool) -> Learner:
    """One of `agrispec_tf.baselines.training.METHODS`, which learns from all samples that teach.

    Raises:
        ConfigError: when it learns, as `agrispec_tf.baselines.training.features`.
    """
    method = METHODS[model]

    def fit(teaching: Samples, seed: int) -> Trained:
        return baseline.fit(method.grows, teaching, class_names=class_names, seed=seed,
                            features=features(model, teaching, thermal=thermal), jobs=MOST_THREADS[method.grows])

    read = {"kind": method.features.kind, **asdict(method.features), "by_training_warmth": thermal}
    return Learner(name=model, fit=fit, pseudocount=baseline.PSEUDOCOUNTS[method.grows], settings={
        "grows": method.grows, "features": read,
        "versions": {"numpy": np.__version__, "scikit-learn": version("scikit-learn")}})
