"""The commands that train models; what they call loads only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agrispec.errors import ConfigError
from exports.terminal import RUN, Opening, progress, warn

if TYPE_CHECKING:
    from exports.runs import Run

# Those of agrispec_tf.models.architectures.MODELS and agrispec_tf.baselines.training.METHODS, which do not load with
# this module.
NETWORKS = ("cropnet", "cropnet-v1", "cropnet-1d", "bigru", "mlp", "tempcnn", "resnet50", "efficientnetv2s")
FORESTS = ("forest", "forest-harmonic", "hgb", "hgb-harmonic")

BACKEND = click.option("--backend", type=click.Choice(["tensorflow", "jax"]),
                       help="What Keras computes with.  [default: KERAS_BACKEND, or what is installed]")
_PATIENCE = click.option("--patience", type=click.IntRange(1),
                         help="End when so many epochs bring no higher macro-F1 on the validation cells.")
_PRECISION = click.option("--precision", type=click.Choice(["float32", "bfloat16", "float16"]), default="float32",
                          show_default=True, help="What training steps compute in; the model is float32 always.")
_FRESH = click.option("--fresh", is_flag=True, help="Begin anew where an interrupted training would go on.")


@click.command()
@RUN
@click.option("--model", type=click.Choice([*NETWORKS, *FORESTS]), default="cropnet", show_default=True,
              help="forest and hgb (boosted trees) need no Keras; with -harmonic they read coefficients in place of"
                   " medians.")
@click.option("--preset", default="published", show_default=True,
              help="Recipe of a network: published, small (for hundreds or thousands of labelled places) or demo.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples, instead of the recipe's.")
@_PATIENCE
@_PRECISION
@BACKEND
@_FRESH
@click.option("--leaves", type=click.IntRange(2), help="Most leaves of a tree of a forest.  [default: whole trees]")
@click.option("--with-review", "reviewed", is_flag=True,
              help="Learn from parcels of training cells that reviewers agree on, too; the result is MODEL-reviewed.")
@click.pass_obj
def train(opening: Opening, run: Path, model: str, leaves: int | None, reviewed: bool, **of_networks: Any) -> None:
    """Train a model on RUN's source seasons and score it on held-out cells.

    The state of a network is kept after each epoch: the same command goes on with a training that was interrupted.
    """
    from agrispec_tf import run_models
    from exports import manifest, runs
    _check_meant(model, of_networks)
    opened, name = runs.open(run), run_models.name_of(model, reviewed=reviewed)
    if reviewed:
        _fetch(opening, run)
    with progress(f"training {name}") as tell:
        if model in FORESTS:
            from agrispec_tf.baselines import training as forests
            found = forests.run_train(opened, opened.config, model, leaves=leaves, reviewed=reviewed)
        else:
            found = _train(opened, model, tell, reviewed=reviewed, **of_networks)
    made = manifest.read(run)["stages"][f"train {name}"]["training"]
    if model in NETWORKS:
        _doubt(made)
    if reviewed:
        click.echo("{samples} samples are of {parcels} reviewed parcels; {disputed} are disputed, {held_out} lie in"
                   " cells of validation or test".format_map(made["review"])
                   + ("; {gone} verdicts are of parcels, or outlines of them, that the map does not have any more"
                      .format_map(made["review"]) if made["review"]["gone"] else ""))
    click.echo(f"{_on_held_out(name, found, opened)}; next: agrispec-gee"
               + (f" evaluate {run}" if reviewed else f" predict {run} --model {name}"))


@click.command()
@click.argument("model", type=click.Path(path_type=Path, file_okay=False))
@RUN
@click.option("--name", help="Folder of the result below RUN/model.  [default: MODEL's with -finetuned]")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples in each of the two stages, at most.")
@_PATIENCE
@_PRECISION
@BACKEND
@_FRESH
def finetune(model: Path, run: Path, name: str | None, **changed: Any) -> None:
    """Adapt MODEL, a trained network's folder, to the area of RUN, which has few labels.

    First the last layer is trained for RUN's classes, then all of it. Where MODEL knows all of them, the result is
    never worse on RUN's validation cells. The state is kept after each epoch: the same command goes on.
    """
    from exports import manifest, runs
    opened = runs.open(run)
    kept = f"{model.resolve().name}-finetuned" if name is None else name
    with progress(f"fine-tuning {model}") as tell:
        found = _finetune(model, opened, kept, tell, **changed)
    training = manifest.read(run)["stages"][f"finetune {kept}"]["training"]
    _doubt(training)
    before, after = (training["validation_macro_f1"][when] for when in ("before", "after"))
    click.echo(f"Validation cells: macro-F1 {after:.3f}, of epoch {training['best_epoch']}"
               + (f"; {before:.3f} before" if before is not None else ""))
    click.echo(f"{_on_held_out(kept, found, opened)}; next: agrispec-gee predict {run} --model {kept}")


@click.command()
@RUN
@click.option("--model", type=click.Choice(NETWORKS), default="tempcnn", show_default=True, help="The network.")
@click.option("--rung", "rungs", multiple=True, metavar="NAME",
              help="source, augmentation, seasons, thermal, common, adabn, grl, cdan, self-training or prior, with"
                   " those it stands on; give it again for another.  [default: all that RUN allows]")
@click.option("--preset", default="small", show_default=True, help="Recipe on the source seasons, as of train.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the samples, instead of the recipe's.")
@BACKEND
def adapt(run: Path, model: str, rungs: tuple[str, ...], preset: str, epochs: int | None, backend: str | None) -> None:
    """Carry a network into RUN's target season without a label of it, rung by rung, and choose a rung.

    Each rung becomes a model, MODEL-RUNG. What is chosen, and why, is written down before evaluate opens the target's
    labels and tells what the choice cost. See docs/transfer.md.
    """
    from agrispec_tf import backend as backends
    from exports import runs
    opened = runs.open(run)
    with progress(f"adapting {model}") as tell:
        backends.load(backend)
        from agrispec_tf import training
        from agrispec_tf.adaptation import commands
        how = training.recipe_of(opened.config, model, preset, epochs=epochs)
        found = commands.run_adapt(opened, opened.config, model, rungs, how, tell, warn)
    for rung, numbers in found.validators.items():
        click.echo(f"{model}-{rung:<16}" + "  ".join(f"{name} {value:.3f}" for name, value in numbers.items()))
    click.echo(f"Chosen without a label of the target: {model}-{found.chosen};"
               f" next: agrispec-gee evaluate {run}, or predict {run} --model {model}-{found.chosen}")


def _fetch(opening: Opening, run: Path) -> None:
    from exports.review import fetching
    with opening(run) as opened, progress("fetching reviewed parcels") as tell:
        fetching.fetch(opened.run, opened.config, opened.engine, opened.graphs, tell)


def _train(run: Run, model: str, tell: Callable[[str], None], *, preset: str, backend: str | None, fresh: bool,
           reviewed: bool, **changed: Any) -> Any:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf import training
    how = training.recipe_of(run.config, model, preset, **changed)
    return training.run_train(run, run.config, model, how, _told(tell, how.epochs, how.patience), fresh=fresh,
                              reviewed=reviewed)


def _finetune(folder: Path, run: Run, name: str, tell: Callable[[str], None], *, backend: str | None, fresh: bool,
              **changed: Any) -> Any:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf import finetune, recipes
    how = recipes.changed(recipes.FINETUNING, **changed)
    return finetune.run_finetune(folder, run, run.config, name, how, _told(tell, 2 * how.epochs, how.patience),
                                 fresh=fresh)


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
        warn(doubt)


def _on_held_out(model: str, found: Any, run: Run) -> str:
    return (f"{model} on held-out cells: accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f};"
            f" report in {run.report / model}" if found else
            f"{model} in {run.models / model}; no labelled sample is held out by [split] test, so none scores it")


def _check_meant(model: str, of_networks: Mapping[str, Any]) -> None:
    """Checks that no option was given that models of another kind have."""
    from click.core import ParameterSource
    context = click.get_current_context()
    foreign = [*(of_networks if model in FORESTS else ()), *(() if model.startswith("forest") else ("leaves",))]
    given = [f"--{name}" for name in foreign if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        kind = "a network" if model in NETWORKS else "a forest" if model.startswith("forest") else "boosted trees"
        raise ConfigError(f"--model {model} makes {kind}, for which there is no {' and no '.join(given)}",
                          mend="leave it out")
