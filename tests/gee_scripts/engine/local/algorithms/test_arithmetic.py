"""Arithmetic of images against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import EngineError

SHAPE = (20, 24)
NAMES = ["a", "b", "c"]
RNG = np.random.default_rng(4)


def two(world: Any, first: np.ndarray, second: np.ndarray) -> tuple[ee.Image, ee.Image]:
    world.images["one"] = world.make({"x": first})
    world.images["two"] = world.make({"y": second})
    return ee.Image("one"), ee.Image("two")


OPERATIONS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "max": np.maximum, "min": np.minimum,
              "pow": np.power, "hypot": np.hypot, "eq": np.equal, "neq": np.not_equal, "lt": np.less,
              "lte": np.less_equal, "gt": np.greater, "gte": np.greater_equal}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("first", "second"), [(np.uint8, np.uint8), (np.uint16, np.int16), (np.float32, np.uint16),
                                               (np.float64, np.float32)])
def test_an_operation_equals_numpys_in_double(world: Any, name: str, first: Any, second: Any) -> None:
    a, b = RNG.integers(0, 200, SHAPE).astype(first), RNG.integers(0, 9, SHAPE).astype(second)
    one, other = two(world, a, b)
    found = world.pixels(getattr(one, name)(other))["x"]
    np.testing.assert_allclose(found.data, OPERATIONS[name](a.astype(np.float64), b.astype(np.float64)), rtol=1e-6)


SMALL = [np.uint8, np.int8, np.uint16, np.int16]


@pytest.mark.parametrize("first", SMALL)
@pytest.mark.parametrize("second", SMALL)
def test_products_of_small_integers_never_wrap(world: Any, first: Any, second: Any) -> None:
    for a, b in itertools.product(*((np.iinfo(kind).min, np.iinfo(kind).max) for kind in (first, second))):
        one, other = two(world, np.full(SHAPE, a, first), np.full(SHAPE, b, second))
        assert world.pixels(one.multiply(other))["x"][0, 0] == int(a) * int(b)


def test_products_stay_int32_where_that_holds_them(world: Any) -> None:
    one, other = two(world, np.ones(SHAPE, np.uint16), np.ones(SHAPE, np.int16))
    assert world.pixels(one.multiply(other))["x"].dtype == np.int32
    assert world.pixels(one.multiply(one))["x"].dtype == np.int64


def test_sums_of_small_integers_do_not_overflow(world: Any) -> None:
    one, other = two(world, np.full(SHAPE, 65535, np.uint16), np.full(SHAPE, 65535, np.uint16))
    assert world.pixels(one.add(other))["x"][0, 0] == 131070
    true = one.eq(other)
    assert world.pixels(true.add(true))["x"][0, 0] == 2


def test_division_by_zero_is_zero_and_integers_divide_to_fractions(world: Any) -> None:
    a, b = RNG.integers(0, 9, SHAPE).astype(np.int16), RNG.integers(0, 3, SHAPE).astype(np.int16)
    one, other = two(world, a, b)
    found = world.pixels(one.divide(other))["x"]
    np.testing.assert_array_equal(found.data, np.divide(a, b, out=np.zeros(SHAPE), where=b != 0))
    assert not found.mask.any()
    assert (world.pixels(one.divide(0))["x"] == 0).all()
    assert world.value(ee.Number(3).divide(0)) == 0


@given(first=st.permutations(NAMES).flatmap(lambda names: st.integers(1, 3).map(lambda n: names[:n])),
       second=st.permutations(NAMES).flatmap(lambda names: st.integers(1, 3).map(lambda n: names[:n])),
       renamed=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bands_go_together_by_name_or_in_order_or_one_with_all(world: Any, first: list[str], second: list[str],
                                                               renamed: bool) -> None:
    value = {"a": 1, "b": 10, "c": 100}
    other = [name.upper() for name in second] if renamed else second
    one = ee.Image.constant([value[name] for name in first]).rename(first)
    two_ = ee.Image.constant([value[name] for name in second]).rename(other)
    if len(first) != len(second) and 1 not in (len(first), len(second)):
        with pytest.raises(EngineError, match="same number of bands"):
            world.value(one.add(two_.multiply(1000)))
        return
    found = {name: int(band[0, 0]) for name, band in world.pixels(one.add(two_.multiply(1000))).items()}
    if len(first) == len(second):
        pairs = (zip(first, first, strict=True) if set(first) == set(other) and len(first) > 1
                 else zip(first, second, strict=True))
        expected = {a: value[a] + 1000 * value[b] for a, b in pairs}
    elif len(second) == 1:
        expected = {a: value[a] + 1000 * value[second[0]] for a in first}
    else:
        expected = {b: value[first[0]] + 1000 * value[c] for b, c in zip(other, second, strict=True)}
    assert found == expected


@pytest.mark.parametrize("name", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64"])
@given(values=hnp.arrays(np.float64, SHAPE, elements=st.floats(-1e20, 1e20)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_integers_cut_the_fraction_off_and_stay_within_their_limits(world: Any, name: str, values: np.ndarray) -> None:
    world.images["one"] = world.make({"x": values})
    found = world.pixels(getattr(ee.Image("one"), "toShort" if name == "int16" else f"to{name.capitalize()}")())["x"]
    limits = np.iinfo(name)
    expected = [min(max(int(value), int(limits.min)), int(limits.max)) for value in values.ravel()]
    assert found.data.dtype == name
    if name == "int64":
        np.testing.assert_allclose(found.data.ravel().astype(np.float64), np.array(expected, np.float64), rtol=1e-15)
    else:
        assert found.data.ravel().tolist() == expected


@pytest.mark.parametrize("constant", [1e4, 0.1, 3, 0, 1.5])
def test_dn_to_reflectance_and_the_like_are_the_nearest_floats(world: Any, constant: float) -> None:
    dn = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    grid = world.grid.window(0, 0, 256, 256)
    world.images["one"] = world.make({"x": dn}, grid=grid)
    whole, image = dn.astype(np.float64), ee.Image("one")
    with np.errstate(all="ignore"):
        quotient = np.where(constant == 0, 0.0, whole / constant)
    for graph, expected in [(image.divide(constant), quotient), (image.multiply(constant), whole * constant),
                            (image.add(constant), whole + constant), (image.subtract(constant), whole - constant)]:
        found = world.pixels(graph.float(), grid)["x"]
        assert found.data.dtype == np.float32
        np.testing.assert_array_equal(found.data, expected.astype(np.float32))


def test_the_normalised_difference_masks_negative_inputs_and_drops_properties_of_its_bands(world: Any) -> None:
    a, b = RNG.integers(-2, 9, SHAPE).astype(np.int16), RNG.integers(-2, 9, SHAPE).astype(np.int16)
    world.images["one"] = world.make({"x": a, "y": b}, {"name": "n"})
    found = world.pixels(ee.Image("one").normalizedDifference(["x", "y"]))["nd"]
    np.testing.assert_array_equal(found.mask, (a < 0) | (b < 0))
    expected = np.divide(a - b, a + b, out=np.zeros(SHAPE), where=a + b != 0)
    np.testing.assert_allclose(found.compressed(), expected[~found.mask])
    assert "name" not in world.value(ee.Image("one").normalizedDifference(["x", "y"])).properties


@pytest.mark.parametrize("default", [None, 77])
def test_remap_replaces_what_is_listed_and_masks_or_fills_the_rest(world: Any, default: int | None) -> None:
    codes = RNG.integers(0, 12, SHAPE).astype(np.uint8)
    world.images["one"] = world.make({"x": codes}, nodata=5)
    found = world.pixels(ee.Image("one").remap([9, 2, 4], [-1, 300, 0], default))["remapped"]
    table = {9: -1, 2: 300, 4: 0}
    for row, column in np.ndindex(*SHAPE):
        code = int(codes[row, column])
        if code == 5 or (default is None and code not in table):
            assert found.mask[row, column]
        else:
            assert found[row, column] == table.get(code, default)


def test_functions_of_one_image_equal_numpys(world: Any) -> None:
    plane = RNG.uniform(0.1, 3, SHAPE).astype(np.float32)
    world.images["one"] = world.make({"x": plane})
    image = ee.Image("one")
    for found, expected in [(image.sqrt(), np.sqrt(plane)), (image.log(), np.log(plane)), (image.exp(), np.exp(plane)),
                            (image.floor(), np.floor(plane)), (image.multiply(-1).abs(), plane),
                            (image.round(), np.floor(plane + 0.5)), (image.Not(), np.zeros(SHAPE)),
                            (image.clamp(1, 2), np.clip(plane, 1, 2)), (image.unitScale(0, 2), plane / 2)]:
        np.testing.assert_allclose(world.pixels(found)["x"].data, expected, rtol=1e-6)
