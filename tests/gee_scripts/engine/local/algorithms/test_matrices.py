"""Linear algebra of arrays and images against numpy.linalg and scipy.linalg; a harmonic regression of every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
import scipy.linalg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.raster import read

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
SHAPE = (20, 24)

SQUARE = np.array([[4.0, 1, 2], [1, 5, 3], [2, 3, 6]])
TALL = np.array([[1.0, 2], [3, 4], [5, 7], [2, 1]])
RIGHT = np.array([[1.0], [2], [3], [5]])
SINGULAR = np.array([[1.0, 2], [2, 4]])

UNARY: dict[str, tuple[np.ndarray, Callable[[np.ndarray], Any]]] = {
    "matrixInverse": (SQUARE, np.linalg.inv), "matrixPseudoInverse": (TALL, np.linalg.pinv),
    "matrixDeterminant": (SQUARE, np.linalg.det), "matrixTrace": (SQUARE, np.trace),
    "matrixFnorm": (TALL, np.linalg.norm), "matrixDiagonal": (SQUARE, lambda m: np.diag(m)[:, None]),
    "matrixToDiag": (RIGHT, lambda m: np.diag(m[:, 0])), "matrixTranspose": (TALL, np.transpose),
}


def image(matrix: np.ndarray) -> Any:
    return ee.Image(ee.Array(matrix.tolist()))


def pixel(world: Any, graph: Any) -> Any:
    (values, mask), *_ = read(world.value(graph).bands, world.grid)
    assert mask is None or mask.all()
    return values[3, 4]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_a_matrix_are_numpys(world: Any, name: str) -> None:
    matrix, oracle = UNARY[name]
    found = world.value(getattr(ee.Array(matrix.tolist()), name)())
    np.testing.assert_allclose(found, oracle(matrix), rtol=1e-12)
    assert np.shape(found) == np.shape(oracle(matrix))
    np.testing.assert_allclose(pixel(world, getattr(image(matrix), name)()), oracle(matrix), rtol=1e-12)


def test_products_and_solutions_are_numpys(world: Any) -> None:
    a, b = ee.Array(TALL.tolist()), ee.Array(RIGHT.tolist())
    expected = np.linalg.lstsq(TALL, RIGHT, rcond=None)[0]
    np.testing.assert_allclose(world.value(a.matrixSolve(b)), expected, rtol=1e-12)
    np.testing.assert_allclose(pixel(world, image(TALL).matrixSolve(image(RIGHT))), expected, rtol=1e-12)
    square = ee.Array(SQUARE.tolist())
    np.testing.assert_allclose(world.value(square.matrixSolve([[1], [2], [3]])),
                               np.linalg.solve(SQUARE, [[1], [2], [3]]), rtol=1e-12)
    np.testing.assert_allclose(world.value(a.matrixTranspose().matrixMultiply(a)), TALL.T @ TALL, rtol=1e-12)
    whole = world.value(ee.Array([[2**20, 0]]).matrixMultiply([[2**20], [1]]))
    assert (whole.dtype, whole.tolist()) == (np.int64, [[2**40]])


def test_the_parts_of_a_matrix_make_it_again(world: Any) -> None:
    parts = world.value(ee.Array(TALL.tolist()).matrixSingularValueDecomposition())
    np.testing.assert_allclose(parts["U"] @ parts["S"] @ parts["V"].T, TALL, atol=1e-12)
    np.testing.assert_allclose(np.diag(parts["S"]), np.linalg.svd(TALL)[1], rtol=1e-12)
    parts = world.value(ee.Array(TALL.tolist()).matrixQRDecomposition())
    np.testing.assert_allclose(parts["Q"] @ parts["R"], TALL, atol=1e-12)
    np.testing.assert_allclose(parts["Q"].T @ parts["Q"], np.eye(4), atol=1e-12)
    assert not np.tril(parts["R"], -1).any()
    turned = np.array([[1.0, 2, 9], [8, 1, 2], [2, 7, 1]])
    parts = world.value(ee.Array(turned.tolist()).matrixLUDecomposition())
    p, lower, upper = scipy.linalg.lu(turned)
    np.testing.assert_allclose(parts["P"] @ turned, parts["L"] @ parts["U"], atol=1e-12)
    assert not np.array_equal(p, p.T)
    for found, expected in ((parts["P"], p.T), (parts["L"], lower), (parts["U"], upper)):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    assert set(parts) == {"L", "U", "P"}
    parts = world.value(ee.Array(SQUARE.tolist()).matrixCholeskyDecomposition())
    np.testing.assert_allclose(parts["L"], np.linalg.cholesky(SQUARE), rtol=1e-12)


@pytest.mark.parametrize(("name", "titles", "matrix"), [
    ("matrixCholeskyDecomposition", ["L"], SQUARE), ("matrixQRDecomposition", ["Q", "R"], TALL),
    ("matrixLUDecomposition", ["L", "U", "P"], SQUARE), ("matrixSingularValueDecomposition", ["U", "S", "V"], TALL)])
def test_images_are_taken_apart_as_arrays_are(world: Any, name: str, titles: list[str], matrix: np.ndarray) -> None:
    parts = world.value(getattr(ee.Array(matrix.tolist()), name)())
    bands = world.value(getattr(image(matrix), name)()).bands
    assert [band.name for band in bands] == titles
    for band, (values, _) in zip(bands, read(bands, world.grid), strict=True):
        np.testing.assert_allclose(values[5, 6], parts[band.name], atol=1e-12)


# https://developers.google.com/earth-engine/apidocs/ee-array-eigen
@pytest.mark.parametrize(("matrix", "expected"), [
    ([[0, 0], [0, 0]], [[0, 1, 0], [0, 0, 1]]), ([[1, 0], [0, 0]], [[1, 1, 0], [0, 0, 1]]),
    ([[0, 0], [0, 1]], [[1, 0, 1], [0, 1, 0]]), ([[1, 1], [0, 0]], [[1, 1, 0], [0, math.sqrt(0.5), -math.sqrt(0.5)]]),
    ([[1, 0], [1, 0]], [[1, math.sqrt(0.5), math.sqrt(0.5)], [0, 0, 1]]),
    ([[1, 1], [1, 1]], [[2, math.sqrt(0.5), math.sqrt(0.5)], [0, math.sqrt(0.5), -math.sqrt(0.5)]]),
    ([[2, 0, 0], [0, 3, 0], [0, 0, 4]], [[4, 0, 0, 1], [3, 0, 1, 0], [2, 1, 0, 0]])])
def test_eigenvectors_are_the_documented_ones_but_for_signs(world: Any, matrix: list[list[int]],
                                                            expected: list[list[float]]) -> None:
    found = world.value(ee.Array(matrix).eigen())
    np.testing.assert_allclose(found[:, 0], np.array(expected)[:, 0], atol=1e-12)
    np.testing.assert_allclose(np.sort(np.abs(found), axis=0), np.sort(np.abs(expected), axis=0), atol=1e-12)
    for value, *direction in found:
        np.testing.assert_allclose(np.array(matrix) @ direction, value * np.array(direction), atol=1e-12)
        assert math.isclose(np.linalg.norm(direction), 1)


@given(values=hnp.arrays(np.float64, (4, 4), elements=st.floats(-9, 9)))
@FEW
def test_eigenvalues_of_symmetric_matrices_are_numpys(world: Any, values: np.ndarray) -> None:
    symmetric = values + values.T
    found = world.value(ee.Array(symmetric.tolist()).eigen())
    np.testing.assert_allclose(found[:, 0], np.linalg.eigvalsh(symmetric)[::-1], atol=1e-9)
    np.testing.assert_allclose(symmetric @ found[:, 1:].T, found[:, 1:].T * found[:, 0], atol=1e-7)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ee.Array(SINGULAR.tolist()).matrixInverse(), "Array.matrixInverse: The matrix is singular"),
    (lambda: ee.Array(SINGULAR.tolist()).matrixSolve([[1], [1]]), "is singular"),
    (lambda: ee.Array([[1, 2]]).matrixSolve([[1]]), "too few rows"),
    (lambda: ee.Array(TALL.tolist()).matrixInverse(), "must be square. Got 4 by 2"),
    (lambda: ee.Array(TALL.tolist()).matrixDeterminant(), "must be square"),
    (lambda: ee.Array([[1, 2], [2, 1]]).matrixCholeskyDecomposition(), "is singular, or not finite"),
    (lambda: ee.Array([[2, 1], [0, 2]]).matrixCholeskyDecomposition(), "is singular, or not finite"),
    (lambda: ee.Array([1, 2]).matrixTranspose(0, 1), "Axis must be between 0 and 0"),
    (lambda: ee.Array([1, 2]).matrixInverse(), "must be 2-D"),
    (lambda: ee.Array([[0, 1], [-1, 0]]).eigen(), "complex eigenvalues"),
    (lambda: ee.Array([[1, 2]]).matrixMultiply([[1, 2]]), "cannot be multiplied"),
    (lambda: ee.Array([[1, 2]]).matrixToDiag(), "must have one column"),
    (lambda: ee.Array([[1], [2]]).matrixSolve([[1]]), "A has 2 rows and B 1"),
    (lambda: ee.Image([1, 2]).toArray().matrixInverse(), "must have 2-D arrays"),
])
def test_matrices_without_an_answer_are_refused_in_words(world: Any, make: Callable[[], Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        world.value(make())


def test_pixels_without_an_answer_are_masked(world: Any) -> None:
    plane = np.arange(480, dtype=np.int16).reshape(SHAPE) % 3
    world.images["p"] = world.make({"p": plane})
    one = ee.Image(1)
    made = ee.Image.cat([one, ee.Image("p"), one, one]).toArray().arrayReshape(ee.Image([2, 2]).toArray(), 2)
    for graph in (made.matrixInverse(), made.matrixSolve(ee.Image(ee.Array([[1], [1]])))):
        (values, mask), = read(world.value(graph).bands, world.grid)
        np.testing.assert_array_equal(np.broadcast_to(mask, SHAPE), plane != 1)
        assert np.isfinite(values[plane != 1]).all()
    for graph in (image(SINGULAR).matrixInverse(), image(np.ones((1, 2))).matrixSolve(image(np.ones((1, 1)))),
                  image(np.full((2, 2), np.nan)).matrixPseudoInverse()):
        (_, mask), = read(world.value(graph).bands, world.grid)
        assert mask is not None
        assert not mask.any()


def test_an_identity_image_solves_nothing_away(world: Any) -> None:
    np.testing.assert_array_equal(pixel(world, ee.Image.matrixIdentity(3)), np.eye(3))
    np.testing.assert_allclose(pixel(world, ee.Image.matrixIdentity(3).matrixMultiply(image(SQUARE))), SQUARE)


def observed(world: Any, holes: bool) -> tuple[np.ndarray, np.ndarray]:
    """A collection of 24 images with an index band, cloudy where `holes`; years (24,) and the index."""
    random = np.random.default_rng(5)
    years = np.sort(random.uniform(0, 2, 24))
    where = random.uniform(0.2, 0.6, SHAPE)
    index = where + 0.1 * years[:, None, None] + 0.2 * np.cos(2 * np.pi * years)[:, None, None]
    index = (index + random.normal(0, 0.02, index.shape)).astype(np.float32)
    if holes:
        index[random.random(index.shape) < 0.3] = -1
        # Pixels with fewer observations than coefficients.
        index[3:, 0, :5] = -1
    times = (years * 31_556_952_000).astype(np.int64)
    world.add_collection("c", [world.make({"index": plane}, {"system:time_start": int(time)}, nodata=-1)
                               for plane, time in zip(index, times, strict=True)])
    taken = times / 31_556_952_000
    return taken, index


def predictors(scene: Any) -> Any:
    """The bands of a harmonic regression, and the index as the last one."""
    years = scene.date().difference(ee.Date(0), "year")
    angle = ee.Number(years).multiply(2 * math.pi)
    return ee.Image.cat([ee.Image(1), ee.Image.constant(years), ee.Image.constant(angle.cos()),
                         ee.Image.constant(angle.sin()), scene.select("index")]).toDouble()


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("way", ["matrixSolve", "matrixPseudoInverse", "normal equations"])
def test_a_harmonic_regression_of_arrays_is_numpys_at_every_pixel(world: Any, holes: bool, way: str) -> None:
    years, index = observed(world, holes)
    array = ee.ImageCollection("c").map(predictors).toArray()
    array = array.updateMask(array.arrayLength(0).gte(4))
    left, right = array.arraySlice(1, 0, 4), array.arraySlice(1, 4, 5)
    turned = left.arrayTranspose()
    solved = {"matrixSolve": lambda: left.matrixSolve(right),
              "matrixPseudoInverse": lambda: left.matrixPseudoInverse().matrixMultiply(right),
              "normal equations": lambda: turned.matrixMultiply(left).matrixInverse()
              .matrixMultiply(turned).matrixMultiply(right)}[way]()
    names = ["constant", "trend", "cos", "sin"]
    found = world.pixels(solved.arrayProject([0]).arrayFlatten([names]))
    assert list(found) == names
    angle = 2 * np.pi * years
    design = np.column_stack([np.ones(24), years, np.cos(angle), np.sin(angle)])
    for row, column in np.ndindex(SHAPE):
        seen = index[:, row, column] >= 0
        if seen.sum() < 4:
            assert all(band.mask[row, column] for band in found.values())
            continue
        expected = np.linalg.lstsq(design[seen], index[seen, row, column].astype(float), rcond=None)[0]
        np.testing.assert_allclose([float(found[name][row, column]) for name in names], expected, atol=1e-8)


def test_vectors_of_one_image_are_solved_as_those_of_a_collection(world: Any) -> None:
    """Image.toArray, arrayCat and arrayRepeat build the same design as ImageCollection.toArray does."""
    random = np.random.default_rng(7)
    planes = random.normal(size=(6, *SHAPE))
    world.images["y"] = world.make({f"y{place}": plane for place, plane in enumerate(planes)})
    right = ee.Image("y").toArray().toArray(1)
    times = ee.Image(ee.Array([[0], [1], [2], [3], [4], [5]])).toDouble()
    left = times.multiply(0).add(1).arrayCat(times, 1)
    found = world.pixels(left.matrixSolve(right).arrayProject([0]).arrayFlatten([["offset", "scale"]]))
    slope, offset = np.polyfit(np.arange(6), planes.reshape(6, -1), 1)
    np.testing.assert_allclose(found["scale"], slope.reshape(SHAPE), atol=1e-10)
    np.testing.assert_allclose(found["offset"], offset.reshape(SHAPE), atol=1e-10)
