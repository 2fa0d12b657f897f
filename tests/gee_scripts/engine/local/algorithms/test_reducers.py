"""Reducers against SciPy, NumPy and scikit-learn: over regions, tables, lists, stacks and neighbourhoods alike."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import Points, Projection
from gee_scripts.engine.local.rasters.raster import read

RNG = np.random.default_rng(11)
N = 9
X, Y = RNG.normal(3, 2, (N, 20, 24)), RNG.normal(-1, 1, (N, 20, 24))
X[:, 0, 0], Y[:, 0, 0] = np.round(X[:, 0, 0]), np.round(Y[:, 0, 0])
X[:, 7, 11], Y[:, 7, 11] = np.round(X[:, 7, 11]), np.round(Y[:, 7, 11])
VALID = RNG.random((N, 20, 24)) < 0.8
VALID[:, 1, 1] = False
VALID_Y = VALID | (RNG.random((N, 20, 24)) < 0.4)
VALID &= RNG.random((N, 20, 24)) < 0.9
VALID_Y &= RNG.random((N, 20, 24)) < 0.9
VALID_Y[:, 1, 1] = False
BOTH = VALID & VALID_Y
PIXELS = [(0, 0), (3, 4), (7, 11), (19, 23)]
WHOLE = [500_000, 5_399_800, 500_240, 5_400_000]


def images(world: Any, hidden: bool = True) -> ee.ImageCollection:
    """N images of bands x and y, masked where VALID and VALID_Y say."""
    made = [world.make({"x": np.where(VALID[number] | (not hidden), X[number], -9e9),
                        "y": np.where(VALID_Y[number] | (not hidden), Y[number], -9e9)},
                       {"system:index": str(number)}, nodata=-9e9) for number in range(N)]
    world.add_collection("stack", made)
    return ee.ImageCollection("stack")


def raw(world: Any, graph: Any, domain: Any = None) -> dict[str, tuple[np.ndarray, Any]]:
    image = world.value(graph)
    return {band.name: found for band, found in zip(image.bands, read(image.bands, domain or world.grid), strict=True)}


def table(x: Any, y: Any) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, {"x": float(a), "y": float(b)}) for a, b in zip(x, y, strict=True)])


def circular_deviation(v: np.ndarray) -> float:
    return float(np.sqrt(-2 * np.log(abs(np.exp(1j * v).mean()))))


SINGLE: dict[str, Any] = {
    "mean": np.mean, "sum": np.sum, "stdDev": np.std, "variance": np.var, "median": np.median,
    "sampleStdDev": lambda v: np.std(v, ddof=1), "sampleVariance": lambda v: np.var(v, ddof=1),
    "min": np.min, "max": np.max, "skew": stats.skew, "kurtosis": stats.kurtosis, "product": np.prod,
    "circularMean": lambda v: np.angle(np.exp(1j * v).mean()),
    "circularVariance": lambda v: 1 - abs(np.exp(1j * v).mean()), "circularStddev": circular_deviation,
    "firstNonNull": lambda v: v[0], "lastNonNull": lambda v: v[-1], "count": len,
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_reducer_of_numbers_gives_the_same_everywhere(world: Any, name: str) -> None:
    reducer, expected = getattr(ee.Reducer, name)(), SINGLE[name]
    values = X[:, 3, 4]
    want = expected(values)
    np.testing.assert_allclose(world.value(ee.List(values.tolist()).reduce(reducer)), want, rtol=1e-9)
    found = world.value(table(values, values).reduceColumns(reducer, ["x"]))
    np.testing.assert_allclose(list(found.values()), [want], rtol=1e-9)
    (plane, mask), = raw(world, images(world).select("x").reduce(reducer)).values()
    for pixel in PIXELS:
        np.testing.assert_allclose(plane[pixel], expected(X[:, *pixel][VALID[:, *pixel]]), rtol=1e-9)
    if name not in ("sum", "count"):
        assert mask[1, 1] == 0
        assert mask[3, 4] == 1


@pytest.mark.parametrize("name", [name for name in SINGLE if name not in ("firstNonNull", "lastNonNull")])
def test_over_a_region_a_reducer_weighs_no_pixel_when_unweighted(world: Any, name: str) -> None:
    world.images["v"] = world.make({"x": np.where(VALID[0], X[0], -9e9)}, nodata=-9e9)
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    reducer = getattr(ee.Reducer, name)().unweighted()
    found = world.value(ee.Image("v").reduceRegion(reducer, region, 10))
    np.testing.assert_allclose(found["x"], SINGLE[name](X[0][VALID[0]]), rtol=1e-9)


FIELD = shapely.Polygon([(500_023, 5_399_981), (500_187, 5_399_955), (500_141, 5_399_834), (500_038, 5_399_846)])


def shares(grid_metres: float, shape: tuple[int, int]) -> np.ndarray:
    """Share of each pixel in FIELD, in steps of 1/256."""
    rows, columns = np.indices(shape)
    left, top = 500_000 + columns * grid_metres, 5_400_000 - rows * grid_metres
    inside = shapely.area(shapely.intersection(FIELD, shapely.box(left, top - grid_metres, left + grid_metres, top)))
    return np.floor(inside / grid_metres**2 * 256 + 1e-6) / 256


@pytest.mark.parametrize("metres", [10, 20])
def test_over_a_region_weighted_reducers_count_shares_of_pixels(world: Any, metres: int) -> None:
    made = world.make({"x": np.where(VALID[0], X[0], -9e9), "y": np.where(VALID_Y[0], Y[0], -9e9)}, nodata=-9e9)
    world.images["v"] = made
    image = ee.Image("v")
    # Over larger pixels the nearest small one stands for each.
    pick = np.s_[:, :] if metres == 10 else np.s_[1::2, 1::2]
    x, y = X[0][pick], Y[0][pick]
    weights = np.where(VALID[0][pick], shares(metres, x.shape), 0)
    both = np.where(BOTH[0][pick], shares(metres, x.shape), 0)
    region = ee.Geometry.Polygon([[list(xy) for xy in FIELD.exterior.coords]], "EPSG:32631", False)

    def over(reducer: ee.Reducer, of: ee.Image) -> Any:
        found = world.value(of.reduceRegion(reducer, region, None, "EPSG:32631", [metres, 0, 5e5, 0, -metres, 54e5]))
        return list(found.values()) if len(found) > 1 else next(iter(found.values()))

    np.testing.assert_allclose(over(ee.Reducer.linearFit(), image), np.polyfit(x.ravel(), y.ravel(), 1,
                                                                               w=np.sqrt(both.ravel())), rtol=1e-6)
    cov = np.cov(x.ravel(), y.ravel(), aweights=both.ravel())
    correlation = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    np.testing.assert_allclose(over(ee.Reducer.pearsonsCorrelation(), image)[0], correlation)
    only = image.select("x")
    np.testing.assert_allclose(over(ee.Reducer.circularMean(), only), np.angle((np.exp(1j * x) * weights).sum()))
    mean = np.average(x, weights=weights)
    moments = [np.average((x - mean) ** n, weights=weights) for n in (2, 3, 4)]
    np.testing.assert_allclose(over(ee.Reducer.skew(), only), moments[1] / moments[0] ** 1.5)
    np.testing.assert_allclose(over(ee.Reducer.kurtosis(), only), moments[2] / moments[0] ** 2 - 3)
    counts = np.histogram(x, 5, (-2, 8), weights=weights)[0]
    np.testing.assert_allclose(over(ee.Reducer.fixedHistogram(-2, 8, 5), only)[:, 1], counts)
    assert sum(over(ee.Reducer.histogram(), only)["histogram"]) == pytest.approx(weights.sum())
    np.testing.assert_allclose(over(ee.Reducer.mean().repeat(2), image)[0], mean)
    assert over(ee.Reducer.countEvery(), only) >= over(ee.Reducer.count(), only)
    apart = ee.Geometry.Rectangle([600_000, 53e5, 600_050, 5_300_050], "EPSG:32631", False)
    nothing = world.value(image.reduceRegion(ee.Reducer.linearFit(), apart, 10))
    assert nothing == {"scale": None, "offset": None}
    assert world.info(only.reduceRegion(ee.Reducer.histogram(), apart, 10)) == {"x": None}


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


def pairs(name: str, *at: Any) -> tuple[np.ndarray, np.ndarray]:
    """The x and y that are there: of the same records, or each on its own where the reducer is several."""
    own = name in ("combine", "repeat", "forEach")
    return X[at][(VALID if own else BOTH)[at]], Y[at][(VALID_Y if own else BOTH)[at]]


@pytest.mark.parametrize("name", DOUBLE)
def test_a_reducer_of_pairs_gives_the_same_everywhere(world: Any, name: str) -> None:
    make, expected = DOUBLE[name]
    reducer = make()

    def check(found: Any, x: np.ndarray, y: np.ndarray) -> None:
        for value, want in zip(found, expected(x, y), strict=True):
            if want is not None:
                np.testing.assert_allclose(np.asarray(value, float), want, rtol=1e-6, atol=1e-9)

    x, y = X[:, 0, 0], Y[:, 0, 0]
    check(world.value(table(x, y).reduceColumns(reducer, ["x", "y"])).values(), x, y)
    listed = world.value(ee.List(np.column_stack([x, y]).tolist()).reduce(reducer))
    check(listed.values() if isinstance(listed, dict) else [listed], x, y)
    planes = raw(world, images(world).reduce(reducer))
    for pixel in PIXELS:
        check([values[pixel] for values, _ in planes.values()], *pairs(name, slice(None), *pixel))
    assert all(mask[1, 1] == 0 and mask[3, 4] == 1 for _, mask in planes.values())
    picked = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), np.array([50_004]),
                    np.array([-539_997]))
    at_point = raw(world, images(world).reduce(reducer), picked)
    check([values[0] for values, _ in at_point.values()], *pairs(name, slice(None), 3, 4))
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    first = ee.Image(images(world).first())
    found = world.value(first.reduceRegion(reducer, region, 10))
    check(found.values(), *pairs(name, 0))
    feature, = world.value(first.reduceRegions(ee.FeatureCollection([ee.Feature(region)]), reducer, 10)).items
    check([feature.properties[key] for key in found], *pairs(name, 0))


@pytest.mark.parametrize("name", ["linearFit", "pearsonsCorrelation", "max", "repeat", "linearRegression"])
def test_a_reducer_of_pairs_over_a_neighbourhood(world: Any, name: str) -> None:
    make, expected = DOUBLE[name]
    planes = raw(world, ee.Image(images(world).first()).reduceNeighborhood(make(), ee.Kernel.square(2)))
    row, column = next((r, c) for r in range(5, 10) for c in range(5, 10) if BOTH[0, r, c])
    x, y = pairs(name, 0, slice(row - 2, row + 3), slice(column - 2, column + 3))
    for (values, mask), want in zip(planes.values(), expected(x, y), strict=True):
        np.testing.assert_allclose(values[row, column], want, rtol=1e-6)
        np.testing.assert_array_equal(mask > 0, BOTH[0])


@pytest.mark.parametrize(("graph", "expected"), [
    (lambda: ee.List([]).reduce(ee.Reducer.count()), 0), (lambda: ee.List([0]).reduce(ee.Reducer.count()), 1),
    (lambda: ee.List([1, None, 3]).reduce(ee.Reducer.count()), 2),
    (lambda: ee.List([1, "", 3]).reduce(ee.Reducer.count()), 3),
    (lambda: ee.Array([1, 0, 3]).reduce(ee.Reducer.count(), [0]), [3]),
    (lambda: ee.Array([[1, 0, 3], [1, 2, 3]]).reduce(ee.Reducer.count(), [0]), [[2, 2, 2]]),
    (lambda: ee.Array([[1, 0, 3], [1, 2, 3]]).reduce(ee.Reducer.count(), [1]), [[3], [3]]),
    (lambda: ee.Array([[1, 0, 3], [1, 2, 3]]).reduce(ee.Reducer.count(), [1, 0]), [[6]])])
def test_counts_are_those_of_the_documentations_examples(world: Any, graph: Any, expected: Any) -> None:
    # https://developers.google.com/earth-engine/apidocs/ee-reducer-count
    assert world.info(graph()) == expected


def test_nothing_is_counted_and_summed_to_0_wherever_it_is_reduced(world: Any) -> None:
    blank = images(world).select("x").map(lambda image: image.updateMask(0))
    apart = ee.Geometry.Rectangle([600_000, 53e5, 600_050, 5_300_050], "EPSG:32631", False)
    for reducer in (ee.Reducer.count(), ee.Reducer.sum()):
        assert world.info(ee.List([]).reduce(reducer)) == 0
        assert world.info(table([], []).reduceColumns(reducer, ["x"])) in ({"count": 0}, {"sum": 0})
        assert world.info(blank.first().reduceRegion(reducer, apart, 10)) == {"x": 0}
        for reduced in (blank.reduce(reducer), blank.toBands().reduce(reducer)):
            (plane, mask), = raw(world, reduced).values()
            assert mask is None
            assert not plane.any()
    (_, mask), = raw(world, blank.reduce(ee.Reducer.mean())).values()
    assert mask is not None
    assert not mask.any()


def test_outputs_have_the_documented_names(world: Any) -> None:
    collection = images(world)
    assert world.value(collection.reduce(ee.Reducer.linearFit())).names == ["scale", "offset"]
    assert world.value(collection.reduce(ee.Reducer.minMax())).names == ["x_min", "x_max", "y_min", "y_max"]
    assert world.value(collection.reduce(ee.Reducer.sampleStdDev())).names == ["x_stdDev", "y_stdDev"]
    both = ee.Reducer.minMax().forEachBand(ee.Image(collection.first()))
    assert world.value(both.getOutputs()) == ["x_min", "x_max", "y_min", "y_max"]
    assert world.value(ee.Reducer.minMax().setOutputs(["", "top"]).getOutputs()) == ["top"]
    assert world.value(ee.Reducer.minMax().setOutputs([None, "top"]).getOutputs()) == ["top"]
    assert world.value(ee.Reducer.max(3).getOutputs()) == ["max", "max1", "max2"]
    kept = ee.Reducer.minMax().setOutputs(["", "top"])
    assert world.value(ee.List([1, 5, 2]).reduce(kept)) == 5


def test_outliers_take_no_part_in_a_robust_regression(world: Any) -> None:
    x = np.arange(20.0)
    y = 2 * x + RNG.normal(0, 0.01, 20)
    y[[3, 17]] = 400, -90
    found = world.value(table(x, y).reduceColumns(ee.Reducer.robustLinearRegression(1, 1), ["x", "y"]))
    kept = np.delete(np.arange(20), [3, 17])
    np.testing.assert_allclose(found["coefficients"], np.linalg.lstsq(x[kept, None], y[kept, None], rcond=None)[0],
                               rtol=1e-3)


def test_the_p_value_of_a_ridge_regression_without_penalty_is_that_of_the_f_test(world: Any) -> None:
    x, y = X[:, 2, 2], Y[:, 2, 2]
    found = world.value(table(x, y).reduceColumns(ee.Reducer.ridgeRegression(1, 1, 0), ["x", "y"]))
    # With one variable the F-test is the test of the correlation.
    np.testing.assert_allclose(found["pValue"], [stats.pearsonr(x, y).pvalue])


def test_too_few_records_give_null(world: Any) -> None:
    one = table([1.0], [2.0])
    for reducer in (ee.Reducer.linearFit(), ee.Reducer.linearRegression(1, 1), ee.Reducer.sensSlope()):
        assert set(world.value(one.reduceColumns(reducer, ["x", "y"])).values()) == {None}
    assert world.value(ee.List([]).reduce(ee.Reducer.mean())) is None
    assert world.value(ee.List([]).reduce(ee.Reducer.count())) == 0
    assert world.value(ee.List([3]).reduce(ee.Reducer.sampleStdDev())) is None
    for reducer in (ee.Reducer.histogram(), ee.Reducer.skew(), ee.Reducer.fixedHistogram(0, 1, 2)):
        assert world.value(ee.List([]).reduce(reducer)) is None


def test_weights_select_and_scale_the_rows_of_a_table(world: Any) -> None:
    rows = ee.FeatureCollection([ee.Feature(None, {"v": v, "w": w}) for v, w in [(1, 2), (5, 0), (4, 6.5)]])
    assert world.value(rows.reduceColumns(ee.Reducer.mean(), ["v"], ["w"]))["mean"] == pytest.approx(28 / 8.5)
    split = ee.Reducer.mean().splitWeights()
    assert world.value(rows.reduceColumns(split, ["v", "w"]))["mean"] == pytest.approx(28 / 8.5)
    both = split.combine(ee.Reducer.count().repeat(2), "", True)
    assert world.value(rows.reduceColumns(both, ["v", "w"]))["count"] == [3, 3]
    with pytest.raises(EngineError, match="weightSelectors"):
        world.value(rows.reduceColumns(ee.Reducer.mean(), ["v"], ["w", "w"]))


def test_groups_reduce_the_records_of_each_key(world: Any) -> None:
    keys = np.arange(480).reshape(20, 24) % 3
    world.images["g"] = world.make({"x": X[0], "key": keys.astype(np.uint8)})
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    grouped = ee.Reducer.mean().unweighted().group(1, "class")
    found = world.value(ee.Image("g").reduceRegion(grouped, region, 10))["groups"]
    assert [item["class"] for item in found] == [0, 1, 2]
    np.testing.assert_allclose([item["mean"] for item in found], [X[0][keys == key].mean() for key in range(3)])
    rows = ee.FeatureCollection([ee.Feature(None, properties) for properties in (
        {"v": 1, "w": 10, "k": "b"}, {"v": 3, "w": 20, "k": "b"}, {"v": 5, "w": 30, "k": "a"}, {"v": 6, "w": 1})])
    reducer = ee.Reducer.sum().repeat(2).group(2, "k")
    assert world.value(rows.reduceColumns(reducer, ["v", "w", "k"])) == {
        "groups": [{"k": "a", "sum": [5.0, 30.0]}, {"k": "b", "sum": [4.0, 30.0]}]}
    nested = ee.Reducer.count().group(1, "k").group(1, "v")
    assert world.value(rows.reduceColumns(nested, ["w", "v", "k"]))["groups"][0] == {
        "v": 1, "groups": [{"k": "b", "count": 1}]}
    assert world.value(rows.limit(0).reduceColumns(reducer, ["v", "w", "k"])) == {"groups": []}


def test_lists_and_collections_of_records(world: Any) -> None:
    rows = ee.FeatureCollection([ee.Feature(None, {"a": 1, "b": "x"}), ee.Feature(None, {"a": 2}),
                                 ee.Feature(None, {"b": "z"})])
    for reducer, expected in [(ee.Reducer.toList(2), [[1, "x"]]), (ee.Reducer.toList(2, 1), [[1, "x"], [2, None]])]:
        assert world.value(rows.reduceColumns(reducer, ["a", "b"]))["list"] == expected
    assert world.value(rows.reduceColumns(ee.Reducer.toList(), ["b"]))["list"] == ["x", "z"]
    made = world.value(rows.reduceColumns(ee.Reducer.toCollection(["p", "q"], 1), ["a", "b"]))["features"]
    assert [(item.properties["p"], item.properties.get("q")) for item in made.items] == [(1, "x"), (2, None)]
    assert world.value(rows.reduceColumns(ee.Reducer.countEvery(), ["b"]))["count"] == 3
    assert world.value(rows.reduceColumns(ee.Reducer.frequencyHistogram(), ["b"]))["histogram"] == {"x": 1, "z": 1}
    with pytest.raises(EngineError, match="takes numbers, not texts"):
        world.value(rows.reduceColumns(ee.Reducer.mean(), ["b"]))
    with pytest.raises(EngineError, match=r"Need 2 input\(s\) for the reducer, got 1"):
        world.value(rows.reduceColumns(ee.Reducer.linearFit(), ["a"]))


def test_histograms(world: Any) -> None:
    values = RNG.normal(0, 1, 500)
    listed = ee.List(values.tolist())
    counts, edges = np.histogram(values, 4, (-1, 1))
    np.testing.assert_allclose(world.value(listed.reduce(ee.Reducer.fixedHistogram(-1, 1, 4))),
                               np.column_stack([edges[:-1], counts]))
    np.testing.assert_allclose(world.value(listed.reduce(ee.Reducer.fixedHistogram(-1, 1, 4, True)))[:, 1],
                               counts.cumsum())
    found = world.value(listed.reduce(ee.Reducer.histogram(20)))
    low, width = found["bucketMin"], found["bucketWidth"]
    assert np.log2(width).is_integer()
    assert len(found["histogram"]) <= 32
    edges = low + width * np.arange(len(found["histogram"]) + 1)
    np.testing.assert_array_equal(found["histogram"], np.histogram(values, edges)[0])
    wanted = stats.binned_statistic(values, values, "mean", edges).statistic
    some = np.array(found["histogram"]) > 0
    np.testing.assert_allclose(np.array(found["bucketMeans"])[some], wanted[some])
    auto = world.value(listed.reduce(ee.Reducer.autoHistogram(20, None, None, True)))
    np.testing.assert_allclose(auto, np.column_stack([edges[:-1], np.cumsum(found["histogram"])]))
    pairs = ee.List(np.column_stack([values[:250], values[250:]]).tolist())
    plane = world.value(pairs.reduce(ee.Reducer.fixed2DHistogram(-1, 1, 3, -2, 2, 5)))
    wanted, x, y = np.histogram2d(values[:250], values[250:], (3, 5), ((-1, 1), (-2, 2)))
    np.testing.assert_array_equal(plane["histogram"], wanted)
    np.testing.assert_allclose(plane["xAxis"], x[:-1])
    np.testing.assert_allclose(plane["yAxis"], y[:-1])
    planes, mask = raw(world, images(world).select("x").reduce(ee.Reducer.fixedHistogram(0, 6, 3)))["x_histogram"]
    there = VALID[:, 3, 4]
    np.testing.assert_array_equal(planes[3, 4, :, 1], np.histogram(X[:, 3, 4][there], 3, (0, 6))[0])
    assert mask[1, 1] == 0


def test_bits_and_truth(world: Any) -> None:
    values = ee.List([12, 10, 14])
    for reducer, expected in [(ee.Reducer.bitwiseAnd(), 8), (ee.Reducer.bitwiseOr(), 14), (ee.Reducer.allNonZero(), 1),
                              (ee.Reducer.anyNonZero(), 1)]:
        assert world.value(values.reduce(reducer)) == expected
    image = ee.Image.constant([12, 10, 14])
    for name, expected in [("bitwiseAnd", 8), ("bitwiseOr", 14)]:
        assert (world.pixels(image.reduce(getattr(ee.Reducer, name)()))[name] == expected).all()
    assert world.value(ee.List([0, 3]).reduce(ee.Reducer.allNonZero())) == 0


def test_interval_means_and_percentiles(world: Any) -> None:
    values = np.arange(10.0)[::-1]
    assert world.value(ee.List(values.tolist()).reduce(ee.Reducer.intervalMean(20, 80))) == np.mean([2, 3, 4, 5, 6, 7])
    stack = raw(world, images(world, False).select("x").reduce(ee.Reducer.intervalMean(0, 100)))["x_mean"][0]
    np.testing.assert_allclose(stack, X.mean(axis=0))
    found = world.value(ee.List([1, 2, 3]).reduce(ee.Reducer.percentile([0, 50, 100])))
    assert found == {"p0": 1, "p50": 2, "p100": 3}


def test_arrays_are_reduced_to_covariances_and_place_by_place(world: Any) -> None:
    rows = RNG.normal(size=(30, 3))
    features = ee.FeatureCollection([ee.Feature(None, {"v": row.tolist()}) for row in rows])
    found = world.value(features.reduceColumns(ee.Reducer.covariance(), ["v"]))["covariance"]
    np.testing.assert_allclose(found, np.cov(rows.T, bias=True))
    sums = world.value(features.reduceColumns(ee.Reducer.sum().forEachElement(), ["v"]))["sum"]
    np.testing.assert_allclose(sums, rows.sum(axis=0))
    arrays = images(world).map(lambda image: image.toArray())
    planes, mask = raw(world, arrays.reduce(ee.Reducer.covariance()))["array_covariance"]
    for pixel in PIXELS:
        there = BOTH[:, *pixel]
        np.testing.assert_allclose(planes[pixel], np.cov(X[:, *pixel][there], Y[:, *pixel][there], bias=True))
    each, _ = raw(world, arrays.reduce(ee.Reducer.max().forEachElement()))["array_max"]
    there = BOTH[:, 3, 4]
    np.testing.assert_allclose(each[3, 4], [X[:, 3, 4][there].max(), Y[:, 3, 4][there].max()])
    assert mask[1, 1] == 0


def test_lists_of_every_pixel_leave_masked_images_out(world: Any) -> None:
    cells, mask = raw(world, images(world).reduce(ee.Reducer.toList(2)))["list"]
    there = BOTH[:, 3, 4]
    np.testing.assert_array_equal(cells[3, 4], np.column_stack([X[:, 3, 4][there], Y[:, 3, 4][there]]))
    assert mask[1, 1] == 0


def test_what_has_no_value_per_pixel_or_does_not_fit_is_refused(world: Any) -> None:
    collection = images(world)
    for reducer in (ee.Reducer.histogram(), ee.Reducer.frequencyHistogram(), ee.Reducer.autoHistogram()):
        with pytest.raises(EngineError, match="not implemented per pixel"):
            raw(world, collection.reduce(reducer))
    with pytest.raises(EngineError, match="single input"):
        world.value(ee.Image(collection.first()).reduce(ee.Reducer.linearFit()))
    with pytest.raises(EngineError, match=r"Need 2 input\(s\)"):
        world.value(collection.select("x").reduce(ee.Reducer.linearFit()))
    with pytest.raises(EngineError, match="cannot share"):
        world.value(ee.Reducer.mean().combine(ee.Reducer.linearFit(), "", True))
    with pytest.raises(EngineError, match="groupField"):
        world.value(ee.Reducer.mean().group(5))


def test_blocks_of_pixels_do_not_show(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.algorithms import regressions

    collection = images(world)
    graphs = [collection.reduce(make()) for make, _ in DOUBLE.values()]
    whole = [raw(world, graph) for graph in graphs]
    monkeypatch.setattr(regressions, "BLOCK", 200)
    for graph, expected in zip(graphs, whole, strict=True):
        for name, (values, mask) in raw(world, graph).items():
            known = np.ones((20, 24), bool) if mask is None else mask > 0
            np.testing.assert_allclose(values[known], expected[name][0][known], atol=1e-9)


def test_slopes_of_too_many_pairs_are_refused(world: Any) -> None:
    many = ee.List.sequence(1, 9000).map(lambda n: [n, n])
    with pytest.raises(EngineError, match="compares 40495500 pairs"):
        world.value(many.reduce(ee.Reducer.sensSlope()))
