"""Masks between 0 and 1 weigh what is reduced, against NumPy and SciPy.

https://developers.google.com/earth-engine/guides/reducers_weighting: "reducers applied to imagery weight the inputs
according to the mask value". Masks are quarters here, so that a record of weight w is four w equal records.
"""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import stats

from gee_scripts.engine.local.images.rewriting import TabulatedMedian, fused
from gee_scripts.engine.local.rasters.raster import read

RNG = np.random.default_rng(7)
N = 7
SHAPE = (20, 24)
X, Y = RNG.integers(-3, 9, (N, *SHAPE)).astype(np.float32), RNG.normal(0, 2, (N, *SHAPE))
QUARTERS = RNG.integers(0, 5, (N, *SHAPE))
QUARTERS[:, 0, 0] = [4] * N
QUARTERS[:, 1, 1] = 0
QUARTERS[:, 2, 2] = [0, 0, 3, 0, 0, 0, 0]
W = QUARTERS / 4


def images(world: Any, values: np.ndarray = X) -> ee.ImageCollection:
    """N images of x and y, masked by W."""
    world.add_collection("soft", [world.make({"x": values[n], "y": Y[n], "w": W[n]}, {"system:index": str(n)})
                                  for n in range(N)])
    return ee.ImageCollection("soft").map(lambda image: image.select(["x", "y"]).updateMask(image.select("w")))


def raw(world: Any, graph: Any) -> list[tuple[np.ndarray, np.ndarray | None]]:
    return list(read(world.value(graph).bands, world.grid))


def interval(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    taken, upto, total = [], 0.0, weights.sum()
    for place in order:
        if upto + weights[place] > 0.25 * total and upto < 0.75 * total:
            taken.append(place)
        upto += weights[place]
    return float(np.average(values[taken], weights=weights[taken]))


def spread(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.cov(values, aweights=weights, ddof=0))


def repeated(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.float64), np.round(4 * weights).astype(int))


REDUCERS: dict[str, Any] = {
    "sum": (lambda: ee.Reducer.sum(), lambda v, w: v @ w),
    "mean": (lambda: ee.Reducer.mean(), lambda v, w: np.average(v, weights=w)),
    "variance": (lambda: ee.Reducer.variance(), spread),
    "stdDev": (lambda: ee.Reducer.stdDev(), lambda v, w: np.sqrt(spread(v, w))),
    "median": (lambda: ee.Reducer.median(), lambda v, w: np.median(repeated(v, w))),
    "p30": (lambda: ee.Reducer.percentile([30]),
            lambda v, w: np.percentile(repeated(v, w), 30, method="averaged_inverted_cdf")),
    "mode": (lambda: ee.Reducer.mode(), lambda v, w: stats.mode(repeated(v, w)).mode),
    "interval": (lambda: ee.Reducer.intervalMean(25, 75), interval),
    "skew": (lambda: ee.Reducer.skew(), lambda v, w: stats.skew(repeated(v, w))),
    "kurtosis": (lambda: ee.Reducer.kurtosis(), lambda v, w: stats.kurtosis(repeated(v, w))),
    "circularMean": (lambda: ee.Reducer.circularMean(), lambda v, w: np.angle(np.exp(1j * v) @ w)),
    # These are not weighted: what is there counts one.
    "min": (lambda: ee.Reducer.min(), lambda v, w: v.min()),
    "count": (lambda: ee.Reducer.count(), lambda v, w: len(v)),
    "first": (lambda: ee.Reducer.firstNonNull(), lambda v, w: v[0]),
    "product": (lambda: ee.Reducer.product(), lambda v, w: v.prod()),
    "distinct": (lambda: ee.Reducer.countDistinctNonNull(), lambda v, w: len(np.unique(v))),
    "plain mean": (lambda: ee.Reducer.mean().unweighted(), lambda v, w: v.mean()),
    "plain median": (lambda: ee.Reducer.median().unweighted(), lambda v, w: np.median(v)),
    "plain sum": (lambda: ee.Reducer.sum().unweighted(), lambda v, w: v.sum()),
}


