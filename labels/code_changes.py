"""How codes differ between two mapping tables, of two years or of two states of a country."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agrispec.class_sets import ClassSet
from labels.harmonise import counted, meaning
from labels.mapping_tables import Entry, MappingTable, grouped, key


@dataclass(frozen=True, slots=True)
class Listed:
    """What a table says of a code, or of a name where `code` is "": all its names, and the HCAT codes of its rows."""

    code: str
    names: tuple[str, ...]
    hcat: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(filter(None, ("/".join(self.names), "/".join(self.hcat))))


KINDS = ("mapped elsewhere", "renamed", "recoded", "new", "gone")
"""How a code differs: another HCAT code, other names, a name that stands under another code, only in the other table,
only in the first."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a code differs between two tables.

    Attributes:
        kind: one of `KINDS`.
        before: in the first table; None for "new".
        after: in the other; None for "gone".
    """

    kind: str
    before: Listed | None
    after: Listed | None

    @property
    def code(self) -> str:
        """The code, that of the first table where it has one; of rows without a code it is their name."""
        listed = self.before or self.after
        return (listed.code or listed.names[0]) if listed else ""


def changes(table: MappingTable, other: MappingTable) -> list[Change]:
    """How codes differ in another table, by kind, then by code; what a supplement does not list is not gone."""
    first, second = _listed(table), _listed(other)
    found: list[Change] = []
    for code in first.keys() & second.keys():
        before, after = first[code], second[code]
        if before.hcat != after.hcat:
            found.append(Change("mapped elsewhere", before, after))
        elif before.names and after.names and not {key(name) for name in before.names} & set(map(key, after.names)):
            found.append(Change("renamed", before, after))
    places = {key(name): listed for listed in first.values() for name in listed.names}
    left = first.keys() - second.keys()
    for code in sorted(second.keys() - first.keys()):
        after = second[code]
        moved = next((places[key(name)] for name in after.names if key(name) in places), None)
        if moved is not None and _key_of(moved) in left:
            found.append(Change("recoded", moved, after))
            left -= {_key_of(moved)}
        else:
            found.append(Change("new", None, after))
    if not other.supplement:
        found += [Change("gone", first[code], None) for code in left]
    return sorted(found, key=lambda change: (KINDS.index(change.kind), change.code))


def declared_changes(table: MappingTable, other: MappingTable, declared: Iterable[tuple[str, str]]) -> list[Change]:
    """`changes` of the rows that declarations meet in either table.

    Args:
        table: the first.
        other: the other.
        declared: code and name of each, "" for none, as `MappingTable.of` takes them.
    """
    pairs = list(declared)
    before, after = ({_key_of(entry) for pair in pairs for entry in each.of(*pair)} for each in (table, other))
    return [change for change in changes(table, other) if (change.before and _key_of(change.before) in before)
            or (change.after and _key_of(change.after) in after)]


def conflicts(tables: Sequence[MappingTable]) -> list[tuple[str, Mapping[str, Listed]]]:
    """Codes that tables of one system of codes map differently, each with what the tables say, by table name."""
    said: dict[str, dict[str, Listed]] = defaultdict(dict)
    for table in tables:
        for code, listed in _listed(table).items():
            said[code][table.name] = listed
    return sorted((code, listed) for code, listed in said.items()
                  if len({each.hcat for each in listed.values()}) > 1)


def change_lines(found: Sequence[Change], classes: ClassSet) -> Iterator[str]:
    """Changes between two tables as text: how many of each kind, then each with the classes it means."""
    if not found:
        yield "no code differs"
        return
    moved = sum(change.before is not None and change.after is not None
                and _class(change.before, classes) != _class(change.after, classes) for change in found)
    counts = {kind: sum(change.kind == kind for change in found) for kind in KINDS}
    yield (", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
           + (f"; {counted(moved, 'code')} to another class" if moved else ""))
    for change in found:
        sides = [f"{side.code + ' ' if change.kind == 'recoded' and side.code else ''}{side} [{_class(side, classes)}]"
                 for side in (change.before, change.after) if side is not None]
        yield f"  {change.kind:<16}  {change.code:<6}  {' -> '.join(sides)}"


def conflict_lines(found: Sequence[tuple[str, Mapping[str, Listed]]], classes: ClassSet) -> Iterator[str]:
    """Codes that tables map differently as text, each with the classes it means by table."""
    split = sum(len({_class(each, classes) for each in listed.values()}) > 1 for _, listed in found)
    yield f"{counted(len(found), 'code')} mapped differently; {split} to different classes"
    for code, listed in found:
        yield f"  {code:<6}  " + ", ".join(f"{name} {'/'.join(each.hcat)} [{_class(each, classes)}]"
                                           for name, each in listed.items())


def _class(listed: Listed, classes: ClassSet) -> str:
    """The class that a code means, or why it means none."""
    found = meaning([Entry(listed.code, listed.names, code) for code in listed.hcat], classes)
    return classes.classes[found.class_number].name if found.status == "mapped" else found.status


def _listed(table: MappingTable) -> dict[str, Listed]:
    """What a table says, by code, or by name where rows have none."""
    rows = grouped((_key_of(entry), entry) for entry in table.entries if entry.code or entry.names)
    return {code: Listed(found[0].code, tuple(dict.fromkeys(name for entry in found for name in entry.names)),
                         tuple(sorted({entry.hcat for entry in found}))) for code, found in rows.items()}


def _key_of(row: Entry | Listed) -> str:
    return row.code or key(row.names[0])
