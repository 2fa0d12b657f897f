"""Reducers against SciPy and NumPy: the same over lists, tables, stacks and regions; and how they are made."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from scipy import stats

from agrispec.errors import EngineError


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
def test_a_reducer_of_numbers_gives_the_same_everywhere(world: Any, stack: Any, table: Any, name: str) -> None:
    reducer, expected = getattr(ee.Reducer, name)(), SINGLE[name]
    values = stack.x[:, 3, 4]
    want = expected(values)
    np.testing.assert_allclose(world.value(ee.List(values.tolist()).reduce(reducer)), want, rtol=1e-9)
    found = world.value(table(values, values).reduceColumns(reducer, ["x"]))
    np.testing.assert_allclose(list(found.values()), [want], rtol=1e-9)
    (plane, mask), = stack.planes(stack.images().select("x").reduce(reducer)).values()
    for pixel in stack.pixels:
        np.testing.assert_allclose(plane[pixel], expected(stack.x[:, *pixel][stack.valid_x[:, *pixel]]), rtol=1e-9)
    if name not in ("sum", "count"):
        assert mask[1, 1] == 0
        assert mask[3, 4] == 1


@pytest.mark.parametrize("name", [name for name in SINGLE if name not in ("firstNonNull", "lastNonNull")])
def test_over_a_region_a_reducer_weighs_no_pixel_when_unweighted(world: Any, stack: Any, name: str) -> None:
    world.images["v"] = world.make({"x": np.where(stack.valid_x[0], stack.x[0], -9e9)}, nodata=-9e9)
    region = stack.region()
    reducer = getattr(ee.Reducer, name)().unweighted()
    found = world.value(ee.Image("v").reduceRegion(reducer, region, 10))
    np.testing.assert_allclose(found["x"], SINGLE[name](stack.x[0][stack.valid_x[0]]), rtol=1e-9)


FIELD = shapely.Polygon([(500_023, 5_399_981), (500_187, 5_399_955), (500_141, 5_399_834), (500_038, 5_399_846)])


def shares(grid_metres: float, shape: tuple[int, int]) -> np.ndarray:
    """Share of each pixel in FIELD, in steps of 1/256."""
    rows, columns = np.indices(shape)
    left, top = 500_000 + columns * grid_metres, 5_400_000 - rows * grid_metres
    inside = shapely.area(shapely.intersection(FIELD, shapely.box(left, top - grid_metres, left + grid_metres, top)))
    return np.floor(inside / grid_metres**2 * 256 + 1e-6) / 256


@pytest.mark.parametrize("metres", [10, 20])
def test_over_a_region_weighted_reducers_count_shares_of_pixels(world: Any, stack: Any, metres: int) -> None:
    image = ee.Image(stack.images().first())
    # Over larger pixels the nearest small one stands for each.
    pick = np.s_[:, :] if metres == 10 else np.s_[1::2, 1::2]
    x, y = stack.x[0][pick], stack.y[0][pick]
    weights = np.where(stack.valid_x[0][pick], shares(metres, x.shape), 0)
    both = np.where(stack.both[0][pick], shares(metres, x.shape), 0)
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


def test_nothing_is_counted_and_summed_to_0_wherever_it_is_reduced(world: Any, stack: Any, table: Any) -> None:
    blank = stack.images().select("x").map(lambda image: image.updateMask(0))
    apart = ee.Geometry.Rectangle([600_000, 53e5, 600_050, 5_300_050], "EPSG:32631", False)
    for reducer in (ee.Reducer.count(), ee.Reducer.sum()):
        assert world.info(ee.List([]).reduce(reducer)) == 0
        assert world.info(table([], []).reduceColumns(reducer, ["x"])) in ({"count": 0}, {"sum": 0})
        assert world.info(blank.first().reduceRegion(reducer, apart, 10)) == {"x": 0}
        for reduced in (blank.reduce(reducer), blank.toBands().reduce(reducer)):
            (plane, mask), = stack.planes(reduced).values()
            assert mask is None
            assert not plane.any()
    (_, mask), = stack.planes(blank.reduce(ee.Reducer.mean())).values()
    assert mask is not None
    assert not mask.any()


def test_outputs_have_the_documented_names(world: Any, stack: Any) -> None:
    collection = stack.images()
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


def test_too_few_records_give_null(world: Any, table: Any) -> None:
    one = table([1.0], [2.0])
    for reducer in (ee.Reducer.linearFit(), ee.Reducer.linearRegression(1, 1), ee.Reducer.sensSlope()):
        assert set(world.value(one.reduceColumns(reducer, ["x", "y"])).values()) == {None}
    assert world.value(ee.List([]).reduce(ee.Reducer.mean())) is None
    assert world.value(ee.List([]).reduce(ee.Reducer.count())) == 0
    assert world.value(ee.List([3]).reduce(ee.Reducer.sampleStdDev())) is None
    for reducer in (ee.Reducer.histogram(), ee.Reducer.skew(), ee.Reducer.fixedHistogram(0, 1, 2)):
        assert world.value(ee.List([]).reduce(reducer)) is None


def test_bits_and_truth(world: Any) -> None:
    values = ee.List([12, 10, 14])
    for reducer, expected in [(ee.Reducer.bitwiseAnd(), 8), (ee.Reducer.bitwiseOr(), 14), (ee.Reducer.allNonZero(), 1),
                              (ee.Reducer.anyNonZero(), 1)]:
        assert world.value(values.reduce(reducer)) == expected
    image = ee.Image.constant([12, 10, 14])
    for name, expected in [("bitwiseAnd", 8), ("bitwiseOr", 14)]:
        assert (world.pixels(image.reduce(getattr(ee.Reducer, name)()))[name] == expected).all()
    assert world.value(ee.List([0, 3]).reduce(ee.Reducer.allNonZero())) == 0


def test_interval_means_and_percentiles(world: Any, stack: Any) -> None:
    values = np.arange(10.0)[::-1]
    assert world.value(ee.List(values.tolist()).reduce(ee.Reducer.intervalMean(20, 80))) == np.mean([2, 3, 4, 5, 6, 7])
    means = stack.planes(stack.images(hidden=False).select("x").reduce(ee.Reducer.intervalMean(0, 100)))["x_mean"][0]
    np.testing.assert_allclose(means, stack.x.mean(axis=0))
    found = world.value(ee.List([1, 2, 3]).reduce(ee.Reducer.percentile([0, 50, 100])))
    assert found == {"p0": 1, "p50": 2, "p100": 3}


def test_what_has_no_value_per_pixel_or_does_not_fit_is_refused(world: Any, stack: Any) -> None:
    collection = stack.images()
    for reducer in (ee.Reducer.histogram(), ee.Reducer.frequencyHistogram(), ee.Reducer.autoHistogram()):
        with pytest.raises(EngineError, match="not implemented per pixel"):
            stack.planes(collection.reduce(reducer))
    with pytest.raises(EngineError, match="single input"):
        world.value(ee.Image(collection.first()).reduce(ee.Reducer.linearFit()))
    with pytest.raises(EngineError, match=r"Need 2 input\(s\)"):
        world.value(collection.select("x").reduce(ee.Reducer.linearFit()))
    with pytest.raises(EngineError, match="cannot share"):
        world.value(ee.Reducer.mean().combine(ee.Reducer.linearFit(), "", True))
    with pytest.raises(EngineError, match="groupField"):
        world.value(ee.Reducer.mean().group(5))
