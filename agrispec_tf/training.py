"""Networks of a run: their recipe, their training, their place in the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agrispec.config import Config
from agrispec_tf import checkpoint, commands, recipes, run_models, train
from agrispec_tf.classifier import Classifier
from agrispec_tf.collected import Collected
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import architectures
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.recipes import Recipe
from exports.runs import Run

# A moving variance starts at 1 and keeps 0.9 of itself an update; that of reflectances is about a thousandth. On real
# fields CropNet was of no use after 48 updates and good after 120.
_SETTLED = 150


def recipe_of(config: Config, model: str, preset: str, *, epochs: int | None = None, patience: int | None = None,
              precision: str | None = None) -> Recipe:
    """The recipe of a network by name, one of `architectures.MODELS`, with what is not None in its place.

    Raises:
        ConfigError: no such model or preset, or the recipe cannot be.
    """
    return recipes.changed(recipes.recipe(preset, _options(config, model).architecture), epochs, patience, precision)


def smoothing_of(config: Config, options: NetworkOptions) -> float:
    """Lambda of the Whittaker smoother that a network's series go through, 0 for none."""
    return config.training.smoothing if options.architecture == BiGRUOptions.architecture else 0.0


def fitted(collected: Collected, config: Config, model: str, how: Recipe,
           on_epoch: Callable[[Mapping[str, float]], None] | None = None, folder: Path | None = None,
           fresh: bool = False) -> Classifier:
    """A network by name, trained on the training cells, its epoch chosen by the validation cells.

    Args:
        folder: of the logs and the checkpoint, as `train.fit` says; `fresh` likewise.

    Raises:
        as `train.fit`.
    """
    options = _options(config, model)
    trained = train.fit(
        options, collected.labelled("train"), collected.labelled("validation"), class_names=config.taxonomy.names,
        how=how, seed=config.training.seed, smoothing=smoothing_of(config, options),
        on_epoch=on_epoch, folder=folder, fresh=fresh, thermal=config.training.thermal)
    return replace(trained, training={**trained.training, **collected.provenance})


def run_train(run: Run, config: Config, model: str, how: Recipe,
              on_epoch: Callable[[Mapping[str, float]], None], *, fresh: bool = False,
              reviewed: bool = False) -> Confusion | None:
    """Train a network into `model/`, write its card, and report on the held-out cells of the source seasons.

    While training lasts, its checkpoint and its logs are in `model/MODEL.training/`; the logs stay. A training that
    was interrupted goes on, unless `fresh`. With `reviewed` it learns from what reviewers agreed on, too, and the
    model is `run_models.name_of` it, beside the one without.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        as `train.fit`, and RunError where the run is not exported yet.
    """
    collected, name = Collected(run, config, reviewed=reviewed), run_models.name_of(model, reviewed=reviewed)
    ongoing = run.models / f"{name}.training"
    trained = fitted(collected, config, model, how, on_epoch, ongoing, fresh)
    found = commands.keep(run, config, collected, name, trained, f"train {name}")
    checkpoint.remove(ongoing / checkpoint.FILE)
    return found


def doubts(made: Mapping[str, Any]) -> Iterator[str]:
    """Why a network that was just trained may be worse than it could be, a sentence each.

    Args:
        made: `Classifier.training`.
    """
    if made["validation_lacks"]:
        yield (f"no validation sample is of class {', '.join(made['validation_lacks'])}; the epoch was chosen without"
               " looking at it")
    if made["updates"] < _SETTLED:
        yield (f"{made['updates']} updates are few for batch normalisation to settle; the map may be useless; draw more"
               " samples ([samples] per_class) or take more --epochs")


def _options(config: Config, model: str) -> NetworkOptions:
    return architectures.for_cube(model, config.spec, len(config.taxonomy.names))
