"""Sampled units whose true class somebody looked up, counted; and the samples that estimates cannot be made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec_tf.area.strata import AGREE, Strata, shared_probabilities

STRATUM, MAPPED, REFERENCE, INCLUSION = "stratum", "map", "reference", "inclusion_probability"
"""Columns of a table of sampled units, one row a unit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceSample:
    """A stratified random sample, counted: all that estimates need of it.

    Attributes:
        strata: that it was drawn from.
        classes: (C,) in the map or in the reference, in their order.
        counts: (H, C, C) int64, sampled units by stratum, by the class that the map has, by that of the reference.

    Raises:
        DataError: a stratum has fewer than two sampled units though it consists of more, or more than it consists of.
    """

    strata: Strata
    classes: tuple[int | str, ...]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = (len(self.strata.names), len(self.classes), len(self.classes))
        if self.counts.shape != shape:
            raise DataError(f"counts of shape {self.counts.shape} are not of strata, map and reference classes {shape}",
                            mend="count the sampled units by stratum, map class and reference class")
        sampled, units = self.sampled, self.strata.units
        if units is not None and (sampled > units + 0.5).any():
            h = int(np.argmax(sampled > units + 0.5))
            raise DataError(f"stratum {self.strata.names[h]} has {sampled[h]} sampled units and only {units[h]:g} in"
                            " all", mend="give each unit once, and strata the sizes that they had at the draw")
        none = [str(name) for name, count in zip(self.strata.names, sampled, strict=True) if not count]
        if none:
            raise DataError(f"strata without a sampled unit: {', '.join(none)}",
                            mend="sample them, or estimate the area of the other strata alone and say so")
        few = (sampled < 2) & ~self.complete
        if few.any():
            names = ", ".join(str(name) for name, is_few in zip(self.strata.names, few, strict=True) if is_few)
            raise DataError(f"strata with a single sampled unit: {names}; one unit does not tell how units differ",
                            mend="sample at least two units in each stratum, or join it to one that resembles it")

    @classmethod
    def of(cls, table: pd.DataFrame, strata: Strata) -> ReferenceSample:
        """The counts of a table of sampled units.

        Args:
            table: columns `stratum`, `map` and `reference`, numbers or texts. Where it has `inclusion_probability`,
                the probabilities are compared with the sizes of the strata.
            strata: that the units were drawn from.

        Raises:
            DataError: a column or a value is missing, there are no rows, a unit is in none of the strata, a stratum
                has too few units, map and reference do not both use numbers or both texts, or probabilities are none,
                differ within a stratum or contradict the strata's sizes.
        """
        lost = [name for name in (STRATUM, MAPPED, REFERENCE) if name not in table.columns]
        if lost:
            raise DataError(f"the sample lacks the columns {', '.join(lost)}",
                            mend=f"give each sampled unit its {STRATUM}, its class in the {MAPPED} and its class in"
                                 f" the {REFERENCE}")
        if table.empty:
            raise DataError("the sample is empty", mend="draw units from each stratum and look up their classes")
        stratum, stratum_names = _numbered(table, STRATUM)
        mapped, map_classes = _numbered(table, MAPPED)
        reference, reference_classes = _numbered(table, REFERENCE)
        at_strata = pd.Index(strata.names).get_indexer(pd.Index(stratum_names))
        index = at_strata[stratum]
        if (at_strata < 0).any():
            names = [repr(name) for name, at in zip(stratum_names, at_strata, strict=True) if at < 0]
            raise DataError(f"{(index < 0).sum()} sampled units are in none of the strata: theirs are"
                            f" {', '.join(names[:5])}",
                            mend=f"the strata are {', '.join(map(repr, strata.names))}: give those that the units were"
                                 " drawn from")
        if INCLUSION in table.columns:
            _compare(index, table[INCLUSION].to_numpy(np.float64), strata)
        classes = _in_order(map_classes, reference_classes)
        place = {name: number for number, name in enumerate(classes)}
        at_map, at_reference = (np.array([place[name] for name in names]) for names in (map_classes, reference_classes))
        cell = (index * len(classes) + at_map[mapped]) * len(classes) + at_reference[reference]
        shape = (len(strata.names), len(classes), len(classes))
        return cls(strata=strata, classes=classes,
                   counts=np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64))

    @property
    def sampled(self) -> NDArray[np.int64]:
        """(H,) sampled units of each stratum, n_h."""
        sampled: NDArray[np.int64] = self.counts.sum(axis=(1, 2))
        return sampled

    @property
    def complete(self) -> NDArray[np.bool_]:
        """(H,) whether every unit of a stratum was looked up."""
        if self.strata.units is None:
            return np.zeros(len(self.strata.names), bool)
        # Units that probabilities imply are whole numbers but for rounding.
        return self.sampled >= self.strata.units - 0.5


def strata_of(table: pd.DataFrame, unit_area: float) -> Strata:
    """The strata that a table of sampled units tells by its inclusion probabilities, where nobody knows their sizes.

    Args:
        table: columns `stratum` and `inclusion_probability`.
        unit_area: of one unit, in any unit of area.

    Raises:
        DataError: the columns are not there, or probabilities are none or differ within a stratum.
    """
    if not {STRATUM, INCLUSION} <= set(table.columns):
        raise DataError(f"the sample has no {INCLUSION} a {STRATUM}, and the sizes of the strata are not known",
                        mend="give one or the other, of a sample drawn at random: of places that somebody chose, such"
                             " as training samples, nobody knows what share of the area they stand for, and no interval"
                             " means anything")
    if table.empty:
        raise DataError("the sample is empty", mend="draw units from each stratum and look up their classes")
    return Strata.implied(table[STRATUM], table[INCLUSION], unit_area)


def _numbered(table: pd.DataFrame, column: str) -> tuple[NDArray[np.integer], list[int | str]]:
    """A column as numbers (N,) of the names that it holds, and these names."""
    numbers, names = pd.factorize(table[column])
    missing = int((numbers < 0).sum())
    if missing:
        raise DataError(f"{missing} of {len(table)} sampled units have no {column}",
                        mend="look all of them up: leaving out those that were hard makes the others no random sample")
    return numbers, names.tolist()


def _compare(index: NDArray[np.integer], inclusion: NDArray[np.float64], strata: Strata) -> None:
    """Raise where inclusion probabilities contradict the sizes of strata."""
    shared = shared_probabilities(index, inclusion, strata.names)
    implied = np.bincount(index, minlength=len(strata.names)) / shared
    # Without units, probabilities still tell how large strata are relative to each other.
    said = strata.areas * (np.nansum(implied) / strata.areas[~np.isnan(implied)].sum()) if strata.units is None \
        else strata.units
    differs = np.abs(implied - said) > AGREE * said
    if differs.any():
        h = int(np.argmax(differs))
        raise DataError(f"stratum {strata.names[h]} has {said[h]:,.0f} units by its size and {implied[h]:,.0f} by the"
                        " inclusion probabilities and number of its sampled units",
                        mend="give all units that were drawn, with the probability and the sizes of that draw")


def _in_order(mapped: list[int | str], reference: list[int | str]) -> tuple[int | str, ...]:
    try:
        return tuple(sorted({*mapped, *reference}))
    except TypeError as error:
        raise DataError(f"some classes are numbers and others texts: {mapped[0]!r} in the map and {reference[0]!r} in"
                        " the reference", mend="name the classes of both in the same way") from error
