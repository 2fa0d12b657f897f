"""Vectors that are no series, where training reads series."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agrispec.cube import preset
from agrispec.errors import ConfigError, SchemaMismatch
from agrispec_tf import classifier, train
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.features import Coefficients, Medians
from agrispec_tf.data import vectors
from agrispec_tf.data.augmentation import V3
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.data.vectors import VectorSpec
from agrispec_tf.models.mlp import MLPOptions
from agrispec_tf.recipes import Recipe

PRESTO = VectorSpec(kind="presto", length=5)
HOW = Recipe(epochs=1, batch=8, learning_rate=1e-4)


def drawn(count, place, seed=0):
    values = np.random.default_rng(seed).normal(0, 100, (count, 1, 5)).astype(np.float32)
    names = np.array([f"{place}{number}" for number in range(count)])
    return Samples(series=Series(cube=PRESTO, values=values, counts=np.ones((count, 1), np.float32)),
                   labels=np.arange(count) % 3, cells=names, ids=names)


def test_a_network_sees_vectors_as_they_are():
    series = drawn(7, "a").series
    np.testing.assert_array_equal(Preparation().apply(series), series.values)


def test_a_card_brings_vectors_back_and_cubes():
    for spec in (PRESTO, preset("cropnet-5d")):
        assert vectors.from_table(json.loads(json.dumps(spec.to_table()))) == spec
    with pytest.raises(ConfigError, match="not described by vectors, width"):
        vectors.from_table({"vectors": "presto", "width": 3})


def test_a_digest_changes_with_kind_and_length():
    assert len({PRESTO.digest, replace(PRESTO, kind="alphaearth").digest, replace(PRESTO, length=6).digest}) == 3


def test_vectors_without_a_kind_or_a_number_are_none():
    for wrong in ({"kind": ""}, {"length": 0}):
        with pytest.raises(ConfigError, match="say nothing"):
            replace(PRESTO, **wrong)


@pytest.mark.parametrize(("trained", "read"), [
    (PRESTO, replace(PRESTO, kind="alphaearth")), (PRESTO, replace(PRESTO, length=6)), (PRESTO, preset("cropnet-5d")),
    (preset("cropnet-5d"), PRESTO)])
def test_what_a_model_was_not_trained_on_is_refused(trained, read):
    trained.check_read(trained)
    with pytest.raises(SchemaMismatch, match="the model "):
        trained.check_read(read)


def test_vectors_cannot_be_varied_in_time():
    with pytest.raises(ConfigError, match="presto have no time"):
        train.fit(MLPOptions.for_cube(PRESTO, 3), drawn(24, "a"), drawn(9, "b"), class_names=("x", "y", "z"), seed=0,
                  how=replace(HOW, augmentation=V3))


def test_a_network_of_vectors_is_saved_and_read_again(tmp_path):
    made = train.fit(MLPOptions.for_cube(PRESTO, 3), drawn(24, "a"), drawn(9, "b"), class_names=("x", "y", "z"), seed=0,
                     how=HOW)
    made.save(tmp_path / "model")
    read = classifier.load(tmp_path / "model")
    assert read.cube == PRESTO
    target = drawn(5, "c", seed=1).series
    np.testing.assert_array_equal(read.probabilities(target), made.probabilities(target))


@pytest.mark.parametrize("features", [Medians(), Coefficients()])
def test_a_baseline_of_series_does_not_take_vectors_for_them(features):
    with pytest.raises(ConfigError, match="vectors"):
        baseline.fit("random-forest", drawn(9, "a"), class_names=("x", "y", "z"), features=features, seed=0)
    with pytest.raises(ConfigError, match="no days"):
        Coefficients().of(drawn(9, "a").series)
