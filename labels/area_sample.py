"""A probability sample of a map's pixels that lie in declared parcels, stratified by what is declared.

Units are pixels, which are of one size, and not parcels, which are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.errors import CorruptRecord, DataError
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS
from labels import pixels

_LEAST = 2
"""Units of a stratum; one does not tell how units differ."""

# Pixels that are looked through at a time.
_AT_ONCE = 2**24


def empty(grid: Grid) -> NDArray[np.uint8]:
    """The classes of a grid's pixels before anything is painted: `NO_CLASS`."""
    return np.full(grid.shape, NO_CLASS, np.uint8)


def paint(classes: NDArray[np.uint8], shapes: NDArray[Any], numbers: NDArray[np.int64], grid: Grid) -> None:
    """Give the pixels whose centre is in a parcel the parcel's class; what has one keeps it.

    A pixel in two parcels thus counts once, by the one that comes first.

    Args:
        classes: changed in place.
        shapes: (N,) outlines in the grid's CRS.
        numbers: (N,) their classes.
        grid: north-up, of square pixels.
    """
    flat, width = classes.reshape(-1), grid.width
    scale, _, left, _, _, top = grid.transform
    found = pixels.runs(shapes, left, top, scale).within(grid.height, width)
    for shape, row, column in found.blocks():
        at = row * width + column
        free = flat[at] == NO_CLASS
        # Of values for one place NumPy keeps the last.
        flat[at[free][::-1]] = numbers[shape[free][::-1]].astype(np.uint8)


def sizes(classes: NDArray[np.uint8]) -> dict[int, int]:
    """Pixels of each class that has any."""
    counts = np.bincount(classes.reshape(-1), minlength=NO_CLASS + 1)[:NO_CLASS]
    return {int(number): int(counts[number]) for number in np.flatnonzero(counts)}


def allocate(units: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Units to draw of each stratum (H,): one half evenly, so that rare strata are known too, the other half by size.

    At least two of each, and at most all that it has; together `total`, unless these bounds forbid it.

    Raises:
        DataError: `total` is less than two for each stratum.
    """
    least = np.minimum(units, _LEAST)
    if total < least.sum():
        raise DataError(f"{total} units cannot be drawn of {len(units)} strata, {_LEAST} of each",
                        mend=f"draw {least.sum()} or more")
    ideal = total / 2 / len(units) + total / 2 * units / units.sum()
    # The greatest amount below which strata are cut to what they have, by bisection on a common factor.
    low, high = 0.0, 2.0 * max(1.0, float((units / ideal).max()))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(ideal * middle, least, units).sum() <= total else (low, middle)
    wanted = np.clip(ideal * low, least, units)
    found: NDArray[np.int64] = np.floor(wanted + 1e-9).astype(np.int64)
    # What flooring left goes to the largest remainders.
    left = min(total, int(units.sum())) - int(found.sum())
    order = np.argsort(np.where(found < units, found - wanted, np.inf), kind="stable")
    found[order[:max(left, 0)]] += (found < units)[order[:max(left, 0)]]
    return found


def draw(classes: NDArray[np.uint8], grid: Grid, total: int, seed: int) -> pd.DataFrame:
    """A simple random sample without replacement of the pixels of each class.

    Returns:
        `number` (class), `lon`, `lat` (pixel centre), `inclusion_probability` n / N of the class.

    Raises:
        DataError: no pixel has a class, or `total` is too small.
    """
    strata = sizes(classes)
    if not strata:
        raise DataError("no pixel of the map lies in a declared parcel with a class",
                        mend="check [map] bounds and crs against the declarations")
    numbers = np.array(list(strata))
    units = np.array(list(strata.values()), np.int64)
    allotted = allocate(units, total)
    generator = np.random.default_rng(seed)
    ranks = {number: np.sort(generator.choice(count, most, replace=False, shuffle=False))
             for number, count, most in zip(numbers.tolist(), units.tolist(), allotted.tolist(), strict=True)}
    flat, found = classes.reshape(-1), []
    seen = dict.fromkeys(ranks, 0)
    for first in range(0, len(flat), _AT_ONCE):
        piece = flat[first:first + _AT_ONCE]
        for number, rank in ranks.items():
            there = np.flatnonzero(piece == number)
            start, stop = np.searchsorted(rank, [seen[number], seen[number] + len(there)])
            at = first + there[rank[start:stop] - seen[number]]
            found.append(np.stack([at, np.full(len(at), number)]))
            seen[number] += len(there)
    at, number = np.concatenate(found, axis=1)
    order = np.argsort(at)
    at, number = at[order], number[order]
    a, _, c, _, e, f = grid.transform
    back = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = back.transform(c + (at % grid.width + 0.5) * a, f + (at // grid.width + 0.5) * e)
    share = dict(zip(numbers.tolist(), (allotted / units).tolist(), strict=True))
    return pd.DataFrame({"number": number, "lon": lon, "lat": lat,
                         "inclusion_probability": pd.Series(number).map(share).to_numpy()})


def read(path: Path) -> pd.DataFrame:
    """`lon` and `lat` of the units of a file, whatever else it says of them by now.

    Raises:
        CorruptRecord: it has no such columns.
    """
    try:
        return pd.read_csv(path, usecols=["lon", "lat"], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise CorruptRecord(f"{path} is not a probability sample ({error})",
                            mend="restore it, or move it away and draw another with --area-sample") from error
