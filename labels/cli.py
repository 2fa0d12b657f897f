"""The commands of labels; what they call loads only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def labels() -> None:
    """Bring farm declarations and crop maps to the classes of a run."""


@labels.command()
@click.argument("name", required=False)
def classes(name: str | None) -> None:
    """Print the [[classes]] of a class set for agrispec.toml; without NAME, list the sets."""
    from labels import listing
    for line in listing.classes(name):
        click.echo(line)


@labels.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--fetch", is_flag=True, help="Fetch into FOLDER what is not there yet, and verify it.")
@click.option("--classes", default="agrispec-17", show_default=True, help="Class set that they are mapped to.")
def tables(folder: Path | None, fetch: bool, classes: str) -> None:
    """List EuroCrops' mapping tables, those in FOLDER with how far each leads to the classes.

    A code has a class, is ambiguous (wheat whose season is not said), says a land use and no crop, or is not mapped.
    """
    from labels import listing
    if folder is None:
        if fetch:
            raise click.UsageError("--fetch needs a FOLDER")
        lines = listing.published()
    else:
        if fetch:
            listing.fetch(folder, lambda name: click.echo(f"fetching {name}", err=True))
        lines = listing.tables(folder, classes)
    for line in lines:
        click.echo(line)


@labels.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True))
@click.argument("other", type=click.Path(path_type=Path, exists=True))
@click.option("--country", help="Of both, where a table holds several.")
@click.option("--year", type=int, help="Of TABLE, where it holds several.")
@click.option("--other-year", type=int, help="Of OTHER, where it holds several.")
@click.option("--classes", default="agrispec-17", show_default=True, help="Class set that they are mapped to.")
def changes(table: Path, other: Path, country: str | None, year: int | None, other_year: int | None,
            classes: str) -> None:
    """Print how codes differ between two mapping tables: of two years, or of two states of a country."""
    from labels import listing
    for line in listing.changes((table, year), (other, other_year), country, classes):
        click.echo(line)


@labels.command()
@click.argument("name", required=False)
@click.option("--classes", default="agrispec-17", show_default=True, help="Class set that NAME's codes become.")
def maps(name: str | None, classes: str) -> None:
    """List crop maps to draw samples from; of NAME, print [labels] and [[classes]] for agrispec.toml."""
    from agrispec.class_sets import CLASS_SETS
    from labels import listing, reference_maps
    if name is None:
        for found in reference_maps.REFERENCE_MAPS.values():
            for line in reference_maps.described(found, CLASS_SETS):
                click.echo(line)
        click.echo("next: agrispec-gee labels maps NAME --classes SET")
    else:
        click.echo(reference_maps.toml(reference_maps.of(name), listing.class_set(classes)), nl=False)


@labels.command()
@click.argument("parcels", nargs=-1, required=True, type=_FILE)
@click.option("--country", required=True, metavar="XX", help="Two letters, as the mapping table has them, e.g. FR.")
@click.option("--year", required=True, type=click.IntRange(1984, 2100), help="Of the declarations.")
@click.option("--map", "maps", required=True, multiple=True, type=click.Path(path_type=Path),
              help="Table of what codes mean: of EuroCrops, or your own. The first of several goes before the others.")
@click.option("--out", required=True, type=_FILE, help="GeoParquet file to write.")
@click.option("--classes", default="agrispec-17", show_default=True, help="Class set.")
@click.option("--code", metavar="COLUMN", help="Column of national codes.")
@click.option("--name", metavar="COLUMN", help="Column of national names; the key where a country has no codes.")
@click.option("--crop", "crops", multiple=True, metavar="COLUMN=MONTHS",
              help="Column of codes and the months it speaks of, e.g. CROP_1=3-8; once for each of a parcel's crops,"
                   " in the order of time.")
@click.option("--id", metavar="COLUMN", help="Column that names a parcel; else it is the number of its row, from 0.")
@click.option("--layer", help="Of a file that has several.")
@click.option("--crs", help="Of a file that does not say, e.g. EPSG:2154.")
@click.option("--encoding", help="Of a file whose texts it reads wrongly, e.g. ISO-8859-1.")
@click.option("--inward", "inward_m", type=float, default=10.0, show_default=True, metavar="M",
              help="Metres from the outline that samples keep.")
@click.option("--leave-out", is_flag=True, help="Leave crops whose code the table lacks without a class.")
@click.option("--against", type=click.Path(path_type=Path, exists=True),
              help="Mapping table of another year, or a folder of EuroCrops' tables: tell which of the declared codes"
                   " it maps differently.")
@click.option("--against-year", type=int, metavar="YEAR", help="Of --against, where it holds several, or is a folder.")
@click.option("--other-year", "others", multiple=True, type=_FILE, metavar="FILE",
              help="Harmonised file of another year: tell which outlines stand in it too.")
def harmonise(parcels: tuple[Path, ...], maps: tuple[Path, ...], out: Path, classes: str, crops: tuple[str, ...],
              against: Path | None, against_year: int | None, others: tuple[Path, ...], **asked: Any) -> None:
    """Write the declared PARCELS of a country and year in the classes of a class set.

    PARCELS are GeoPackage, GeoParquet, shapefile or GeoJSON files. Outlines are repaired, measured and drawn in;
    overlaps are marked, nothing is dropped without being told. A code that the table lacks is an error, and no file is
    written; see docs/how-to/labels.md.
    """
    from rich.console import Console
    from rich.text import Text

    from labels import commands, listing, told
    from labels.crop_months import CropColumn
    from labels.mapping_tables import MappingTable
    from labels.preparation import Asked
    if against_year is not None and against is None:
        raise click.UsageError("--against-year needs --against")
    asking, chosen = Asked(crops=tuple(map(CropColumn.parse, crops)), **asked), listing.class_set(classes)
    commands.refuse_overwriting((*parcels, *maps, *([against] if against else ()), *others), out)
    table = commands.tables(maps, asking)
    other = MappingTable.read(against, asking.country, against_year) if against else None
    with Console(stderr=True).status("harmonising") as status:
        did = commands.run_harmonise(
            parcels, table, chosen, asking, out, others=others,
            reported=lambda report: click.echo("\n".join(told.reported(report, table, other, several=len(crops) > 1))),
            progress=lambda done: status.update(Text(f"harmonising: {done}")))
    click.echo("\n".join(told.harmonised(did, out)))
