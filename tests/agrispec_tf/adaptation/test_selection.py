"""Validators equal their definitions, computed slowly, and see no label of the target."""

import inspect

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, f1_score

from agrispec_tf.adaptation import selection

RANDOM = np.random.default_rng(0)
PROBABILITIES = RANDOM.dirichlet([0.5, 0.5, 0.5, 0.5], 60)
LABELS = RANDOM.integers(0, 4, 60)


def test_source_validation_is_macro_f1():
    predicted = PROBABILITIES.argmax(axis=1)
    assert selection.source(PROBABILITIES, LABELS) == pytest.approx(f1_score(LABELS, predicted, average="macro"))


def test_information_is_the_entropy_of_the_mean_less_the_mean_entropy():
    expected = entropy(PROBABILITIES.mean(axis=0)) - np.mean([entropy(row) for row in PROBABILITIES])
    assert selection.information(PROBABILITIES) == pytest.approx(expected)


def test_information_is_highest_for_sure_and_even_predictions():
    assert selection.information(np.eye(4)[np.arange(40) % 4]) == pytest.approx(np.log(4))
    assert selection.information(np.eye(4)[np.zeros(40, int)]) == pytest.approx(0)
    assert selection.information(np.full((40, 4), 0.25)) == pytest.approx(0)


def test_density_is_the_mean_entropy_of_similarities():
    entropies = []
    for i, one in enumerate(PROBABILITIES):
        similar = [one @ other / np.linalg.norm(one) / np.linalg.norm(other) / 0.05
                   for j, other in enumerate(PROBABILITIES) if j != i]
        power = np.exp(np.array(similar) - max(similar))
        entropies.append(entropy(power / power.sum()))
    assert selection.density(PROBABILITIES) == pytest.approx(np.mean(entropies))


def test_density_of_many_series_is_that_of_a_draw_of_them():
    many = RANDOM.dirichlet([1, 1], 5000)
    assert 0 < selection.density(many) <= np.log(1999)


def test_importance_weighting_is_weighted_accuracy():
    weights = RANDOM.uniform(0.1, 10, 60)
    expected = accuracy_score(LABELS, PROBABILITIES.argmax(axis=1), sample_weight=weights)
    assert selection.weighted(PROBABILITIES, LABELS, weights) == pytest.approx(expected)


def test_importance_is_the_ratio_of_densities():
    source, target = RANDOM.normal(0, 1, (4000, 1)), RANDOM.normal(0.5, 1, (2000, 1))
    ratio = np.exp(0.5 * source[:, 0] - 0.125)
    found = selection.importance(source, target)
    inner = (ratio > 0.3) & (ratio < 4)
    np.testing.assert_allclose(found[inner], ratio[inner], rtol=0.25)
    assert found.min() >= 0.1
    assert found.max() <= 10


def test_no_validator_takes_a_label_of_the_target():
    labelled = {name for name in ("source", "information", "density", "weighted")
                if "labels" in inspect.signature(getattr(selection, name)).parameters}
    assert labelled == {"source", "weighted"}, "both are asked about the source's validation samples"
