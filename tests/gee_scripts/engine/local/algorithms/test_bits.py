"""Bits, and special functions, of images, arrays and numbers against Python's integers and scipy.special."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import special

from agrispec.errors import EngineError

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
SHAPE = (20, 24)


def cut(value: int) -> int:
    """Two's complement of 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


PAIRS: dict[str, Callable[[int, int], int]] = {
    "bitwiseAnd": lambda a, b: a & b, "bitwiseOr": lambda a, b: a | b, "bitwiseXor": lambda a, b: a ^ b,
    "leftShift": lambda a, b: cut(a << b), "rightShift": lambda a, b: a >> b}
ONES: dict[str, Callable[[int], int]] = {"bitwiseNot": lambda a: ~a,
                                         "bitCount": lambda a: (a & (2**64 - 1)).bit_count()}
SYNONYMS = {"bitwiseAnd": "bitwise_and", "bitwiseOr": "bitwise_or", "bitwiseXor": "bitwise_xor",
            "leftShift": "left_shift", "rightShift": "right_shift", "bitwiseNot": "bitwise_not", "bitCount": "bitCount"}
LONGS = st.integers(-2**62, 2**62)


@pytest.mark.parametrize("name", PAIRS)
@given(a=LONGS, b=LONGS, bits=st.integers(0, 63))
@FEW
def test_bits_of_two_numbers_are_pythons(world: Any, name: str, a: int, b: int, bits: int) -> None:
    other = bits if "Shift" in name else b
    for called in (name, SYNONYMS[name]):
        assert world.value(ee.ApiFunction.call_(f"Number.{called}", a, other)) == PAIRS[name](a, other)
    found = world.value(ee.ApiFunction.call_(f"Array.{SYNONYMS[name]}", ee.Array([a, a]), ee.Array([other, other])))
    assert found.tolist() == [PAIRS[name](a, other)] * 2


@pytest.mark.parametrize("name", ONES)
@given(a=LONGS)
@FEW
def test_bits_of_a_number_are_pythons(world: Any, name: str, a: int) -> None:
    for called in (name, SYNONYMS[name]):
        assert world.value(ee.ApiFunction.call_(f"Number.{called}", a)) == ONES[name](a)
        assert world.value(ee.ApiFunction.call_(f"Array.{called}", ee.Array([a]))).tolist() == [ONES[name](a)]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32])
@pytest.mark.parametrize("name", [*PAIRS, *ONES])
def test_bits_of_pixels_are_pythons_in_a_type_that_holds_them(world: Any, name: str, dtype: type) -> None:
    limits = np.iinfo(dtype)
    plane = np.random.default_rng(1).integers(limits.min, limits.max, SHAPE, dtype, endpoint=True)
    plane[0, :2] = limits.min, limits.max
    other = np.random.default_rng(2).integers(0, 9, SHAPE, np.uint8)
    world.images["p"] = world.make({"p": plane, "q": other})
    one, two = ee.Image("p").select("p"), ee.Image("p").select("q")
    if name in ONES:
        cases = [(getattr(one, name)(), [ONES[name](int(a)) for a in plane.flat])]
    else:
        cases = [(getattr(one, name)(right), [PAIRS[name](int(a), int(b))
                                              for a, b in zip(plane.flat, column, strict=True)])
                 for right, column in ((two, other.flat), (ee.Image(8), [8] * plane.size))]
    for graph, expected in cases:
        found, = world.pixels(graph).values()
        np.testing.assert_array_equal(found.filled().ravel(), expected)


def test_masks_of_bits_are_the_smaller_ones(world: Any) -> None:
    world.images["p"] = world.make({"a": np.tile([0, 1, 2, 3], (20, 6)).astype(np.int16)}, nodata=0)
    world.images["q"] = world.make({"b": np.tile([5, 0], (20, 12)).astype(np.int16)}, nodata=0)
    found = world.pixels(ee.Image("p").bitwiseOr(ee.Image("q")))["a"]
    np.testing.assert_array_equal(found.mask[0, :4], [True, True, False, True])
    assert found[0, 2] == 7
    assert world.pixels(ee.Image("p").bitwiseNot())["a"].mask[0, 0]
    assert world.pixels(ee.Image("p").updateMask(0).leftShift(3))["a"].mask.all()


