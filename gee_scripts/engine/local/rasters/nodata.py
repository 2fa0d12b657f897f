"""A no-data value for files that know no masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.formats.geotiff import fits

# Beside 0 and the ends of the types, the values that are tried.
_MOST = 1000


class Unused:
    """Which value no valid pixel of an image holds, found out tile by tile.

    Attributes:
        dtypes: band -> type of its pixels.
    """

    def __init__(self, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self.dtypes = dict(dtypes)
        self._floats = all(dtype.kind == "f" for dtype in dtypes.values())
        self._small = np.zeros(_MOST + 1, np.bool_)
        self._ends = dict.fromkeys((float(end) for width in (8, 16, 32, 64) for kind in ("int", "uint")
                                    for end in (np.iinfo(f"{kind}{width}").min, np.iinfo(f"{kind}{width}").max)
                                    if end), False)

    def add(self, pixels: Sequence[tuple[NDArray[Any], NDArray[np.bool_] | None]]) -> None:
        """The next tile: values of each band, and which are valid (None: all)."""
        if self._floats:
            return
        for values, valid in pixels:
            there = values.ravel() if valid is None else values[valid]
            if not there.size:
                continue
            small = there[(there >= 0) & (there <= _MOST)]
            whole = small.astype(np.int64)
            self._small[whole if small.dtype.kind in "iu" else whole[whole == small]] = True
            for end, used in self._ends.items():
                if not used and fits(end, there.dtype) and (there == there.dtype.type(end)).any():
                    self._ends[end] = True

    def value(self) -> tuple[dict[str, np.dtype[Any]], float]:
        """Types of the bands, and a value that all of them hold and nobody uses.

        NaN where all are floats; else 0, the ends of the narrowest type, 1, 2, …; integer bands that use all of
        them get the next wider type.
        """
        types = self.dtypes
        while not all(dtype.kind == "f" for dtype in types.values()):
            narrowest = min((dtype for dtype in types.values() if dtype.kind != "f"), key=lambda dtype: dtype.itemsize)
            limits = np.iinfo(narrowest)
            for candidate in map(float, (0, limits.max, limits.min, *range(1, min(limits.max, _MOST)))):
                if not self._uses(candidate) and all(fits(candidate, dtype) for dtype in types.values()):
                    return types, candidate
            types = {name: _wider(dtype) for name, dtype in types.items()}
        return types, float("nan")

    def _uses(self, value: float) -> bool:
        return bool(self._small[int(value)]) if 0 <= value <= _MOST else self._ends[value]


def _wider(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return dtype
    return np.promote_types(dtype, np.int16 if dtype.itemsize == 1 else np.int32 if dtype.itemsize == 2 else
                            np.float64)
