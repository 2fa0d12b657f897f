"""Which units are sampled: a stratified random draw that keeps with each unit how likely it was to be drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec_tf.area.reference_sample import INCLUSION, STRATUM
from agrispec_tf.area.strata import Strata


def draw(stratum: NDArray[np.generic], strata: Strata, allocation: NDArray[np.integer], seed: int) -> pd.DataFrame:
    """A simple random sample without replacement of the units of each stratum; the same for the same seed.

    Args:
        stratum: the stratum of every unit of the area, any shape, such as a map's classes. Units in none of `strata`
            are never drawn.
        strata: with as many units as `stratum` has of each.
        allocation: (H,) units to draw of each.
        seed: of the draw.

    Returns:
        Columns `unit`, the number of a unit in `stratum` read row by row, ascending, `stratum`, and
        `inclusion_probability`. The class that the map has is left out, lest it sways who looks up the true one.

    Raises:
        DataError: a stratum has other units than `strata` says, or fewer than shall be drawn of it.
    """
    generator = np.random.default_rng(seed)
    flat = stratum.reshape(-1)
    parts = []
    for h, (name, count) in enumerate(zip(strata.names, allocation.tolist(), strict=True)):
        units = np.flatnonzero(flat == name)
        if strata.units is None or len(units) != round(strata.units[h]):
            said = "an unknown number of" if strata.units is None else f"{strata.units[h]:,.0f}"
            raise DataError(f"stratum {name} has {said} units by its size and {len(units):,} to draw from",
                            mend="make the strata of the same units, with Strata.of_units")
        if not 0 < count <= len(units):
            raise DataError(f"{count} units cannot be drawn of the {len(units):,} of stratum {name}",
                            mend="allot each stratum at least one unit and at most all that it has")
        parts.append(pd.DataFrame({"unit": generator.choice(units, count, replace=False, shuffle=False), STRATUM: name,
                                   INCLUSION: count / len(units)}))
    return pd.concat(parts).sort_values("unit", ignore_index=True)
