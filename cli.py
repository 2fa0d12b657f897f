"""The command line: one command a stage; it parses, wires and reports, and what it calls loads only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agrispec.errors import AgrispecError, MissingExtra
from agrispec_tf.cropglobe.options import transfers as _transfers
from agrispec_tf.protocols.options import judged as _judged
from gee_scripts.engine.commands import DATA, engine

if TYPE_CHECKING:
    from agrispec.config import Config
    from agrispec.engine import Engine
    from exports.runs import Run

_RUN = click.argument("run", type=click.Path(path_type=Path, file_okay=False))
# Those of agrispec_tf.models.architectures.MODELS and agrispec_tf.baselines.training.METHODS, which do not load with
# this module.
_NETWORKS = ("cropnet", "cropnet-v1", "cropnet-1d", "bigru", "mlp", "tempcnn", "resnet50", "efficientnetv2s")
_FORESTS = ("forest", "forest-harmonic", "hgb", "hgb-harmonic")


def _of_run(default: str = "cropnet") -> Callable[[Any], Any]:
    """The option that names one of a run's models."""
    return click.option("--model", default=default, show_default=True, help="Which of RUN's models.")


_PATIENCE = click.option("--patience", type=click.IntRange(1),
                         help="End when so many epochs bring no higher macro-F1 on the validation cells.")
_PRECISION = click.option("--precision", type=click.Choice(["float32", "bfloat16", "float16"]), default="float32",
                          show_default=True, help="What training steps compute in; the model is float32 always.")
_BACKEND = click.option("--backend", type=click.Choice(["tensorflow", "jax"]),
                        help="What Keras computes with.  [default: KERAS_BACKEND, or what is installed]")
_FRESH = click.option("--fresh", is_flag=True, help="Begin anew where an interrupted training would go on.")

# Packages that a base installation does not have, and the extra that brings each.
_EXTRAS = {"rasterio": "local", "pyproj": "local", "shapely": "local", "starlette": "local", "uvicorn": "local",
           "h5netcdf": "local", "keras": "train", "tensorflow": "train", "jax": "jax",
           "onnx": "deploy", "onnxruntime": "deploy", "openvino": "deploy"}


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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agrispec-gee")
def main() -> None:
    """Crop maps from Sentinel-2 time series: Earth Engine for the imagery, Keras for the learning.

    A run is a directory. Its stages follow each other: init, export, train, evaluate, predict, publish.
    """


@main.command()
@_RUN
def init(run: Path) -> None:
    """Make RUN, a directory with an agrispec.toml to fill in."""
    from importlib import resources

    from exports import runs
    made = runs.create(run, resources.files("exports").joinpath("starter.toml").read_text(encoding="utf-8"))
    click.echo(f"Fill in {made.config_file}; then: agrispec-gee export {run}")


@main.command()
@_RUN
def export(run: Path) -> None:
    """Draw RUN's samples and export their feature cubes as TFRecord shards."""
    with _opened(run) as (opened, config, engine), _progress("exporting") as tell:
        did = _export(opened, config, engine, tell)
    for year, cells in did["cells"].items():
        scenes = did["scenes"][year]
        click.echo(f"Season {year}: samples in {cells} of {len(config.area.resolved)} cells; {scenes['scenes']} scenes,"
                   f" {scenes['without_cloud_score']} without Cloud Score+, {scenes['derived_cloud_score']} with one"
                   " derived from their classification")
    click.echo(f"{did['records']} cubes in {opened.shards}, by {did['tasks']} tasks; next: agrispec-gee train {run}")


@main.command()
@_RUN
@click.option("--model", type=click.Choice([*_NETWORKS, *_FORESTS]), default="cropnet", show_default=True,
              help="forest and hgb (boosted trees) need no Keras; with -harmonic they read coefficients in place of"
                   " medians.")
@click.option("--preset", default="published", show_default=True,
              help="Recipe of a network: published, small (for hundreds or thousands of labelled places) or demo.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples, instead of the recipe's.")
