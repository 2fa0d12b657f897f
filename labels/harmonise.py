"""From national codes to class numbers, and what became of each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec import hcat
from agrispec.class_sets import ClassSet
from agrispec.errors import DataError
from labels.mapping_tables import Entry, MappingTable, code_text, key

STATUSES = ("mapped", "unmapped", "ambiguous", "land use")
"""mapped: the code has a class. unmapped: no row of the table has it. ambiguous: it may be crops of several classes, as
wheat whose season is not said, or rows of the table differ. land use: it says arable land or less, and no crop.
"""

MOST_CODES = 10_000
"""Codes of a country that are believed; more come from a column that holds something else."""

_SHOWN = 20


class Meaning(NamedTuple):
    """What a code means.

    Attributes:
        status: one of `STATUSES`.
        class_number: position in the class set, -1 for none.
        hcat: ten digits, "" where the table says none, or several.
    """

    status: str
    class_number: int
    hcat: str


def meaning(entries: Sequence[Entry], classes: ClassSet) -> Meaning:
    """What rows of a mapping table, those of one code, mean together.

    Rows that differ are ambiguous, unless they mean one class: then it is no guess, and only the HCAT code stays open.
    """
    codes = {entry.hcat for entry in entries if entry.hcat}
    if not codes:
        return Meaning("unmapped", -1, "")
    said = codes.pop() if len(codes) == 1 else ""
    numbers = {classes.of_hcat(code) for code in codes or {said}}
    number = numbers.pop() if len(numbers) == 1 else None
    if number is not None:
        return Meaning("mapped", number, said)
    # One pair says crop type, two say land use.
    land_use = said and len(hcat.node(said)) <= 4
    return Meaning("land use" if land_use else "ambiguous", -1, said)


@dataclass(frozen=True, slots=True)
class Declared:
    """A code as it was declared, with its name there or else in the table, and its meaning."""

    code: str
    name: str
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Harmonised:
    """What N declarations mean.

    Attributes:
        group: which of `declared` each is, int64 (N,).
        declared: the different pairs of code and name.
    """

    group: NDArray[np.int64]
    declared: tuple[Declared, ...]

    @property
    def class_number(self) -> NDArray[np.int16]:
        """Position in the class set, -1 for none (N,)."""
        return np.array([each.meaning.class_number for each in self.declared], np.int16)[self.group]

    @property
    def code(self) -> NDArray[np.object_]:
        """National codes as text, "" for none (N,)."""
        return self._texts(each.code for each in self.declared)

    @property
    def name(self) -> NDArray[np.object_]:
        """National names, None for none (N,)."""
        return self._texts(each.name or None for each in self.declared)

    @property
    def hcat(self) -> NDArray[np.object_]:
        """HCAT codes of ten digits, None for none (N,)."""
        return self._texts(each.meaning.hcat or None for each in self.declared)

    @property
    def status(self) -> NDArray[np.object_]:
        """One of `STATUSES` each (N,)."""
        return self._texts(each.meaning.status for each in self.declared)

    def _texts(self, values: Iterator[str | None]) -> NDArray[np.object_]:
        return np.array([*values, None], np.object_)[self.group]


def harmonise(codes: NDArray[Any] | None, names: NDArray[Any] | None, table: MappingTable,
              classes: ClassSet) -> Harmonised:
    """The meaning of declarations; what the table does not say stays open.

    Args:
        codes: national codes (N,), text or numbers, None or NaN for none; None where declarations have names only.
        names: national names (N,) likewise. They find rows that have no code, and tell when a code has changed.
        table: of the country and year.
        classes: what to map to.

    Raises:
        DataError: neither codes nor names are given.
    """
    given = [values for values in (codes, names) if values is not None]
    if not given:
        raise DataError("declarations have neither codes nor names", mend="name the column of their codes")
    code_of, different_codes = _different(codes, len(given[0]))
    name_of, different_names = _different(names, len(given[0]))
    group, pairs = pd.factorize(code_of * len(different_names) + name_of)
    texts = [code_text(value) for value in different_codes]
    titles = [code_text(value) for value in different_names]
    declared = []
    for code, name in zip(*divmod(pairs, len(different_names)), strict=True):
        entries = table.of(texts[code], titles[name])
        name_there = next((entry.names[0] for entry in entries if entry.names), "")
        declared.append(Declared(texts[code], titles[name] or name_there, meaning(entries, classes)))
    return Harmonised(group.astype(np.int64), tuple(declared))


def _different(values: NDArray[Any] | None, count: int) -> tuple[NDArray[np.int64], list[Any]]:
    """Which of the different values each is; there is one more, None, for what is missing."""
    if values is None:
        return np.zeros(count, np.int64), [None]
    numbers, found = pd.factorize(values)
    return np.where(numbers < 0, len(found), numbers).astype(np.int64), [*found, None]


class Tally(NamedTuple):
    """How many declarations, and how many hectares they have."""

    declarations: int
    hectares: float


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the declarations of a file: reports of its parts add up.

    Attributes:
        classes: what they were mapped to.
        tallies: by what was declared.
    """

    classes: ClassSet
    tallies: Mapping[Declared, Tally]

    @classmethod
    def of(cls, harmonised: Harmonised, area_ha: NDArray[np.floating[Any]], classes: ClassSet) -> Report:
        """The report of N declarations of these areas (N,), hectares."""
        count = np.bincount(harmonised.group, minlength=len(harmonised.declared))
        area = np.bincount(harmonised.group, area_ha, minlength=len(harmonised.declared))
        tallies: dict[Declared, Tally] = {}
        for declared, number, hectares in zip(harmonised.declared, count.tolist(), area.tolist(), strict=True):
            # Two spellings of one code, 12 and 12.0, are one.
            before = tallies.get(declared, Tally(0, 0.0))
            tallies[declared] = Tally(before.declarations + number, before.hectares + hectares)
        return cls(classes, tallies)

    def __add__(self, other: Report) -> Report:
        """Both together.

        Raises:
            DataError: there are more codes than a country has.
        """
        tallies = dict(self.tallies)
        for declared, tally in other.tallies.items():
            before = tallies.get(declared, Tally(0, 0.0))
            tallies[declared] = Tally(before.declarations + tally.declarations, before.hectares + tally.hectares)
        if len(tallies) > MOST_CODES:
            example = next(iter(tallies))
            raise DataError(f"the declarations have more than {MOST_CODES:,} different codes, e.g."
                            f" {example.code or example.name!r}",
                            mend="name the column of the crop's code with --code, and that of its name with --name")
        return Report(self.classes, tallies)

    def total(self, status: str | None = None) -> Tally:
        """All declarations, or those of a status."""
        chosen = [tally for declared, tally in self.tallies.items() if status in (None, declared.meaning.status)]
        return Tally(sum(tally.declarations for tally in chosen), sum(tally.hectares for tally in chosen))

    def codes(self, status: str) -> list[tuple[str, Tally]]:
        """The codes of a status with a name each, the largest area first."""
        named: dict[str, str] = {}
        tallies: dict[str, Tally] = defaultdict(lambda: Tally(0, 0.0))
        for declared, tally in self.tallies.items():
            if declared.meaning.status == status:
                code = declared.code or declared.name or "(no code)"
                named.setdefault(code, declared.name if declared.code else "")
                before = tallies[code]
                tallies[code] = Tally(before.declarations + tally.declarations, before.hectares + tally.hectares)
        found = sorted(tallies.items(), key=lambda item: (-item[1].hectares, -item[1].declarations, item[0]))
        return [(f"{code} {named[code]}".rstrip(), tally) for code, tally in found]

    def lines(self) -> Iterator[str]:
        """The report as text: each status, each class, and the codes that have none."""
        everything = self.total()
        yield f"{everything.declarations:,} declarations, {everything.hectares:,.1f} ha"
        for status in STATUSES:
            tally = self.total(status)
            if tally.declarations or status == "mapped":
                yield (f"  {status:<10} {tally.declarations:>12,} {tally.hectares:>14,.1f} ha"
                       f" {_share(tally, everything):>7}  {counted(len(self.codes(status)), 'code')}")
        areas: dict[int, Tally] = defaultdict(lambda: Tally(0, 0.0))
        for declared, tally in self.tallies.items():
            before = areas[declared.meaning.class_number]
            areas[declared.meaning.class_number] = Tally(before.declarations + tally.declarations,
                                                         before.hectares + tally.hectares)
        width = max(len(crop.name) for crop in self.classes)
        for number, crop in enumerate(self.classes):
            if number in areas:
                yield f"  {crop.name:<{width}} {areas[number].declarations:>12,} {areas[number].hectares:>14,.1f} ha"
        for status in STATUSES[1:]:
            found = self.codes(status)
            if found:
                yield f"{status}:"
            for code, tally in found[:_SHOWN]:
                yield f"  {tally.declarations:>10,} {tally.hectares:>14,.1f} ha  {code}"
            if len(found) > _SHOWN:
                yield f"  and {len(found) - _SHOWN} more"

    def check(self, table: MappingTable) -> None:
        """That every declaration has a row in the table it was mapped with.

        Raises:
            DataError: some have none; it names their codes.
        """
        missing = self.codes("unmapped")
        if missing:
            tally = self.total("unmapped")
            names = ", ".join(code for code, _ in missing[:_SHOWN])
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise DataError(f"{table.name} does not map {counted(len(missing), 'code')} of"
                            f" {counted(tally.declarations, 'declaration')} ({tally.hectares:,.1f} ha): {names}{more}",
                            mend="map them in a table of your own and give it with --map before this one, or leave"
                            " these declarations without a class with --leave-out")


