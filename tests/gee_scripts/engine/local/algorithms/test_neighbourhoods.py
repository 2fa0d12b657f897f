"""Neighbourhoods against SciPy's filters with the same footprint."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import ndimage

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import Points, Projection

SHAPE = (20, 24)
RNG = np.random.default_rng(5)
CLASSES = RNG.integers(1, 5, SHAPE).astype(np.uint8)
VALID = RNG.random(SHAPE) < 0.8


def footprint(kind: str, radius: float) -> np.ndarray:
    n = int(radius)
    y, x = np.mgrid[-n:n + 1, -n:n + 1]
    return {"circle": x * x + y * y <= radius * radius, "square": np.ones((2 * n + 1,) * 2, bool),
            "diamond": abs(x) + abs(y) <= n, "plus": (x == 0) | (y == 0)}[kind]


def image(world: Any) -> ee.Image:
    world.images["classes"] = world.make({"class": np.where(VALID, CLASSES, 0).astype(np.uint8)}, nodata=0)
    return ee.Image("classes")


def over(function: Any, shape: np.ndarray) -> np.ndarray:
    """`function` of the valid neighbours of every pixel."""
    values = np.where(VALID, CLASSES, np.nan)
    return ndimage.generic_filter(values, lambda around: function(around[~np.isnan(around)]) if (
        ~np.isnan(around)).any() else np.nan, footprint=shape, mode="constant", cval=np.nan)


@pytest.mark.parametrize(("kind", "radius"),
                         [("circle", 3), ("circle", 2.5), ("square", 2), ("diamond", 3), ("plus", 2)])
@pytest.mark.parametrize(("reducer", "function", "output"), [
    ("countDistinct", lambda v: len(np.unique(v)), "count"), ("count", len, "count"), ("mean", np.mean, "mean"),
    ("min", np.min, "min"), ("max", np.max, "max"), ("stdDev", np.std, "stdDev"), ("median", np.median, "median")])
def test_a_reduced_neighbourhood_equals_scipys_filter(world: Any, kind: str, radius: float, reducer: str,
                                                     function: Any, output: str) -> None:
    kernel = getattr(ee.Kernel, kind)(radius)
    found = world.pixels(image(world).reduceNeighborhood(getattr(ee.Reducer, reducer)(), kernel))[f"class_{output}"]
    np.testing.assert_array_equal(found.mask, ~VALID)
    np.testing.assert_allclose(found.compressed(), over(function, footprint(kind, radius))[VALID], atol=1e-7)


def test_a_radius_in_metres_is_counted_in_pixels_of_the_grid_that_is_asked_for(world: Any) -> None:
    counted = image(world).unmask(1, False).reduceNeighborhood(ee.Reducer.count(), ee.Kernel.circle(60, "meters"))
    assert (world.pixels(counted)["class_count"] == footprint("circle", 6).sum()).all()
    coarse = world.grid.__class__(crs=world.grid.crs, transform=(20.0, 0.0, 500_000.0, 0.0, -20.0, 5_400_000.0),
                                  width=8, height=8)
    assert (world.pixels(counted, coarse)["class_count"] == footprint("circle", 3).sum()).all()


@pytest.mark.parametrize(("name", "function"), [("focalMin", np.min), ("focalMax", np.max), ("focalMean", np.mean)])
def test_focal_filters_fill_masked_pixels_that_have_valid_neighbours(world: Any, name: str, function: Any) -> None:
    found = world.pixels(getattr(image(world), name)(1, "square"))["class"]
    expected = over(function, footprint("square", 1))
    np.testing.assert_array_equal(found.mask, np.isnan(expected))
    np.testing.assert_allclose(found.compressed(), expected[~np.isnan(expected)])


def test_the_focal_mode_is_a_most_frequent_value(world: Any) -> None:
    found = world.pixels(image(world).focalMode(2))["class"]
    shape = footprint("circle", 2)
    often = np.array([over(lambda v, n=number: (v == n).sum(), shape) for number in range(1, 5)])
    chosen = np.take_along_axis(often, found.filled(1).astype(int)[None] - 1, axis=0)[0]
    np.testing.assert_array_equal(chosen[~found.mask], often.max(axis=0)[~found.mask])


def test_at_points_a_neighbourhood_is_that_of_the_points_own_grid(world: Any) -> None:
    graph = image(world).reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.circle(30, "meters"))
    raster = world.pixels(graph)["class_mean"]
    rows, columns = RNG.integers(0, 20, 30), RNG.integers(0, 24, 30)
    points = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), columns + 50_000, rows - 540_000)
    found = world.pixels(graph, points)["class_mean"]
    np.testing.assert_array_equal(found.mask, raster.mask[rows, columns])
    np.testing.assert_allclose(found.compressed(), raster[rows, columns].compressed(), atol=1e-9)


def test_tiles_do_not_show(world: Any) -> None:
    graph = image(world).reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.circle(3)).unmask(-1)
    whole = world.pixels(graph)["class_mean"]
    for row, column, tile in world.grid.tiles(7):
        part = world.pixels(graph, tile)["class_mean"]
        np.testing.assert_allclose(part, whole[row:row + tile.height, column:column + tile.width], atol=1e-9)


def test_unknown_kernels_and_units_are_refused(world: Any) -> None:
    with pytest.raises(EngineError, match="kernel type 'hexagon'"):
        world.value(image(world).focalMin(1, "hexagon"))
    with pytest.raises(EngineError, match="'miles' is no unit"):
        world.value(ee.Kernel.circle(1, "miles"))
