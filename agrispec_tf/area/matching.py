"""A labelled sample and a run's map together: what the map has at its places, and whether both are of one area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agrispec.errors import DataError
from agrispec.taxonomy import NO_CLASS
from agrispec_tf.area.estimation import assess
from agrispec_tf.area.mapped import Mapped
from agrispec_tf.area.reference_sample import MAPPED, REFERENCE, STRATUM, ReferenceSample
from agrispec_tf.area.sample_file import LAT, LON
from agrispec_tf.area.strata import Strata

_AS_LARGE, _ALIKE = 0.01, 0.05
"""How far, as a share, strata may be from what the map's classes add up to before it is said, and before it is refused:
where half the places were left out, probabilities tell half the area."""

NOT_MAPPED = "no class on the map"
"""What the map has at places that it says nothing of: to accuracies a class of its own, which no place really is."""

_ALL_DRAWN = ("give every place that was drawn, with the probability that it was drawn with, or sample this map:"
              " agrispec-gee area design RUN")


def with_map(table: pd.DataFrame, mapped: Mapped, path: Path) -> pd.DataFrame:
    """A sample whose classes, in map and reference, are named, with the map's class, or `NOT_MAPPED`, at each place.

    Raises:
        DataError: places are not told, lie outside of the map, or all where it has no class; nothing is labelled, or
            not by classes of the map.
    """
    names = mapped.class_names
    if MAPPED not in table.columns:
        if not {LON, LAT} <= set(table.columns):
            raise DataError(f"{path} says of no unit what the map has there",
                            mend=f"give columns {LON} and {LAT}, degrees, or a column {MAPPED} of classes")
        at, inside = mapped.classes_at(table[LON].to_numpy(np.float64), table[LAT].to_numpy(np.float64))
        if not inside.all():
            raise DataError(f"{(~inside).sum()} of {len(table)} places in {path} lie outside of the map",
                            mend=f"give {LON} and {LAT} in degrees, as they were drawn; a map of another part of the"
                                 " country needs a sample of its own: agrispec-gee area design RUN")
        if len(at) and (at == NO_CLASS).all():
            raise DataError(f"the map has no class at any of the {len(table)} places in {path}",
                            mend="sample what the map shows: agrispec-gee area design RUN")
        named = {**dict(enumerate(names)), NO_CLASS: NOT_MAPPED}
        table = table.assign(**{MAPPED: [named[number] for number in at.tolist()]})
    if REFERENCE in table.columns and table[REFERENCE].isna().all():
        raise DataError(f"nothing in {path} is labelled yet", mend=f"write what each place is into column {REFERENCE}")
    return table.assign(**{column: _named(table[column], names, column) for column in (MAPPED, REFERENCE)
                           if column in table.columns})


def _named(column: pd.Series[Any], names: tuple[str, ...], what: str) -> pd.Series[Any]:
    """Class numbers by their names; names as the map writes them, those that it has in no case as they are.

    Raises:
        DataError: a number is none of a class, or no name is one of the map's.
    """
    known = column.dropna()
    mend = f"write the classes' names: {', '.join(names)}"
    if pd.api.types.is_numeric_dtype(column):
        strange = known[~known.isin(range(len(names)))]
        if len(strange):
            raise DataError(f"{strange.iloc[0]:g} in column {what} is no class number, 0 to {len(names) - 1}",
                            mend=mend)
        return column.map(dict(enumerate(names)))
    written = {name.strip().casefold(): name for name in names} | {name: name for name in names}
    found = column.map(lambda word: written.get(word, written.get(word.casefold(), word)), na_action="ignore")
    if len(known) and not found.isin(names).any():
        raise DataError(f"none of the classes in column {what} is one of the map's:"
                        f" {', '.join(known.unique()[:5].tolist())}", mend=mend)
    return found


def check_classes(told: Strata, table: pd.DataFrame, names: tuple[str, ...], counted: Mapping[str, float]) -> None:
    """Whether strata that probabilities tell are as large as the map's classes, where they are these.

    Args:
        told: the strata.
        table: the sample, as `with_map` has it.
        names: of the map's classes, by number.
        counted: hectares of each.

    Raises:
        DataError: one is larger or smaller, or nothing was drawn of a class.
    """
    named: dict[int | str, str] = {**dict(enumerate(names)), **{name: name for name in names}}
    if not table[STRATUM].map(named).eq(table[MAPPED]).all():
        return
    lost = [name for name, area in counted.items() if area > 0 and name not in {named[name] for name in told.names}]
    # What was drawn from an earlier map, and tells all of the area, needs no place of a class that is new.
    if sum(counted.values()) - told.areas.sum() > sum(counted[name] for name in lost) / 2 > 0:
        raise DataError(f"no place is from the stratum {lost[0]}, which is {counted[lost[0]]:,.1f} ha of the map: its"
                        " places were left out, or never drawn", mend=_ALL_DRAWN)
    for name, area in zip(told.names, told.areas.tolist(), strict=True):
        on_map = counted[named[name]]
        if abs(area - on_map) > _ALIKE * on_map:
            raise DataError(f"stratum {name} is {area:,.1f} ha by the probabilities and number of its places, and"
                            f" {on_map:,.1f} ha of the map: some of its places were left out, or the map is another"
                            " one", mend=_ALL_DRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMapped:
    """The part of a sample's strata where the map has no class, by the places there: hectares and 95 % interval."""

    places: int
    area: float
    low: float
    high: float


def not_mapped(sample: ReferenceSample) -> NotMapped | None:
    """None where the map has a class at every place."""
    if NOT_MAPPED not in sample.classes:
        return None
    at = sample.classes.index(NOT_MAPPED)
    # Areas are of reference classes: with map and reference exchanged they are of the map's.
    found = assess(replace(sample, counts=sample.counts.swapaxes(1, 2))).area
    return NotMapped(places=int(sample.counts[:, at].sum()), area=float(found.value[at]), low=float(found.low[at]),
                      high=float(found.high[at]))


def other_area(strata: Strata, not_mapped: NotMapped | None, whole: float, path: Path) -> Iterator[str]:
    """Why the strata of a sample are not quite the map, of which `whole` hectares have a class.

    Raises:
        DataError: they are another area, even where the interval of what is not mapped is taken into account.
    """
    area = float(strata.areas.sum())
    blank = not_mapped or NotMapped(places=0, area=0, low=0, high=0)
    if not_mapped:
        yield (f"At {blank.places:,} places, which stand for {blank.area:,.1f} ha ({blank.low:,.1f} to"
               f" {blank.high:,.1f}), the map has no class. Areas include them; in overall and producer's accuracy they"
               " count as not mapped right.")
    mapped = f", {area - blank.area:,.1f} ha of them mapped" if not_mapped else ""
    said = f"The strata of the sample are {area:,.1f} ha{mapped}, the map's classes {whole:,.1f} ha"
    apart = max(area - blank.high - whole, whole - (area - blank.low), 0)
    if apart > _ALIKE * whole:
        raise DataError(f"{path} is no sample of this map, or some of its places were left out: t{said[1:]}",
                        mend=_ALL_DRAWN)
    if apart > _AS_LARGE * whole:
        yield f"{said}: the sample is of another area than the map, or some of its places were left out."
