"""The stages of learning, from a run directory to a run directory: train, evaluate, predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import ConfigError, DataError
from agrispec.sample import UNLABELLED
from agrispec_tf import classifier as classifiers
from agrispec_tf import evaluate, picture, predict, train
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.cropnet import CropNetOptions
from exports import manifest, parcels, samples, shards, tiles
from exports.runs import Run

MODELS = ("cropnet", "bigru", "bigru-grl")
"""What `train` can be asked for: CropNet, the Bi-GRU on the source alone, and with gradient reversal."""

_PIXELS = 16384
"""Pixels whose cubes and probabilities are held at a time."""


class Collected:
    """A run's samples with their cubes; the target's labels are not in it.

    Args:
        run: an exported run.
        config: its configuration.
    """

    def __init__(self, run: Run, config: Config) -> None:
        self.table = samples.read(run.need(run.samples, "export"))
        cubes = shards.read(run.need(run.shards, "export"), config.spec)
        if not np.array_equal(cubes.rows, self.table["row"].to_numpy()):
            raise DataError(f"{run.shards} holds {len(cubes.rows)} cubes for the {len(self.table)} samples of"
                            f" {run.samples}", mend=f"export again with: agrispec-gee export {run.path}")
        self.series = Series(cube=config.spec, values=cubes.values, counts=cubes.counts)
        self._target = config.season.target

    def labelled(self, fold: str) -> Samples:
        """The source seasons' samples of a fold."""
        chosen = (self.table["fold"] == fold) & (self.table["label"] != UNLABELLED)
        return self._samples(chosen.to_numpy(), self.table["label"].to_numpy())

    def target(self, fold: str) -> Series:
        """The target season's series of a fold."""
        chosen = (self.table["fold"] == fold) & (self.table["season"] == self._target)
        return self.series.take(chosen.to_numpy())

    def judged(self, fold: str, truth: pd.DataFrame) -> Samples:
        """The target season's samples of a fold whose label `truth` knows; for evaluation."""
        labels = self.table["row"].map(truth.set_index("row")["label"]).fillna(UNLABELLED).to_numpy(np.int64)
        chosen = (self.table["fold"] == fold) & (self.table["season"] == self._target)
        return self._samples(chosen.to_numpy() & (labels != UNLABELLED), labels)

    def _samples(self, chosen: NDArray[np.bool_], labels: NDArray[np.int64]) -> Samples:
        return Samples(series=self.series.take(chosen), labels=labels[chosen].astype(np.int64),
                       cells=self.table["cell"].to_numpy(str)[chosen], ids=self.table["row"].to_numpy()[chosen])


def fitted(collected: Collected, config: Config, model: str, preset: str,
           on_epoch: Callable[[Mapping[str, float]], None] | None = None) -> Classifier:
    """One of `MODELS`, trained on the training cells, its epoch chosen by the validation cells.

    The gradient reversal sees the target season's series of the training cells, never a label of them.

    Raises:
        ConfigError: no such model or preset.
        DataError: a fold or a class is empty.
    """
    if model not in MODELS:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(MODELS)}")
    names, architecture = config.taxonomy.names, model.removesuffix("-grl")
    build = CropNetOptions if architecture == "cropnet" else BiGRUOptions
    return train.fit(
        build.for_cube(config.spec, len(names)), collected.labelled("train"), collected.labelled("validation"),
        class_names=names, how=train.recipe(preset, architecture), seed=config.training.seed,
        smoothing=config.training.smoothing if architecture == "bigru" else 0.0,
        target=collected.target("train") if model.endswith("-grl") else None, on_epoch=on_epoch)


def run_train(run: Run, config: Config, model: str, preset: str,
              on_epoch: Callable[[Mapping[str, float]], None]) -> Confusion | None:
    """Train one of `MODELS` into `model/`, and report on the held-out cells of the source seasons.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        as `fitted`, and RunError where the run is not exported yet.
    """
    collected = Collected(run, config)
    trained = fitted(collected, config, model, preset, on_epoch)
    trained.save(run.models / model)
    held_out = collected.labelled("test")
    found = evaluate.score(trained, held_out) if len(held_out) else None
    if found:
        evaluate.report(found, config.taxonomy.names, run.report / model,
                        title=_title(run, f"{model}, held-out cells"))
    manifest.record(run.path, f"train {model}", {
        "preset": preset, "training": dict(trained.training), "cube": config.spec.digest,
        "held_out": {"samples": len(held_out), **_scores(found)} if found else None})
    return found