@_PATIENCE
@_PRECISION
@_BACKEND
@_FRESH
@click.option("--leaves", type=click.IntRange(2), help="Most leaves of a tree of a forest.  [default: whole trees]")
def train(run: Path, model: str, leaves: int | None, **of_networks: Any) -> None:
    """Train a model on RUN's source seasons and score it on held-out cells.

    The state of a network is kept after each epoch: the same command goes on with a training that was interrupted.
    """
    from exports import manifest, runs
    _check_meant(model, of_networks)
    opened = runs.open(run)
    with _progress(f"training {model}") as tell:
        if model in _FORESTS:
            from agrispec_tf.baselines import training as forests
            found = forests.run_train(opened, opened.config, model, leaves=leaves)
        else:
            found = _train(opened, opened.config, model, tell=tell, **of_networks)
    if model in _NETWORKS:
        _doubt(manifest.read(run)["stages"][f"train {model}"]["training"])
    click.echo(f"{_on_held_out(model, found, opened)}; next: agrispec-gee predict {run} --model {model}")


@main.command()
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@_RUN
@click.option("--name", help="Folder of the result below RUN/model.  [default: MODEL's with -finetuned]")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples in each of the two stages, at most.")
@_PATIENCE
@_PRECISION
@_BACKEND
@_FRESH
def finetune(model: Path, run: Path, name: str | None, **changed: Any) -> None:
    """Adapt MODEL, a trained network's folder, to the area of RUN, which has few labels.

    First the last layer is trained for RUN's classes, then all of it. Where MODEL knows all of them, the result is
    never worse on RUN's validation cells. The state is kept after each epoch: the same command goes on.
    """
    from exports import manifest, runs
    opened = runs.open(run)
    kept = f"{model.resolve().name}-finetuned" if name is None else name
    with _progress(f"fine-tuning {model}") as tell:
        found = _finetune(model, opened, opened.config, kept, tell, **changed)
    training = manifest.read(run)["stages"][f"finetune {kept}"]["training"]
    _doubt(training)
    before, after = (training["validation_macro_f1"][when] for when in ("before", "after"))
    click.echo(f"Validation cells: macro-F1 {after:.3f}, of epoch {training['best_epoch']}"
               + (f"; {before:.3f} before" if before is not None else ""))
    click.echo(f"{_on_held_out(kept, found, opened)}; next: agrispec-gee predict {run} --model {kept}")


@main.command()
@_RUN
@click.option("--model", type=click.Choice(_NETWORKS), default="tempcnn", show_default=True, help="The network.")
@click.option("--rung", "rungs", multiple=True, metavar="NAME",
              help="source, augmentation, seasons, thermal, adabn, grl, cdan, self-training or prior, with those it"
                   " stands on; give it again for another.  [default: all that RUN allows]")
@click.option("--preset", default="small", show_default=True, help="Recipe on the source seasons, as of train.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples, instead of the recipe's.")
@_BACKEND
def adapt(run: Path, model: str, rungs: tuple[str, ...], preset: str, epochs: int | None, backend: str | None) -> None:
    """Carry a network into RUN's target season without a label of it, rung by rung, and choose a rung.

    Each rung becomes a model, MODEL-RUNG. What is chosen, and why, is written down before evaluate opens the target's
    labels and tells what the choice cost. See docs/transfer.md.
    """
    found = _adapt(run, model, rungs, preset, epochs, backend)
    for rung, numbers in found.validators.items():
        click.echo(f"{model}-{rung:<16}" + "  ".join(f"{name} {value:.3f}" for name, value in numbers.items()))
    click.echo(f"Chosen without a label of the target: {model}-{found.chosen};"
               f" next: agrispec-gee evaluate {run}, or predict {run} --model {model}-{found.chosen}")


@main.command()
@_RUN
@_judged([*_NETWORKS, *_FORESTS])
def evaluate(run: Path, protocol: str | None, **chosen: Any) -> None:
    """Open the target season's labels and score every model of RUN on its held-out cells.

    With --protocol the target's labels stay closed: models are trained anew, on the labelled samples of RUN's source
    seasons, and judged on places, regions, seasons or dates that taught them nothing. The same command goes on with an
    evaluation that was interrupted. See docs/how-to/evaluate.md.
    """
    if protocol:
        click.echo(_protocol(run, protocol, **chosen))
        return
    from agrispec_tf import trust
    from agrispec_tf.adaptation import choices
    from exports import manifest
    with _opened(run) as (opened, config, engine), _progress("evaluating") as tell:
        scores = _evaluate(opened, config, engine, tell)
    stage = manifest.read(run)["stages"]["evaluate"]
    for name, found in scores.items():
        click.echo(f"{name} on the {config.season.target} season: accuracy {found.accuracy:.3f},"
                   f" macro-F1 {found.macro_f1:.3f}")
        click.echo(f"  {trust.in_words(stage['trust'][name])}")
    for line in choices.told(manifest.read(run)["stages"], {name: found.macro_f1 for name, found in scores.items()}):
        click.echo(line)
    if stage["unusual"] is not None:
        click.echo(f"{stage['unusual']:.1%} of its samples are farther from those that taught than 95% of the held-out"
                   " ones of the source seasons.")


