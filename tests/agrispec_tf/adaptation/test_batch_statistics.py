"""AdaBN changes the statistics of batch normalisations, to those of the target, and nothing else."""

import keras
import numpy as np
import pytest

from agrispec.errors import ConfigError, DataError
from agrispec_tf.adaptation import batch_statistics


@pytest.fixture(scope="module")
def target(grown):
    return grown(150, seed=5, place="T", delay=0.03).series


@pytest.fixture(scope="module")
def adapted(knowing, target):
    return batch_statistics.adapted(knowing, target)


def norms(classifier):
    return [layer for layer in classifier.model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_weights_are_untouched(knowing, adapted):
    for ours, theirs in zip(adapted.model.trainable_weights, knowing.model.trainable_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_source_network_keeps_its_statistics(knowing, target):
    before = [np.array(weight) for weight in knowing.model.get_weights()]
    batch_statistics.adapted(knowing, target)
    for kept, weight in zip(before, knowing.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_every_normalisation_has_the_mean_and_variance_of_what_it_reads(adapted, target):
    inputs = adapted.options.inputs(adapted.preparation.apply(target))
    for layer in norms(adapted):
        read = np.asarray(keras.Model(adapted.model.input, layer.input).predict_on_batch(inputs), np.float64)
        axes = tuple(range(read.ndim - 1))
        np.testing.assert_allclose(layer.moving_mean, read.mean(axis=axes), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, read.var(axis=axes), rtol=1e-3, atol=1e-6)


def test_the_order_and_number_of_series_in_a_batch_mean_nothing(knowing, target, monkeypatch):
    whole = batch_statistics.adapted(knowing, target)
    monkeypatch.setattr(batch_statistics, "_BATCH", 64)
    parts = batch_statistics.adapted(knowing, target.take(np.arange(len(target))[::-1]))
    for ours, theirs in zip(norms(whole), norms(parts), strict=True):
        np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-3, atol=1e-4)


def test_probabilities_change_where_seasons_differ(knowing, adapted, target):
    assert np.abs(adapted.probabilities(target) - knowing.probabilities(target)).max() > 1e-3


def test_no_series_or_no_normalisation_is_said_in_words(knowing, target, class_names, small_cube, source):
    with pytest.raises(DataError, match="no series"):
        batch_statistics.adapted(knowing, target.take(np.zeros(len(target), bool)))
    model = keras.Sequential([keras.Input((14, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    from dataclasses import replace
    with pytest.raises(ConfigError, match="no batch normalisation"):
        batch_statistics.adapted(replace(knowing, model=model), target)
