"""The command line: what is registered, what opens a run for it, and what users read where something fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from agrispec.errors import AgrispecError, MissingExtra
from agrispec_tf.cli.bench import bench
from agrispec_tf.cli.judging import area, evaluate
from agrispec_tf.cli.mapping import export_model, map_on_engine, predict
from agrispec_tf.cli.reviewing import review
from agrispec_tf.cli.training import adapt, finetune, train
from exports.cli import audit, cancel, export, init, inspect, publish, report, status
from exports.terminal import RUN, GivenPath, Opened, Opening, progress, tell
from gee_scripts.engine.cli import DATA, engine
from labels.cli import labels

if TYPE_CHECKING:
    from agrispec_tf.baselines import on_engine
    from exports import declarations, mapping
    from exports.export import cubes, places
    from exports.inspection import asset
    from exports.publishing import commands as publishing
    from exports.review import curves, fetching

    class _Graphs(places.Graphs, cubes.Graphs, mapping.Graphs, publishing.Graphs, on_engine.Graphs, asset.Graphs,
                  curves.Graphs, fetching.Graphs, declarations.Graphs, Protocol):
        """All graphs that some stage asks for."""

# Packages that a base installation does not have, and the extra that brings each.
_EXTRAS = {"rasterio": "local", "pyproj": "local", "shapely": "local", "starlette": "local", "uvicorn": "local",
           "h5netcdf": "local", "keras": "train", "tensorflow": "train", "jax": "jax",
           "onnx": "deploy", "onnxruntime": "deploy", "openvino": "deploy", "pyogrio": "labels", "pooch": "labels"}


class _Commands(click.Group):
    """Turns what a user can mend into one line, and nothing else."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (AgrispecError, KeyboardInterrupt) as error:
            for note in getattr(error, "__notes__", ()):
                click.echo(note, err=True)
            if isinstance(error, KeyboardInterrupt):
                raise
            click.echo(f"agrispec-gee: {error}", err=True)
            ctx.exit(error.exit_code)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            click.echo(f"agrispec-gee: {MissingExtra(f'this command uses {error.name}; it', _EXTRAS[error.name])}",
                       err=True)
            ctx.exit(MissingExtra.exit_code)


@contextmanager
def _opened(path: Path) -> Iterator[Opened]:
    """A run with the engine that its configuration names: the one place that chooses."""
    from exports import runs
    from gee_scripts import engine as engines
    from gee_scripts import export as builders
    graphs: _Graphs = builders
    run = runs.open(path)
    config = run.config
    computing = engines.open(config.engine, run.path)
    try:
        yield Opened(run=run, config=config, engine=computing, graphs=graphs)
    finally:
        computing.close()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "obj": _opened})
@click.version_option(package_name="agrispec-gee")
def main() -> None:
    """Crop maps from Sentinel-2 time series: Earth Engine for the imagery, Keras for the learning.

    A run is a directory. Its stages follow each other: init, export, train, evaluate, predict, publish.
    """


for command in (init, export, status, cancel, audit, train, finetune, adapt, evaluate, predict, map_on_engine,
                export_model, publish, review, area, report, inspect, labels, engine, bench):
    main.add_command(command)


@main.command()
@click.argument("run", type=GivenPath(file_okay=False), default="runs/demo")
def demo(run: Path) -> None:
    """Map a simulated landscape from labels to asset, without an account; RUN is made anew."""
    import resource
    import shlex
    import sys
    import time

    from scenes import demo as project
    started = time.monotonic()
    with progress("simulating a landscape"):
        project.create(run)
    click.echo("Everything below is simulated: the landscape, its crops and its satellite images.")
    for words, *options in project.COMMANDS:
        arguments = [*words.split(), str(run), *options]
        click.echo(f"\n$ agrispec-gee {shlex.join(arguments)}")
        with main.make_context("agrispec-gee", arguments) as made:
            main.invoke(made)
    # Bytes on macOS, kilobytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    click.echo(f"\nTook {time.monotonic() - started:.0f} s and at most {peak:.1f} GB; the map is"
               f" {run / 'predictions' / 'map.png'}, all about it {run / 'report' / 'index.html'}.")
    click.echo(f"Next: agrispec-gee review serve {run}    or your own area: agrispec-gee init runs/mine")


@main.command()
@click.argument("run", required=False, type=GivenPath(file_okay=False))
@click.pass_context
def doctor(context: click.Context, run: Path | None) -> None:
    """Tell whether all that exporting, training and publishing RUN need is in place, and how to mend what is not.

    Looked at are the project, its credentials, its compute of the month, the bucket, the assets, the clock, the disk
    and Keras. Without RUN it is what is installed here, with the embedded engine. The exit status is 1 if a line fails.
    """
    import os
    from contextlib import ExitStack
    from tempfile import TemporaryDirectory

    # Read when google.auth is imported: off Google's machines it would ask three times for one of theirs.
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")
    from agrispec.config import Service
    from agrispec.health import State
    from agrispec_tf import health as learning
    from exports import health as keeping
    from exports import planning, runs
    from gee_scripts.engine import health as computing
    with ExitStack() as held:
        if run is None:
            home, service, needed = Path(held.enter_context(TemporaryDirectory())), Service(landscape="."), 0
        else:
            config = runs.open(run).config
            home, service, needed = run, config.engine, planning.most(config).bytes
        held.enter_context(progress("looking"))
        tried = held.enter_context(computing.tried(service, home))
        found = [computing.project(tried), computing.credentials(tried), computing.tier(tried),
                 keeping.bucket(tried.engine, service.bucket), keeping.location(tried.engine, service.bucket),
                 computing.asset_root(tried), computing.clock(tried), keeping.disk(run or Path(), needed),
                 learning.learning()]
    tell(found)
    context.exit(int(any(each.state == State.FAIL for each in found)))


