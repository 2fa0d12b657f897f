"""What the export's commands print: a plan, an estimate, a finished export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exports.amounts import size
from exports.export.budget import LEVEL, hours, reach
from exports.export.commands import Probed
from exports.export.status import duration
from exports.planning import Outline

# Cells, of those without samples.
_NAMED = 8


def planned(found: Outline) -> Iterator[str]:
    """Lines of a dry run."""
    at_most = "" if found.exact else "at most "
    for season, cells in sorted(Counter(season for season, _ in found.sizes).items()):
        records = sum(count for (year, _), count in found.sizes.items() if year == season)
        yield f"Season {season}: {at_most}{records:,} samples in {cells} cells"
    yield (f"{at_most.capitalize()}{found.tasks:,} tasks, {found.records:,} records, {size(found.bytes)} before GZIP"
           f" ({found.record_bytes:,} bytes each), {found.requests:,} requests")
    for limit in found.limits:
        reached = f"reached: {limit.then}" if limit.touched else f"{limit.used / limit.most:.1%} of it"
        yield f"  {limit.name}: {limit.used:,} of {limit.most:,}, {reached}"
    if not found.exact:
        yield "Places are not drawn yet: a cell with fewer fields than asked for gives fewer samples."


def probed(found: Probed, run: Path) -> Iterator[str]:
    """Lines of a probe."""
    cost, limit = found.estimate, found.limit
    yield (f"{cost.shards} shards took {hours(cost.used)}; all will take about {hours(cost.total)}"
           f" ({reach(cost)}, {LEVEL:.0%} interval)")
    if limit.limited:
        yield f"That is {cost.total / limit.seconds:.1%} of the budget of {hours(limit.seconds)}"
    yield f"Go on: agrispec-gee export {run} --resume"


def exported(did: Mapping[str, Any], cells: int, run: Path) -> Iterator[str]:
    """Lines of a finished export, which looked for samples in so many cells."""
    for year, filled in did["cells"].items():
        scenes = did["scenes"][year]
        yield (f"Season {year}: samples in {filled} of {cells} cells; by cell {scenes['scenes']:,} scenes,"
               f" {scenes['without_cloud_score']} without Cloud Score+, {scenes['derived_cloud_score']} with one"
               " derived from their classification")
    made = f"{did['tasks']:,} tasks" + (" or requests, which tell no cost," if did["interactive"] else ",")
    yield (f"{did['records']:,} cubes in {run / 'shards'}, by {made} {hours(did['eecu_seconds'])} in"
           f" {duration(did['elapsed_s'])}; report in {run / 'report' / 'export'}; next: agrispec-gee train {run}")


def doubts(did: Mapping[str, Any]) -> Iterator[str]:
    """What should be known of a finished export."""
    for year, empty in did["empty_cells"].items():
        if empty:
            more = f" and {len(empty) - _NAMED} more cells" if len(empty) > _NAMED else ""
            yield f"season {year}: no sample in {', '.join(empty[:_NAMED])}{more}"
    if did["left_in_bucket"]:
        yield str(did["left_in_bucket"])
    if did["missing"]["samples"]:
        yield f"{did['missing']['samples']} samples are left out: {'; '.join(did['missing']['reasons'])}"
