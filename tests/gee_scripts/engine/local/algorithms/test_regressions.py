"""Reducers of pairs, regressions and correlations among them, against SciPy and scikit-learn: the same everywhere."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import Points, Projection

RNG = np.random.default_rng(11)


def linear(x: np.ndarray, y: np.ndarray) -> list[Any]:
    fit = LinearRegression().fit(x[:, None], y)
    return [fit.coef_[0], fit.intercept_]


def regression(x: np.ndarray, y: np.ndarray) -> list[Any]:
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0]
    return [slope[:, None], [np.sqrt(np.mean((y - x * slope[0]) ** 2))]]


def ridge(x: np.ndarray, y: np.ndarray) -> list[Any]:
    fit = Ridge(alpha=0.1).fit(x[:, None], y)
    return [[[fit.coef_[0]], [fit.intercept_]], [np.sqrt(np.mean((y - fit.predict(x[:, None])) ** 2))], None]


DOUBLE: dict[str, tuple[Any, Any]] = {
    "linearFit": (lambda: ee.Reducer.linearFit(), linear),
    "linearRegression": (lambda: ee.Reducer.linearRegression(1, 1), regression),
    "robust, no outliers": (lambda: ee.Reducer.robustLinearRegression(1, 1, 1e9), regression),
    "ridgeRegression": (lambda: ee.Reducer.ridgeRegression(1, 1), ridge),
    "pearsonsCorrelation": (lambda: ee.Reducer.pearsonsCorrelation(), lambda x, y: list(stats.pearsonr(x, y))),
    "spearmansCorrelation": (lambda: ee.Reducer.spearmansCorrelation(), lambda x, y: list(stats.spearmanr(x, y))),
    "kendallsCorrelation": (lambda: ee.Reducer.kendallsCorrelation(2),
                            lambda x, y: list(stats.kendalltau(x, y, method="asymptotic"))),
    "sensSlope": (lambda: ee.Reducer.sensSlope(),
                  lambda x, y: [s := stats.theilslopes(y, x).slope, np.median(y - s * x)]),
    "max": (lambda: ee.Reducer.max(2), lambda x, y: [x.max(), y[x.argmax()]]),
    "min": (lambda: ee.Reducer.min(2), lambda x, y: [x.min(), y[x.argmin()]]),
    "combine": (lambda: ee.Reducer.mean().combine(ee.Reducer.max(), "y_"), lambda x, y: [x.mean(), y.max()]),
    "repeat": (lambda: ee.Reducer.mean().repeat(2), lambda x, y: [[x.mean(), y.mean()]]),
    "forEach": (lambda: ee.Reducer.median().forEach(["a", "b"]), lambda x, y: [np.median(x), np.median(y)]),
}


def pairs(stack: Any, name: str, *at: Any) -> tuple[np.ndarray, np.ndarray]:
    """The x and y that are there: of the same records, or each on its own where the reducer is several."""
    own = name in ("combine", "repeat", "forEach")
    valid_x, valid_y = (stack.valid_x, stack.valid_y) if own else (stack.both, stack.both)
    return stack.x[at][valid_x[at]], stack.y[at][valid_y[at]]


@pytest.mark.parametrize("name", DOUBLE)
def test_a_reducer_of_pairs_gives_the_same_everywhere(world: Any, stack: Any, table: Any, name: str) -> None:
    make, expected = DOUBLE[name]
    reducer = make()

    def check(found: Any, x: np.ndarray, y: np.ndarray) -> None:
        for value, want in zip(found, expected(x, y), strict=True):
            if want is not None:
                np.testing.assert_allclose(np.asarray(value, float), want, rtol=1e-6, atol=1e-9)

    x, y = stack.x[:, 0, 0], stack.y[:, 0, 0]
    check(world.value(table(x, y).reduceColumns(reducer, ["x", "y"])).values(), x, y)
    listed = world.value(ee.List(np.column_stack([x, y]).tolist()).reduce(reducer))
    check(listed.values() if isinstance(listed, dict) else [listed], x, y)
    planes = stack.planes(stack.images().reduce(reducer))
    for pixel in stack.pixels:
        check([values[pixel] for values, _ in planes.values()], *pairs(stack, name, slice(None), *pixel))
    assert all(mask[1, 1] == 0 and mask[3, 4] == 1 for _, mask in planes.values())
    picked = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), np.array([50_004]),
                    np.array([-539_997]))
    at_point = stack.planes(stack.images().reduce(reducer), picked)
    check([values[0] for values, _ in at_point.values()], *pairs(stack, name, slice(None), 3, 4))
    region = stack.region()
    first = ee.Image(stack.images().first())
    found = world.value(first.reduceRegion(reducer, region, 10))
    check(found.values(), *pairs(stack, name, 0))
    feature, = world.value(first.reduceRegions(ee.FeatureCollection([ee.Feature(region)]), reducer, 10)).items
    check([feature.properties[key] for key in found], *pairs(stack, name, 0))


@pytest.mark.parametrize("name", ["linearFit", "pearsonsCorrelation", "max", "repeat", "linearRegression"])
def test_a_reducer_of_pairs_over_a_neighbourhood(stack: Any, name: str) -> None:
    make, expected = DOUBLE[name]
    planes = stack.planes(ee.Image(stack.images().first()).reduceNeighborhood(make(), ee.Kernel.square(2)))
    row, column = next((r, c) for r in range(5, 10) for c in range(5, 10) if stack.both[0, r, c])
    x, y = pairs(stack, name, 0, slice(row - 2, row + 3), slice(column - 2, column + 3))
    for (values, mask), want in zip(planes.values(), expected(x, y), strict=True):
        np.testing.assert_allclose(values[row, column], want, rtol=1e-6)
        np.testing.assert_array_equal(mask > 0, stack.both[0])


def test_outliers_take_no_part_in_a_robust_regression(world: Any, table: Any) -> None:
    x = np.arange(20.0)
    y = 2 * x + RNG.normal(0, 0.01, 20)
    y[[3, 17]] = 400, -90
    found = world.value(table(x, y).reduceColumns(ee.Reducer.robustLinearRegression(1, 1), ["x", "y"]))
    kept = np.delete(np.arange(20), [3, 17])
    np.testing.assert_allclose(found["coefficients"], np.linalg.lstsq(x[kept, None], y[kept, None], rcond=None)[0],
                               rtol=1e-3)


def test_the_p_value_of_a_ridge_regression_without_penalty_is_that_of_the_f_test(world: Any, stack: Any,
                                                                                     table: Any) -> None:
    x, y = stack.x[:, 2, 2], stack.y[:, 2, 2]
    found = world.value(table(x, y).reduceColumns(ee.Reducer.ridgeRegression(1, 1, 0), ["x", "y"]))
    # With one variable the F-test is the test of the correlation.
    np.testing.assert_allclose(found["pValue"], [stats.pearsonr(x, y).pvalue])


def test_blocks_of_pixels_do_not_show(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.algorithms import regressions

    collection = stack.images()
    graphs = [collection.reduce(make()) for make, _ in DOUBLE.values()]
    whole = [stack.planes(graph) for graph in graphs]
    monkeypatch.setattr(regressions, "BLOCK", 200)
    for graph, expected in zip(graphs, whole, strict=True):
        for name, (values, mask) in stack.planes(graph).items():
            known = np.ones((20, 24), bool) if mask is None else mask > 0
            np.testing.assert_allclose(values[known], expected[name][0][known], atol=1e-9)


def test_slopes_of_too_many_pairs_are_refused(world: Any) -> None:
    many = ee.List.sequence(1, 9000).map(lambda n: [n, n])
    with pytest.raises(EngineError, match="compares 40495500 pairs"):
        world.value(many.reduce(ee.Reducer.sensSlope()))
