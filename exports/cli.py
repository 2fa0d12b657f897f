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
@click.option("--labels", is_flag=True,
              help="Read the label map again at the samples of the source seasons; the engine is asked for that.")
@click.pass_obj
def audit(opening: Opening, run: Path, labels: bool) -> None:
    """Compare RUN's cubes with its samples, and tell which are missing and what they hold.

    The exit code is 1 where a cube is missing, came twice, or was not asked for.
    """
    from contextlib import ExitStack
    from functools import partial

    from exports import runs
    from exports.audit import commands, label_agreement
    home = runs.open(run)
    with ExitStack() as stack:
        opened = stack.enter_context(opening(run)) if labels else None
        tell = stack.enter_context(progress("auditing"))
        ask = partial(label_agreement, engine=opened.engine, graphs=opened.graphs, config=opened.config,
                      progress=tell) if opened else None
        complete, told = commands.run_audit(home, home.config, tell, ask)
    for line in told:
        click.echo(line)
    if not complete:
        raise click.exceptions.Exit(1)


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


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
def inspect(path: Path) -> None:
    """Tell what PATH is: a run, a model, a shard, an image."""
    from exports import inspection
    for line in inspection.describe(path):
        click.echo(line)
