"""What the commands of labels tell, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labels.commands import Did
    from labels.mapping_tables import Change, MappingTable


def changed(table: MappingTable, changes: Sequence[Change], against: Path | None) -> Iterator[str]:
    """What should be known of a mapping table, and what has changed against another."""
    yield from table.doubts
    if against is not None:
        yield f"{len(changes)} codes differ from {table.name} to {against.name}" + (":" if changes else "")
        yield from (f"  {change}" for change in changes)


def harmonised(did: Did, out: Path) -> Iterator[str]:
    """What harmonising made."""
    yield from did.report.lines()
    yield f"{did.parcels:,} parcels:"
    for reason, count in did.left_out.items():
        if count:
            yield f"  {count:>10,} more {reason}, which are left out"
    yield f"  {did.small:>10,} smaller than 0.5 ha"
    for flag, count in sorted(did.flagged.items()):
        yield f"  {count:>10,} {flag}"
    yield f"{did.crops:,} crops in {out}"
