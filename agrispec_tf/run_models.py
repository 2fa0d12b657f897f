"""A run's trained networks, by the names of their folders."""

from __future__ import annotations

from pathlib import Path

from agrispec.config import Config
from agrispec.errors import RunError, SchemaMismatch
from agrispec_tf import classifier as classifiers
from agrispec_tf.classifier import Classifier
from agrispec_tf.models.architectures import MODELS
from exports.runs import MODEL_CARD, Run


def models(run: Run) -> list[Path]:
    """The folders of a run's models, in order of their names.

    Raises:
        RunError: there is none.
    """
    return _present(run) or [run.need(run.models / "cropnet", "train")]


def load(run: Run, config: Config, model: str) -> Classifier:
    """One of a run's models, whose cube and classes are those of the configuration.

    Raises:
        RunError: there is no such model; those that are there are named.
        SchemaMismatch: it is of another cube or of other classes.
    """
    present = [folder.name for folder in _present(run)]
    if model not in present:
        raise RunError(f"{run.path} has no model {model!r}" + (f", but {', '.join(present)}" if present else " yet"),
                       mend=f"make it with: agrispec-gee train --model {model} {run.path}" if model in MODELS else
                       "name one of these" if present else f"train one first: agrispec-gee train {run.path}")
    trained = classifiers.load(run.models / model)
    trained.cube.check_read(config.spec)
    if trained.class_names != config.taxonomy.names:
        raise SchemaMismatch(f"{model} knows the classes {', '.join(trained.class_names)}, the configuration has"
                             f" {', '.join(config.taxonomy.names)}",
                             mend=f"restore [[classes]], or train again: {made_by(run, model, trained)}")
    return trained


def made_by(run: Run, model: str, trained: Classifier) -> str:
    """The command that makes a model of a run."""
    if origin := trained.training.get("from"):
        return f"agrispec-gee finetune {origin['model']} {run.path} --name {model}"
    return f"agrispec-gee train {run.path} --model {model}"


def _present(run: Run) -> list[Path]:
    return sorted(card.parent for card in run.models.glob(f"*/{MODEL_CARD}"))