@main.command()
@_RUN
@_of_run()
@click.option("--season", type=int, help="Year in which the season to map ends.  [default: RUN's target]")
def predict(run: Path, model: str, season: int | None) -> None:
    """Map RUN's area: a class, a probability and a flag for every pixel and parcel."""
    with _opened(run) as (opened, config, engine), _progress("predicting") as tell:
        _predict(opened, config, engine, model, tell, season)
    click.echo(f"Map in {opened.predictions / 'map.png'}; next: agrispec-gee publish {run}")


@main.command("map-on-engine")
@_RUN
@_of_run("forest-harmonic")
@click.option("--season", type=int, help="Year in which the season to map ends.  [default: RUN's target]")
def map_on_engine(run: Path, model: str, season: int | None) -> None:
    """Let Earth Engine itself map RUN's area by a forest on harmonics, into an asset.

    Nothing is downloaded but a sample of pixels, whose classes are compared with what the forest gives them here.
    """
    from agrispec_tf.baselines import on_engine
    from exports import manifest
    from gee_scripts import export as graphs
    with _opened(run) as (opened, config, engine), _progress("mapping on the engine") as tell:
        did = on_engine.run_map(opened, config, model, engine, graphs, tell, season)
    manifest.record(run, f"map-on-engine {model}", did)
    click.echo(f"{did['asset']}: {did['compared']} pixels compared, {did['equal']} equal, {did['tied']} with as many"
               f" votes for another class{' (simulated)' if did['simulated'] else ''}")


@main.command("export-model")
@_RUN
@_of_run()
@click.option("--int8", is_flag=True, help="In integers of 8 bits; what they cost in accuracy is measured.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="The file.  [default: RUN/model/MODEL.onnx, MODEL-int8.onnx]")
def export_model(run: Path, model: str, int8: bool, output: Path | None) -> None:
    """Write a trained model of RUN as an ONNX file, which says what it reads and answers."""
    from exports import manifest, runs
    opened = runs.open(run)
    path = output or opened.models / f"{model}{'-int8' if int8 else ''}.onnx"
    with _progress(f"exporting {model}"):
        from agrispec_tf import backend, collected, run_models
        run_models.need_network(opened, model)
        backend.load()
        from agrispec_tf.deployment import export as deployment
        found = deployment.run_export(opened, opened.config, model, path, eight_bits=int8)
    manifest.record(run, f"export-model {path.stem}", {"file": str(path), "digest": manifest.digest(path)})
    if found:
        shown = "simulated samples" if collected.simulated(opened) else "samples"
        click.echo(f"8 bits against 32 on {found.samples} {shown} of {found.blocks} held-out cells [95 % interval]:"
                   f" accuracy {found.accuracy}; macro-F1 {found.macro_f1}; same class {found.agreement:.2%}")
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


@main.command()
@_RUN
def publish(run: Path) -> None:
    """Write RUN's map and parcels back as Earth Engine assets, and verify them."""
    with _opened(run) as (opened, config, engine), _progress("publishing") as tell:
        did = _publish(opened, config, engine, tell)
    for asset, count in did["compared"].items():
        click.echo(f"{asset}: {count} compared, all equal")


@main.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
def inspect(path: Path) -> None:
    """Tell what PATH is: a run, a model, a shard, an image."""
    from exports import inspection
    for line in inspection.describe(path):
        click.echo(line)


@main.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False), default="runs/demo")
@click.pass_context
def demo(context: click.Context, run: Path) -> None:
    """Map a simulated landscape from labels to asset, without an account; RUN is made anew."""
    import resource
    import shlex
    import sys
    import time

    started = time.monotonic()
    with _progress("simulating a landscape"):
        _landscape(run)
    click.echo("Everything below is simulated: the landscape, its crops and its satellite images.")
    for name, *options in (("export",), ("train", "--preset", "demo"),
                           ("adapt", "--model", "bigru", "--rung", "grl", "--preset", "demo"), ("evaluate",),
                           ("predict",), ("publish",)):
        arguments = [str(run), *options]
        click.echo(f"\n$ agrispec-gee {shlex.join([name, *arguments])}")
        stage = main.commands[name]
        with stage.make_context(name, arguments, parent=context.parent) as made:
            stage.invoke(made)
    # Bytes on macOS, kilobytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    click.echo(f"\nTook {time.monotonic() - started:.0f} s and at most {peak:.1f} GB; the map is"
               f" {run / 'predictions' / 'map.png'}.")
    click.echo(f"Next: agrispec-gee inspect {run}    or your own area: agrispec-gee init runs/mine")


