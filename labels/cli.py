"""The commands of labels; what they call loads only then."""

from __future__ import annotations

from pathlib import Path

import click


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
