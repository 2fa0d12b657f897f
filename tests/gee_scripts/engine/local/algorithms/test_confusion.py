"""Confusion matrices against scikit-learn."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from sklearn import metrics

from agrispec.errors import EngineError

RNG = np.random.default_rng(4)
ACTUAL = RNG.integers(0, 4, 300)
PREDICTED = np.where(RNG.random(300) < 0.6, ACTUAL, RNG.integers(0, 4, 300))


def table(actual: Any, predicted: Any) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, {"a": int(a), "p": int(p)})
                                 for a, p in zip(actual, predicted, strict=True)])


def test_a_matrix_and_its_measures_are_scikit_learns(world: Any) -> None:
    matrix = table(ACTUAL, PREDICTED).errorMatrix("a", "p")
    np.testing.assert_array_equal(world.info(matrix), metrics.confusion_matrix(ACTUAL, PREDICTED))
    np.testing.assert_array_equal(world.value(matrix.array()), metrics.confusion_matrix(ACTUAL, PREDICTED))
    assert world.value(matrix.accuracy()) == pytest.approx(metrics.accuracy_score(ACTUAL, PREDICTED))
    assert world.value(matrix.kappa()) == pytest.approx(metrics.cohen_kappa_score(ACTUAL, PREDICTED))
    assert world.value(matrix.order()) == [0, 1, 2, 3]
    np.testing.assert_allclose(world.value(matrix.producersAccuracy()),
                               metrics.recall_score(ACTUAL, PREDICTED, average=None)[:, None])
    np.testing.assert_allclose(world.value(matrix.consumersAccuracy()),
                               metrics.precision_score(ACTUAL, PREDICTED, average=None)[None])
    for beta in (1, 2.5):
        np.testing.assert_allclose(world.value(matrix.fscore(beta)),
                                   metrics.fbeta_score(ACTUAL, PREDICTED, beta=beta, average=None))


def test_an_order_selects_classes_and_places_them(world: Any) -> None:
    matrix = table(ACTUAL * 10, PREDICTED * 10).errorMatrix("a", "p", [30, 0, 10])
    kept = np.isin(ACTUAL, [3, 0, 1]) & np.isin(PREDICTED, [3, 0, 1])
    np.testing.assert_array_equal(world.value(matrix.array()),
                                  metrics.confusion_matrix(ACTUAL[kept], PREDICTED[kept], labels=[3, 0, 1]))
    assert world.value(matrix.order()) == [30, 0, 10]


def test_the_example_of_the_documentation(world: Any) -> None:
    # https://developers.google.com/earth-engine/apidocs/ee-confusionmatrix-accuracy
    counts = [[32, 0, 0, 0, 1, 0], [0, 5, 0, 0, 1, 0], [0, 0, 1, 3, 0, 0], [0, 1, 4, 26, 8, 0], [0, 0, 0, 7, 15, 0],
              [0, 0, 0, 1, 0, 5]]
    matrix = ee.ConfusionMatrix(ee.Array(counts))
    assert world.value(matrix.accuracy()) == pytest.approx(84 / 110)


def test_empty_tables_missing_values_and_bad_matrices(world: Any) -> None:
    empty = table([], []).errorMatrix("a", "p")
    assert world.info(empty) == []
    assert world.value(empty.accuracy()) == 0
    assert world.value(empty.kappa()) == 0
    gaps = ee.FeatureCollection([ee.Feature(None, {"a": 1, "p": 1}), ee.Feature(None, {"a": 1})])
    assert world.info(gaps.errorMatrix("a", "p")) == [[0, 0], [0, 1]]
    never = table([0, 0], [1, 1]).errorMatrix("a", "p")
    np.testing.assert_array_equal(world.value(never.fscore()), [0, 0])
    with pytest.raises(EngineError, match="a confusion matrix is square"):
        world.value(ee.ConfusionMatrix(ee.Array([[1, 2]])).accuracy())
    with pytest.raises(EngineError, match="3 classes for 1 rows"):
        world.value(ee.ConfusionMatrix(ee.Array([[1]]), [1, 2, 3]))
    with pytest.raises(EngineError, match="negative"):
        world.value(table([-1], [0]).errorMatrix("a", "p"))
