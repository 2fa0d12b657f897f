"""The stages that any trained model goes through: kept in its run, and judged."""

from __future__ import annotations

import pandas as pd

from agrispec.config import Config
from agrispec.formats.atomic import write_files
from agrispec_tf import card, evaluate, run_models
from agrispec_tf.collected import Collected, simulated
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import Trained
from exports import manifest
from exports.runs import Run


def keep(run: Run, config: Config, collected: Collected, model: str, trained: Trained,
         stage: str) -> Confusion | None:
    """Score a trained model on the held-out cells of the source seasons, and save it with its card and its report.

    Args:
        model: the name of its folder.
        trained: on the training cells of `collected`.
        stage: what the manifest calls its making.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        StorageError: something cannot be written.
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
    manifest.record(run.path, stage, {
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
    for folder in run_models.models(run):
        trained = run_models.load(run, config, folder.name)
        collected.check_taught(folder.name, trained)
        found[folder.name] = evaluate.score(trained, judged)
        evaluate.report(found[folder.name], config.taxonomy.names,
                        run.report / f"{folder.name}-{config.season.target}",
                        title=_title(run, f"{folder.name}, {config.season.target} season, held-out cells"))
    manifest.record(run.path, "evaluate", {
        "season": config.season.target, "held_out": len(judged), "samples": collected.digest,
        "truth": manifest.digest(run.truth), "scores": {name: _scores(confusion) for name, confusion in found.items()}})
    return found


def _title(run: Run, text: str) -> str:
    return f"{text} (simulated)" if simulated(run) else text


def _scores(confusion: Confusion) -> dict[str, float]:
    return {"overall_accuracy": round(confusion.accuracy, 4), "macro_f1": round(confusion.macro_f1, 4)}
