"""The commands of labels; what they call loads only then."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def labels() -> None:
    """Bring farm declarations and crop maps to the classes of a run."""


@labels.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.argument("files", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--per-parcel", type=click.IntRange(min=1), default=3, show_default=True, metavar="K",
              help="Pixels drawn of a parcel at most.")
@click.option("--median", is_flag=True,
              help="One sample a parcel, the median of its pixels, by the uploaded table [labels] parcels.")
@click.option("--area-sample", "units", type=click.IntRange(min=2), metavar="N",
              help="Draw N pixels of the map that lie in declared parcels as a probability sample, and keep the places"
                   " out of the parcels that they touch.")
def draw(run: Path, files: tuple[Path, ...], per_parcel: int, median: bool, units: int | None) -> None:
    """Draw RUN's places inside declared parcels, which `labels harmonise` wrote as FILE...

    [samples] per_class counts parcels of a class, cell and season; per_cell counts places of a cell in the target
    season, whose labels stay closed until `evaluate`.
    """
    from labels import sampling
    for line in sampling.lines(sampling.draw(run, files, per_parcel=None if median else per_parcel, units=units)):
        click.echo(line)
    click.echo(f"Next: agrispec-gee export {run}")
