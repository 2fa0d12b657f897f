"""Fine-tuning: a trained network is adapted to another area by few labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import ConfigError, CorruptRecord
from agrispec_tf import checkpoint, evaluate, train
from agrispec_tf import classifier as classifiers
from agrispec_tf.checks import check
from agrispec_tf.classifier import Classifier, compiled_for_inference
from agrispec_tf.collected import Collected
from agrispec_tf.commands import keep
from agrispec_tf.data.samples import Samples
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import TREES
from agrispec_tf.recipes import Recipe
from agrispec_tf.start import Start
from exports import manifest
from exports.runs import Run

HEAD, ALL = "head", "all"
"""The stages, and the folders in which each keeps its checkpoint and its logs."""

_SLOWER = 10
"""How much lower the learning rate of the second stage is."""


def fit(source: Classifier, training: Samples, validation: Samples, *, class_names: tuple[str, ...], how: Recipe,
        seed: int, on_epoch: Callable[[Mapping[str, float]], None] | None = None, folder: Path | None = None,
        fresh: bool = False) -> Classifier:
    """Trains the head of a trained network for other classes, then all of it at a tenth of the learning rate.

    In the first stage all layers but the last are frozen and work as in prediction. In the second all weights are
    trained but those of batch normalisations, which go on by the statistics they have.

    Of all epochs the one with the highest macro-F1 on the validation fold is kept. Where the network knows all
    classes, it is itself a candidate, epoch 0: on that fold the result is never worse than `source`.

    Like `train.fit` it goes on after the last whole epoch where a process ended, with a folder for each stage.

    Args:
        source: it keeps its weights; the result keeps its preparation.
        training: samples that teach.
        validation: samples of other cells, which choose the epoch.
        class_names: C names by class number. Those that `source` knows keep their column of its last layer.
        how: the recipe of each stage, its learning rate that of the first.
        seed: of columns that are new, order, dropout and augmentation. Sets Keras's global seed.
        on_epoch: called with the scores of each epoch, counted through both stages, and the number of its `stage`.
        folder: where the stages' folders are; None keeps none.
        fresh: whether to begin anew where checkpoints are in them, which are discarded then.

    Raises:
        SchemaMismatch: the samples are of another cube than `source`, or a checkpoint is of another fine-tuning.
        CorruptRecord: the weights of `source` are not those of the network its options describe, or a checkpoint
            cannot be read.
        DataError, ConfigError, StorageError: as `train.fit`.
    """
    source.cube.check_read(training.series.cube)
    begun = adopted(source, class_names, seed)
    check(begun.options, training, validation, class_names, how)
    if folder and fresh:
        remove_checkpoints(folder)
    rows: list[Mapping[str, float]] = []

    def stage(number: int, name: str, weights: list[NDArray[Any]], how: Recipe, **start: Any) -> Classifier:
        before = len(rows)

        def tell(row: Mapping[str, float]) -> None:
            rows.append({"epoch": before + row["epoch"], "stage": number,
                         **{key: value for key, value in row.items() if key != "epoch"}})
            if on_epoch:
                on_epoch(rows[-1])

        return train.fit(begun.options, training, validation, class_names=class_names, how=how, seed=seed,
                         start=Start(weights=weights, preparation=source.preparation, **start), on_epoch=tell,
                         folder=folder / name if folder else None)

    layers = begun.model.layers
    encoder = tuple(layer.name for layer in layers[:-1])
    # Statistics stay: with those of its batches a TempCNN was 0.004 macro-F1 better on real parcels (24 pairs of runs),
    # too little to rely on a last batch of one sample for.
    norms = tuple(layer.name for layer in layers if isinstance(layer, keras.layers.BatchNormalization))
    known = set(class_names) <= set(source.class_names)
    first = stage(1, HEAD, begun.model.get_weights(), how, frozen=encoder, candidate=known)
    lower = replace(how, learning_rate=how.learning_rate / _SLOWER)
    second = stage(2, ALL, first.model.get_weights(), lower, frozen=norms)
    stages = {HEAD: first, ALL: second}
    better = second.training["best_epoch"]
    best = len(first.history) + better if better else first.training["best_epoch"]
    before = evaluate.score(begun, validation).macro_f1 if known else None
    return replace(second, history=tuple(rows), training={
        **second.training, "recipe": asdict(how), "best_epoch": best,
        "updates": sum(one.training["updates"] for one in stages.values()),
        "validation_macro_f1": {"before": before, "after": rows[best - 1]["val_macro_f1"] if best else before},
        "stages": [{"trained": name, "epochs": len(one.history),
                    "learning_rate": one.training["recipe"]["learning_rate"]} for name, one in stages.items()]})


def adopted(source: Classifier, class_names: tuple[str, ...], seed: int) -> Classifier:
    """`source` for other classes, its network a copy: known ones keep their column of the last layer.

    Args:
        class_names: C names by class number.
        seed: of the columns of classes that `source` does not know. Sets Keras's global seed.

    Raises:
        CorruptRecord: the weights of `source` are not those of the network its options describe.
    """
    options = replace(source.options, classes=len(class_names))  # type: ignore[type-var]
    keras.utils.set_random_seed(seed)
    model = options.build()
    # Layers without weights come and go between releases of this project, and between those of Keras.
    old, new = ([layer for layer in network.layers if layer.weights] for network in (source.model, model))
    if _shapes(old[:-1]) != _shapes(new[:-1]):
        raise CorruptRecord("the model's weights are not those of the network that its card describes",
                            mend="train it again, or restore the folder from a copy")
    for ours, theirs in zip(new[:-1], old[:-1], strict=True):
        ours.set_weights(theirs.get_weights())
    shared = [(number, source.class_names.index(name)) for number, name in enumerate(class_names)
              if name in source.class_names]
    head = new[-1].get_weights()
    for ours, theirs in zip(head, old[-1].get_weights(), strict=True):
        for number, there in shared:
            ours[..., number] = theirs[..., there]
    new[-1].set_weights(head)
    return replace(source, model=compiled_for_inference(model), options=options, class_names=class_names)


def remove_checkpoints(folder: Path) -> None:
    """Removes the checkpoints of both stages, so that whatever is left of a removal can still be gone on with.

    Raises:
        StorageError: the file system refuses.
    """
    for name in (ALL, HEAD):
        checkpoint.remove(folder / name / checkpoint.FILE)


def run_finetune(folder: Path, run: Run, config: Config, name: str, how: Recipe,
                 on_epoch: Callable[[Mapping[str, float]], None], *, fresh: bool = False) -> Confusion | None:
    """Fine-tune the model of a folder by a run's labels into `model/`, with card and report like a trained one.

    While it lasts, checkpoints and logs are in `model/NAME.training/`; the logs stay. A fine-tuning that was
    interrupted goes on, unless `fresh`.

    Args:
        folder: of any network of this project.
        name: of the result's folder below `model/`.

    Returns:
        what the report on held-out cells shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        ConfigError: the folder holds trees, the name is none, or is that of the folder itself.
        RunError: the folder holds no model, or the run is not exported yet.
        CorruptRecord, SchemaMismatch, DataError, StorageError: as `fit` and `agrispec_tf.classifier.load`.
    """
    if (folder / TREES).is_file():
        raise ConfigError(f"{folder} holds trees, not a network: a forest has no encoder",
                          mend="train it on the new area")
    if not re.fullmatch(r"\w[\w.-]*", name) or name.endswith(".training"):
        raise ConfigError(f"{name!r} is no name for a model's folder",
                          mend="give letters, digits, dots, hyphens and underscores, and no path")
    if (run.models / name).resolve() == folder.resolve():
        raise ConfigError(f"{folder} is the model to begin from, which the result would replace",
                          mend="give the result another --name")
    source = classifiers.load(folder)
    collected = Collected(run, config)
    ongoing = run.models / f"{name}.training"
    tuned = fit(source, collected.labelled("train"), collected.labelled("validation"),
                class_names=config.taxonomy.names, how=how, seed=config.training.seed, on_epoch=on_epoch,
                folder=ongoing, fresh=fresh)
    origin = {"model": str(folder), "digest": manifest.digest(folder / classifiers.MODEL),
              "classes": list(source.class_names), "training": dict(source.training)}
    tuned = replace(tuned, training={**tuned.training, **collected.provenance, "from": origin})
    found = keep(run, config, collected, name, tuned, f"finetune {name}")
    remove_checkpoints(ongoing)
    return found


def _shapes(layers: list[Any]) -> list[list[tuple[int, ...]]]:
    return [[np.shape(array) for array in layer.get_weights()] for layer in layers]
