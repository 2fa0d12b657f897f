"""The commands that make a run, fill it, look at it and bring it back; what they call loads only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exports.terminal import RUN, GivenPath, Opening, progress, warn


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
@click.option("--dry-run", is_flag=True, help="Tell what would be asked for, offline, and stop.")
@click.option("--probe", type=click.IntRange(min=1), metavar="N",
              help="Export N representative shards, tell what all will cost, and stop.")
@click.option("--budget-eecu-h", "hours", type=float, metavar="X",
              help="Compute that the whole export may use, EECU-hours; by default what is left of the month of"
                   " [engine] tier.")
@click.option("--resume", is_flag=True, help="Go on with an export that was not finished; else begin one.")
@click.option("--gaps", is_flag=True, help="Export only what a finished export lacks by now, as `audit` tells.")
@click.option("--accept-missing", is_flag=True,
              help="Leave out the samples that could not be exported, or that the budget does not reach.")
@click.option("--route", type=click.Choice(["batch", "interactive"]), default="batch", show_default=True,
              help="By tasks and a bucket, or by requests that are answered at once, for small exports.")
@click.option("--priority", type=click.IntRange(0, 9999), default=100, show_default=True,
              help="Of the tasks; only paid projects may give another.")
@click.pass_obj
def export(opening: Opening, /, run: Path, dry_run: bool, hours: float | None, **typed: Any) -> None:
    """Draw RUN's samples and export their feature cubes as TFRecord shards."""
    from exports import runs
    from exports.export import commands, holding, told
    from exports.export.budget import Budget
    if dry_run:
        found = runs.open(run)
        click.echo("\n".join(told.planned(commands.outline(found, found.config, of_gaps=typed["gaps"]))))
        return
    asked = commands.Asked(budget=None if hours is None else Budget(hours), **typed)
    with opening(run) as opened, holding.held(run), progress("exporting") as tell:
        did = commands.export(opened, asked, tell, warn)
    if did is None:
        click.echo(f"{run} is exported: there is nothing to go on with")
    elif isinstance(did, commands.Probed):
        click.echo("\n".join(told.probed(did, run)))
    else:
        for doubt in told.doubts(did):
            warn(doubt)
        click.echo("\n".join(told.exported(did, len(opened.config.area.resolved), run)))


@click.command()
@RUN
@click.option("--watch", is_flag=True, help="Look again every second until it ends.")
def status(run: Path, watch: bool) -> None:
    """Tell how RUN's export stands; needs no account."""
    import time

    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from exports import runs
    from exports.export import cubes, holding, ledger
    from exports.export import status as standing
    found = runs.open(run)

    def look() -> tuple[Group, str]:
        holder = holding.holder(run)
        if not cubes.ledger_of(found).exists():
            said = f"{holder} draws places" if holder else \
                f"{run} is exported" if found.shards.exists() else f"{run} has no export yet"
            return Group(Text(said)), holder
        with ledger.Ledger(cubes.ledger_of(found)) as kept:
            entries, about, lost = kept.entries(), kept.about, kept.lost
        stands = standing.status(entries, len(lost), about)
        reasons = standing.reasons(entries, lost)
        return Group(standing.table(stands), *map(Text, (*standing.lines(stands, holder), *reasons))), holder

    console = Console()
    shown, holder = look()
    if not watch:
        console.print(shown, soft_wrap=True)
        return
    with Live(shown, console=console, auto_refresh=False) as live:
        while holder:
            time.sleep(1.0)
            shown, holder = look()
            live.update(shown, refresh=True)


@click.command()
@RUN
@click.option("--drop", is_flag=True, help="Also remove what has come, so that a new export can begin.")
@click.pass_obj
def cancel(opening: Opening, run: Path, drop: bool) -> None:
    """Ask the tasks of RUN's unfinished export to stop; --resume goes on with it."""
    from exports.export import commands, holding
    with opening(run) as opened, holding.held(run):
        asked, ended = commands.stop(opened.run, opened.engine)
        if drop and (left := commands.drop(opened.run, opened.engine)):
            warn(left)
    click.echo(f"{asked} tasks were asked to stop, {ended} had ended; "
               + ("what had come is removed" if drop else f"go on with: agrispec-gee export {run} --resume"))


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
    if labels and home.config.labels.places:
        raise click.UsageError("the labels of this run are declared: there is no label map to read again")
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
@click.option("--route", type=click.Choice(["geotiff", "tfrecord", "cog"]), default="geotiff", show_default=True,
              help="Images are ingested as GeoTIFFs or as TFRecord patches, or stay in the bucket as COGs.")
@click.option("--dry-run", is_flag=True, help="Tell what would be written, and stop.")
@click.pass_obj
def publish(opening: Opening, run: Path, route: str, dry_run: bool) -> None:
    """Write RUN's map and parcels as Earth Engine assets, and compare them with what was predicted.

    Nothing is ever replaced: what is there already is compared again, other predictions get the next number.
    """
    from exports import manifest
    from exports.publishing import commands, told
    with opening(run) as opened:
        if dry_run:
            found = commands.prepare(opened.run, opened.config, opened.engine, route)
            click.echo("\n".join(told.planned(found, opened.config.engine.bucket)))
            return
        with progress("publishing") as tell:
            did = commands.publish(opened.run, opened.config, opened.engine, opened.graphs, route, tell)
            manifest.record(run, "publish", did)
    for doubt in told.doubts(did):
        warn(doubt)
    click.echo("\n".join(told.published(did)))


@click.command()
@RUN
def report(run: Path) -> None:
    """Write one page that tells what RUN was asked, made, and is worth.

    The page needs nothing else to be read; report.md beside it says the same. See docs/how-to/report.md.
    """
    from exports import runs
    from exports.report import commands
    with progress("reporting"):
        page = commands.run_report(runs.open(run))
    click.echo(f"Report: {page}")


def _picture(context: click.Context, parameter: click.Parameter, file: Path | None) -> Path | None:
    if file and file.suffix != ".png":
        raise click.BadParameter(f"{file} is no .png; write --plot behind PATH, or name the picture")
    return file


@click.command()
@click.argument("path", type=GivenPath())
@click.option("--run", type=GivenPath(file_okay=False),
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
