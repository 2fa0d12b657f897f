"""Images in other pixel types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.arithmetic import Rounded
from gee_scripts.engine.local.language.promotion import DTYPES
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.nodes import Pixelwise
from gee_scripts.engine.local.rasters.raster import Band, Constant, Node, PixelType, masked_band
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]


def cast(values: Array, dtype: DType) -> Array:
    """Values in another type: integers cut off the fraction and stay within their limits; NaN becomes 0."""
    values = np.asarray(values)
    if dtype.kind == "f" or values.dtype.kind == "b":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    if values.dtype.kind == "f":
        values = np.nan_to_num(np.trunc(values), nan=0.0, posinf=float(limits.max), neginf=float(limits.min))
        # 2**63 - 1 is no double, and the nearest one is too large.
        top = float(limits.max) if limits.bits < 64 else float(np.nextafter(float(limits.max), 0.0))
        return np.clip(values, float(limits.min), top).astype(dtype)
    given = np.iinfo(values.dtype)
    if given.min >= limits.min and given.max <= limits.max:
        return values.astype(dtype, copy=False)
    return np.clip(values, max(limits.min, given.min), min(limits.max, given.max)).astype(dtype)


def _casting(dtype: DType) -> Callable[[Image], Image]:
    return lambda image: image.with_bands(cast_band(band, dtype) for band in image.bands)


def cast_band(band: Band, dtype: DType) -> Band:
    """The band in another type."""
    if band.type.dtype == dtype:
        return band
    if isinstance(band.values, Constant):
        constant = Constant(cast(band.values.value, dtype))
        return band.computed(PixelType(dtype, band.type.dimensions), constant, band.mask)
    values: Node = Pixelwise(partial(_cast, dtype), (band.values,))
    if dtype == np.float32 and isinstance(band.values, Rounded):
        values = band.values.single
    return band.computed(PixelType(dtype, band.type.dimensions), values, band.mask)


def _cast(dtype: DType, values: Array) -> Array:
    if values.dtype == object:
        cells = np.empty(values.shape, object)
        for place, value in np.ndenumerate(values):
            cells[place] = cast(value, dtype)
        return cells
    return cast(values, dtype)


_CUT = "Fractions are cut off, and what is out of an integer type becomes its limit; not documented."
for _name, _dtype in DTYPES.items():
    algorithm(f"Image.{_name}", f"Image.to{_name[0].upper()}{_name[1:]}",
              differs="" if np.dtype(_dtype).kind == "f" else _CUT)(_casting(np.dtype(_dtype)))


@algorithm("Image.cast", differs=_CUT)
def cast_some(image: Image, types: dict[str, Any], order: list[str] | None) -> Image:
    """Some bands in other types; bands that are not there are added, masked everywhere."""
    odd = [name for name, kind in types.items() if not isinstance(kind, PixelType)
           and not (isinstance(kind, str) and kind in DTYPES)]
    if odd:
        raise AlgorithmError(f"Band '{odd[0]}': '{types[odd[0]]}' is no type of pixels",
                             mend=f"use one of {', '.join(DTYPES)}")
    wanted = {name: kind.dtype if isinstance(kind, PixelType) else np.dtype(DTYPES[kind])
              for name, kind in types.items()}
    bands = {band.name: cast_band(band, wanted.get(band.name, band.type.dtype)) for band in image.bands}
    for name in sorted(set(wanted) - set(bands)):
        bands[name] = masked_band(name, PixelType(wanted[name]))
    lost = [name for name in order or () if name not in bands]
    if lost:
        raise AlgorithmError(f"There is no band '{lost[0]}' to be put in order", mend=f"the bands are {list(bands)}")
    return image.with_bands(bands[name] for name in (order or bands))
