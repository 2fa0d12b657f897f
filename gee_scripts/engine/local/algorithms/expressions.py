"""Expressions written as texts, of images and of numbers, and functions of one band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import each, matched, tightest, widest
from gee_scripts.engine.local.algorithms.bands import chosen
from gee_scripts.engine.local.language import registry
from gee_scripts.engine.local.language.expressions import Assigned, Call, Literal, Name, Pick, fold, names, parse
from gee_scripts.engine.local.language.promotion import constant_bands
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Mask, PixelType, both, smaller
from gee_scripts.engine.local.values import Closure, Image

Array = NDArray[Any]
_CONSTANTS = {"pi": math.pi, "e": math.e}
# The names of parameters may not be read as functions of a default image: b() is one.
_BANDS_OF_DEFAULT = "b"


@algorithm("Image.parseExpression",
           differs="^ is bitwiseXor, as it is on 0 and 1; a term cond ? a : b takes the mask of the side it takes",
           source="https://developers.google.com/earth-engine/guides/image_math#expressions")
def parse_expression(expression: str, default: str, variables: list[str], map_free: bool) -> Closure:
    """The function of images that an expression stands for."""
    term = parse(expression)
    free = names(term) - set(variables) - {"Math"}
    if free and not map_free:
        raise AlgorithmError(f"Free variable '{min(free)}' is used in the expression and not among {variables}",
                             mend="give an image for it in the map of the expression")

    def call(values: Sequence[Any]) -> Image:
        return _image_of(term, dict(zip(variables, values, strict=False)), default)

    return Closure(tuple(variables), call)


def _image_of(term: Any, images: Mapping[str, Any], default: str) -> Image:
    def leaf(found: Literal | Name | Pick) -> Image:
        if isinstance(found, Literal):
            return Image(bands=constant_bands(_number(found)))
        if isinstance(found, Name):
            return image_named(found.name)
        if isinstance(found.base, Name) and found.base.name == "Math":
            return Image(bands=constant_bands(_constant(found)))
        base = cast(Image, fold(found.base, leaf, call))
        return base.with_bands(chosen(base, found.parts))

    def image_named(name: str) -> Image:
        value = images.get(name)
        if name not in images:
            base = image_named(default)
            return base.with_bands(chosen(base, [name]))
        if not isinstance(value, Image):
            raise AlgorithmError(f"'{name}' is no image", mend="give an image in the map of the expression")
        return value

    def call(found: Call, arguments: Sequence[Any]) -> Image:
        return _applied(found.function, arguments)

    def bands_of_default(found: Any) -> Any:
        """The tree with b(…) as parts of the default image."""
        if isinstance(found, Call) and found.function == _BANDS_OF_DEFAULT:
            if not all(isinstance(item, Literal) for item in found.arguments):
                raise AlgorithmError("b() takes numbers and names of bands", mend="write b(0) or b('B4')")
            parts = tuple(item.value for item in found.arguments if isinstance(item, Literal))
            return Pick(Name(default), parts) if parts else Name(default)
        if isinstance(found, Call):
            return replace(found, arguments=tuple(map(bands_of_default, found.arguments)))
        if isinstance(found, Pick):
            return replace(found, base=bands_of_default(found.base))
        if isinstance(found, Assigned):
            return replace(found, value=bands_of_default(found.value))
        return found

    image = cast(Image, fold(bands_of_default(term), leaf, call))
    if isinstance(term, Assigned):
        if len(image.bands) != 1:
            raise AlgorithmError(f"'{term.name} =' names a single band, and there are {len(image.bands)}",
                                 mend="use Image.rename")
        return image.with_bands([image.bands[0].renamed(term.name)])
    return image


def _applied(function: str, arguments: Sequence[Image]) -> Image:
    if function == "same":
        return arguments[0]
    if function == "negated":
        return _applied("multiply", [arguments[0], Image(bands=constant_bands(-1))])
    if function == "choose":
        return _choice(*arguments)
    if function in ("min", "max") and len(arguments) > 2:
        return _applied(function, [_applied(function, arguments[:-1]), arguments[-1]])
    entry = registry.IMPLEMENTED.get(f"Image.{function}")
    known = registry.signatures().get(f"Image.{function}", ())
    wanted = [argument for argument in known if not argument.optional]
    if entry is None or len(wanted) != len(arguments) or any(not item.type.startswith("Image") for item in wanted):
        raise AlgorithmError(f"the function '{function}' of {len(arguments)} images is not there",
                             mend="use an operator, or a function such as sqrt, exp, abs, min or max")
    return cast(Image, entry.function(*arguments))


def _choice(condition: Image, first: Image, second: Image) -> Image:
    """The first image where the condition is not 0, the second one elsewhere."""
    pairs = matched(first, second)
    tests = condition.bands if len(condition.bands) == len(pairs) else condition.bands[:1] * len(pairs)
    if len(condition.bands) > 1 and len(pairs) == 1:
        (one, other, name), tests = pairs[0], condition.bands
        pairs = [(one, other, name)] * len(tests)
        pairs = [(a, b, test.name) for (a, b, _), test in zip(pairs, tests, strict=True)]
    elif len(condition.bands) not in (1, len(pairs)):
        raise AlgorithmError(f"the condition has {len(condition.bands)} bands, what it chooses {len(pairs)}",
                             mend="give a condition of one band")
    bands = []
    for (one, other, name), test in zip(pairs, tests, strict=True):
        dtype = widest(tightest(one), tightest(other))
        lead = one if not one.composite else other if not other.composite else test
        mask = both(test.mask, one.mask) if one.mask is other.mask else Apply(
            _chosen_mask, (test.values, test.mask, one.mask, other.mask))
        bands.append(replace(lead, name=name, type=PixelType(dtype), mask=mask, size=None, values=Apply(
            partial(_chosen, dtype), (test.values, one.values, other.values))))
    return replace(first, bands=tuple(bands), id=None)


def _chosen(dtype: np.dtype[Any], test: Array, one: Array, other: Array) -> Array:
    return np.where(np.asarray(test) != 0, one, other).astype(dtype, copy=False)


def _chosen_mask(test: Array, known: Mask, one: Mask, other: Mask) -> Mask:
    yes, no = (np.ones((), np.float32) if mask is None else mask.astype(np.float32) for mask in (one, other))
    return smaller(np.where(np.asarray(test) != 0, yes, no), known)


def _number(found: Literal) -> int | float:
    if isinstance(found.value, str):
        raise AlgorithmError(f"the text '{found.value}' is no number", mend="texts name bands: write b('B4')")
    return found.value


def _constant(found: Pick) -> float:
    value = _CONSTANTS.get(str(found.parts[0]).lower())
    if value is None:
        raise AlgorithmError(f"Math has no '{found.parts[0]}'", mend="use Math.PI or Math.E")
    return value


@algorithm("Number.expression")
def number_expression(expression: str, variables: Mapping[str, Any] | None) -> Any:
    """The number that an expression of named values comes to."""
    given: Mapping[str, Any] = variables or {}

    def leaf(found: Literal | Name | Pick) -> Any:
        if isinstance(found, Literal):
            return found.value
        if isinstance(found, Name):
            if found.name not in given:
                raise AlgorithmError(f"'{found.name}' is not among the variables {sorted(given)}",
                                     mend="give it in vars")
            return given[found.name]
        if isinstance(found.base, Name) and found.base.name in ("Math", "math") and found.base.name not in given:
            return _constant(found)
        base = fold(found.base, leaf, call)
        for part in found.parts:
            try:
                base = base[int(part) if isinstance(base, list) else part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise AlgorithmError(f"there is no '{part}' in it", mend="give it in vars") from error
        return base

    def call(found: Call, arguments: Sequence[Any]) -> Any:
        numbers = [int(item) if isinstance(item, bool) else item for item in arguments]
        strange = [item for item in numbers if not isinstance(item, int | float)]
        if strange:
            raise AlgorithmError(f"'{strange[0]}' is no number", mend="calculate with numbers")
        if found.function == "same":
            return numbers[0]
        if found.function == "negated":
            return -numbers[0]
        if found.function == "choose":
            return numbers[1] if numbers[0] else numbers[2]
        entry = registry.IMPLEMENTED.get(f"Number.{found.function}")
        known = registry.signatures().get(f"Number.{found.function}", ())
        if entry is None or len(known) != len(numbers):
            raise AlgorithmError(f"the function '{found.function}' of {len(numbers)} numbers is not there",
                                 mend="use a function of ee.Number")
        return entry.function(*numbers)

    return fold(parse(expression), leaf, call)


@algorithm("Image.polynomial")
def polynomial(image: Image, coefficients: list[float]) -> Image:
    """The polynomial of every pixel, its coefficients from the constant one upwards."""
    factors = [float(factor) for factor in coefficients]

    def value(values: Array) -> Array:
        total = np.zeros(np.shape(values), np.float64)
        for factor in reversed(factors):
            total = total * values + factor
        return total

    return each(image, value, lambda dtype: np.dtype(np.float64))


@algorithm("Image.interpolate")
def interpolate(image: Image, x: list[float], y: list[float], behaviour: str) -> Image:
    """The first band through a line of straight pieces."""
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if behaviour not in ("extrapolate", "clamp", "mask", "input"):
        raise AlgorithmError(f"'{behaviour}' is no behavior", mend="use extrapolate, clamp, mask or input")
    if len(xs) != len(ys) or len(xs) < 2 or not (np.diff(xs) > 0).all():
        raise AlgorithmError(f"x must be strictly increasing and as long as y, of 2 points at least; they have "
                             f"{len(xs)} and {len(ys)}", mend="sort the points by x")
    if not image.bands:
        raise AlgorithmError("the image has no bands", mend="select one")

    def value(values: Array) -> Array:
        given = np.asarray(values, np.float64)
        found = np.interp(given, xs, ys)
        if behaviour == "input":
            return np.where((given < xs[0]) | (given > xs[-1]), given, found)
        if behaviour == "extrapolate":
            low, high = (ys[1] - ys[0]) / (xs[1] - xs[0]), (ys[-1] - ys[-2]) / (xs[-1] - xs[-2])
            found = np.where(given < xs[0], ys[0] + (given - xs[0]) * low, found)
            return np.where(given > xs[-1], ys[-1] + (given - xs[-1]) * high, found)
        return found

    band = image.bands[0]
    mask = band.mask
    if behaviour == "mask":
        mask = Apply(lambda values, known: smaller(
            np.asarray((values >= xs[0]) & (values <= xs[-1])), known), (band.values, band.mask))
    return image.with_bands([replace(band, type=PixelType(np.dtype(np.float64)), mask=mask,
                                     values=Apply(value, (band.values,)))])
