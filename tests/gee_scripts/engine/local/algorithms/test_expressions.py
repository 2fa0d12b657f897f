"""Expressions written as texts, against the same sums in NumPy."""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from agrispec.grid import Grid

SHAPE = (20, 24)
RNG = np.random.default_rng(3)
NIR, RED = RNG.integers(1, 4000, SHAPE).astype(np.uint16), RNG.integers(1, 4000, SHAPE).astype(np.uint16)
SMALL = RNG.integers(0, 3, SHAPE).astype(np.uint8)


@pytest.fixture
def image(world: Any) -> ee.Image:
    world.images["one"] = world.make({"B8": NIR, "B4": RED, "flag": SMALL}, {"name": "one"})
    return ee.Image("one")


N, R, F = (plane.astype(float) for plane in (NIR, RED, SMALL))


@pytest.mark.parametrize(("text", "expected"), [
    ("(b('B8') - b('B4')) / (b('B8') + b('B4'))", (N - R) / (N + R)),
    ("(b(0) - b(1)) / (b(0) + b(1))", (N - R) / (N + R)),
    ("2.5 * (nir - red) / (nir + 6 * red - 7.5 * img.flag + 1)", 2.5 * (N - R) / (N + 6 * R - 7.5 * F + 1)),
    ("nir - red - 1", N - R - 1), ("nir - (red - 1)", N - (R - 1)), ("-nir + +red", R - N),
    ("2 ** 3 ** flag", 2.0 ** 3 ** F), ("-2 ** 2 + 0 * nir", -4 + 0 * N), ("nir % 7", N % 7),
    ("nir / 3 * 2", N / 3 * 2), ("2 + 3 * nir == 2 + (3 * nir)", N == N),
    ("nir > red && !(flag == 1) || flag == 2", ((N > R) & (F != 1)) | (F == 2)),
    ("nir >= 2000 ? red : 0", np.where(N >= 2000, R, 0)),
    ("flag == 0 ? 10 : flag == 1 ? 20 : 30", np.choose(SMALL, [10, 20, 30])),
    ("(nir & 15) | (16 << 1)", (NIR & 15) | 32), ("nir >> 2", NIR >> 2), ("flag > 0 ^ nir > 100", (F > 0) ^ (N > 100)),
    ("sqrt(nir) + max(nir, red)", np.sqrt(N) + np.maximum(N, R)), ("Math.PI * nir", math.pi * N),
    ("Math.exp(flag)", np.exp(F)), ("img['flag'] * 2", F * 2), ("img[2] * 2", F * 2),
    ("min(nir, red, 5)", np.minimum(5, np.minimum(N, R))),
    ("1e-4 * nir + .5", 1e-4 * N + 0.5), ("nir != red", N != R), ("nir <= red", N <= R),
])
def test_an_expression_is_what_numpy_makes_of_it(world: Any, image: ee.Image, text: str, expected: np.ndarray) -> None:
    found, = world.pixels(image.expression(text, {"nir": image.select("B8"), "red": image.select("B4"),
                                                  "img": image, "flag": image.select("flag")})).values()
    np.testing.assert_allclose(np.asarray(found, float), expected.astype(float), rtol=1e-6)
    assert not found.mask.any()


def test_every_band_takes_part_where_none_is_named(world: Any, image: ee.Image) -> None:
    found = world.pixels(image.expression("b() * 2"))
    assert list(found) == ["B8", "B4", "flag"]
    np.testing.assert_array_equal(found["B4"], RED.astype(int) * 2)
    assert list(world.pixels(image.expression("b(1, 'B8') + 1"))) == ["B4", "B8"]


def test_one_band_is_named_by_what_stands_before_the_equals_sign(world: Any, image: ee.Image) -> None:
    assert list(world.pixels(image.expression("ndvi = (b(0) - b(1)) / (b(0) + b(1))"))) == ["ndvi"]
    assert list(world.pixels(image.expression("b('B8') + 1"))) == ["B8"]
    with pytest.raises(EngineError, match="a single band"):
        world.value(image.expression("x = b()"))


def test_what_is_masked_in_an_operand_is_masked(world: Any, image: ee.Image) -> None:
    hidden = image.updateMask(image.select("flag").neq(0))
    found, = world.pixels(hidden.expression("b('B8') * 2 + other", {"other": image.select("B4")})).values()
    np.testing.assert_array_equal(found.mask, SMALL == 0)
    chosen, = world.pixels(image.expression("b('flag') == 1 ? a : b('B4')", {"a": hidden.select("B8")})).values()
    assert not chosen.mask.any()
    chosen, = world.pixels(image.expression("b('flag') == 0 ? a : b('B4')", {"a": hidden.select("B8")})).values()
    np.testing.assert_array_equal(chosen.mask, SMALL == 0)
    np.testing.assert_array_equal(chosen.compressed(), RED[SMALL != 0])


