"""Images of array pixels against the examples of their documentation and NumPy at every pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.raster import read

SHAPE = (20, 24)
ELSEWHERE = Grid(crs="EPSG:32632", transform=(10.0, 0.0, 57_900.0, 0.0, -10.0, 5_414_300.0), width=9, height=7)


def vector(*numbers: float) -> Any:
    return ee.Image(list(numbers)).toArray()


def matrix(rows: int, columns: int) -> Any:
    return vector(*range(rows * columns)).arrayReshape(vector(rows, columns), 2)


# https://developers.google.com/earth-engine/apidocs/ee-image-arrayreduce and the pages of the other functions
EXAMPLES: dict[str, tuple[Callable[[], Any], Any]] = {
    "reshape": (lambda: matrix(2, 3), [[0, 1, 2], [3, 4, 5]]),
    "reshape to what is left": (lambda: matrix(2, 3).arrayReshape(ee.Image([-1]).toArray(), 1), [0, 1, 2, 3, 4, 5]),
    "sum": (lambda: vector(0, 1, 2, 3, 4, 5).arrayReduce(ee.Reducer.sum(), [0]), [15]),
    "sum of rows": (lambda: matrix(2, 3).arrayReduce(ee.Reducer.sum(), [0]), [[3, 5, 7]]),
    "sum of columns": (lambda: matrix(2, 3).arrayReduce(ee.Reducer.sum(), [1]), [[3], [12]]),
    "sum of both": (lambda: matrix(2, 3).arrayReduce(ee.Reducer.sum(), [0, 1]), [[15]]),
    "add an axis": (lambda: vector(0, 1).toArray(1), [[0], [1]]),
    "minMax": (lambda: vector(0, 5, 3).toArray(1).arrayReduce(ee.Reducer.minMax(), [0], 1), [[0, 5]]),
    "minMax of 3-D": (lambda: matrix(2, 3).toArray(2).arrayReduce(ee.Reducer.minMax(), [0], 2),
                      [[[0, 3], [1, 4], [2, 5]]]),
    "slice": (lambda: vector(*range(12)).arraySlice(0, 0, 3), [0, 1, 2]),
    "slice from the end": (lambda: vector(*range(12)).arraySlice(0, -3), [9, 10, 11]),
    "slice by 3": (lambda: vector(*range(12)).arraySlice(0, 0, None, 3), [0, 3, 6, 9]),
    "slice a row": (lambda: matrix(3, 4).arraySlice(0, 1, 2), [[4, 5, 6, 7]]),
    "slice a column": (lambda: matrix(3, 4).arraySlice(1, 1, 2), [[1], [5], [9]]),
    "slice all but the last": (lambda: matrix(3, 4).arraySlice(1, 0, -1), [[0, 1, 2], [4, 5, 6], [8, 9, 10]]),
    "slice of nothing": (lambda: vector(1, 2).arraySlice(0, 5), []),
    "pad": (lambda: vector(0, 1, 2).arrayPad([5], 9), [0, 1, 2, 9, 9]),
    "pad 2-D": (lambda: matrix(2, 3).arrayPad([3, 5], 9), [[0, 1, 2, 9, 9], [3, 4, 5, 9, 9], [9, 9, 9, 9, 9]]),
    "sort": (lambda: vector(0, 10, 6, 5, 4).arraySort(), [0, 4, 5, 6, 10]),
    "sort by keys": (lambda: vector(0, 10, 6, 5).arraySort(vector(99, 98, 50, 45)), [5, 6, 10, 0]),
    "sort rows": (lambda: matrix(3, 2).arraySort(vector(2, 1, 0).toArray(1)), [[4, 5], [2, 3], [0, 1]]),
    "sort columns": (lambda: matrix(2, 3).arraySort(vector(3, 2, 1).toArray(1).arrayTranspose()),
                     [[2, 1, 0], [5, 4, 3]]),
    "mask": (lambda: vector(0, 1, 2, 4, 0, 5).arrayMask(vector(0, 1, 2, 4, 0, 5).lte(2)), [0, 1, 2, 0]),
    "mask itself": (lambda: vector(0, 1, 2, 4, 0, 5).arrayMask(vector(0, 1, 2, 4, 0, 5)), [1, 2, 4, 5]),
    "mask columns": (lambda: matrix(2, 3).arrayMask(vector(4, 0, 5).toArray(1).arrayTranspose()), [[0, 2], [3, 5]]),
    "mask rows": (lambda: matrix(2, 3).arrayMask(vector(1, 0).toArray(1)), [[0, 1, 2]]),
    "repeat": (lambda: vector(0, 1, 2).arrayRepeat(0, 3), [0, 1, 2, 0, 1, 2, 0, 1, 2]),
    "repeat on a new axis": (lambda: vector(0, 1, 2).arrayRepeat(1, 3), [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
    "project": (lambda: vector(0, 1, 2).toArray(1).arrayProject([0]), [0, 1, 2]),
    "cat": (lambda: vector(0, 1).arrayCat(vector(2), 0), [0, 1, 2]),
    "cat on a new axis": (lambda: vector(0, 1).arrayCat(vector(2, 3), 1), [[0, 2], [1, 3]]),
    "accum": (lambda: matrix(2, 3).arrayAccum(1), [[0, 1, 3], [3, 7, 12]]),
    "accum of minima": (lambda: vector(2, -2, 3).arrayAccum(0, ee.Reducer.min()), [2, -2, -2]),
    "argmax": (lambda: matrix(2, 3).arrayArgmax(), [1, 2]),
    "lengths": (lambda: matrix(2, 3).arrayLengths(), [2, 3]),
    "length": (lambda: matrix(2, 3).arrayLength(1), 3),
    "dimensions": (lambda: matrix(2, 3).arrayDimensions(), 2),
    "dimensions of numbers": (lambda: ee.Image(7).arrayDimensions(), 0),
    "dot product": (lambda: vector(1, 2).arrayDotProduct(vector(3, 4)), 11),
    "transpose": (lambda: matrix(2, 3).arrayTranspose(), [[0, 3], [1, 4], [2, 5]]),
    "get": (lambda: matrix(2, 3).arrayGet([1, 2]), 5),
    "bits": (lambda: ee.Image(5).bitsToArrayImage(), [1, 0, 1]),
    "times a number": (lambda: vector(1, 2).multiply(3), [3, 6]),
    "of one shape": (lambda: vector(1, 2).add(vector(3, 4)), [4, 6]),
}


def pixel(world: Any, graph: Any, domain: Any = None) -> Any:
    (values, mask), = read(world.value(graph).bands, domain or world.grid)
    assert mask is None or mask.all()
    return np.asarray(values[-1, -1]).tolist()


@pytest.mark.parametrize("name", EXAMPLES)
def test_images_of_arrays_are_as_the_documentation_shows(world: Any, name: str) -> None:
    make, expected = EXAMPLES[name]
    assert pixel(world, make()) == expected


def series(world: Any, holes: bool) -> np.ndarray:
    """A collection of ten images of bands t and y, with or without clouds: (10, 2, row, column), NaN where cloudy."""
    random = np.random.default_rng(3)
    stack = random.integers(1, 100, (10, 2, *SHAPE)).astype(np.int16)
    if holes:
        stack[:, :, random.random(SHAPE) < 0.1] = 0
        stack *= random.random((10, 1, *SHAPE)) > 0.4
    world.add_collection("c", [world.make({"t": planes[0], "y": planes[1]}, nodata=0) for planes in stack])
    return np.where(stack == 0, np.nan, stack.astype(float))


# What a graph does to the (image, band) array of a pixel, and NumPy to the same.
OVER: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], Any]]] = {
    "slice": (lambda a: a.arraySlice(0, 1, -1), lambda v: v[1:-1] if len(v) > 1 else v[:0]),
    "slice a band": (lambda a: a.arraySlice(1, 1, 2), lambda v: v[:, 1:2]),
    "slice from a number": (lambda a: a.arraySlice(0, a.arrayLength(0).divide(2).floor()), lambda v: v[len(v) // 2:]),
    "sort": (lambda a: a.arraySort(a.arraySlice(1, 1, 2)), lambda v: v[np.argsort(v[:, 1], kind="stable")]),
    "reduce": (lambda a: a.arrayReduce(ee.Reducer.mean(), [0]), lambda v: v.mean(axis=0, keepdims=True)),
    "median": (lambda a: a.arrayReduce(ee.Reducer.median(), [0, 1]), lambda v: [[np.median(v)]]),
    "project": (lambda a: a.arraySlice(0, 0, 1).arrayProject([1]), lambda v: v[0]),
    "mask": (lambda a: a.arrayMask(a.arraySlice(1, 1, 2).gt(50)), lambda v: v[v[:, 1] > 50]),
    "pad": (lambda a: a.arrayPad([12, 2], -1), lambda v: np.vstack([v, np.full((12 - len(v), 2), -1)])),
    "transpose": (lambda a: a.arrayTranspose(), lambda v: v.T),
    "repeat": (lambda a: a.arrayRepeat(0, 2), lambda v: np.vstack([v, v])),
    "repeat by a number": (lambda a: a.arrayRepeat(1, a.arrayLength(0)), lambda v: np.tile(v, (1, len(v)))),
    "reshape": (lambda a: a.arrayReshape(ee.Image([-1]).toArray(), 1), lambda v: v.reshape(-1)),
    "accum": (lambda a: a.arrayAccum(0), lambda v: np.cumsum(v, axis=0)),
    "accum of maxima": (lambda a: a.arrayAccum(0, ee.Reducer.max()), lambda v: np.maximum.accumulate(v, axis=0)),
    "argmax": (lambda a: a.arrayArgmax(), lambda v: np.unravel_index(v.argmax(), v.shape)),
    "length": (lambda a: a.arrayLength(0), len),
    "lengths": (lambda a: a.arrayLengths(), np.shape),
    "cat": (lambda a: a.arrayCat(a.multiply(2), 1), lambda v: np.hstack([v, v * 2])),
    "square root": (lambda a: a.sqrt(), np.sqrt),
    "arithmetic": (lambda a: a.subtract(a.divide(4)).gte(30), lambda v: v * 0.75 >= 30),
    "times a number of the pixel": (lambda a: a.multiply(a.arrayLength(0)), lambda v: v * len(v)),
    "dot product": (lambda a: a.arraySlice(1, 0, 1).arrayProject([0]).arrayDotProduct(
        a.arraySlice(1, 1, 2).arrayProject([0])), lambda v: v[:, 0] @ v[:, 1]),
    "get": (lambda a: a.arrayGet([0, 1]), lambda v: v[0, 1]),
    "get where the pixel says": (lambda a: a.arrayGet(a.arrayLength(0).subtract(1).addBands(ee.Image(0))),
                                 lambda v: v[-1, 0]),
    "multiply": (lambda a: a.matrixTranspose().matrixMultiply(a), lambda v: v.T @ v),
    "to 3-D": (lambda a: a.toArray(2), lambda v: v[..., None]),
    "to float": (lambda a: a.toFloat(), lambda v: v.astype(np.float32)),
}


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("name", OVER)
def test_functions_of_arrays_are_numpys_at_every_pixel(world: Any, name: str, holes: bool) -> None:
    stack = series(world, holes)
    graph, oracle = OVER[name]
    (values, mask), = read(world.value(graph(ee.ImageCollection("c").toArray())).bands, world.grid)
    assert values.shape[:2] == SHAPE
    for row, column in np.ndindex(SHAPE):
        pixel = stack[:, :, row, column]
        pixel = pixel[~np.isnan(pixel).any(axis=1)]
        if not len(pixel):
            assert mask is not None
            assert not mask[row, column]
            continue
        assert mask is None or mask[row, column]
        found, expected = np.asarray(values[row, column]), np.asarray(oracle(pixel))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_start_that_is_masked_or_varies_slices_each_pixel_on_its_own(world: Any) -> None:
    start = np.tile(np.arange(24, dtype=np.int16) % 6, (20, 1))
    world.images["s"] = world.make({"s": start}, nodata=5)
    (values, mask), = read(world.value(vector(0, 1, 2, 3, 4).arraySlice(0, ee.Image("s"))).bands, world.grid)
    assert mask is None or mask.all()
    for column in range(24):
        assert values[3, column].tolist() == [*range(0 if start[0, column] == 5 else start[0, column], 5)]


def test_flattened_arrays_are_bands_named_by_their_labels(world: Any) -> None:
    graph = matrix(2, 3).arrayFlatten([["a", "b"], ["x", "y", "z"]])
    found = world.pixels(graph)
    assert {name: int(band[4, 5]) for name, band in found.items()} == {
        "a_x": 0, "a_y": 1, "a_z": 2, "b_x": 3, "b_y": 4, "b_z": 5}
    assert list(world.pixels(vector(1, 2).arrayFlatten([["p", "q"]]))) == ["p", "q"]
    assert list(world.pixels(matrix(1, 2).arrayFlatten([["a"], ["x", "y"]], "-"))) == ["a-x", "a-y"]
    assert world.info(graph)["bands"][0]["data_type"].get("dimensions") is None


def test_flattening_masks_what_is_masked_and_reads_in_any_projection(world: Any) -> None:
    plane = np.arange(480, dtype=np.int16).reshape(SHAPE)
    world.images["p"] = world.make({"a": plane, "b": plane * 2}, nodata=0)
    graph = ee.Image("p").toArray().arraySort(ee.Image([-1, -2]).toArray()).arrayFlatten([["x", "y"]])
    found = world.pixels(graph)
    np.testing.assert_array_equal(found["x"].mask, plane == 0)
    np.testing.assert_array_equal(found["x"].filled(0), plane * 2)
    np.testing.assert_array_equal(found["y"].filled(0), plane)
    direct, other = world.pixels(ee.Image("p").select("b"), ELSEWHERE)["b"], world.pixels(graph, ELSEWHERE)["x"]
    np.testing.assert_array_equal(other.mask, direct.mask)
    np.testing.assert_array_equal(other.filled(0), direct.filled(0))


def test_what_is_masked_everywhere_stays_masked(world: Any) -> None:
    graph = matrix(2, 3).updateMask(0)
    for made in (graph.arrayFlatten([["a", "b"], ["x", "y", "z"]]), graph.arraySlice(0, 1), graph.arrayGet([1, 2]),
                 graph.arrayReduce(ee.Reducer.max(), [0]), graph.matrixMultiply(matrix(3, 2)),
                 graph.arrayMask(matrix(2, 1).updateMask(0)), matrix(2, 3).arrayMask(matrix(2, 1).updateMask(0)),
                 matrix(2, 3).arrayRepeat(0, ee.Image(2).updateMask(0)),
                 matrix(2, 3).arrayCat(graph, 0), matrix(2, 3).add(graph)):
        assert all(band.mask.all() for band in world.pixels(made).values())


def test_reducing_or_searching_nothing_masks_and_counting_it_gives_0(world: Any) -> None:
    nothing = vector(1, 2).arraySlice(0, 2)
    for graph in (nothing.arrayReduce(ee.Reducer.mean(), [0]), nothing.arrayArgmax(), nothing.arrayGet([0]),
                  vector(1, 2).arrayGet([2]), vector(1, 2).arrayGet([-1])):
        assert all(band.mask.all() for band in world.pixels(graph).values())
    assert pixel(world, nothing.arrayReduce(ee.Reducer.count(), [0])) == [0]
    assert pixel(world, nothing.arrayLength(0)) == 0


def test_bands_go_in_pairs_and_keep_names_properties_and_types(world: Any) -> None:
    plane = np.ones(SHAPE, np.int16)
    world.images["p"] = world.make({"a": plane, "b": plane}, {"year": 2023})
    both = ee.Image("p").select("a").toArray().rename("a").addBands(ee.Image("p").select("b").toArray().rename("b"))
    image = world.value(both.arrayCat(both.toFloat(), 0))
    assert image.names == ["a", "b"]
    assert [(band.type.dtype, band.type.dimensions) for band in image.bands] == [(np.float32, 1)] * 2
    assert world.value(both.arraySlice(0, 0, 1)).properties["year"] == 2023
    assert not image.bands[0].composite
    with pytest.raises(EngineError, match="one band, or one for each of the 2"):
        world.value(both.arraySort(vector(1).addBands([vector(1), vector(1)])))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: matrix(2, 3).addBands(vector(1)).toArray(), "Image.toArray: Bands must have the same number"),
    (lambda: ee.Image([1, 2]).toArray(2), "Image.toArray: Axis must be between 0 and 0"),
    (lambda: ee.Image(1).arraySlice(0), "Image.arraySlice: Band 'constant' must have arrays"),
    (lambda: vector(1).arraySlice(0, 0, 1, 0), "step must be positive"),
    (lambda: matrix(2, 3).arrayFlatten([["a", "b"]]), "each of the 2 axes"),
    (lambda: vector(1, 2).arrayFlatten([["a", "a"]]), "different band names"),
    (lambda: vector(1).addBands(vector(2)).arrayFlatten([["a"]]), "must have one band"),
    (lambda: vector(1, 2).arrayReshape(ee.Image(2), 1), "must have one band of 1-D arrays"),
    (lambda: vector(1, 2).arrayReduce(ee.Reducer.minMax(), [0]), "'fieldAxis' is required"),
    (lambda: vector(1, 2).arrayDotProduct(matrix(1, 2)), "must be 1-D"),
    (lambda: vector(1, 2).arrayPad([1, 1]), "one length for each of the 1 axes"),
    (lambda: vector(1, 2).add(matrix(1, 2)), "Arrays of 1 and 2 dimensions"),
    (lambda: ee.Image.matrixIdentity(0), "must be positive"),
])
def test_graphs_of_arrays_that_do_not_fit_are_refused(world: Any, make: Callable[[], Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        world.value(make())


@pytest.mark.parametrize(("make", "message"), [
    (lambda: matrix(2, 3).arrayProject([0]), "Image.arrayProject: Dropped axes must be at most length 1"),
    (lambda: vector(1, 2).arrayFlatten([["a", "b", "c"]]), r"Image.arrayFlatten: Arrays of lengths \[2\] do not fit"),
    (lambda: vector(1, 2).arrayMask(vector(1, 2, 3)), "Image.arrayMask: The mask's shape"),
    (lambda: vector(1, 2, 3).arrayReshape(vector(2, 2), 2), "Image.arrayReshape: An array of 3 elements"),
    (lambda: vector(1, 2).add(vector(1, 2, 3)), "Arrays must have the same shape"),
    (lambda: matrix(2, 2).arrayCat(matrix(3, 3), 0), "Image.arrayCat: Array lengths must match"),
    (lambda: matrix(2, 3).matrixMultiply(matrix(2, 3)), "Image.matrixMultiply: Matrices of 2 by 3 and 2 by 3"),
])
def test_pixels_of_arrays_that_do_not_fit_are_refused_when_they_are_read(world: Any, make: Callable[[], Any],
                                                                         message: str) -> None:
    with pytest.raises(EngineError, match=message):
        world.pixels(make())