@labels.command()
@RUN
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True,
              help="Of each class and season, to be told as unlike the rest.")
def screen(run: Path, share: float) -> None:
    """Tell which samples of RUN have a doubtful label, and write them to RUN/screening.parquet; none is taken away.

    Doubtful are series that are the same to the last bit, series unlike the others of their class and season, and
    places or parcels with several labels in one season.
    """
    from agrispec.formats.atomic import write_files
    from exports import runs, samples, shards
    from labels import screening
    home = runs.open(run)
    with progress("screening"):
        table, folder = samples.read(home.need(home.samples, "export")), home.need(home.shards, "export")
        names, cube = shards.sampling_for(folder, home.samples).names, shards.cube_of(folder)
        found = screening.screen(table, screening.joined(
            screening.summary(part.rows, part.values, part.counts, cube) for part in shards.batches(folder, cube)),
            names, share)
        write_files({home.screening: bytes(found.doubtful.to_parquet(index=False))})
    click.echo("\n".join(found.lines))
    click.echo(f"Look through {home.screening}")


@labels.command()
@RUN
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

    FILEs of another class set than [[classes]] are translated. Ground that is declared with several classes in one year
    gives no place. Places that were exported are not drawn again.
    """
    from exports import runs
    from exports.export import declared, holding
    from labels import sampling
    home = runs.open(run)
    with holding.held(run, work="exported or drawn for", go_on="start this again"), progress("drawing"):
        declared.need_unused(home)
        drawn = sampling.draw(home.path, files, per_parcel=None if median else per_parcel, units=units)
    click.echo("\n".join(sampling.lines(drawn)))
    if not drawn.obstacles:
        click.echo(f"Next: agrispec-gee export {run}")


@labels.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("asset")
@click.option("--run", required=True, type=GivenPath(file_okay=False), help="Whose engine and bucket are used.")
@click.pass_obj
def upload(opening: Opening, file: Path, asset: str, run: Path) -> None:
    """Make ASSET, a table, of FILE, which `labels harmonise` wrote, and count what arrived."""
    from exports import declarations
    from exports.amounts import size
    with opening(run) as opened, progress("uploading") as said:
        moved = declarations.upload(opened.engine, opened.config.engine.bucket, opened.graphs, file, asset, said)
    click.echo(f"{asset}: {moved.rows:,} parcels, as many as were sent ({size(moved.bytes)} of CSV)")
    click.echo('A run takes them by [labels] parcels, with {season} where the year stands, and parcel_id = "parcel".')


@labels.command()
@click.argument("asset")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--run", required=True, type=GivenPath(file_okay=False), help="Whose engine is asked.")
@click.pass_obj
def download(opening: Opening, asset: str, file: Path, run: Path) -> None:
    """Write ASSET, a table, as GeoParquet FILE."""
    from exports import declarations
    from exports.amounts import size
    with opening(run) as opened, progress("downloading") as said:
        moved = declarations.download(opened.engine, opened.graphs, asset, file, said)
    click.echo(f"{file}: {moved.rows:,} parcels ({size(moved.bytes)})")


@engine.command("import")
@DATA
@click.option("--id", "asset", help="Asset id of a GeoTIFF that is no Sentinel-2 scene.")
@click.option("--time", type=click.DateTime(), help="When a GeoTIFF was taken, UTC.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(data: Path, asset: str | None, time: Any, files: tuple[Path, ...]) -> None:
    """Bring FILES into a folder as image assets, and print their ids.

    A pair of NetCDF files (10 m bands, 20 m bands) is a series of Sentinel-2 scenes; a GeoTIFF is one scene taken
    at --time, or with --id any image.
    """
    from agrispec.formats.asset_tree import AssetTree
    from gee_scripts.engine.local.operations import ingestion
    from scenes import importing
    tree = AssetTree(data)
    if asset is None and len(files) == 2 and all(path.suffix == ".nc" for path in files):
        found = importing.import_netcdf(tree, *files)
    elif len(files) == 1 and asset is not None:
        found = (ingestion.import_file(tree, files[0], asset, time=time),)
    elif len(files) == 1 and time is not None:
        found = (importing.import_geotiff(tree, files[0], time=time),)
    else:
        raise click.UsageError("give two NetCDF files, a GeoTIFF with --time, or a GeoTIFF with --id")
    for name in found:
        click.echo(name)


if __name__ == "__main__":
    main()