def test_images_of_two_projections_meet_at_the_centres_of_pixels(world: Any, image: ee.Image) -> None:
    coarse = Grid(crs="EPSG:32631", transform=(40.0, 0, 500000.0, 0, -40.0, 5400000.0), width=6, height=5)
    plane = np.arange(30, dtype=np.uint8).reshape(5, 6)
    world.images["two"] = world.make({"x": plane}, grid=coarse)
    found, = world.pixels(image.expression("b('B8') - x", {"x": ee.Image("two")})).values()
    np.testing.assert_array_equal(found, N - plane.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(("text", "words"), [
    ("", "it is empty"), ("b(0) +", "the end"), ("(b(0)", r"'\)' is missing"), ("b(0) b(1)", "not expected"),
    ("b(0) # 2", "cannot be read"), ("missing + 1", "Free variable 'missing'"), ("b('B99')", "B99"),
    ("nothing(b(0))", "function 'nothing'"), ("b(0) ? 1", "':' is missing"), ("'text' + 1", "is no number"),
    ("Math.TAU", "TAU"), ("b(0)[b(1)]", "numbers and texts"), ("b(b(0))", "numbers and names"),
])
def test_what_is_no_expression_is_refused_with_its_place(world: Any, image: ee.Image, text: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        world.value(image.expression(text))


@pytest.mark.parametrize(("text", "expected"), [
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("2 ** 10", 1024), ("a.b * 2", 10), ("max(a.b, 8)", 8), ("7 % 4", 3),
    ("Math.PI", math.pi), ("a.b > 3 && x < 2", 1), ("x == 2 ? 1 : -1", -1), ("!x", 0), ("sqrt(x + 3)", 2),
    ("Math.E ** 0", 1), ("1 / 0", 0), ("l[1] + 1", 3), ("round(2.5)", 3),
])
def test_numbers_are_calculated_from_their_names(world: Any, text: str, expected: float) -> None:
    value = world.value(ee.Number.expression(text, {"a": {"b": 5}, "x": 1, "l": [1, 2]}))
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("text", ["y + 1", "a.z", "x +", "'a' * 2", "nothing(1)", "a + 1", "l[9]"])
def test_numbers_that_are_not_there_are_refused(world: Any, text: str) -> None:
    with pytest.raises(EngineError, match=r"Number\.expression"):
        world.value(ee.Number.expression(text, {"a": {"b": 5}, "x": 1, "l": [1]}))


def test_a_polynomial_is_that_of_numpy(world: Any, image: ee.Image) -> None:
    found = world.pixels(image.select("flag").updateMask(image.select("flag")).polynomial([1, -2, 0.5]))["flag"]
    np.testing.assert_array_equal(found.mask, SMALL == 0)
    np.testing.assert_allclose(found.compressed(), np.polynomial.Polynomial([1, -2, 0.5])(F)[SMALL != 0])
    assert (world.pixels(image.select("flag").polynomial([]))["flag"] == 0).all()


@pytest.mark.parametrize("behavior", ["extrapolate", "clamp", "mask", "input"])
def test_interpolation_is_that_of_numpy_and_its_ends_as_asked(world: Any, image: ee.Image, behavior: str) -> None:
    x, y = [500, 1000, 3000], [0, 10, 5]
    found = world.pixels(image.interpolate(x, y, behavior))["B8"]
    inside = (N >= 500) & (N <= 3000)
    np.testing.assert_allclose(found.data[inside], np.interp(N, x, y)[inside])
    low, high = N < 500, N > 3000
    if behavior == "mask":
        np.testing.assert_array_equal(found.mask, ~inside)
        return
    assert not found.mask.any()
    ends = {"clamp": (0 * N, 0 * N + 5), "input": (N, N),
            "extrapolate": ((N - 500) * 10 / 500, 5 + (N - 3000) * -5 / 2000)}[behavior]
    np.testing.assert_allclose(found.data[low], ends[0][low])
    np.testing.assert_allclose(found.data[high], ends[1][high])


def test_interpolation_wants_increasing_points(world: Any, image: ee.Image) -> None:
    with pytest.raises(EngineError, match="strictly increasing"):
        world.value(image.interpolate([1, 1], [0, 2]))
    with pytest.raises(EngineError, match="no behavior"):
        world.value(image.interpolate([1, 2], [0, 2], "other"))
