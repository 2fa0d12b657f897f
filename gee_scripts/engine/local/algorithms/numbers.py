"""Numbers."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gee_scripts.engine.local.language.promotion import DTYPES
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm


def _divided(left: float, right: float) -> float:
    return left / right if right else 0


# Integers have 64 bits; beyond them, numbers are doubles.
_MOST_BITS = 63


def _product(left: float, right: float) -> float:
    found = left * right
    return float(found) if isinstance(found, int) and found.bit_length() > _MOST_BITS else found


def _power(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int) and right >= 0 and \
            (abs(left) < 2 or left.bit_length() * right <= _MOST_BITS):
        return int(left**right)
    with np.errstate(all="ignore"):
        return float(np.float_power(left, right))


def _remainder(left: float, right: float) -> float:
    if not right:
        return 0
    return math.fmod(left, right) if math.isfinite(left) else math.nan


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": _product, "divide": _divided,
    "max": max, "min": min, "pow": _power, "hypot": math.hypot, "atan2": math.atan2,
    "mod": _remainder,
    "and": lambda left, right: int(bool(left) and bool(right)),
    "or": lambda left, right: int(bool(left) or bool(right)),
    "lt": lambda left, right: int(left < right), "lte": lambda left, right: int(left <= right),
    "gt": lambda left, right: int(left > right), "gte": lambda left, right: int(left >= right),
    "eq": lambda left, right: int(left == right), "neq": lambda left, right: int(left != right),
    "first": lambda left, right: left, "firstNonZero": lambda left, right: left or right,
    "first_nonzero": lambda left, right: left or right,
}
for _name, _function in _BINARY.items():
    algorithm(f"Number.{_name}")(_function)

def _double(function: Callable[..., Any], number: float) -> float:
    """A function of doubles, as images have it: NaN where it is not defined, infinite where it has no limit."""
    with np.errstate(all="ignore"):
        return float(function(np.float64(number)))


def _whole(function: Callable[[float], int], number: float) -> float:
    return function(number) if math.isfinite(number) else number


_UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": abs, "ceil": partial(_whole, math.ceil), "floor": partial(_whole, math.floor),
    "not": lambda value: int(not value), "signum": lambda value: (value > 0) - (value < 0),
    # Halves are rounded up, as in Java.
    "round": partial(_whole, lambda value: math.floor(value + 0.5)),
}
for _name, _unary in _UNARY.items():
    algorithm(f"Number.{_name}")(_unary)

_DOUBLES = {"sqrt": np.sqrt, "exp": np.exp, "log": np.log, "log10": np.log10, "cbrt": np.cbrt, "sin": np.sin,
            "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
            "cosh": np.cosh, "tanh": np.tanh}
for _name, _ufunc in _DOUBLES.items():
    algorithm(f"Number.{_name}", differs="NaN and infinite numbers are null in what is sent")(partial(_double, _ufunc))


def _cast(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    if dtype.kind == "f":
        return lambda value: float(dtype.type(value))
    limits = np.iinfo(dtype)

    def cast(value: float) -> int:
        if not math.isfinite(value):
            return 0 if math.isnan(value) else int(limits.max if value > 0 else limits.min)
        return min(max(int(value), int(limits.min)), int(limits.max))

    return cast


# "loses decimal precision", and becomes the limit where it is out of the type
_CASTS = "https://developers.google.com/earth-engine/apidocs/ee-number-tobyte"
_CUT = "Fractions are cut off; that numbers lose them is documented, not whether they are rounded."
for _name, _dtype in DTYPES.items():
    algorithm(f"Number.{_name}", f"Number.to{_name[0].upper()}{_name[1:]}", source=_CASTS,
              differs="" if np.dtype(_dtype).kind == "f" else _CUT)(_cast(np.dtype(_dtype)))


@algorithm("Number.clamp")
def clamp(number: float, low: float, high: float) -> float:
    """The number, not below `low` and not above `high`."""
    return min(max(number, low), high)


@algorithm("Number.unitScale")
def unit_scale(number: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, a line through both."""
    return _divided(number - low, high - low)


@algorithm("Number.format")
def formatted(number: float, pattern: str) -> str:
    """The number by a printf pattern of one conversion; `%d` takes whole numbers only."""
    found = re.fullmatch(r"[^%]*%[#\-+ 0,(.\d]*([sdoxXeEfgGaA])[^%]*", pattern)
    if not found or re.search(r"\d{4}", pattern):
        raise AlgorithmError(f"'{pattern}' is not a valid format pattern", mend="write one such as %03d or %.2f")
    if found[1] in "doxX":
        if not math.isfinite(number) or number != int(number):
            raise AlgorithmError(f"Format pattern '{pattern}' needs a whole number, not {number}",
                                 mend="round it first, or use %f")
        number = int(number)
    return pattern % number


@algorithm("Number.parse")
def parsed(text: str, radix: int) -> float:
    """The number a string spells."""
    if not 2 <= radix <= 36:
        raise AlgorithmError(f"The radix must be between 2 and 36. Got {radix}", mend="give 10 for decimal numbers")
    try:
        return int(text, radix) if radix != 10 or re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError as error:
        raise AlgorithmError(f"'{text[:80]}' is no number of radix {radix}", mend="give digits alone") from error
