"""A run's models, whatever their kind: entered into the run, found there, and judged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from agrispec.config import Config
from agrispec.errors import ConfigError, RunError, SchemaMismatch
from agrispec.formats.atomic import write_files
from agrispec_tf import card, evaluate, model_folder
from agrispec_tf.collected import Collected
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import Trained
from exports import manifest
from exports.runs import MODEL_CARD, Run


def enter(run: Run, config: Config, model: str, trained: Trained, collected: Collected) -> Confusion | None:
    """Save a trained model into `model/`, write its card, and report on the held-out cells of the source seasons.

    Args:
        model: its name in the run.
        trained: on the training cells of `collected`.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        StorageError: a file cannot be written.
    """
    held_out = collected.labelled("test")
    found = evaluate.score(trained, held_out) if len(held_out) else None
    trained.save(run.models / model)
    folds = {name: collected.labelled(fold) for name, fold in
             (("training", "train"), ("validation", "validation"), ("held out", "test"))}
    written = card.text(model, trained, folds, found, seasons=config.season.source, target=config.season.target,
                        simulated=simulated(run))
    write_files({run.models / model / card.FILE: written.encode()})
    if found:
        evaluate.report(found, config.taxonomy.names, run.report / model,
                        title=_title(run, f"{model}, held-out cells"))
    manifest.record(run.path, f"train {model}", {
        "training": dict(trained.training), "cube": config.spec.digest,
        "held_out": {"samples": len(held_out), **_scores(found)} if found else None})
    return found


def run_evaluate(run: Run, config: Config, truth: pd.DataFrame) -> dict[str, Confusion]:
    """Score every model of a run on the held-out cells of the target season, whose labels are `truth`.

    Returns:
        by model.

    Raises:
        RunError: the run has no model.
        SchemaMismatch: a model was trained on other samples, classes or cubes.
        DataError: no held-out sample of the target season has a label.
    """
    collected = Collected(run, config)
    judged = collected.judged("test", truth)
    found: dict[str, Confusion] = {}
    for folder in models(run):
        trained = load(run, config, folder.name)
        collected.check_taught(folder.name, trained)
        found[folder.name] = evaluate.score(trained, judged)
        evaluate.report(found[folder.name], config.taxonomy.names,
                        run.report / f"{folder.name}-{config.season.target}",
                        title=_title(run, f"{folder.name}, {config.season.target} season, held-out cells"))
    manifest.record(run.path, "evaluate", {
        "season": config.season.target, "held_out": len(judged), "samples": collected.digest,
        "truth": manifest.digest(run.truth), "scores": {name: _scores(confusion) for name, confusion in found.items()}})
    return found


def models(run: Run) -> list[Path]:
    """The folders of a run's models, in order of their names.

    Raises:
        RunError: there is none.
    """
    folders = sorted(card.parent for card in run.models.glob(f"*/{MODEL_CARD}"))
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
                             mend=f"restore [[classes]], or train again: agrispec-gee train {run.path} --model {model}")


def folder_of(run: Run, model: str) -> Path:
    """The folder of one of a run's models.

    Raises:
        RunError: there is no such model; those that are there are named.
    """
    present = {folder.name: folder for folder in models(run)}
    if model not in present:
        raise RunError(f"{run.path} has no model {model!r}; it has {', '.join(present)}",
                       mend=f"give one of these, or train one: agrispec-gee train {run.path}")
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


def simulated(run: Run) -> bool:
    """Whether any scene of a run was simulated, as its export found."""
    scenes = manifest.read(run.path)["stages"].get("export", {}).get("scenes", {})
    return any(season["simulated"] for season in scenes.values())


def _title(run: Run, text: str) -> str:
    return f"{text} (simulated)" if simulated(run) else text


def _scores(confusion: Confusion) -> dict[str, float]:
    return {"overall_accuracy": round(confusion.accuracy, 4), "macro_f1": round(confusion.macro_f1, 4)}
