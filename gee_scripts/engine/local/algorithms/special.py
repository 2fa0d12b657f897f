"""Special functions of images, arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gee_scripts.engine.local.algorithms.arithmetic import combined, each
from gee_scripts.engine.local.algorithms.array_elements import element_wise, element_wise_both
from gee_scripts.engine.local.language.registry import algorithm
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]

# https://commons.apache.org/proper/commons-math/javadocs/api-3.6.1/org/apache/commons/math3/special/Gamma.html
_LANCZOS_G = 607 / 128


def lanczos(x: Array) -> Array:
    """L(x) of Γ(x + 1) = √(2π) · (x + g + ½)^(x + ½) · e^-(x + g + ½) · L(x), with g = 607/128."""
    shifted = x + _LANCZOS_G + 0.5
    exponent = special.gammaln(x + 1) - 0.5 * np.log(2 * np.pi) - (x + 0.5) * np.log(shifted) + shifted
    return np.asarray(np.exp(exponent))


_UNARY: dict[str, Callable[[Array], Array]] = {
    "gamma": special.gamma, "digamma": special.digamma, "trigamma": lambda x: special.polygamma(1, x),
    "erf": special.erf, "erfc": special.erfc, "erfInv": special.erfinv, "erfcInv": special.erfcinv,
    "lanczos": lanczos,
}
_DIFFERS = {"lanczos": "taken for Lanczos' series in Commons Math, for the description names no other",
            "gammainc": "the second argument is taken for the shape a, as the description's γ(x, a) has it"}


def incomplete_gamma(x: Array, a: Array, dtype: DType) -> Array:
    """The regularised lower incomplete gamma function of x for the shape a."""
    return np.asarray(special.gammainc(np.asarray(a, np.float64), np.asarray(x, np.float64))).astype(dtype)


def _floating(dtype: DType) -> DType:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _both_floating(first: DType, second: DType) -> DType:
    return _floating(np.result_type(first, second))


def _image(function: Callable[[Array], Array]) -> Callable[[Image], Image]:
    return lambda image: each(image, function, _floating)


def _array(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda values: element_wise(values, function, _floating)


def _number(function: Callable[[Array], Array]) -> Callable[[float], float]:
    def of(value: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(np.asarray(value, np.float64)))

    return of


for _name, _function in _UNARY.items():
    for _owner, _maker in (("Image", _image), ("Array", _array), ("Number", _number)):
        algorithm(f"{_owner}.{_name}", differs=_DIFFERS.get(_name, ""))(_maker(_function))


@algorithm("Image.gammainc", differs=_DIFFERS["gammainc"])
def image_gammainc(first: Image, second: Image) -> Image:
    """The regularised lower incomplete gamma function of pairs of bands."""
    return combined(first, second, incomplete_gamma, _both_floating)


@algorithm("Array.gammainc", differs=_DIFFERS["gammainc"])
def array_gammainc(first: Array, second: Array) -> Array:
    """The regularised lower incomplete gamma function, element by element."""
    return element_wise_both(first, second, incomplete_gamma, _both_floating)


@algorithm("Number.gammainc", differs=_DIFFERS["gammainc"])
def number_gammainc(left: float, right: float) -> float:
    """The regularised lower incomplete gamma function."""
    return float(incomplete_gamma(np.asarray(left), np.asarray(right), np.dtype(np.float64)))
