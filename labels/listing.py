"""What is done for the commands of class sets and mapping tables, told in lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from agrispec.class_sets import CLASS_SETS, ClassSet
from agrispec.errors import ConfigError, CorruptRecord, DataError
from labels import code_changes, eurocrops, harmonise
from labels.mapping_tables import MappingTable


def class_set(name: str) -> ClassSet:
    """The class set of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in CLASS_SETS:
        raise ConfigError(f"there is no class set {name!r}", mend=f"name one of {', '.join(CLASS_SETS)}")
    return CLASS_SETS[name]


def classes(name: str | None) -> Iterator[str]:
    """The tables [[classes]] of a set for agrispec.toml, its class numbers being codes; without a name, the sets."""
    if name is None:
        for known in CLASS_SETS.values():
            yield f"{known.name}: {', '.join(crop.name for crop in known)}"
        return
    chosen = class_set(name)
    for number, crop in enumerate(chosen):
        meant = [" > ".join(chosen.lineage(number)), f"HCAT {', '.join(crop.hcat)}" if crop.hcat else "",
                 f"LUCAS {', '.join(crop.lucas)}" if crop.lucas else ""]
        yield from ("[[classes]]", f"name = {json.dumps(crop.name)}",
                    f"codes = [{number}]".ljust(24) + f"# {'; '.join(filter(None, meant))}",
                    f"colour = {json.dumps(crop.colour)}", "")


def published() -> Iterator[str]:
    """EuroCrops' tables."""
    for name, table in eurocrops.TABLES.items():
        year = table.year or ("all years" if table.every_year else "other years" if table.supplement else "no year")
        yield f"{name:<22}{table.country}  {year}"
    yield f"{len(eurocrops.TABLES)} tables at {eurocrops.ADDRESS} ({eurocrops.LICENCE});"
    yield "next: agrispec-gee labels tables --fetch FOLDER"


def fetch(folder: Path, tell: Callable[[str], None]) -> None:
    """EuroCrops' tables into a folder."""
    eurocrops.fetch(folder, tell=tell)


def tables(folder: Path, classes: str) -> Iterator[str]:
    """EuroCrops' tables in a folder, and how far each leads to a class set."""
    chosen = class_set(classes)
    paths = [folder / name for name in eurocrops.TABLES if (folder / name).is_file()]
    if not paths:
        raise DataError(f"{folder} holds no table of EuroCrops",
                        mend=f"fetch them: agrispec-gee labels tables --fetch {folder}")
    yield (f"{'table':<22}{'rows':>6}{'codes':>7}{'class':>7}{'other':>7}{'ambiguous':>11}{'land use':>10}"
           f"{'unmapped':>10}{'no key':>8}{'covered':>9}")
    read: dict[Path, MappingTable] = {}
    for path in paths:
        try:
            table = read[path] = MappingTable.read(path)
        except (CorruptRecord, DataError) as error:
            yield f"{path.name:<22}{error}"
            continue
        how_far = harmonise.coverage(table, chosen)
        yield (f"{path.name:<22}{len(table.entries):>6}{how_far.codes:>7}{how_far.mapped:>7}{how_far.rest:>7}"
               f"{how_far.ambiguous:>11}{how_far.land_use:>10}{how_far.unmapped:>10}{how_far.keyless:>8}"
               f"{100 * how_far.mapped / max(how_far.codes, 1):>7.1f} %"
               f"{'' if eurocrops.is_published(path) else '  not as published'}")
    yield (f"{len(read)} tables to {chosen.name}. class: codes that have one, of which `other` are the rest; no key:"
           " rows without code and name.")
    for country in eurocrops.ONE_SYSTEM:
        same = [table for path, table in read.items() if eurocrops.TABLES[path.name].country == country]
        found = code_changes.conflicts(same)
        if found:
            yield f"{country}, whose states share one system of codes:"
            yield from code_changes.conflict_lines(found, chosen)


def changes(table: tuple[Path, int | None], other: tuple[Path, int | None], country: str | None,
            classes: str) -> Iterator[str]:
    """How codes differ between two tables, each a path and the year of it that is meant."""
    chosen = class_set(classes)
    first, second = (MappingTable.read(path, country, year) for path, year in (table, other))
    yield f"{first.name} ({len(first.entries)} rows) -> {second.name} ({len(second.entries)} rows)"
    yield from (doubt for each in (first, second) for doubt in each.doubts)
    yield from code_changes.change_lines(code_changes.changes(first, second), chosen)