def run_evaluate(run: Run, config: Config, truth: pd.DataFrame) -> dict[str, Confusion]:
    """Score every model of a run on the held-out cells of the target season, whose labels are `truth`.

    Returns:
        by model.

    Raises:
        RunError: the run has no model.
        DataError: no held-out sample of the target season has a label.
    """
    collected = Collected(run, config)
    judged = collected.judged("test", truth)
    found: dict[str, Confusion] = {}
    for folder in _models(run):
        found[folder.name] = evaluate.score(classifiers.load(folder), judged)
        evaluate.report(found[folder.name], config.taxonomy.names,
                        run.report / f"{folder.name}-{config.season.target}",
                        title=_title(run, f"{folder.name}, {config.season.target} season, held-out cells"))
    manifest.record(run.path, "evaluate", {
        "season": config.season.target, "samples": len(judged),
        "scores": {name: _scores(confusion) for name, confusion in found.items()}})
    return found


def run_predict(run: Run, config: Config, model: str, fields: Sequence[Mapping[str, Any]],
                progress: Callable[[float], None]) -> dict[str, Any]:
    """Predict every pixel of a run's patches, and every parcel, into `predictions/`.

    Args:
        model: folder name below `model/`.
        fields: parcels as GeoJSON features in degrees; none where there are none.
        progress: told of the share that is done.

    Returns:
        for the manifest: pixels by class, share that is confident, parcels.

    Raises:
        RunError: there is no such model, or no patches.
        SchemaMismatch: the patches are of another cube than the model.
    """
    folder = run.need(run.models / model, f"train --model {model}")
    trained = classifiers.load(folder)
    spec, layout = shards.cube_of(run.patches), shards.layout_of(run.patches)
    trained.check(spec)
    mixer, side = shards.mixer_of(run.patches), layout.patch
    padded = layout.grid.padded(side)
    parcel = tiles.parcel_pixels(fields, padded)
    classes: list[NDArray[np.uint8]] = []
    probability: list[NDArray[np.float32]] = []
    sums, done = predict.ParcelSums.none(len(fields), len(trained.class_names)), 0
    for values, counts in shards.patches(run.patches, spec, max(1, _PIXELS // side**2)):
        places = Series(cube=spec, values=values.reshape(-1, *values.shape[3:]),
                        counts=counts.reshape(-1, counts.shape[-1]))
        found = predict.series(trained, places)
        corners = [mixer.corner(done + number) for number in range(len(values))]
        within = np.stack([parcel[row:row + side, column:column + side] for row, column in corners]).ravel()
        sums += predict.parcels(found, within, len(fields))
        classes.append(found.classes.reshape(-1, side, side))
        probability.append(found.probability.reshape(-1, side, side))
        done += len(values)
        progress(done / mixer.total_patches)
    return _write_predictions(run, config, trained, model, tiles.assemble(classes, mixer, layout.grid),
                              tiles.assemble(probability, mixer, layout.grid), fields, sums.prediction(), sums.pixels)


def _write_predictions(run: Run, config: Config, trained: Classifier, model: str, classes: NDArray[np.uint8],
                       probability: NDArray[np.float32], fields: Sequence[Mapping[str, Any]],
                       of_fields: predict.Prediction, pixels: NDArray[np.int64]) -> dict[str, Any]:
    layout, names, threshold = shards.layout_of(run.patches), config.taxonomy.names, config.training.confidence
    unseen = classes == predict.UNSEEN
    confident = np.where(unseen, tiles.NO_CLASS, probability >= threshold).astype(np.uint8)
    tiles.write_class(run.predictions / "class.tif", classes, layout.grid, names, config.taxonomy.colours)
    tiles.write_probability(run.predictions / "probability.tif", np.where(unseen, tiles.NO_PROBABILITY, probability),
                            layout.grid)
    tiles.write_flag(run.predictions / "confident.tif", confident, layout.grid)
    rows = parcels.rows(fields, config.labels.parcel_id, names, of_fields.classes, of_fields.probability,
                        of_fields.confident(threshold), pixels)
    parcels.write(run.predictions / "parcels.json", rows)
    title = _title(run, f"Crop map {layout.season} by {model}")
    picture.draw_map(run.predictions / "map.png", classes, probability, names, config.taxonomy.colours, title)
    counts = {name: int((classes == number).sum()) for number, name in enumerate(names)}
    return {"model": model, "model_digest": manifest.digest(run.models / model / classifiers.MODEL),
            "cube": trained.cube.digest, "pixels": counts, "unseen": int(unseen.sum()),
            "confident": float((confident == 1).mean()), "parcels": len(rows), "simulated": simulated(run)}


def simulated(run: Run) -> bool:
    """Whether any scene of a run was simulated, as its export found."""
    scenes = manifest.read(run.path)["stages"].get("export", {}).get("scenes", {})
    return any(season["simulated"] for season in scenes.values())


def _title(run: Run, text: str) -> str:
    return f"{text} (simulated)" if simulated(run) else text


def _models(run: Run) -> list[Path]:
    folders = sorted(path for path in run.need(run.models, "train").iterdir() if (path / classifiers.CARD).exists())
    if not folders:
        run.need(run.models / "cropnet", "train")
    return folders


def _scores(confusion: Confusion) -> dict[str, float]:
    return {"overall_accuracy": round(confusion.accuracy, 4), "macro_f1": round(confusion.macro_f1, 4)}