main.add_command(engine)


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


@main.group()
def bench() -> None:
    """Repeat published comparisons, on data that you download."""


@bench.command()
@_transfers("cropnet,cropnet-v1,cropnet-1d,tempcnn,mlp,forest,hgb", "cropglobe-bench")
def cropglobe(backend: str | None, **chosen: Any) -> None:
    """Train on one country of CropGlobe, test on others, beside the published figures.

    Without --source and --target the published transfers are repeated whose files are there. See docs/cropnet.md.
    """
    _bench(backend, **chosen)


@bench.command()
@_transfers("cropnet", "cropglobe-windows")
def windows(backend: str | None, sources: tuple[str, ...], targets: tuple[str, ...], **chosen: Any) -> None:
    """Compare steps of 5, 15 and 30 days, and May to November with the whole year.

    Without --source and --target it trains on France and tests on Belgium. See docs/cropnet.md.
    """
    _bench(backend, sources=sources or ("FRA",), targets=targets or ("BEL",), views=True, **chosen)


def _export(run: Run, config: Config, engine: Engine, tell: Callable[[str], None]) -> dict[str, Any]:
    from exports import collect, manifest
    from gee_scripts import export as graphs
    table = collect.places(config, engine, graphs, tell)
    did = collect.cubes(run, config, engine, graphs, table, tell)
    manifest.record(run.path, "export", {"engine": engine.name, "project": engine.project,
                                         "cube": config.spec.digest, **did})
    return did


def _train(run: Run, config: Config, model: str, preset: str, tell: Callable[[str], None],
           backend: str | None = None, fresh: bool = False, **changed: Any) -> Any:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf import training
    how = training.recipe_of(config, model, preset, **changed)
    return training.run_train(run, config, model, how, _told(tell, how.epochs, how.patience), fresh=fresh)


def _finetune(folder: Path, run: Run, config: Config, name: str, tell: Callable[[str], None],
              backend: str | None = None, fresh: bool = False, **changed: Any) -> Any:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf import finetune, recipes
    how = recipes.changed(recipes.FINETUNING, **changed)
    return finetune.run_finetune(folder, run, config, name, how, _told(tell, 2 * how.epochs, how.patience), fresh=fresh)


def _told(tell: Callable[[str], None], epochs: int, patience: int | None) -> Callable[[Mapping[str, float]], None]:
    """What tells of each epoch of so many."""
    def told(row: Mapping[str, float]) -> None:
        minutes, seconds = divmod(round((epochs - row["epoch"]) * row["seconds"]), 60)
        left = f"{minutes} min" if minutes else f"{seconds} s"
        tell(f"epoch {row['epoch']} of {epochs}: loss {row['loss']:.3f}, validation macro-F1"
             f" {row['val_macro_f1']:.3f}, {'at most ' if patience else 'about '}{left} left")
    return told


def _doubt(made: Mapping[str, Any]) -> None:
    """Warns of what may make a network that was just trained worse than it could be."""
    from agrispec_tf import training
    for doubt in training.doubts(made):
        click.echo(f"agrispec-gee: {doubt}", err=True)


def _on_held_out(model: str, found: Any, run: Run) -> str:
    return (f"{model} on held-out cells: accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f};"
            f" report in {run.report / model}" if found else
            f"{model} in {run.models / model}; no labelled sample is held out by [split] test, so none scores it")


