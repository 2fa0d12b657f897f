"""A run's trained network as a file for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from agrispec.config import Config
from agrispec_tf import classifier as classifiers
from agrispec_tf import run_models
from agrispec_tf.classifier import Classifier
from agrispec_tf.collected import Collected
from agrispec_tf.deployment import cost, int8, network
from agrispec_tf.deployment.cost import Cost
from agrispec_tf.deployment.network import OnnxClassifier
from exports.runs import Run

_CALIBRATION = 512
"""Training samples that show the range of what flows between the layers."""


def run_export(run: Run, config: Config, model: str, path: Path, *, eight_bits: bool) -> Cost | None:
    """Write one of a run's networks as an ONNX file.

    Args:
        path: of the file, which is replaced.
        eight_bits: whether convolutions and dense layers multiply integers of 8 bits, scaled by training samples.

    Returns:
        what 8 bits cost on the held-out cells of the source seasons; None in 32 bits, whose answers are the network's
        own, and where no cell is held out.

    Raises:
        RunError: there is no such model.
        SchemaMismatch: it was trained on other samples, classes or cubes.
        ConfigError: it is no network, or a layer of it has no rule for ONNX.
        DataError: too few of its layers would be in 8 bits.
        StorageError: the file cannot be written.
    """
    run_models.need_network(run, model)
    trained = classifiers.load(run_models.folder_of(run, model))
    run_models.check(run, config, model, trained)
    if not eight_bits:
        network.save(network.written(trained), path)
        return None
    collected = Collected(run, config)
    small = eight_bit(collected, config, model, trained)
    held_out = collected.labelled("test")
    found = cost.cost(trained, OnnxClassifier.of(small), held_out) if len(held_out) else None
    network.save(small, path)
    return found


def eight_bit(collected: Collected, config: Config, model: str, trained: Classifier) -> onnx.ModelProto:
    """One of a run's networks in integers of 8 bits, scaled by its training samples. Raises as `run_export`."""
    collected.check_taught(model, trained)
    shown = collected.labelled("train").thinned(_CALIBRATION, np.random.default_rng(config.training.seed))
    return int8.quantised(network.written(trained), trained.preparation.apply(shown.series))
