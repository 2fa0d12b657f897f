"""Which declarations of a harmonised file places may be drawn from: those that say one class of one piece of ground.

Left out are declarations without a class; parcels that grow several classes in one year, one after the other, where
a crop whose class is not known counts as one and a mere land use does not; and parcels that lie on others of another
class, since nobody knows which of the two grew. Of outlines that stand twice with one class, the first counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from agrispec.grid import Bounds
from labels import harmonised, overlaps
from labels.drawing import OUTSIDE, Parcels
from labels.run_classes import NONE, Translation

_USED, _OTHER_YEAR, _OUTSIDE, _NO_CLASS, _SEVERAL, _AGAIN, _CONTESTED, _TWICE = range(8)
_WHY = {_OUTSIDE: OUTSIDE, _NO_CLASS: "declarations without a class",
        _SEVERAL: "declarations of parcels with several classes in one year",
        _AGAIN: "declarations that name a class of their parcel again",
        _CONTESTED: "declarations on ground that is declared with another class",
        _TWICE: "declarations whose outline stands twice"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heading:
    """What a file of harmonised parcels says of itself, and which of its rows are used.

    Attributes:
        path: the file.
        class_set: whose class numbers it has.
        inward_m: how far its inner outlines are drawn in, metres.
        years: declared.
        verdicts: (N,) uint8, why a row is not used; 0 where it is.
    """

    path: Path
    class_set: str
    inward_m: float
    years: frozenset[int]
    verdicts: NDArray[np.uint8]

    @property
    def left_out(self) -> Counter[str]:
        """Declarations that are not used, by reason; not those of other years."""
        counts = np.bincount(self.verdicts, minlength=_TWICE + 1).tolist()
        return Counter({why: counts[verdict] for verdict, why in _WHY.items()})


def heading(path: Path, near: Bounds, years: Collection[int]) -> Heading:
    """What a file says of itself; in memory are a row group, and the outlines that lie on others.

    Args:
        path: of the file.
        near: west, south, east, north in degrees; what is outside of them is not used.
        years: nor are others.

    Raises:
        CorruptRecord: it is none.
    """
    about, found = harmonised.about(path), set[int]()
    verdicts, flagged, first = [np.empty(0, np.uint8)], [_Flagged.none()], 0
    for rows in harmonised.read(path, ("parcel", "class_number", "status", "year", "crop_from", "flags", "geometry")):
        year, number = rows["year"].to_numpy().astype(np.int64), _numbers(rows)
        found |= set(np.unique(year).tolist())
        outlines = shapely.from_wkb(rows["geometry"].to_numpy())
        west, south, east, north = shapely.bounds(outlines).T
        asked = np.isin(year, list(years))
        here = (west <= near[2]) & (east >= near[0]) & (south <= near[3]) & (north >= near[1])
        crop = np.asarray(pc.not_equal(rows["status"], "land use"))
        several, again = _crops(rows, number, crop)
        verdicts.append(np.select([~asked, ~here, number == NONE, several, again],
                                  [_OTHER_YEAR, _OUTSIDE, _NO_CLASS, _SEVERAL, _AGAIN], _USED).astype(np.uint8))
        on_others = np.asarray(pc.match_substring_regex(rows["flags"], r"\b(overlaps|duplicate)\b"))
        chosen = np.flatnonzero(asked & here & crop & on_others)
        flagged.append(_Flagged(first + chosen, number[chosen], year[chosen], outlines[chosen]))
        first += len(rows)
    whole = np.concatenate(verdicts)
    contested, twice = _Flagged.joined(flagged).told()
    for rows_of, verdict in ((twice, _TWICE), (contested, _CONTESTED)):
        whole[rows_of[whole[rows_of] == _USED]] = verdict
    return Heading(path=path, class_set=about.class_set, inward_m=about.inward_m, years=frozenset(found),
                   verdicts=whole)


def parcels(found: Heading, classes: Translation) -> Iterator[Parcels]:
    """The declarations of a file that are used, by the codes of the run's classes, a row group at a time; `NONE` where
    a class may be several of these."""
    first = 0
    for rows in harmonised.read(found.path, ("parcel", "class_number", "year", "geometry", "inside")):
        used = rows.filter(pa.array(found.verdicts[first:first + len(rows)] == _USED))
        first += len(rows)
        yield Parcels(parcel=used["parcel"].to_numpy(), code=classes.numbers[_numbers(used)],
                      year=used["year"].to_numpy().astype(np.int64),
                      outline=shapely.from_wkb(used["geometry"].to_numpy()), inside=used["inside"].to_numpy())


def ids(found: Heading, year: int) -> NDArray[np.uint64]:
    """Hashes of the ids of a year, each once."""
    named = [np.empty(0, np.uint64)]
    for rows in harmonised.read(found.path, ("parcel", "year")):
        named.append(pd.util.hash_array(rows.filter(pc.equal(rows["year"], year))["parcel"].to_numpy()))
    return np.unique(np.concatenate(named))


@dataclass(frozen=True, slots=True)
class _Flagged:
    """Rows that lie on others: their numbers, classes, years and outlines."""

    row: NDArray[np.int64]
    number: NDArray[np.int64]
    year: NDArray[np.int64]
    outline: NDArray[np.object_]

    @classmethod
    def none(cls) -> _Flagged:
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, nothing, np.empty(0, object))

    @classmethod
    def joined(cls, parts: Collection[_Flagged]) -> _Flagged:
        return cls(np.concatenate([part.row for part in parts]), np.concatenate([part.number for part in parts]),
                   np.concatenate([part.year for part in parts]), np.concatenate([part.outline for part in parts]))

    def told(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that lie on another class, and those whose outline an earlier row of their class has."""
        pairs = overlaps.among(self.outline)
        at_once = self.year[pairs.one] == self.year[pairs.other]
        differ = at_once & (self.number[pairs.one] != self.number[pairs.other])
        same = at_once & ~differ & pairs.same
        return self.row[np.concatenate([pairs.one[differ], pairs.other[differ]])], self.row[pairs.other[same]]


def _numbers(rows: pa.Table) -> NDArray[np.int64]:
    return np.asarray(rows["class_number"].fill_null(NONE).to_numpy().astype(np.int64))


def _crops(rows: pa.Table, number: NDArray[np.int64], crop: NDArray[np.bool_]
           ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N,) whether a row is one of several classes that its parcel grows in a year, and whether it repeats one.

    The crops of a parcel stand in one row group. Parcels that are called "7/1" and "7/2" for themselves are told from
    two crops of parcel "7" by their outlines.
    """
    chosen = np.flatnonzero(rows["crop_from"].is_valid().to_numpy() & crop)
    some = rows.select(["parcel", "year", "geometry"]).take(pa.array(chosen)).to_pandas()
    some = some.assign(parcel=some["parcel"].str.replace(r"/\d+$", "", regex=True), number=number[chosen])
    of_parcel = ["parcel", "year", "geometry"]
    several, again = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    several[chosen] = some.groupby(of_parcel)["number"].transform("nunique") > 1
    again[chosen] = some.duplicated([*of_parcel, "number"])
    return several, again
