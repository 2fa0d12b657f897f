"""Which units are sampled: a stratified random draw that keeps with each unit how likely it was to be drawn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec_tf.area.reference_sample import INCLUSION, STRATUM
from agrispec_tf.area.strata import Strata


def draw(pieces: Iterable[NDArray[np.generic]], strata: Strata, allocation: NDArray[np.integer],
         seed: int) -> pd.DataFrame:
    """A simple random sample without replacement of the units of each stratum; the same for the same seed.

    Args:
        pieces: the stratum of every unit of the area, such as a map's classes, in pieces of any shape that follow each
            other and are read once; how they are cut changes nothing. Units in none of `strata` are never drawn.
        strata: with as many units as `pieces` have of each.
        allocation: (H,) units to draw of each.
        seed: of the draw.

    Returns:
        Columns `unit`, the number of a unit in all pieces read row by row, ascending, `stratum`, and
        `inclusion_probability`. The class that the map has is left out, lest it sways who looks up the true one.

    Raises:
        DataError: a stratum has other units than `strata` says, or fewer than shall be drawn of it.
    """
    ranks = _ranks(strata, allocation, seed)
    found: list[list[NDArray[np.int64]]] = [[] for _ in ranks]
    seen, first = np.zeros(len(ranks), np.int64), 0
    for piece in pieces:
        flat = piece.reshape(-1)
        for h, name in enumerate(strata.names):
            units = np.flatnonzero(flat == name)
            start, stop = np.searchsorted(ranks[h], (seen[h], seen[h] + len(units)))
            found[h].append(first + units[ranks[h][start:stop] - seen[h]])
            seen[h] += len(units)
        first += len(flat)
    parts = []
    for h, (name, count) in enumerate(zip(strata.names, allocation.tolist(), strict=True)):
        if strata.units is None or seen[h] != round(strata.units[h]):
            said = "an unknown number of" if strata.units is None else f"{strata.units[h]:,.0f}"
            raise DataError(f"stratum {name} has {said} units by its size and {seen[h]:,} to draw from",
                            mend="make the strata of the same units, with Strata.of_units")
        parts.append(pd.DataFrame({"unit": np.concatenate(found[h]), STRATUM: name, INCLUSION: count / seen[h]}))
    return pd.concat(parts).sort_values("unit", ignore_index=True)


def _ranks(strata: Strata, allocation: NDArray[np.integer], seed: int) -> list[NDArray[np.int64]]:
    """Of each stratum, which of its units are drawn, counted from its first one, ascending."""
    generator = np.random.default_rng(seed)
    ranks = []
    for h, (name, count) in enumerate(zip(strata.names, allocation.tolist(), strict=True)):
        units = 0 if strata.units is None else round(strata.units[h])
        if strata.units is not None and not 0 < count <= units:
            raise DataError(f"{count} units cannot be drawn of the {units:,} of stratum {name}",
                            mend="allot each stratum at least one unit and at most all that it has")
        ranks.append(np.sort(generator.choice(units, min(count, units), replace=False, shuffle=False)))
    return ranks
