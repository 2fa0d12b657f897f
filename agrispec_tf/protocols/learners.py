"""Whatever learns from samples by a seed, with what its outcome follows from. Keras is not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.baseline import Baseline
from agrispec_tf.baselines.features import Features, Medians
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
        differing: what a trained model of this name was made with that `fit` does not make it with, a phrase each, as
            "epochs 2 instead of 60".
    """

    name: str
    settings: Mapping[str, Any]
    fit: Callable[[Samples, int], Trained]
    pseudocount: float
    differing: Callable[[Trained], list[str]]


def trees(model: str, class_names: tuple[str, ...], *, thermal: bool) -> Learner:
    """One of `agrispec_tf.baselines.training.METHODS`, which learns from all samples that teach.

    Raises:
        ConfigError: when it learns, as `agrispec_tf.baselines.training.features`.
    """
    method = METHODS[model]

    def fit(teaching: Samples, seed: int) -> Trained:
        return baseline.fit(method.grows, teaching, class_names=class_names, seed=seed,
                            features=features(model, teaching, thermal=thermal), jobs=MOST_THREADS[method.grows])

    def differing(kept: Trained) -> list[str]:
        if not isinstance(kept, Baseline):
            return ["a network instead of trees"]
        by_warmth = isinstance(kept.features, Medians) and kept.features.thermal is not None
        leaves = kept.training["leaves"]
        return [*changes(_said(kept.estimator.method, kept.features, by_warmth),
                         _said(method.grows, method.features, thermal)),
                *([f"trees of at most {leaves} leaves instead of whole ones"] if leaves else [])]

    read = {"kind": method.features.kind, **asdict(method.features), "by_training_warmth": thermal}
    return Learner(name=model, fit=fit, pseudocount=baseline.PSEUDOCOUNTS[method.grows], differing=differing, settings={
        "grows": method.grows, "features": read,
        "versions": {"numpy": np.__version__, "scikit-learn": version("scikit-learn")}})


def changes(made: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What two tables differ in, a phrase an entry; one that a table lacks is None in it."""
    return [f"{key} {made.get(key)} instead of {asked.get(key)}" for key in {**asked, **made}
            if made.get(key) != asked.get(key)]


def _said(grows: str, features: Features, thermal: bool) -> dict[str, Any]:
    # Which season's warmth a thermal axis holds follows from what teaches; that it is there does not.
    return {"method": grows, "features": features.kind, **asdict(features), "thermal": thermal}
