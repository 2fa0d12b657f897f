"""The stages of learning, from a run directory to a run directory: train, evaluate, predict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import DataError, SchemaMismatch
from agrispec.formats.atomic import whole_folder, write_files
from agrispec.grid import Grid
from agrispec.sample import UNLABELLED
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import card, checkpoint, evaluate, picture, predict, recipes, train
from agrispec_tf import classifier as classifiers
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import architectures
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.recipes import Recipe
from agrispec_tf.run_models import load, made_by, models
from exports import manifest, parcels, samples, shards, tiles
from exports.runs import PREDICTION_CARD, Run

_PIXELS = 16384
"""Pixels whose cubes and probabilities are held at a time."""


class Collected:
    """A run's samples with their cubes; the target's labels are not in it.

    Args:
        run: an exported run.
        config: its configuration.

    Raises:
        RunError: the run is not exported yet.
        SchemaMismatch: the cubes belong to other samples, were labelled with other classes, or are of another cube.
        DataError: a sample has no cube.
    """

    def __init__(self, run: Run, config: Config) -> None:
        self._run = run
        self.table = samples.read(run.need(run.samples, "export"))
        self.digest = manifest.digest(run.samples)
        found = shards.sampling_of(run.need(run.shards, "export"))
        ours = shards.Sampling.of(self.digest, config.taxonomy)
        if found.samples != ours.samples:
            raise SchemaMismatch(f"the cubes in {run.shards} were exported for other samples than {run.samples} holds",
                                 mend=f"export again with: agrispec-gee export {run.path}")
        if found.classes != ours.classes:
            raise SchemaMismatch(f"the samples were labelled as {_said(found.classes)}, the configuration has"
                                 f" {_said(ours.classes)}",
                                 mend=f"restore [[classes]], or export again with: agrispec-gee export {run.path}")
        cubes = shards.read(run.shards, config.spec)
        if not np.array_equal(cubes.rows, self.table["row"].to_numpy()):
            raise DataError(f"{run.shards} holds {len(cubes.rows)} cubes for the {len(self.table)} samples of"
                            f" {run.samples}", mend=f"export again with: agrispec-gee export {run.path}")
        self.provenance = {"samples": self.digest, "seasons": list(config.season.source), "simulated": simulated(run)}
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

    def check_taught(self, model: str, trained: Classifier) -> None:
        """Checks that a model of the run was trained on these samples, so that what is held out is new to it.

        Raises:
            SchemaMismatch: it was not.
        """
        if trained.training["samples"] != self.digest:
            raise SchemaMismatch(f"{model} was trained on other samples than those of {self._run.samples}: what is held"
                                 " out now may have taught it",
                                 mend=f"make it again with: {made_by(self._run, model, trained)}")

    def _samples(self, chosen: NDArray[np.bool_], labels: NDArray[np.int64]) -> Samples:
        return Samples(series=self.series.take(chosen), labels=labels[chosen].astype(np.int64),
                       cells=self.table["cell"].to_numpy(str)[chosen], ids=self.table["row"].to_numpy()[chosen])


def recipe_of(config: Config, model: str, preset: str, *, epochs: int | None = None, patience: int | None = None,
              precision: str | None = None) -> Recipe:
    """The recipe of a network by name, one of `architectures.MODELS`, with what is not None in its place.

    Raises:
        ConfigError: no such model or preset, or the recipe cannot be.
    """
    return recipes.changed(recipes.recipe(preset, _options(config, model).architecture), epochs, patience, precision)


def fitted(collected: Collected, config: Config, model: str, how: Recipe,
           on_epoch: Callable[[Mapping[str, float]], None] | None = None, folder: Path | None = None,
           fresh: bool = False) -> Classifier:
    """A network by name, trained on the training cells, its epoch chosen by the validation cells.

    The gradient reversal sees the target season's series of the training cells, never a label of them.

    Args:
        folder: of the logs and the checkpoint, as `train.fit` says; `fresh` likewise.

    Raises:
        as `train.fit`.
    """
    options = _options(config, model)
    trained = train.fit(
        options, collected.labelled("train"), collected.labelled("validation"), class_names=config.taxonomy.names,
        how=how, seed=config.training.seed,
        smoothing=config.training.smoothing if options.architecture == BiGRUOptions.architecture else 0.0,
        target=collected.target("train") if model.endswith("-grl") else None, on_epoch=on_epoch, folder=folder,
        fresh=fresh)
    return replace(trained, training={**trained.training, **collected.provenance})


def _options(config: Config, model: str) -> NetworkOptions:
    return architectures.for_cube(model, config.spec, len(config.taxonomy.names))


def run_train(run: Run, config: Config, model: str, how: Recipe,
              on_epoch: Callable[[Mapping[str, float]], None], *, fresh: bool = False) -> Confusion | None:
    """Train a network into `model/`, write its card, and report on the held-out cells of the source seasons.

    While training lasts, its checkpoint and its logs are in `model/MODEL.training/`; the logs stay. A training that
    was interrupted goes on, unless `fresh`.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        as `train.fit`, and RunError where the run is not exported yet.
    """
    collected = Collected(run, config)
    ongoing = run.models / f"{model}.training"
    trained = fitted(collected, config, model, how, on_epoch, ongoing, fresh)
    found = keep(run, config, collected, model, trained, f"train {model}")
    checkpoint.remove(ongoing / checkpoint.FILE)
    return found


def keep(run: Run, config: Config, collected: Collected, model: str, trained: Classifier,
         stage: str) -> Confusion | None:
    """Score a network on the held-out cells of the source seasons, and save it with its card and its report.

    Args:
        model: the name of its folder.
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


