"""Functions of the elements of arrays, against NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

FUNCTIONS = {"sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
             "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "sqrt": np.sqrt, "exp": np.exp, "log": np.log,
             "log10": np.log10, "cbrt": np.cbrt, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
             "signum": np.sign}
PAIRS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "max": np.maximum,
         "min": np.minimum, "pow": np.power, "hypot": np.hypot, "mod": np.fmod, "eq": np.equal, "neq": np.not_equal,
         "lt": np.less, "lte": np.less_equal, "gt": np.greater, "gte": np.greater_equal, "and": np.logical_and,
         "or": np.logical_or, "bitwiseAnd": np.bitwise_and, "bitwiseOr": np.bitwise_or, "bitwiseXor": np.bitwise_xor,
         "leftShift": np.left_shift, "rightShift": np.right_shift, "atan2": np.arctan2}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_elements_are_numpys(world: Any, name: str) -> None:
    values = np.array([[0.25, 0.5], [0.75, 1.0]])
    found = world.value(ee.ApiFunction.call_(f"Array.{name}", ee.Array(values.tolist())))
    np.testing.assert_allclose(found, FUNCTIONS[name](values), rtol=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_pairs_of_elements_are_numpys(world: Any, name: str) -> None:
    one, other = np.array([[7, 2], [3, 40]]), np.array([[2, 2], [5, 1]])
    found = world.value(ee.ApiFunction.call_(f"Array.{name}", ee.Array(one.tolist()), ee.Array(other.tolist())))
    np.testing.assert_allclose(found, PAIRS[name](one, other), rtol=1e-7)
    number = world.value(ee.ApiFunction.call_(f"Array.{name}", ee.Array(one.tolist()), ee.Array(2)))
    np.testing.assert_allclose(number, PAIRS[name](one, 2), rtol=1e-7)
