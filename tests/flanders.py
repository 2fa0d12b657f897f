"""Two real squares of Flanders as their files say."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5netcdf
import numpy as np
from scipy import ndimage

from .looks import Looks

CELLS = {2018: "E0030N0508", 2019: "E0040N0507"}
"""The cell that each year's square lies in."""

_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
_CLEAR_CLASSES = (4, 5, 6, 7)


@dataclass(frozen=True, kw_only=True)
class Square(Looks):
    """One square: `codes` (row, column) of its crop map, 0 where none is known, and the `files` it is read of."""

    files: tuple[Path, Path, Path]
    codes: np.ndarray

    def fields(self, codes: Iterable[int]) -> np.ndarray:
        """(row, column) numbers from 1, one a field: pixels of one of the `codes` that share edges; 0 elsewhere."""
        numbers = np.zeros(self.codes.shape, int)
        for code in codes:
            found, _ = ndimage.label(self.codes == code)
            numbers[found > 0] = found[found > 0] + numbers.max()
        return numbers

    def inner(self, reach_m: int) -> np.ndarray:
        """(row, column): whether a pixel and all whose centres are within `reach_m` of its own have one code."""
        reach = reach_m // 10
        down, right = np.mgrid[-reach:reach + 1, -reach:reach + 1]
        disc = down**2 + right**2 <= reach**2
        lowest, highest = (extreme(self.codes, footprint=disc, mode="constant", cval=0)
                           for extreme in (ndimage.minimum_filter, ndimage.maximum_filter))
        return (lowest == highest) & (self.codes > 0)


def read_square(folder: Path) -> Square:
    fine, coarse, labels = (next(folder.glob(f"{name}*.nc")) for name in ("S2_L2A_10m", "S2_L2A_20m", "OUTPUT"))
    with h5netcdf.File(fine) as ten, h5netcdf.File(coarse) as twenty, h5netcdf.File(labels) as known:
        bands = [ten[name][...] if name in ten.variables else _doubled(twenty[name][...]) for name in _BANDS]
        classes = _doubled(twenty["SCL"][...])
        unit, origin = str(ten["timestamp"].attrs["units"]).split(" since ")
        days = np.datetime64(origin.replace(" ", "T")) + ten["timestamp"][...].astype(f"timedelta64[{unit[0]}]")
        return Square(files=(fine, coarse, labels), days=days.astype("datetime64[D]"), dn=np.stack(bands, axis=1),
                      clear=np.isin(classes, _CLEAR_CLASSES), codes=known["CT"][...], crs="EPSG:32631",
                      west=float(ten["x"][0]) - 5, north=float(ten["y"][0]) + 5)


def _doubled(stack: np.ndarray) -> np.ndarray:
    """(..., rows, columns) of 20 m -> (..., 2 rows, 2 columns) of 10 m."""
    return np.kron(stack, np.ones((2, 2), stack.dtype))
