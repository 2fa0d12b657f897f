"""What harmonising tells, as lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labels import code_changes

if TYPE_CHECKING:
    from labels.commands import Did
    from labels.harmonise import Report
    from labels.mapping_tables import MappingTable


def reported(report: Report, table: MappingTable, other: MappingTable | None, *, several: bool) -> Iterator[str]:
    """What became of the declared codes, and which of them another table maps differently.

    Args:
        report: of the codes.
        table: that they were mapped with.
        other: None where none is compared.
        several: whether a parcel may have several crops.
    """
    yield from table.doubts
    yield from report.lines()
    if several:
        yield "hectares count a parcel once for each of its crops"
    if other is not None:
        declared = [(each.code, each.name) for each in report.tallies]
        yield f"declared codes, from {table.name} to {other.name}:"
        yield from code_changes.change_lines(code_changes.declared_changes(table, other, declared), report.classes)


def harmonised(did: Did, out: Path) -> Iterator[str]:
    """What was made."""
    yield f"{did.parcels:,} parcels:"
    for reason, count in did.left_out.items():
        yield f"  {count:>10,} more {reason}, which are left out"
    for flag, count in sorted(did.flagged.items()):
        if count:
            yield f"  {count:>10,} {flag}" + (" (below 0.5 ha)" if flag == "small" else "")
    yield f"{did.crops:,} crops in {out}"
