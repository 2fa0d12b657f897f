"""Kernels against the weights that the documentation prints; convolutions and windows against SciPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import ndimage, stats

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.cells import weights_of
from gee_scripts.engine.local.rasters.domains import Points, Projection
from gee_scripts.engine.local.rasters.raster import read

RNG = np.random.default_rng(3)
VALUES = RNG.integers(0, 6, (20, 24)).astype(np.int16)
VALID = RNG.random((20, 24)) < 0.85
PICKED = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), np.array([50_003, 50_020, 50_011]),
                np.array([-539_999, -539_985, -539_990]))
ROWS, COLUMNS = np.array([1, 15, 10]), np.array([3, 20, 11])

EUCLIDEAN = [[2.828, 2.236, 2, 2.236, 2.828], [2.236, 1.414, 1, 1.414, 2.236], [2, 1, 0, 1, 2],
             [2.236, 1.414, 1, 1.414, 2.236], [2.828, 2.236, 2, 2.236, 2.828]]
OCTAGON = [[0, 0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1, 0], *[[1] * 7] * 3, [0, 1, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0, 0]]
GAUSSIAN = [[0.002, 0.013, 0.021, 0.013, 0.002], [0.013, 0.059, 0.098, 0.059, 0.013],
            [0.021, 0.098, 0.162, 0.098, 0.021], [0.013, 0.059, 0.098, 0.059, 0.013],
            [0.002, 0.013, 0.021, 0.013, 0.002]]
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
# From https://developers.google.com/earth-engine/apidocs/ee-kernel-euclidean and its neighbours.
PRINTED: dict[str, tuple[Any, Any]] = {
    "octagon": (lambda: ee.Kernel.octagon(3), np.array(OCTAGON) / np.sum(OCTAGON)),
    "gaussian": (lambda: ee.Kernel.gaussian(3), GAUSSIAN), "euclidean": (lambda: ee.Kernel.euclidean(2), EUCLIDEAN),
    "manhattan": (lambda: ee.Kernel.manhattan(1), [[2, 1, 2], [1, 0, 1], [2, 1, 2]]),
    "chebyshev": (lambda: ee.Kernel.chebyshev(1), [[1, 1, 1], [1, 0, 1], [1, 1, 1]]),
    "cross": (lambda: ee.Kernel.cross(1), np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]]) / 5),
    "rectangle": (lambda: ee.Kernel.rectangle(2, 1), np.full((3, 5), 1 / 15)),
    "circle": (lambda: ee.Kernel.circle(1, magnitude=10, normalize=False), [[0, 10, 0], [10, 10, 10], [0, 10, 0]]),
    "sobel": (lambda: ee.Kernel.sobel(), SOBEL), "roberts": (lambda: ee.Kernel.roberts(), [[1, 0], [0, -1]]),
    "compass": (lambda: ee.Kernel.compass(), [[1, 1, -1], [1, -2, -1], [1, 1, -1]]),
    "prewitt": (lambda: ee.Kernel.prewitt(2), np.array([[1, 0, -1]] * 3) * 2),
    "kirsch": (lambda: ee.Kernel.kirsch(), [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]]),
    "laplacian4": (lambda: ee.Kernel.laplacian4(), [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "laplacian8": (lambda: ee.Kernel.laplacian8(), [[1, 1, 1], [1, -8, 1], [1, 1, 1]]),
    "inverse": (lambda: ee.Kernel.sobel().inverse(), [[-1, 0, 1], [-0.5, 0, 0.5], [-1, 0, 1]]),
    "rotate": (lambda: ee.Kernel.sobel().rotate(1), np.rot90(SOBEL, -1)),
    "rotate back": (lambda: ee.Kernel.sobel().rotate(-1), np.rot90(SOBEL)),
    "add": (lambda: ee.Kernel.rectangle(1, 0, "pixels", False).add(ee.Kernel.rectangle(0, 1, "pixels", False)),
            [[0, 1, 0], [1, 2, 1], [0, 1, 0]]),
    "fixed": (lambda: ee.Kernel.fixed(3, 1, [[1, 2, 5]], -1, -1, True), np.array([[1, 2, 5]]) / 8),
}


@pytest.mark.parametrize("name", PRINTED)
def test_kernels_have_the_weights_that_the_documentation_prints(world: Any, name: str) -> None:
    make, expected = PRINTED[name]
    found, _, _ = weights_of(world.value(make()), 10.0)
    np.testing.assert_allclose(found, expected, atol=1.1e-3)


def test_normalising_negative_weights_makes_them_sum_to_zero(world: Any) -> None:
    for kernel in (ee.Kernel.laplacian8(1, True), ee.Kernel.kirsch(1, True)):
        assert abs(weights_of(world.value(kernel), 10.0)[0].sum()) < 1e-12


def test_radii_in_metres_follow_the_pixels(world: Any) -> None:
    for kernel in (ee.Kernel.gaussian(40, 20, "meters"), ee.Kernel.rectangle(30, 20, "meters")):
        fine, coarse = (weights_of(world.value(kernel), scale)[0] for scale in (5.0, 10.0))
        assert fine.shape[0] > coarse.shape[0]
    np.testing.assert_allclose(weights_of(world.value(ee.Kernel.euclidean(20, "meters")), 10.0)[0],
                               np.array(EUCLIDEAN) * 10, atol=1.1e-2)


def image(world: Any) -> ee.Image:
    world.images["v"] = world.make({"b": np.where(VALID, VALUES, -1).astype(np.int16)}, nodata=-1)
    return ee.Image("v")


def window(function: Any, footprint: np.ndarray) -> np.ndarray:
    """`function` of the valid neighbours of every pixel."""
    values = np.where(VALID, VALUES, np.nan)
    return ndimage.generic_filter(values, lambda v: function(v[~np.isnan(v)]) if (~np.isnan(v)).any() else np.nan,
                                  footprint=footprint, mode="constant", cval=np.nan)


@pytest.mark.parametrize("make", [lambda: ee.Kernel.sobel(), lambda: ee.Kernel.gaussian(4, 2),
                                  lambda: ee.Kernel.circle(12), lambda: ee.Kernel.fixed(2, 1, [[1, 3]], 0, 0)])
def test_a_convolution_is_scipys_correlation_of_the_valid_pixels(world: Any, make: Any) -> None:
    weights, x, y = weights_of(world.value(make()), 10.0)
    found = world.pixels(image(world).convolve(make()))["b"]
    origin = (y - weights.shape[0] // 2, x - weights.shape[1] // 2)
    expected = ndimage.correlate(np.where(VALID, VALUES, 0).astype(float), weights, mode="constant", origin=origin)
    np.testing.assert_array_equal(found.mask, ~VALID)
    np.testing.assert_allclose(found[VALID], expected[VALID], atol=1e-9)
    picked = world.pixels(image(world).convolve(make()), PICKED)["b"]
    np.testing.assert_allclose(picked.filled(-99), found[ROWS, COLUMNS].filled(-99), atol=1e-9)


def test_weighted_means_of_a_neighbourhood(world: Any) -> None:
    kernel = ee.Kernel.gaussian(3)
    weights = weights_of(world.value(kernel), 10.0)[0]
    known, values = VALID.astype(float), np.where(VALID, VALUES, 0).astype(float)
    whole = ndimage.correlate(known, weights, mode="constant")
    mean = ndimage.correlate(values, weights, mode="constant") / whole
    found = world.pixels(image(world).reduceNeighborhood(ee.Reducer.mean(), kernel))["b_mean"]
    np.testing.assert_allclose(found[VALID], mean[VALID])
    square = ndimage.correlate(values**2, weights, mode="constant") / whole - mean**2
    found = world.pixels(image(world).reduceNeighborhood(ee.Reducer.variance(), kernel))["b_variance"]
    np.testing.assert_allclose(found[VALID], square[VALID], atol=1e-9)
    found = world.pixels(image(world).reduceNeighborhood(ee.Reducer.mean(), kernel, "mask"))["b_mean"]
    np.testing.assert_allclose(found[VALID], window(np.mean, np.ones((5, 5)))[VALID])
    # Half a mask counts half.
    half = image(world).unmask(0, False).updateMask(image(world).mask().multiply(0.5).add(0.5))
    found = world.pixels(half.reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1), "mask"))["b_mean"]
    share = np.where(VALID, 1, 0.5)
    expected = ndimage.correlate(values * share, np.ones((3, 3)), mode="constant") / ndimage.correlate(
        share, np.ones((3, 3)), mode="constant")
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1])
    with pytest.raises(EngineError, match="inputWeight"):
        world.value(image(world).reduceNeighborhood(ee.Reducer.mean(), kernel, "both"))


@pytest.mark.parametrize(("make", "footprint"), [
    (lambda: ee.Kernel.cross(2), (np.abs(np.mgrid[-2:3, -2:3][0]) == np.abs(np.mgrid[-2:3, -2:3][1]))),
    (lambda: ee.Kernel.rectangle(2, 1), np.ones((3, 5))), (lambda: ee.Kernel.octagon(3), np.array(OCTAGON))])
@pytest.mark.parametrize(("name", "function"), [("min", np.min), ("max", np.max), ("median", np.median), ("sum", None),
                                                ("count", len), ("skew", None)])
def test_kernels_of_any_shape_reduce_their_pixels(world: Any, make: Any, footprint: np.ndarray, name: str,
                                                  function: Any) -> None:
    if name == "sum":
        function = lambda v: v.sum() / footprint.sum()  # noqa: E731 - a normalised kernel's weights sum to 1
    if name == "skew":
        function = lambda v: stats.skew(v) if np.ptp(v) else 0  # noqa: E731
    found = world.pixels(image(world).reduceNeighborhood(getattr(ee.Reducer, name)(), make()))[f"b_{name}"]
    with np.errstate(all="ignore"):
        expected = window(function, footprint)
    np.testing.assert_allclose(np.nan_to_num(found[VALID].filled(0)), expected[VALID], atol=1e-9)


@pytest.mark.parametrize("wire", ["focal_max", "focalMax"])
def test_focal_filters_know_the_cross_and_the_octagon(world: Any, wire: str) -> None:
    for shape, footprint in [("cross", np.eye(3) + np.eye(3)[::-1] > 0),
                             ("octagon", ndimage.generate_binary_structure(2, 1))]:
        found = world.pixels(getattr(image(world), wire)(1, shape))["b"]
        expected = window(np.max, footprint)
        np.testing.assert_array_equal(found.mask, np.isnan(expected))
        np.testing.assert_array_equal(found.compressed(), expected[~np.isnan(expected)])


def test_entropy_is_that_of_the_valid_values_under_the_kernel(world: Any) -> None:
    def bits(values: np.ndarray) -> float:
        return float(stats.entropy(np.unique(values, return_counts=True)[1], base=2))

    found = world.pixels(image(world).entropy(ee.Kernel.square(2)))["b"]
    np.testing.assert_array_equal(found.mask, ~VALID)
    np.testing.assert_allclose(found[VALID], window(bits, np.ones((5, 5)))[VALID], atol=1e-9)
    with pytest.raises(EngineError, match="32-bit or smaller integer"):
        world.value(image(world).toFloat().entropy(ee.Kernel.square(2)))


def test_derivatives_are_numpys_gradient_where_both_neighbours_are_valid(world: Any) -> None:
    found = world.pixels(image(world).derivative())
    slopes = np.gradient(VALUES.astype(float))
    for name, axis in (("b_y", 0), ("b_x", 1)):
        around = np.pad(VALID, 1)
        there = VALID & (around[:-2, 1:-1] & around[2:, 1:-1] if axis == 0 else around[1:-1, :-2] & around[1:-1, 2:])
        np.testing.assert_array_equal(found[name].mask, ~there)
        np.testing.assert_allclose(found[name][there], slopes[axis][there])


def test_a_gradient_counts_metres_to_the_east_and_to_the_north(world: Any) -> None:
    lonlat = ee.Image.pixelCoordinates(ee.Projection("EPSG:32631"))
    plane = lonlat.select("x").multiply(3).add(lonlat.select("y").multiply(0.5))
    for grid in (world.grid, Grid(crs="EPSG:32631", transform=(20.0, 0, 5e5, 0, -20.0, 54e5), width=5, height=4)):
        found = world.pixels(plane.gradient(), grid)
        np.testing.assert_allclose(found["x"], 3, rtol=1e-5)
        np.testing.assert_allclose(found["y"], 0.5, rtol=1e-5)


def test_neighbours_become_bands(world: Any) -> None:
    found = world.pixels(image(world).neighborhoodToBands(ee.Kernel.square(1)))
    assert next(iter(found)) == "b_-1_-1"
    assert len(found) == 9
    around, known = np.pad(VALUES, 1), np.pad(VALID, 1)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            here = slice(1 + dy, 21 + dy), slice(1 + dx, 25 + dx)
            np.testing.assert_array_equal(found[f"b_{dx}_{dy}"].mask, ~known[here])
            np.testing.assert_array_equal(found[f"b_{dx}_{dy}"][known[here]], around[here][known[here]])
    plus = world.value(image(world).neighborhoodToBands(ee.Kernel.plus(1)))
    assert len(plus.names) == 5


def test_neighbours_become_arrays(world: Any) -> None:
    graph = image(world).neighborhoodToArray(ee.Kernel.rectangle(2, 1), 7.9)
    band, = world.value(graph).bands
    (values, mask), = read([band], world.grid)
    padded = np.pad(np.where(VALID, VALUES, 7), ((1, 1), (2, 2)), constant_values=7)
    np.testing.assert_array_equal(values, np.lib.stride_tricks.sliding_window_view(padded, (3, 5)))
    np.testing.assert_array_equal(mask, VALID)
    (picked, _), = read([band], PICKED)
    np.testing.assert_array_equal(picked, values[ROWS, COLUMNS])
    with pytest.raises(EngineError, match="Only fixed, square and rectangle"):
        world.value(image(world).neighborhoodToArray(ee.Kernel.circle(1)))


def test_bad_kernels_are_refused(world: Any) -> None:
    for kernel, text in [(ee.Kernel.fixed(3, 1, [[1, 2], [1]]), "differ in length"),
                         (ee.Kernel.fixed(3, 1, [[1, 2]]), "1 rows of 2 weights"),
                         (ee.Kernel.gaussian(1, 1, "feet"), "feet")]:
        with pytest.raises(EngineError, match=text):
            world.value(kernel)


def test_bands_of_arrays_have_no_neighbourhoods(world: Any) -> None:
    arrays = image(world).toArray()
    square = ee.Kernel.square(1)
    for graph in (arrays.convolve(square), arrays.reduceNeighborhood(ee.Reducer.mean(), square), arrays.focalMax(1),
                  arrays.derivative(), arrays.neighborhoodToArray(ee.Kernel.square(1))):
        with pytest.raises(EngineError, match="band 'array' holds arrays"):
            world.value(graph)
