"""Connected pixels against scipy.ndimage's labels, distances against its transforms."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import ndimage

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import Points, Projection

RNG = np.random.default_rng(8)
CLASSES = RNG.integers(0, 3, (20, 24)).astype(np.uint8)
VALID = RNG.random((20, 24)) < 0.9
PICKED = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), np.array([50_003, 50_020]),
                np.array([-539_999, -539_985]))
EIGHT, FOUR = np.ones((3, 3)), ndimage.generate_binary_structure(2, 1)


def image(world: Any) -> ee.Image:
    world.images["c"] = world.make({"b": np.where(VALID, CLASSES, 9).astype(np.uint8)}, nodata=9)
    return ee.Image("c")


def sizes(structure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label and size of the object of every valid pixel."""
    labels, count = np.zeros((20, 24), int), np.zeros((20, 24), int)
    for value in range(3):
        found, _ = ndimage.label((value == CLASSES) & VALID, structure)
        here = found > 0
        labels[here] = found[here] + labels.max()
        count[here] = np.bincount(found.ravel())[found[here]]
    return labels, count


@pytest.mark.parametrize(("eight", "structure"), [(True, EIGHT), (False, FOUR)])
@pytest.mark.parametrize("most", [4, 100])
def test_connected_pixels_are_counted_up_to_a_size(world: Any, eight: bool, structure: np.ndarray, most: int) -> None:
    graph = image(world).connectedPixelCount(most, eight)
    found = world.pixels(graph)["b"]
    np.testing.assert_array_equal(found.mask, ~VALID)
    np.testing.assert_array_equal(found[VALID], np.minimum(sizes(structure)[1], most)[VALID])
    for row, column, tile in world.grid.tiles(9):
        part = world.pixels(graph, tile)["b"]
        here = found[row:row + tile.height, column:column + tile.width]
        np.testing.assert_array_equal(part.filled(0), here.filled(0))
    np.testing.assert_array_equal(world.pixels(graph, PICKED)["b"].filled(0), found[[1, 15], [3, 20]].filled(0))
    with pytest.raises(EngineError, match="maxSize must be between"):
        world.value(image(world).connectedPixelCount(5000))


@pytest.mark.parametrize(("kernel", "structure"), [(lambda: ee.Kernel.square(1), EIGHT),
                                                   (lambda: ee.Kernel.plus(1), FOUR)])
def test_components_have_one_label_each_and_the_same_in_every_tile(world: Any, kernel: Any,
                                                                   structure: np.ndarray) -> None:
    graph = image(world).connectedComponents(kernel(), 12)
    found = world.pixels(graph)
    labels, count = sizes(structure)
    small = VALID & (count <= 12)
    assert list(found) == ["b", "labels"]
    for band in found.values():
        np.testing.assert_array_equal(band.mask, ~small)
    pairs = {(int(a), int(b)) for a, b in zip(labels[small], found["labels"][small], strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    for row, column, tile in world.grid.tiles(9):
        part = world.pixels(graph, tile)["labels"]
        np.testing.assert_array_equal(part.filled(0),
                                      found["labels"][row:row + tile.height, column:column + tile.width].filled(0))


def brute(nonzero: np.ndarray, reach: int, metric: Any) -> np.ndarray:
    """Distance to the nearest pixel that holds within a square, infinite without one."""
    rows, columns = np.nonzero(nonzero)
    y, x = np.mgrid[0:nonzero.shape[0], 0:nonzero.shape[1]]
    dy, dx = abs(y[..., None] - rows), abs(x[..., None] - columns)
    return np.where((dy <= reach) & (dx <= reach), metric(dx, dy), np.inf).min(axis=-1, initial=np.inf)


METRICS: dict[str, Any] = {"squared_euclidean": lambda x, y: x * x + y * y, "manhattan": lambda x, y: x + y,
                           "chebyshev": np.maximum}
SPARSE = (RNG.random((20, 24)) < 0.03).astype(np.uint8)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("reach", [3, 40])
def test_a_fast_distance_transform_is_the_distance_to_the_nearest_pixel(world: Any, metric: str, reach: int) -> None:
    world.images["s"] = world.make({"b": np.where(VALID, SPARSE, 9).astype(np.uint8)}, nodata=9)
    found = world.pixels(ee.Image("s").fastDistanceTransform(reach, "pixels", metric))["distance"]
    expected = brute(SPARSE.astype(bool) & VALID, reach, METRICS[metric])
    np.testing.assert_array_equal(found.mask, np.isinf(expected))
    np.testing.assert_allclose(found.compressed(), expected[np.isfinite(expected)])
    if metric == "squared_euclidean" and reach == 40:
        far = ndimage.distance_transform_edt(~(SPARSE.astype(bool) & VALID))
        np.testing.assert_allclose(np.sqrt(found), far, rtol=1e-6)


def test_a_distance_is_in_the_kernels_units_and_masked_out_of_it(world: Any) -> None:
    world.images["s"] = world.make({"b": np.where(VALID, SPARSE, 9).astype(np.uint8)}, nodata=9)
    nonzero = SPARSE.astype(bool) & VALID
    for kernel, metric, step in [(ee.Kernel.euclidean(4), np.hypot, 1),
                                 (ee.Kernel.euclidean(40, "meters"), np.hypot, 10),
                                 (ee.Kernel.manhattan(4), METRICS["manhattan"], 1)]:
        expected = brute(nonzero, 4, metric) * step
        found = world.pixels(ee.Image("s").distance(kernel, False))["b"]
        np.testing.assert_array_equal(found.mask, np.isinf(expected))
        np.testing.assert_allclose(found.compressed(), expected[np.isfinite(expected)])
        skipped = world.pixels(ee.Image("s").distance(kernel))["b"]
        np.testing.assert_array_equal(skipped.mask, np.isinf(expected) | ~VALID)
    empty = world.pixels(ee.Image("s").multiply(0).distance(ee.Kernel.euclidean(4), False))["b"]
    assert empty.mask.all()
    with pytest.raises(EngineError, match="euclidean, manhattan and chebyshev"):
        world.value(ee.Image("s").distance(ee.Kernel.circle(3)))
