"""Masks to no-data values, for files that know no masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.formats.geotiff import fits

Arrays = dict[str, NDArray[Any]]


def with_nodata(arrays: Mapping[str, NDArray[Any]],
                valid: Mapping[str, NDArray[np.bool_] | None]) -> tuple[Arrays, float | None]:
    """Bands whose masked pixels hold one value that no valid pixel of any band holds, and that value.

    Nothing changes where nothing is masked (then the value is None). Integer bands that use all values of
    their type get the next wider one.
    """
    if all(mask is None or mask.all() for mask in valid.values()):
        return dict(arrays), None
    if all(values.dtype.kind == "f" for values in arrays.values()):
        value = float("nan")
    else:
        used = np.unique(np.concatenate([
            np.unique(values if (mask := valid[name]) is None else values[mask]).astype(np.float64)
            for name, values in arrays.items()]))
        found = _free([values.dtype for values in arrays.values()], used)
        if found is None:
            return with_nodata({name: _wider(values) for name, values in arrays.items()}, valid)
        value = found
    return {name: values if (mask := valid[name]) is None else np.where(mask, values, np.asarray(value, values.dtype))
            for name, values in arrays.items()}, value


def _free(types: list[np.dtype[Any]], used: NDArray[np.float64]) -> float | None:
    """A value that all types hold and nobody uses: 0 and the ends of the narrowest type first."""
    narrowest = min((dtype for dtype in types if dtype.kind != "f"), key=lambda dtype: dtype.itemsize)
    limits = np.iinfo(narrowest)
    taken = set(used.tolist())
    inside = range(1, min(limits.max, 1000))
    for candidate in (0, limits.max, limits.min, *inside):
        if candidate not in taken and all(fits(float(candidate), dtype) for dtype in types):
            return float(candidate)
    return None


def _wider(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        return values
    return values.astype(np.promote_types(values.dtype, np.int16 if values.dtype.itemsize == 1 else
                                          np.int32 if values.dtype.itemsize == 2 else np.float64))
