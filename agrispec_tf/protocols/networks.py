"""Networks as learners: a part of the cells that teach chooses the epoch."""

from __future__ import annotations

import json
from dataclasses import asdict

import keras
import numpy as np

from agrispec.config import Config
from agrispec_tf import train, training
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.samples import Samples
from agrispec_tf.model_folder import Trained
from agrispec_tf.models import architectures
from agrispec_tf.protocols import folds
from agrispec_tf.protocols.learners import Learner, changes
from exports import manifest


def network(config: Config, model: str, preset: str, epochs: int | None) -> Learner:
    """A network by name, by a recipe's name, with other epochs where they are given.

    About a fifth of the cells that teach are set aside and choose its epoch, so it learns from fewer samples than a
    forest does; the judged ones choose nothing.

    Raises:
        ConfigError: no such recipe.
    """
    names = config.taxonomy.names
    options = architectures.for_cube(model, config.spec, len(names))
    how, smoothing = training.recipe_of(config, model, preset, epochs=epochs), training.smoothing_of(config, options)

    def fit(teaching: Samples, seed: int) -> Trained:
        learning, choosing = next(folds.choosing(teaching.labels, teaching.cells, len(names)))
        return train.fit(options, teaching.take(learning), teaching.take(choosing), class_names=names, how=how,
                         seed=seed, smoothing=smoothing, thermal=config.training.thermal)

    def differing(kept: Trained) -> list[str]:
        if not isinstance(kept, Classifier):
            return ["trees instead of a network"]
        read = kept.preparation
        # Of a card, a recipe is JSON: lists stand for its tuples.
        recipe = json.loads(json.dumps(asdict(how)))
        return changes({"architecture": kept.options.architecture, **asdict(kept.options),
                        **kept.training.get("recipe", {}), "smoothing": read.smoothing,
                        "thermal": read.thermal is not None},
                       {"architecture": options.architecture, **asdict(options), **recipe, "smoothing": smoothing,
                        "thermal": config.training.thermal})

    versions, backend = manifest.versions(), keras.backend.backend()
    return Learner(name=model, fit=fit, pseudocount=Classifier.pseudocount, differing=differing, settings={
        "network": {"architecture": options.architecture, **asdict(options)}, "recipe": asdict(how),
        "smoothing": smoothing, "thermal": config.training.thermal, "backend": backend,
        "versions": {"numpy": np.__version__, "keras": versions["keras"], backend: versions.get(backend)}})
