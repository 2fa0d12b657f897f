"""AdaBN: batch normalisation goes by the statistics of the season to be mapped; no weight changes."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError, DataError
from agrispec_tf.classifier import Classifier, compiled_for_inference
from agrispec_tf.data.samples import Series

_BATCH, _MOST = 512, 10_000


def adapted(classifier: Classifier, target: Series) -> Classifier:
    """A copy of a network whose batch normalisations have the mean and the variance of unlabelled series.

    The statistics are exact, not running ones: layer by layer, each sees what the layers before it make of the series
    with their new statistics. Dropout drops nothing. Of more than 10,000 series as many are looked at, evenly drawn.

    Args:
        classifier: it keeps its own statistics.
        target: series of the season to be mapped.

    Raises:
        ConfigError: the network has no batch normalisation.
        DataError: there are no series.
        SchemaMismatch: they are of another cube.

    Source: Li et al. 2018, https://doi.org/10.1016/j.patcog.2018.03.005
    """
    classifier.cube.check_read(target.cube)
    if not len(target):
        raise DataError("the target season has no series to take statistics of", mend="export the target season")
    model = keras.models.clone_model(classifier.model)
    model.set_weights(classifier.model.get_weights())
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        raise ConfigError(f"a {classifier.options.architecture} has no batch normalisation to adapt",
                          mend="choose another network, or another rung")
    every = np.linspace(0, len(target) - 1, min(len(target), _MOST)).astype(np.intp)
    inputs = classifier.options.inputs(classifier.preparation.apply(target.take(every)))
    for layer in norms:
        mean, variance = _statistics(keras.Model(model.input, layer.input), inputs)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    return replace(classifier, model=compiled_for_inference(model))


def _statistics(before: keras.Model, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance of each channel of what a network makes of inputs, summed in double precision."""
    total, squares, count = 0.0, 0.0, 0
    for first in range(0, len(inputs), _BATCH):
        rows = inputs[first:first + _BATCH]
        # A last batch of another size would be compiled anew on some backends: its first rows fill it up.
        filled = np.resize(rows, (_BATCH, *rows.shape[1:])) if len(inputs) > _BATCH else rows
        found = np.asarray(before.predict_on_batch(filled), np.float64)[:len(rows)]
        found = found.reshape(-1, found.shape[-1])
        total, squares, count = total + found.sum(axis=0), squares + (found**2).sum(axis=0), count + len(found)
    mean = total / count
    return mean.astype(np.float32), np.maximum(squares / count - mean**2, 0.0).astype(np.float32)
