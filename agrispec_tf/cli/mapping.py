"""The commands that put a trained model to use; what they call loads only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from exports.terminal import RUN, Opening, progress, warn

_SEASON = click.option("--season", type=int,
                       help="Year in which the season to map ends.  [default: RUN's target]")


def _of_run(default: str = "cropnet") -> Callable[[Any], Any]:
    """The option that names one of a run's models."""
    return click.option("--model", default=default, show_default=True, help="Which of RUN's models.")


@click.command()
@RUN
@_of_run()
@_SEASON
@click.option("--stream", is_flag=True, help="Ask for pixels window by window, without a bucket.")
@click.option("--fresh", is_flag=True, help="Export patches anew, though RUN has those of this map: imagery changes.")
@click.option("--runtime", type=click.Choice(["auto", "keras", "onnx", "openvino", "int8"]), default="auto",
              show_default=True, help="What computes the model; auto takes the fastest whose answers agree.")
@click.option("--smooth", type=click.Choice(["majority", "bayesian"]),
              help="Add smoothed.tif, classes by what is around them.")
@click.pass_obj
def predict(opening: Opening, run: Path, model: str, season: int | None, stream: bool, fresh: bool,
            runtime: str, smooth: str | None) -> None:
    """Map RUN's area: class, probability, doubts and looks of every pixel, and a table of its parcels.

    Interrupted, the same command goes on where it was.
    """
    from agrispec_tf import crop_map, run_models
    from agrispec_tf.deployment import runtimes
    from exports import manifest, mapping
    from exports.export import holding
    if fresh and stream:
        raise click.UsageError("--fresh is about patches, which --stream does without")
    with opening(run) as opened, holding.predictions_held(run), progress("predicting") as tell:
        config, engine, graphs = opened.config, opened.engine, opened.graphs
        run_models.load(opened.run, config, model)  # refused, as all of these, before an export is paid for
        runtimes.check(opened.run, model, runtime)
        mapping.check_mask(config, engine)
        aoi, year = mapping.aoi_of(opened.run, config), config.season.target if season is None else season
        asset, exported = config.labels.parcels.format(season=year), {}
        fields = engine.features(graphs.parcels(asset, mapping.grid_of(config))) if asset else []
        of_parcels = crop_map.Parcels.of(fields, config)
        if stream:
            source = mapping.stream_of(config, engine, graphs, aoi, year)
        elif not fresh and (kept := mapping.kept_patches(opened.run, config, engine, aoi, year)):
            warn(f"{kept.folder} holds the pixels of this map already; --fresh exports them anew")
            source, before = kept, manifest.read(run)["stages"].get("predict", {})
            exported = {name: before[name] for name in ("patches", "eecu_seconds") if name in before}
        else:
            exported = mapping.export_patches(opened.run, config, engine, graphs, tell, year)
            source = mapping.patches_of(opened.run, config, aoi)
        did = exported | crop_map.run_predict(opened.run, config, model, source, of_parcels,
                                              lambda share: tell(f"{share:.0%} of the map"), warn,
                                              runtime=runtime, smooth=smooth)
        manifest.record(run, "predict", did)
    _tell_doubts(did)
    click.echo(f"Map in {opened.run.predictions / 'map.png'}; next: agrispec-gee publish {run}")


def _tell_doubts(did: Mapping[str, Any]) -> None:
    """What should be known of a map, as `prediction.json` says it, and stops nothing."""
    if did["warmth_stops"]:
        warn(f"the temperatures of {did['warmth_stops']} pixels stop before the model's window does; thermal time goes"
             " on as in the training season")
    if did["parcels_without_pixels"]:
        warn(f"{did['parcels_without_pixels']} of {did['parcels_asked']} parcels have no row: no pixel that is mapped"
             " and was clearly seen is theirs; they are off the map or masked, clouded, too narrow, or below others")
    runtime = did["runtime"]
    if runtime and (runtime["name"] == "int8" or runtime["agreement"] < 1):
        warn(f"{runtime['name']} gives {runtime['agreement']:.2%} of {runtime['compared']} pixels the class that Keras"
             " gives them")


@click.command("map-on-engine")
@RUN
@_of_run("forest-harmonic")
@_SEASON
@click.pass_obj
def map_on_engine(opening: Opening, run: Path, model: str, season: int | None) -> None:
    """Let Earth Engine itself map RUN's area by a forest on harmonics, into an asset.

    Nothing is downloaded but a sample of pixels, whose classes are compared with what the forest gives them here.
    """
    from agrispec_tf.baselines import on_engine
    from exports import manifest
    with opening(run) as opened, progress("mapping on the engine") as tell:
        did = on_engine.run_map(opened.run, opened.config, model, opened.engine, opened.graphs, tell, season)
    manifest.record(run, f"map-on-engine {model}", did)
    click.echo(f"{did['asset']}: {did['compared']} pixels compared, {did['equal']} equal, {did['tied']} with as many"
               f" votes for another class{' (simulated)' if did['simulated'] else ''}")


@click.command("export-model")
@RUN
@_of_run()
@click.option("--int8", is_flag=True, help="In integers of 8 bits; what they cost in accuracy is measured.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="The file.  [default: RUN/model/MODEL.onnx, MODEL-int8.onnx]")
def export_model(run: Path, model: str, int8: bool, output: Path | None) -> None:
    """Write a trained model of RUN as an ONNX file, which says what it reads and answers."""
    from exports import manifest, runs
    opened = runs.open(run)
    path = output or opened.models / f"{model}{'-int8' if int8 else ''}.onnx"
    with progress(f"exporting {model}"):
        from agrispec_tf import backend, run_models
        run_models.need_network(opened, model)
        backend.load()
        from agrispec_tf.deployment import export as deployment
        found = deployment.run_export(opened, opened.config, model, path, eight_bits=int8)
    manifest.record(run, f"export-model {path.stem}", {"file": str(path), "digest": manifest.digest(path)})
    if found:
        shown = "simulated samples" if manifest.simulated(run) else "samples"
        click.echo(f"8 bits against 32 on {found.samples} {shown} of {found.blocks} held-out cells [95 % interval]:"
                   f" accuracy {found.accuracy}; macro-F1 {found.macro_f1}; same class {found.agreement:.2%}")
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