def _share(part: Tally, whole: Tally) -> str:
    """Its part of the area, or of the declarations where nothing has an area."""
    share = part.hectares / whole.hectares if whole.hectares else part.declarations / max(whole.declarations, 1)
    return f"{100 * share:.1f} %"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far a mapping table leads to a class set; all but `keyless` count codes, or names where rows have none.

    Attributes:
        codes: all.
        mapped: those with a class.
        rest: how many of these are the class of the rest, "other".
        ambiguous: those that may be several classes.
        land_use: those that say no crop.
        unmapped: those without HCAT code.
        keyless: rows that have neither code nor name.
    """

    codes: int
    mapped: int
    rest: int
    ambiguous: int
    land_use: int
    unmapped: int
    keyless: int


def coverage(table: MappingTable, classes: ClassSet) -> Coverage:
    """How far a table leads to a class set."""
    rows: dict[str, list[Entry]] = defaultdict(list)
    for entry in table.entries:
        if entry.code or entry.names:
            rows[entry.code or key(entry.names[0])].append(entry)
    found = [meaning(entries, classes) for entries in rows.values()]
    count = {status: sum(each.status == status for each in found) for status in STATUSES}
    rest = {number for number, crop in enumerate(classes) if hcat.ROOT in crop.hcat}
    return Coverage(codes=len(found), mapped=count["mapped"], rest=sum(each.class_number in rest for each in found),
                    ambiguous=count["ambiguous"], land_use=count["land use"], unmapped=count["unmapped"],
                    keyless=table.keyless)
