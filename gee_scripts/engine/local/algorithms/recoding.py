"""Band values through tables, and two bands to an index."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import combined, divided, quotient, widest
from gee_scripts.engine.local.algorithms.bands import select
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, PixelType, smaller
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]


@algorithm("Image.normalizedDifference")
def normalized_difference(image: Image, names: list[str] | None) -> Image:
    """(first - second) / (first + second) as band `nd`; masked where either is negative."""
    pair = select(image, names if names is not None else [0, 1], None)
    if len(pair.bands) != 2:
        raise AlgorithmError(f"{len(pair.bands)} bands were given", mend="give two")
    first, second = (Image(bands=(band.renamed("nd"),), footprint=image.footprint) for band in pair.bands)
    return combined(first, second, _difference, quotient, _not_negative)


def _difference(a: Array, b: Array, dtype: DType) -> Array:
    a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    return divided(a - b, a + b, dtype)


def _not_negative(a: Array, b: Array, mask: Mask) -> Mask:
    return smaller(np.asarray((a >= 0) & (b >= 0)), mask)


@algorithm("Image.remap")
def remap(image: Image, old: list[Any], new: list[Any], default: Any, name: str | None) -> Image:
    """One band with its values replaced; others become the default, or are masked without one."""
    if len(old) != len(new):
        raise AlgorithmError("The 'from' and 'to' lists must have the same length. "
                             f"Got {len(old)} and {len(new)}", mend="give as many new values as old ones")
    for number in (*old, *new, *(() if default is None else (default,))):
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise AlgorithmError(f"'{number}' is no number that pixels can be remapped from or to",
                                 mend="give finite numbers")
    band = select(image, [name if name is not None else 0], None).bands[0]
    table = np.asarray(new)
    fill = None if default is None else np.asarray(default)
    dtype = widest(_listed(table), _listed(fill)) if fill is not None else _listed(table)
    order = np.argsort(np.asarray(old), kind="stable")
    keys, targets = np.asarray(old)[order], table[order].astype(dtype)

    def place(values: Array) -> tuple[Array, Array]:
        at = np.minimum(np.searchsorted(keys, values), max(len(keys) - 1, 0))
        found = keys[at] == values if len(keys) else np.zeros(np.shape(values), np.bool_)
        return at, found

    places = Apply(place, (band.values,))

    def value(found: tuple[Array, Array]) -> Array:
        chosen = targets[found[0]] if len(targets) else np.zeros(np.shape(found[0]), dtype)
        return chosen if fill is None else np.where(found[1], chosen, fill.astype(dtype))

    mask = band.mask
    if fill is None:
        mask = Apply(lambda found, known: smaller(np.asarray(found[1]), known), (places, band.mask))
    return image.with_bands([Band(name="remapped", type=PixelType(dtype), projection=band.projection,
                                  composite=band.composite, values=Apply(value, (places,)), mask=mask)])


def _listed(values: Array) -> DType:
    if values.dtype.kind == "f":
        return values.dtype
    if values.size == 0:
        return np.dtype(np.uint8)
    return np.result_type(*(np.min_scalar_type(int(value)) for value in values.flat))
