"""Types of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gee_scripts.engine.local.language.promotion import DTYPES
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import PixelType

_FLOATS = {"float": np.float32, "double": np.float64}


@algorithm("PixelType", source="https://developers.google.com/earth-engine/apidocs/ee-pixeltype",
           differs="numbers are stored in the narrowest NumPy type that holds the limits")
def pixel_type(precision: Any, low: float | None, high: float | None, dimensions: int) -> PixelType:
    """The type of that precision and those limits, of numbers or of arrays of so many dimensions."""
    if isinstance(precision, PixelType):
        return precision
    if dimensions < 0:
        raise AlgorithmError(f"'dimensions' must not be negative. Got {dimensions}", mend="give 0 for numbers")
    if not isinstance(precision, str):
        raise AlgorithmError("The precision is no text", mend="use int, float or double")
    if precision in _FLOATS:
        # A limit alone is not kept: https://developers.google.com/earth-engine/apidocs/ee-pixeltype
        limits = None if low is None or high is None else (low, high)
        kind = np.dtype(_FLOATS[precision])
    elif precision == "int":
        if low is None or high is None:
            raise AlgorithmError("'minValue' and 'maxValue' are required for precision 'int'", mend="give both")
        if not math.isfinite(low) or not math.isfinite(high):
            raise AlgorithmError(f"Integers have no limits {low} and {high}", mend="give finite ones")
        limits = int(low), int(high)
        kind = np.result_type(np.min_scalar_type(limits[0]), np.min_scalar_type(limits[1]))
        if kind.kind not in "iu":
            raise AlgorithmError(f"No integer of 64 bits holds both {low} and {high}", mend="give narrower limits")
    elif isinstance(precision, str) and precision in DTYPES:
        return PixelType(np.dtype(DTYPES[precision]), dimensions)
    else:
        raise AlgorithmError(f"'{precision}' is no precision", mend="use int, float or double")
    if limits is not None and limits[0] > limits[1]:
        raise AlgorithmError(f"'minValue' {low} is above 'maxValue' {high}", mend="swap them")
    return PixelType(kind, dimensions, limits)


def _named(name: str) -> Callable[[], PixelType]:
    return lambda: PixelType.of(DTYPES[name])


for _name in ("double", "float", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
    algorithm(f"PixelType.{_name}")(_named(_name))


@algorithm("PixelType.dimensions")
def dimensions_of(kind: PixelType) -> int:
    """0 for numbers, the number of axes of arrays."""
    return kind.dimensions


@algorithm("PixelType.precision")
def precision_of(kind: PixelType) -> str:
    """int, float or double."""
    return {"f4": "float", "f8": "double"}.get(kind.dtype.str[1:], "int")


@algorithm("PixelType.minValue")
def least(kind: PixelType) -> float:
    """The least value; minus infinity where there is no limit."""
    return _limits(kind)[0]


@algorithm("PixelType.maxValue")
def greatest(kind: PixelType) -> float:
    """The greatest value; infinity where there is no limit."""
    return _limits(kind)[1]


def _limits(kind: PixelType) -> tuple[float, float]:
    if kind.limits is not None:
        return kind.limits
    if kind.dtype.kind == "f":
        return -math.inf, math.inf
    limits = np.iinfo(kind.dtype)
    return int(limits.min), int(limits.max)
