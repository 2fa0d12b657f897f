"""The commands that make a run, fill it, look at it and bring it back; what they call loads only then."""

from __future__ import annotations

from pathlib import Path

import click

from exports.terminal import RUN, Opening, progress


@click.command()
@RUN
def init(run: Path) -> None:
    """Make RUN, a directory with an agrispec.toml to fill in."""
    from importlib import resources

    from exports import runs
    made = runs.create(run, resources.files("exports").joinpath("starter.toml").read_text(encoding="utf-8"))
    click.echo(f"Fill in {made.config_file}; then: agrispec-gee export {run}")


@click.command()
@RUN
@click.pass_obj
def export(opening: Opening, run: Path) -> None:
    """Draw RUN's samples and export their feature cubes as TFRecord shards."""
    from exports import collect, manifest
    with opening(run) as opened, progress("exporting") as tell:
        table = collect.places(opened.config, opened.engine, opened.graphs, tell)
        did = collect.cubes(opened.run, opened.config, opened.engine, opened.graphs, table, tell)
        manifest.record(run, "export", {"engine": opened.engine.name, "project": opened.engine.project,
                                        "cube": opened.config.spec.digest, **did})
    for year, cells in did["cells"].items():
        scenes = did["scenes"][year]
        click.echo(f"Season {year}: samples in {cells} of {len(opened.config.area.resolved)} cells; {scenes['scenes']}"
                   f" scenes, {scenes['without_cloud_score']} without Cloud Score+, {scenes['derived_cloud_score']}"
                   " with one derived from their classification")
    click.echo(f"{did['records']} cubes in {opened.run.shards}, by {did['tasks']} tasks;"
               f" next: agrispec-gee train {run}")


@click.command()
@RUN
@click.pass_obj
def publish(opening: Opening, run: Path) -> None:
    """Write RUN's map and parcels back as Earth Engine assets, and verify them."""
    from exports import manifest
    from exports import publish as stage
    with opening(run) as opened, progress("publishing") as tell:
        did = stage.publish(opened.run, opened.config, opened.engine, opened.graphs, tell)
        manifest.record(run, "publish", did)
    for asset, count in did["compared"].items():
        click.echo(f"{asset}: {count} compared, all equal")


def _picture(context: click.Context, parameter: click.Parameter, file: Path | None) -> Path | None:
    if file and file.suffix != ".png":
        raise click.BadParameter(f"{file} is no .png; write --plot behind PATH, or name the picture")
    return file


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--run", type=click.Path(path_type=Path, file_okay=False),
              help="PATH is the id of an Earth Engine asset; the engine of this run is asked for it.")
@click.option("--plot", "picture", metavar="[FILE.png]", is_flag=False, flag_value=Path("series.png"),
              type=click.Path(path_type=Path), callback=_picture,
              help="Draw a few series of the cubes of a run, of shards or of a shard.  [default: series.png]")
@click.pass_obj
def inspect(opening: Opening, path: Path, run: Path | None, picture: Path | None) -> None:
    """Tell what PATH is: a run, shards, patches, a model, predictions, an image, a table of samples, an asset."""
    from exports import inspection
    if run and picture:
        raise click.UsageError("an asset is not drawn: --plot goes with the path of a run, of shards or of a shard")
    if run:
        with opening(run) as opened:
            for line in inspection.describe_asset(path.as_posix(), opened.engine, opened.graphs):
                click.echo(line)
        return
    for line in inspection.describe(path):
        click.echo(line)
    if picture:
        inspection.draw(path, picture)
        click.echo(f"Drawn: {picture}")
