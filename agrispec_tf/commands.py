"""The stages that any trained model goes through: kept in its run, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from agrispec.config import Config
from agrispec.formats.atomic import write_files
from agrispec_tf import card, evaluate, novelty, run_models, trust
from agrispec_tf.calibration import Reliability
from agrispec_tf.collected import Collected
from agrispec_tf.data.samples import Samples
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import Trained
from agrispec_tf.trust import Trust
from exports import manifest
from exports.runs import Run


def keep(run: Run, config: Config, collected: Collected, model: str, trained: Trained,
         stage: str) -> Confusion | None:
    """Calibrate a trained model on the validation cells, score it on the held-out cells of the source seasons, and save
    it with its card and its report.

    Args:
        model: the name of its folder.
        trained: on the training cells of `collected`.
        stage: what the manifest calls its making.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        StorageError: something cannot be written.
    """
    kept = trust.calibrated(trained, collected.labelled("validation"))
    return _save(run, config, collected, model, kept, trained, stage, undoes=_calibrating(model))


def recalibrate(run: Run, config: Config, collected: Collected, model: str, temperature: float,
                held_out: Mapping[str, Any]) -> None:
    """Give one of a run's models a temperature that was found elsewhere, and write its card and its report anew.

    Args:
        model: the name of its folder.
        temperature: T of what was trained.
        held_out: where it is from, see `trust.recalibrated`.

    Raises:
        RunError: there is no such model.
        SchemaMismatch: it was trained on other samples, classes or cubes.
        StorageError: something cannot be written.
    """
    had = run_models.load(run, config, model)
    collected.check_taught(model, had)
    kept = trust.recalibrated(had, collected.labelled("validation"), temperature, held_out)
    _save(run, config, collected, model, kept, had.tempered(1.0), _calibrating(model))


def _calibrating(model: str) -> str:
    """The stage of `recalibrate`."""
    return f"calibrate {model}"


def _save(run: Run, config: Config, collected: Collected, model: str, kept: Trained, trained: Trained,
          stage: str, *, undoes: str | None = None) -> Confusion | None:
    """Score and save a model as it is kept, with its card and its report, which tell of it as it was trained, too."""
    names = config.taxonomy.names
    folds = {name: collected.labelled(fold) for name, fold in
             (("training", "train"), ("validation", "validation"), ("held out", "test"))}
    held_out = folds["held out"]
    found = _judged(kept, held_out, config) if len(held_out) else None
    kept.save(run.models / model)
    said: dict[str, Any] = {}
    if found:
        before = Reliability.of(trained.probabilities(held_out.series), held_out.labels)
        said = {**found[1].table(names), "as_trained": before.table}
        title = _title(run, f"{model}, held-out cells")
        evaluate.report(found[0], names, found[2], run.report / model, title=title)
        trust.report(found[1], names, run.report / model, title, before)
    written = card.text(model, kept, folds, found[0] if found else None, said, seasons=config.season.source,
                        target=config.season.target, simulated=manifest.simulated(run.path))
    write_files({run.models / model / card.FILE: written.encode()})
    manifest.record(run.path, stage, {
        "training": dict(kept.training), "cube": config.spec.digest,
        "held_out": {"samples": len(held_out), **_scores(found[0]), "trust": said} if found else None}, undoes=undoes)
    return found[0] if found else None


def run_evaluate(run: Run, config: Config, truth: pd.DataFrame) -> dict[str, Confusion]:
    """Score every model of a run on the held-out cells of the target season, whose labels are `truth`.

    The manifest says, too, what probabilities and sets of classes were worth there, neither of which is calibrated
    anew, and which share of the samples is unlike all that was learnt.

    Returns:
        by model.

    Raises:
        RunError: the run has no model.
        SchemaMismatch: a model was trained on other samples, classes or cubes.
        DataError: no held-out sample of the target season has a label.
    """
    collected = Collected(run, config)
    judged = collected.judged("test", truth)
    found: dict[str, tuple[Confusion, Trust]] = {}
    for folder in run_models.models(run):
        trained = run_models.load(run, config, folder.name)
        collected.check_taught(folder.name, trained)
        scores, worth, cells = _judged(trained, judged, config)
        found[folder.name] = scores, worth
        report = run.report / f"{folder.name}-{config.season.target}"
        title = _title(run, f"{folder.name}, {config.season.target} season, held-out cells")
        evaluate.report(scores, config.taxonomy.names, cells, report, title=title)
        trust.report(worth, config.taxonomy.names, report, title)
    manifest.record(run.path, "evaluate", {
        "season": config.season.target, "held_out": len(judged), "samples": collected.digest,
        "truth": manifest.digest(run.truth), "unusual": _unusual(collected, judged, config),
        "scores": {name: _scores(scores) for name, (scores, _) in found.items()},
        "trust": {name: worth.table(config.taxonomy.names) for name, (_, worth) in found.items()}})
    return {name: scores for name, (scores, _) in found.items()}


def _judged(trained: Trained, samples: Samples, config: Config) -> tuple[Confusion, Trust, dict[str, tuple[int, int]]]:
    """How a model does on samples that it did not see, what its probabilities are worth there, and how it does by
    cell."""
    found = evaluate.probabilities(trained, samples)
    called = found.argmax(axis=1)
    # A model that was not kept by this project's commands has not been calibrated.
    least = trained.training.get("calibration", {}).get("least")
    return (Confusion.of(samples.labels, called, found.shape[1]),
            Trust.of(found, samples.labels, confidence=config.training.confidence, least=least),
            evaluate.by_cell(called == samples.labels, samples.cells))


def _unusual(collected: Collected, samples: Samples, config: Config) -> float | None:
    """Share of samples that are farther from those that taught than nearly all held-out ones of the source seasons;
    None where the split holds none of these out, or too few taught to say what is unlike them."""
    usual = collected.labelled("test")
    if not len(usual) or len(collected.labelled("train")) < novelty.NEIGHBOURS:
        return None
    familiar = novelty.Familiar.of(collected.labelled("train"), config.training.seed)
    share = novelty.unusual(familiar.distance(usual.series), familiar.distance(samples.series))
    return round(share, 4)


def _title(run: Run, text: str) -> str:
    return f"{text} (simulated)" if manifest.simulated(run.path) else text


def _scores(confusion: Confusion) -> dict[str, float]:
    return {"overall_accuracy": round(confusion.accuracy, 4), "macro_f1": round(confusion.macro_f1, 4)}