def run_predict(run: Run, config: Config, model: str, fields: Sequence[Mapping[str, Any]],
                progress: Callable[[float], None]) -> dict[str, Any]:
    """Predict every pixel of a run's patches, and every parcel, into `predictions/`, all of it or nothing.

    Args:
        model: folder name below `model/`.
        fields: parcels as GeoJSON features in degrees; none where there are none.
        progress: told of the share that is done.

    Returns:
        what stands in `prediction.json`, too: model, season, digests, pixels by class, share that is confident.

    Raises:
        RunError: there is no such model, or no patches.
        SchemaMismatch: the patches are of another cube than the model.
    """
    trained = load(run, config, model)
    spec, layout = shards.cube_of(run.need(run.patches, "predict")), shards.layout_of(run.patches)
    trained.cube.check_read(spec)
    mixer, side = shards.mixer_of(run.patches), layout.patch
    parcel = tiles.parcel_pixels(fields, layout.grid.padded(side))
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
    of_fields, threshold = sums.prediction(), config.training.confidence
    rows = parcels.rows(fields, config.labels.parcel_id, trained.class_names, of_fields.classes,
                        of_fields.probability, of_fields.confident(threshold), sums.pixels)
    card = {"model": model, "season": layout.season, "cube": spec.digest, "threshold": threshold,
            "model_digest": manifest.digest(run.models / model / classifiers.MODEL),
            "patches_digest": manifest.digest(run.patches / shards.DESCRIPTION), "simulated": simulated(run)}
    with whole_folder(run.predictions) as folder:
        return _write(folder, card, config, layout.grid, tiles.assemble(classes, mixer, layout.grid),
                      tiles.assemble(probability, mixer, layout.grid), rows)


def _write(folder: Path, card: dict[str, Any], config: Config, grid: Grid, classes: NDArray[np.uint8],
           probability: NDArray[np.float32], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names, colours = config.taxonomy.names, config.taxonomy.colours
    unseen = classes == NO_CLASS
    confident = np.where(unseen, NO_CLASS, probability >= card["threshold"]).astype(np.uint8)
    tiles.write_class(folder / "class.tif", classes, grid, names, colours)
    tiles.write_probability(folder / "probability.tif", np.where(unseen, tiles.NO_PROBABILITY, probability), grid)
    tiles.write_flag(folder / "confident.tif", confident, grid)
    parcels.write(folder / "parcels.json", rows)
    title = f"Crop map {card['season']} by {card['model']}"
    picture.draw_map(folder / "map.png", classes, probability, names, colours,
                     f"{title} (simulated)" if card["simulated"] else title)
    card |= {"pixels": {name: int((classes == number).sum()) for number, name in enumerate(names)},
             "unseen": int(unseen.sum()), "confident": float((confident == 1).mean()), "parcels": len(rows),
             "class_digest": manifest.digest(folder / "class.tif")}
    (folder / PREDICTION_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def simulated(run: Run) -> bool:
    """Whether any scene of a run was simulated, as its export found."""
    scenes = manifest.read(run.path)["stages"].get("export", {}).get("scenes", {})
    return any(season["simulated"] for season in scenes.values())


def _title(run: Run, text: str) -> str:
    return f"{text} (simulated)" if simulated(run) else text


def _said(classes: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join(f"{name} ({' '.join(map(str, codes))})" for name, codes in classes)


def _scores(confusion: Confusion) -> dict[str, float]:
    return {"overall_accuracy": round(confusion.accuracy, 4), "macro_f1": round(confusion.macro_f1, 4)}