def expected(function: Any, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A function of the values and weights of each pixel, of those with a weight; NaN where there are none."""
    result = np.full(values.shape[1:], np.nan)
    with np.errstate(all="ignore"):
        for pixel in np.ndindex(*values.shape[1:]):
            there = weights[:, *pixel] > 0
            if there.any():
                result[pixel] = function(values[:, *pixel][there].astype(np.float64), weights[:, *pixel][there])
    return result


@pytest.mark.filterwarnings("ignore:Precision loss")
@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("over", ["images", "bands"])
def test_masks_weigh_the_values_of_a_stack(world: Any, name: str, over: str) -> None:
    reducer, function = REDUCERS[name]
    stack = images(world).select("x")
    (found, mask), = raw(world, stack.reduce(reducer()) if over == "images" else stack.toBands().reduce(reducer()))
    want = expected(function, X, W)
    some = np.isfinite(want)
    np.testing.assert_allclose(found[some], want[some], rtol=1e-5, atol=1e-6)
    if name not in ("sum", "plain sum", "count", "distinct"):
        assert mask is not None
        np.testing.assert_array_equal(mask, (W > 0).any(axis=0))
    else:
        assert mask is None
        assert found[1, 1] == 0


@pytest.mark.parametrize("name", ["mean", "median", "sum", "mode", "min", "max", "count", "product"])
def test_the_short_names_do_as_reduce_does(world: Any, name: str) -> None:
    stack = images(world).select("x")
    (found, mask), = raw(world, getattr(stack, name)())
    (other, other_mask), = raw(world, stack.reduce(getattr(ee.Reducer, name)()))
    seen = slice(None) if mask is None else mask
    np.testing.assert_array_equal(found[seen], other[seen])
    np.testing.assert_array_equal(mask, other_mask)


def test_masks_weigh_pairs_and_histograms_of_a_stack(world: Any) -> None:
    stack = images(world)
    (scale, _), (offset, _) = raw(world, stack.reduce(ee.Reducer.linearFit()))
    (correlation, _), _ = raw(world, stack.reduce(ee.Reducer.pearsonsCorrelation()))
    (counts, _), = raw(world, stack.select("x").reduce(ee.Reducer.fixedHistogram(-3, 9, 4)))
    (plain, _), _ = raw(world, stack.reduce(ee.Reducer.linearFit().unweighted()))
    (sample, mask), = raw(world, stack.select("y").reduce(ee.Reducer.sampleVariance()))
    assert mask is not None
    for pixel in [(0, 0), (3, 4), (7, 11), (19, 23)]:
        there = W[:, *pixel] > 0
        x, y, w = X[:, *pixel][there].astype(np.float64), Y[:, *pixel][there], W[:, *pixel][there]
        np.testing.assert_allclose([scale[pixel], offset[pixel]], np.polyfit(x, y, 1, w=np.sqrt(w)), rtol=1e-6)
        np.testing.assert_allclose(plain[pixel], np.polyfit(x, y, 1)[0], rtol=1e-6)
        cov = np.cov(x, y, aweights=w)
        np.testing.assert_allclose(correlation[pixel], cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))
        np.testing.assert_allclose(counts[*pixel][:, 1], np.histogram(x, 4, (-3, 9), weights=w)[0])
        assert mask[pixel]
        np.testing.assert_allclose(sample[pixel], w @ (y - np.average(y, weights=w)) ** 2 / (w.sum() - 1))
    assert not mask[1, 1]
    assert not mask[2, 2]


def test_the_table_of_a_median_of_integers_gives_way_to_weights(world: Any) -> None:
    stack = images(world, X.astype(np.int16)).select("x").map(lambda image: image.multiply(0.25).toFloat())
    for graph in (stack.median(), stack.median().unmask(-9999, False)):
        bands = world.value(graph).bands
        rewritten = fused(bands)
        (found, mask), = read(rewritten, world.grid)
        (want, _), = read(bands, world.grid)
        there = np.ones(SHAPE, bool) if mask is None else mask
        np.testing.assert_array_equal(found[there], want[there])
        truth = expected(lambda v, w: np.median(repeated(v, w)) / 4, X, W)
        np.testing.assert_allclose(found[(W > 0).any(axis=0)], truth[(W > 0).any(axis=0)])
    assert isinstance(rewritten[0].values, TabulatedMedian)
    assert found[1, 1] == -9999


def shifted(values: np.ndarray, radius: int) -> np.ndarray:
    """(cells, row, column) of a square, 0 beyond the edges."""
    wide = np.pad(values, radius)
    side = 2 * radius + 1
    return np.stack([wide[r:r + SHAPE[0], c:c + SHAPE[1]] for r in range(side) for c in range(side)])


GAUSSIAN = [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]


@pytest.mark.filterwarnings("ignore:Precision loss")
@pytest.mark.parametrize("name", [name for name in REDUCERS if name not in ("first", "product")])
@pytest.mark.parametrize("weights", ["mask", "kernel", "min"])
def test_masks_and_kernels_weigh_neighbours(world: Any, name: str, weights: str) -> None:
    reducer, function = REDUCERS[name]
    image = images(world).first().select("x")
    kernel = ee.Kernel.fixed(3, 3, GAUSSIAN, 1, 1, False)
    (found, mask), = raw(world, image.reduceNeighborhood(reducer(), kernel, weights, False))
    known, each = shifted(W[0], 1), np.ravel(GAUSSIAN)[:, None, None]
    share = {"mask": known, "kernel": np.where(known > 0, each, 0), "min": np.minimum(known, each)}[weights]
    want = expected(function, shifted(X[0], 1), share)
    some = np.isfinite(want)
    np.testing.assert_allclose(found[some], want[some], rtol=1e-5, atol=1e-5)
    assert mask is None or (mask == (known > 0).any(axis=0)).all()


@pytest.mark.parametrize("weights", ["mask", "kernel", "min"])
def test_equal_weights_of_a_kernel_scale_sums_alone(world: Any, weights: str) -> None:
    image = images(world).first().select("x").mask(ee.Image(1))
    one = {"mask": 1, "kernel": 1 / 9, "min": 1 / 9}[weights]
    for kernel in (ee.Kernel.square(1), ee.Kernel.fixed(3, 3, [[1] * 3] * 3, 1, 1, True)):
        (total, _), (middle, _) = raw(world, image.reduceNeighborhood(
            ee.Reducer.sum().combine(ee.Reducer.median(), sharedInputs=True), kernel, weights))
        values = shifted(np.where(W[0] > 0, X[0], 0), 1)
        np.testing.assert_allclose(total[1:-1, 1:-1], one * values.sum(axis=0)[1:-1, 1:-1], atol=1e-6)
        np.testing.assert_allclose(middle[1:-1, 1:-1], np.median(values, axis=0)[1:-1, 1:-1])


def test_a_pixel_of_a_region_weighs_the_smaller_of_its_mask_and_its_share(world: Any) -> None:
    # https://developers.google.com/earth-engine/guides/reducers_reduce_region#pixels-in-the-region
    image = images(world).first().select("x")
    region = ee.Geometry.Rectangle([500_000, 5_399_800, 500_005, 5_400_000], "EPSG:32631", False)
    found = world.value(image.reduceRegion(ee.Reducer.sum(), region, 10))
    assert found["x"] == pytest.approx(X[0, :, 0] @ np.minimum(W[0, :, 0], 0.5))
    counted = world.value(image.reduceRegion(ee.Reducer.count(), region.buffer(1, 1, "EPSG:32631"), 10))
    assert counted["x"] == (W[0, :, 0] > 0).sum()


def test_a_mosaic_is_seen_through_where_it_is_masked_in_part(world: Any) -> None:
    stack = images(world).select("x")
    (alone, mask), = raw(world, stack.limit(1).mosaic())
    np.testing.assert_array_equal(mask, W[0])
    np.testing.assert_allclose(alone[W[0] > 0], X[0][W[0] > 0])
    (found, mask), = raw(world, stack.mosaic())
    colour, opacity = np.zeros(SHAPE), np.zeros(SHAPE)
    for value, alpha in zip(X, W, strict=True):
        # https://www.w3.org/TR/compositing-1/#simplealphacompositing
        colour, opacity = alpha * value + colour * (1 - alpha), alpha + opacity * (1 - alpha)
    np.testing.assert_allclose(mask, opacity, rtol=1e-6)
    np.testing.assert_allclose(found[opacity > 0], (colour / np.where(opacity > 0, opacity, 1))[opacity > 0],
                               rtol=1e-4, atol=1e-5)


def test_arrays_of_images_masked_in_part_hold_them_wholly(world: Any) -> None:
    (found, mask), = raw(world, images(world).select("x").toArray())
    for pixel in [(0, 0), (2, 2), (7, 11)]:
        np.testing.assert_array_equal(found[pixel][:, 0], X[:, *pixel][W[:, *pixel] > 0])
    assert mask is not None
    assert not mask[1, 1]


def test_sample_variances_of_neighbourhoods_take_no_weights(world: Any) -> None:
    image = images(world).first().select("y").mask(ee.Image(1))
    (found, _), = raw(world, image.reduceNeighborhood(ee.Reducer.sampleVariance(), ee.Kernel.square(1)))
    values = shifted(np.where(W[0] > 0, Y[0], 0), 1)
    np.testing.assert_allclose(found[1:-1, 1:-1], values.var(axis=0, ddof=1)[1:-1, 1:-1], rtol=1e-6)