def test_types_of_bits_have_room_for_them(world: Any) -> None:
    byte = ee.Image(200).toByte()
    kinds = {name: world.value(graph).bands[0].type.dtype.name for name, graph in {
        "not": byte.bitwiseNot(), "short": ee.Image(1).toShort().bitwiseNot(), "count": byte.bitCount(),
        "and": byte.bitwiseAnd(1), "shift": byte.leftShift(8), "far": byte.leftShift(40)}.items()}
    assert kinds == {"not": "int16", "short": "int16", "count": "uint8", "and": "uint8", "shift": "int32",
                     "far": "int64"}
    assert world.pixels(byte.leftShift(40))["constant"][0, 0] == 200 << 40


@pytest.mark.parametrize("make", [lambda: ee.Image(1.5).bitwiseAnd(1), lambda: ee.Image(1.5).bitCount(),
                                  lambda: ee.Image(1).leftShift(ee.Image(0.5)), lambda: ee.Number(1.5).bitwiseOr(2),
                                  lambda: ee.Array([1.5]).bitwiseNot()])
def test_bits_of_fractions_are_refused(world: Any, make: Callable[[], Any]) -> None:
    with pytest.raises(EngineError, match="Bitwise operands must be integer only"):
        world.value(make())


SPECIAL: dict[str, Callable[[Any], Any]] = {
    "gamma": special.gamma, "digamma": special.digamma, "trigamma": lambda x: special.polygamma(1, x),
    "erf": special.erf, "erfc": special.erfc, "erfInv": special.erfinv, "erfcInv": special.erfcinv}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_are_scipys(world: Any, name: str) -> None:
    plane = np.linspace(0.05, 0.95, 480).reshape(SHAPE)
    world.images["p"] = world.make({"p": plane})
    expected = SPECIAL[name](plane)
    np.testing.assert_allclose(world.pixels(getattr(ee.Image("p"), name)())["p"], expected, rtol=1e-14)
    found = world.value(ee.ApiFunction.call_(f"Array.{name}", ee.Array(plane[0].tolist())))
    np.testing.assert_allclose(found, expected[0], rtol=1e-14)
    assert world.value(ee.ApiFunction.call_(f"Number.{name}", 0.05)) == pytest.approx(expected[0, 0], rel=1e-14)


# https://developers.google.com/earth-engine/apidocs/ee-number-gamma
@pytest.mark.parametrize(("x", "expected"), [(0.001, 999.423772484), (0.5, 1.772453850), (1, 1),
                                             (100, 9.332621544e+155), (200, float("inf"))])
def test_the_gamma_function_is_the_documented_one(world: Any, x: float, expected: float) -> None:
    assert world.value(ee.Number(x).gamma()) == pytest.approx(expected, rel=1e-9)


def test_the_incomplete_gamma_function_of_x_takes_the_shape_second(world: Any) -> None:
    expected = special.gammainc(2.5, 0.7)
    assert world.value(ee.Number(0.7).gammainc(2.5)) == pytest.approx(expected, rel=1e-14)
    assert world.value(ee.Array([0.7]).gammainc([2.5]))[0] == pytest.approx(expected, rel=1e-14)
    assert world.pixels(ee.Image(0.7).gammainc(2.5))["constant"][0, 0] == pytest.approx(expected, rel=1e-14)


def test_lanczos_series_gives_the_gamma_function(world: Any) -> None:
    for x in (0.5, 3.0, 20.0):
        shifted = x + 607 / 128 + 0.5
        series = world.value(ee.Number(x).lanczos())
        assert np.sqrt(2 * np.pi) / x * shifted ** (x + 0.5) * np.exp(-shifted) * series == pytest.approx(
            special.gamma(x), rel=1e-12)
