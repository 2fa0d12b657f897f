"""A run's trained models, networks and trees, by the names of their folders."""

from __future__ import annotations

from pathlib import Path

from agrispec.config import Config
from agrispec.errors import ConfigError, RunError, SchemaMismatch
from agrispec_tf import model_folder
from agrispec_tf.model_folder import Trained
from exports.runs import MODEL_CARD, Run


def models(run: Run) -> list[Path]:
    """The folders of a run's models, in order of their names.

    Raises:
        RunError: there is none.
    """
    folders = sorted(card.parent for card in run.models.glob(f"[!.]*/{MODEL_CARD}"))
    if not folders:
        raise RunError(f"{run.path} has no model yet", mend=f"train one with: agrispec-gee train {run.path}")
    return folders


def load(run: Run, config: Config, model: str) -> Trained:
    """One of a run's models, whose cube and classes are those of the configuration.

    Raises:
        RunError: there is no such model.
        SchemaMismatch: it is of another cube or of other classes.
    """
    trained = model_folder.load(folder_of(run, model))
    check(run, config, model, trained)
    return trained


def check(run: Run, config: Config, model: str, trained: Trained) -> None:
    """Checks that the cube and the classes of one of a run's models are those of the configuration.

    Raises:
        SchemaMismatch: they are not.
    """
    trained.cube.check_read(config.spec)
    if trained.class_names != config.taxonomy.names:
        raise SchemaMismatch(f"{model} knows the classes {', '.join(trained.class_names)}, the configuration has"
                             f" {', '.join(config.taxonomy.names)}",
                             mend=f"restore [[classes]], or train again: {made_by(run, model, trained)}")


_REVIEWED = "-reviewed"


def name_of(model: str, *, reviewed: bool) -> str:
    """The folder of a model of a kind, trained with what reviewers agreed on or without."""
    return f"{model}{_REVIEWED if reviewed else ''}"


def made_by(run: Run, model: str, trained: Trained) -> str:
    """The command that makes a model of a run."""
    if origin := trained.training.get("from"):
        return f"agrispec-gee finetune {origin['model']} {run.path} --name {model}"
    if rung := trained.training.get("rung"):
        return f"agrispec-gee adapt {run.path} --model {trained.training['ladder']} --rung {rung}"
    if "review" in trained.training:
        return f"agrispec-gee train {run.path} --model {model.removesuffix(_REVIEWED)} --with-review"
    return f"agrispec-gee train {run.path} --model {model}"


def folder_of(run: Run, model: str) -> Path:
    """The folder of one of a run's models.

    Raises:
        RunError: there is no such model; those that are there are named.
    """
    present = {folder.name: folder for folder in models(run)}
    if model not in present:
        raise RunError(f"{run.path} has no model {model!r}, but {', '.join(present)}",
                       mend=f"name one of these, or train one: agrispec-gee train {run.path}")
    return present[model]


def need_network(run: Run, model: str) -> None:
    """Checks that one of a run's models is a network, which other programs can compute.

    Raises:
        RunError: there is no such model.
        ConfigError: it is made of trees.
    """
    if model_folder.kind(folder_of(run, model)) == model_folder.TREES:
        raise ConfigError(f"{model} is made of trees, and only networks leave as ONNX files",
                          mend="let Earth Engine itself map with a forest on harmonics:"
                               f" agrispec-gee map-on-engine {run.path} --model forest-harmonic")
