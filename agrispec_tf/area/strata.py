"""The strata an area is divided into before a sample is drawn, and how large each is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from agrispec.errors import DataError

AGREE = 1e-3
"""How far, as a share, a probability may be from what sizes of strata imply: files keep few digits of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strata:
    """Parts without overlap that make up the whole area; often the classes of a map.

    Attributes:
        names: (H,) numbers or texts, as the rows of a sample name them.
        areas: (H,) float64, in any unit; estimated areas are in the same.
        units: (H,) float64, how many units a stratum consists of, such as pixels, whichever of them are drawn. None:
            only areas are known, or places are drawn from an area that has no units. Then there is no finite
            population correction, as in Olofsson et al. 2014.

    Raises:
        DataError: there is no stratum, one is named twice, or one has no size.
    """

    names: tuple[int | str, ...]
    areas: NDArray[np.float64]
    units: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise DataError("there are no strata", mend="give at least one, the whole area, with its size")
        twice = sorted({str(name) for name in self.names if self.names.count(name) > 1})
        if twice:
            raise DataError(f"strata are named twice: {', '.join(twice)}", mend="name each stratum once")
        for what, sizes in (("areas", self.areas), ("units", self.units)):
            if sizes is None:
                continue
            if sizes.shape != (len(self.names),):
                raise DataError(f"{len(self.names)} strata and {what} of shape {sizes.shape} do not belong together",
                                mend=f"give one number of {what} a stratum")
            wrong = [f"{name} ({size:g})" for name, size in zip(self.names, sizes, strict=True)
                     if not (np.isfinite(size) and size > 0)]
            if wrong:
                raise DataError(f"strata without a size in {what}: {', '.join(wrong)}",
                                mend="give sizes above 0, and leave out strata that the area does not hold")

    @classmethod
    def of_units(cls, stratum: NDArray[np.generic], unit_area: float) -> Strata:
        """The strata of a map: `stratum` names that of each unit, any shape; all units are of one area.

        Units that belong to no stratum, such as those without data, must be left out.
        """
        names, units = np.unique(stratum, return_counts=True)
        return cls(names=tuple(names.tolist()), areas=units * float(unit_area), units=units.astype(np.float64))

    @classmethod
    def implied(cls, stratum: ArrayLike, inclusion: ArrayLike, unit_area: float) -> Strata:
        """The strata that a stratified random sample is from: n units drawn with probability p are of n / p.

        A stratum of which nothing was drawn is not among them, and nobody can tell: estimates are of the others.

        Args:
            stratum: (N,) the stratum of each sampled unit.
            inclusion: (N,) the probability with which each was drawn.
            unit_area: of one unit, in any unit of area.

        Raises:
            DataError: a unit has no stratum, a probability is not above 0 and at most 1, or probabilities differ within
                a stratum.
        """
        index, names = pd.factorize(np.asarray(stratum), sort=True)
        if (index < 0).any():
            raise DataError(f"{(index < 0).sum()} of {len(index)} sampled units have no stratum",
                            mend="name the stratum that each unit was drawn from")
        shared = shared_probabilities(index, np.asarray(inclusion, np.float64), tuple(names.tolist()))
        units = np.bincount(index, minlength=len(names)) / shared
        return cls(names=tuple(names.tolist()), areas=units * unit_area, units=units)

    @property
    def weights(self) -> NDArray[np.float64]:
        """(H,) share of the whole area, W_h; they sum to 1."""
        weights: NDArray[np.float64] = self.areas / self.areas.sum()
        return weights


def shared_probabilities(index: NDArray[np.integer], inclusion: NDArray[np.float64],
                         names: tuple[int | str, ...]) -> NDArray[np.float64]:
    """(H,) the inclusion probability that all sampled units of a stratum share; NaN where none was sampled.

    Args:
        index: (N,) number of each unit's stratum, 0 ... H - 1.
        inclusion: (N,) probabilities.
        names: (H,) of the strata.

    Raises:
        DataError: a probability is not above 0 and at most 1, or probabilities differ within a stratum.
    """
    wrong = ~((inclusion > 0) & (inclusion <= 1))
    if wrong.any():
        raise DataError(f"{wrong.sum()} of {len(inclusion)} inclusion probabilities are not above 0 and at most 1"
                        f" (the first: {inclusion[wrong][0]:g})",
                        mend="give the chance that each unit had to be drawn, n_h / N_h of its stratum")
    sampled = np.bincount(index, minlength=len(names))
    sums = np.bincount(index, inclusion, minlength=len(names))
    shared: NDArray[np.float64] = np.divide(sums, sampled, out=np.full(len(names), np.nan), where=sampled > 0)
    differs = np.abs(inclusion - shared[index]) > AGREE * shared[index]
    if differs.any():
        where = names[index[np.argmax(differs)]]
        raise DataError(f"inclusion probabilities differ within stratum {where}",
                        mend="give units that were drawn with different probabilities different strata")
    return shared