def _check_meant(model: str, of_networks: Mapping[str, Any]) -> None:
    """Checks that no option was given that models of another kind have."""
    from click.core import ParameterSource

    from agrispec.errors import ConfigError
    context = click.get_current_context()
    foreign = [*(of_networks if model in _FORESTS else ()), *(() if model.startswith("forest") else ("leaves",))]
    given = [f"--{name}" for name in foreign if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        kind = "a network" if model in _NETWORKS else "a forest" if model.startswith("forest") else "boosted trees"
        raise ConfigError(f"--model {model} makes {kind}, for which there is no {' and no '.join(given)}",
                          mend="leave it out")


def _evaluate(run: Run, config: Config, engine: Engine, tell: Callable[[str], None]) -> Any:
    from agrispec_tf import commands, run_models
    from exports import collect
    from gee_scripts import export as graphs
    run_models.models(run)
    truth = collect.truth(run, config, engine, graphs)
    tell(f"{len(truth)} samples of the {config.season.target} season have a label")
    return commands.run_evaluate(run, config, truth)


def _adapt(run: Path, model: str, rungs: tuple[str, ...], preset: str, epochs: int | None, backend: str | None) -> Any:
    from agrispec_tf import backend as backends
    from exports import runs
    opened = runs.open(run)
    with _progress(f"adapting {model}") as tell:
        backends.load(backend)
        from agrispec_tf import training
        from agrispec_tf.adaptation import commands
        how = training.recipe_of(opened.config, model, preset, epochs=epochs)
        return commands.run_adapt(opened, opened.config, model, rungs, how, tell,
                                  lambda doubt: click.echo(f"agrispec-gee: {doubt}", err=True))


def _protocol(path: Path, protocol: str, **chosen: Any) -> str:
    from agrispec_tf.protocols import commands
    from exports import runs
    opened = runs.open(path)
    fetch = None
    with ExitStack() as stack:
        if opened.config.labels.parcels:
            from gee_scripts import export as graphs
            _, _, engine = stack.enter_context(_opened(path))

            def fetch(asset: str, grid: Any) -> Any:
                return engine.features(graphs.parcels(asset, grid))
        tell = stack.enter_context(_progress(f"evaluating by {protocol}"))
        return commands.run_protocol(opened, opened.config, protocol, fetch, tell, **chosen)


def _predict(run: Run, config: Config, engine: Engine, model: str, tell: Callable[[str], None],
             season: int | None = None) -> None:
    from agrispec_tf import crop_map, run_models
    from exports import manifest, mapping
    from gee_scripts import export as graphs
    run_models.load(run, config, model)  # refused before an export is paid for
    did = mapping.export_patches(run, config, engine, graphs, tell, season)
    asset = config.labels.parcels.format(season=did["season"])
    fields = engine.features(graphs.parcels(asset, mapping.grid_of(config))) if asset else []
    did |= crop_map.run_predict(run, config, model, fields, lambda share: tell(f"{share:.0%} of the map"))
    manifest.record(run.path, "predict", did)
    if did["warmth_stops"]:
        click.echo(f"agrispec-gee: the temperatures of {did['warmth_stops']} pixels stop before the model's window"
                   " does; thermal time goes on as in the training season", err=True)


def _publish(run: Run, config: Config, engine: Engine, tell: Callable[[str], None]) -> dict[str, Any]:
    from exports import manifest
    from exports import publish as stage
    from gee_scripts import export as graphs
    did = stage.publish(run, config, engine, graphs, tell)
    manifest.record(run.path, "publish", did)
    return did


def _bench(backend: str | None, **chosen: Any) -> None:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf.cropglobe import commands
    with _progress("training") as tell:
        said = commands.run_transfers(tell, **chosen)
    click.echo(said)


def _landscape(path: Path) -> None:
    """Makes a fresh demo run with its simulated landscape; one of an earlier demo is replaced, nothing else is."""
    import shutil

    from agrispec.errors import RunError
    from agrispec.formats.asset_tree import AssetTree
    from exports import runs
    from scenes import demo as project
    from scenes.simulate import Landscape, simulate
    configured = path / "agrispec.toml"
    if path.exists() and any(path.iterdir()):
        if not configured.is_file() or not configured.read_text(encoding="utf-8").startswith(project.HEADER):
            raise RunError(f"{path} holds something that no demo made", mend="name another directory for the demo")
        shutil.rmtree(path)
    landscape = Landscape()
    # The configuration comes first: a demo that was interrupted is known as one, and made anew by the next.
    runs.create(path, project.configuration(landscape))
    simulate(AssetTree(path / "landscape"), landscape)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Run, Config, Engine]]:
    """A run, its configuration, and the engine that this names."""
    from exports import runs
    from gee_scripts import engine as engines
    opened = runs.open(path)
    config = opened.config
    computing = engines.open(config.engine, opened.path)
    try:
        yield opened, config, computing
    finally:
        computing.close()


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; each thing told replaces the last."""
    import time

    from rich.console import Console
    console, started = Console(stderr=True), time.monotonic()
    with console.status(what) as status:
        yield lambda done: status.update(f"{what}: {done}")
    console.print(f"[dim]{what}: {time.monotonic() - started:.1f} s[/dim]")


if __name__ == "__main__":
    main()
