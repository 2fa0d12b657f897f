"""One transfer of CropGlobe: trained on a country with its labels, judged on others that nothing was chosen by."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError, DataError
from agrispec_tf import recipes, train
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.features import Medians
from agrispec_tf.cropglobe import methods
from agrispec_tf.cropglobe.files import Table
from agrispec_tf.cropglobe.folds import split, thinned
from agrispec_tf.cropglobe.labels import CLASSES, expressed
from agrispec_tf.cropglobe.methods import AUGMENTATIONS, Method
from agrispec_tf.cropglobe.views import View
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import architectures

SEEDS = tuple(range(82, 92))
"""Of the ten published runs, https://github.com/x-ytong/CropNet."""

Probabilities = Callable[[Series], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How runs are made.

    Attributes:
        reference: False keeps a validation fold of the source apart; True does as CropNet's released trainer does,
            whose validation is a leak (`folds`).
        augmentation: one of `AUGMENTATIONS` for all networks that read series; empty for each one's own.
        epochs: of networks; None for the 50 published.
        limit: most samples of a country that are used, each class in its share; None for all.
        view: the steps that are seen.
    """

    reference: bool = False
    augmentation: str = ""
    epochs: int | None = None
    limit: int | None = None
    view: View = View()

    def __post_init__(self) -> None:
        if self.augmentation and self.augmentation not in AUGMENTATIONS:
            raise ConfigError(f"there is no augmentation {self.augmentation!r}",
                              mend=f"use one of {', '.join(AUGMENTATIONS)}")
        if any(number is not None and number < 1 for number in (self.epochs, self.limit)):
            raise ConfigError(f"{self.epochs} epochs of {self.limit} samples teach nothing", mend="give 1 or more")

    def augmentation_of(self, method: Method) -> str:
        """One of `AUGMENTATIONS`."""
        varied = method.network and method.reads_series
        return self.augmentation if varied and self.augmentation else method.augmentation

    @property
    def protocol(self) -> str:
        """Its name."""
        return "reference" if self.reference else "honest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one trained model did on one target.

    Attributes:
        source, target: countries.
        model: one of `METHODS`.
        seed: of split, weights, order and augmentation.
        protocol, augmentation, step_days, first_day, last_day, epochs, limit: its settings; of vectors, which have no
            days, those are None.
        accuracy, macro_f1, weighted_f1: 0 ... 1, over the classes that the target's truth holds.
        confusion: (7, 7) counts by code, rows the truth.
        samples: of the target, judged.
        dropped: samples of the target left out, since their class does not occur in the source.
        training_samples, validation_samples: of the source.
        best_epoch: that was kept; None for a baseline.
        validation_macro_f1: of that epoch. By the reference protocol it is of training samples.
        seconds: that training took.
    """

    source: str
    target: str
    model: str
    seed: int
    protocol: str
    augmentation: str
    step_days: int | None
    first_day: int | None
    last_day: int | None
    epochs: int | None
    limit: int | None
    accuracy: float
    macro_f1: float
    weighted_f1: float
    confusion: list[list[int]]
    samples: int
    dropped: int
    training_samples: int
    validation_samples: int
    best_epoch: int | None
    validation_macro_f1: float | None
    seconds: float

    @property
    def counts(self) -> Confusion:
        """The confusion of class codes."""
        return Confusion(np.array(self.confusion, np.int64))


def run(model: str, source: Table, targets: Sequence[Table], seed: int, settings: Settings,
        folder: Path | None = None) -> list[Row]:
    """Trains one model once and judges it on each target.

    Args:
        model: one of `methods.METHODS`.
        source: of whose samples all or some teach.
        targets: what it is judged on.
        seed: of split, weights, order and augmentation.
        settings: how.
        folder: where a network's checkpoint and log are while it is trained; None keeps none.

    Raises:
        ConfigError: there is no such model.
        DataError: as `comparable`, or the source has too few samples.
        SchemaMismatch, CorruptRecord: the checkpoint in `folder` is of another training, or cannot be read.
    """
    method = methods.named(model)
    judged = comparable(source, targets)
    codes, view = source.codes, settings.view if method.reads_series else None

    def shown(table: Table) -> Samples:
        samples = table.samples(codes)
        return view.of(samples) if view else samples

    started = time.perf_counter()
    training, validation = split(shown(thinned(source, settings.limit, seed)), seed, reference=settings.reference)
    probabilities, facts = _fitted(method, training, validation, tuple(CLASSES[code] for code in codes), seed, settings,
                                   folder)
    facts |= {"training_samples": len(training), "validation_samples": len(validation),
              "seconds": round(time.perf_counter() - started, 3)}
    rows = []
    for whole, table in zip(targets, judged, strict=True):
        # The same share of a target for every model and seed.
        seen = thinned(table, settings.limit, 0)
        confusion = judge(seen, codes[probabilities(shown(seen).series).argmax(axis=1)])
        rows.append(Row(
            source=source.country, target=table.country, model=model, seed=seed, protocol=settings.protocol,
            augmentation=settings.augmentation_of(method), step_days=view.step_days if view else None,
            first_day=view.first_day if view else None, last_day=view.last_day if view else None,
            limit=settings.limit, accuracy=confusion.accuracy, macro_f1=confusion.macro_f1,
            weighted_f1=confusion.weighted_f1, confusion=confusion.counts.tolist(), samples=len(seen),
            dropped=len(whole) - len(table), **facts))
    return rows


def comparable(source: Table, targets: Sequence[Table]) -> list[Table]:
    """The samples of each target whose class occurs in the source.

    Raises:
        DataError: the source has one class only, or a target shares no class with it or holds vectors of another
            length.
    """
    codes = source.codes
    if len(codes) < 2:
        raise DataError(f"{source.path} holds one class only, {CLASSES[codes[0]]}",
                        mend="choose a source in which at least two crops grow")
    judged = []
    for target in targets:
        if target.values.shape[1:] != source.values.shape[1:]:
            raise DataError(f"{target.path} holds vectors of {target.values.shape[1]} numbers, {source.path} of"
                            f" {source.values.shape[1]}", mend="give files that were made in the same way")
        kept = np.isin(target.labels, codes)
        if not kept.any():
            raise DataError(f"no sample of {target.path} is of a class that {source.path} has"
                            f" ({', '.join(CLASSES[code] for code in codes)})", mend="choose another source or target")
        judged.append(target if kept.all() else target.take(kept))
    return judged


def judge(target: Table, predicted: NDArray[np.int64]) -> Confusion:
    """The confusion of predicted codes (N,), merged to what the target's labels can express."""
    return Confusion.of(expressed(target.labels, target.country), expressed(predicted, target.country), len(CLASSES))


def _fitted(method: Method, training: Samples, validation: Samples, names: tuple[str, ...], seed: int,
            settings: Settings, folder: Path | None) -> tuple[Probabilities, dict[str, Any]]:
    if method.network:
        options = architectures.for_cube(method.learner, training.series.cube, len(names))
        published = recipes.recipe("published", options.architecture)
        how = replace(published, epochs=settings.epochs or published.epochs,
                      augmentation=AUGMENTATIONS[settings.augmentation_of(method)])
        network = train.fit(options, training, validation, class_names=names, how=how, seed=seed, folder=folder)
        best = network.training["best_epoch"]
        return network.probabilities, {"epochs": how.epochs, "best_epoch": best,
                                       "validation_macro_f1": network.history[best - 1]["val_macro_f1"]}
    untold = {"epochs": None, "best_epoch": None, "validation_macro_f1": None}
    if method.reads_series:
        return baseline.fit(method.learner, training, class_names=names, features=Medians(), seed=seed,
                            jobs=-1).probabilities, untold
    trees = baseline.of_vectors(method.learner, training.series.values[:, 0], training.labels, class_names=names,
                                names=training.series.cube.features, seed=seed, jobs=-1)
    return lambda series: trees.probabilities(series.values[:, 0]), untold
