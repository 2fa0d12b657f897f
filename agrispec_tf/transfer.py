"""One transfer of CropGlobe: trained on a country with its labels, judged on others that nothing was chosen by."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, DataError
from agrispec.season import Window, steps_per_year
from agrispec_tf import cropglobe, recipes, train
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.boosting import Boosting
from agrispec_tf.baselines.features import Medians
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.cropglobe import CLASSES, Table
from agrispec_tf.data.augmentation import V1, V3, Augmentation
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import architectures

SEEDS = tuple(range(82, 92))
"""Of the ten published runs, https://github.com/x-ytong/CropNet."""

VALIDATION_SHARE = 0.2

AUGMENTATIONS: Mapping[str, Augmentation | None] = {"v1": V1, "v3": V3, "none": None}

Predict = Callable[[Table], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What can be trained.

    Attributes:
        grows: one of `agrispec_tf.baselines.baseline.METHODS`; empty for a network, one of
            `agrispec_tf.models.architectures.MODELS`.
        kind: the files it reads, one of `cropglobe.FILES`.
        augmentation: one of `AUGMENTATIONS`, unless settings name another for networks.
    """

    grows: str = ""
    kind: str = "series"
    augmentation: str = "none"


METHODS: Mapping[str, Method] = {
    **{name: Method(augmentation="v1" if name in ("cropnet-v1", "cropnet-1d") else "v3")
       for name in architectures.MODELS if not name.startswith("bigru")},
    "bigru": Method(),
    **{name if kind == "series" else f"{name}-{kind}": Method(grows=grows, kind=kind)
       for name, grows in (("forest", Forest.method), ("hgb", Boosting.method)) for kind in cropglobe.FILES},
}
"""By name. `forest` and `hgb` read the medians of the window's steps, or the vectors that their name adds. Networks get
the augmentation published with them, and those that CropNet is compared with get CropNet's; the Bi-GRU has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which steps of the year a model sees.

    Attributes:
        step_days: 5, as the files have them, or a multiple: a longer step is the median of the steps in it, not of
            the looks, which the files do not hold. The year's last step takes what is left.
        first_day, last_day: of the window, days of the season year; every step that they touch is seen.
    """

    step_days: int = cropglobe.CUBE.step_days
    first_day: int = 121
    last_day: int = 334

    def __post_init__(self) -> None:
        if self.step_days % cropglobe.CUBE.step_days:
            raise ConfigError(f"steps of {self.step_days} days are not made of steps of {cropglobe.CUBE.step_days}",
                              mend=f"give a multiple of {cropglobe.CUBE.step_days} days, e.g. 15")

    @property
    def cube(self) -> CubeSpec:
        """The cube of such series, which carry the whole year."""
        return replace(cropglobe.CUBE, step_days=self.step_days, exported=Window(0, steps_per_year(self.step_days)),
                       window=Window.of_days(self.first_day, self.last_day, self.step_days))

    def of(self, samples: Samples) -> Samples:
        """Samples of `cropglobe.CUBE` in this view."""
        cube, joined = self.cube, self.step_days // cropglobe.CUBE.step_days
        values = samples.series.values
        if joined > 1:
            steps = [np.median(values[:, joined * step:joined * (step + 1)], axis=1) for step in cube.exported]
            values = np.stack(steps, axis=1).astype(np.float32)
        series = Series(cube=cube, values=values, counts=np.ones(values.shape[:2], np.float32))
        return replace(samples, series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How runs are made.

    Attributes:
        reference: False keeps a validation fold of the source apart; True does as the released trainer does, whose
            validation is a leak (`folds`).
        augmentation: one of `AUGMENTATIONS` for all networks; empty for each one's own.
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
        return method.augmentation if method.grows else self.augmentation or method.augmentation

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
        protocol, augmentation, step_days, first_day, last_day, epochs, limit: its settings.
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
    step_days: int
    first_day: int
    last_day: int
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
        model: one of `METHODS`.
        source: of whose samples all or some teach.
        targets: what it is judged on.
        seed: of split, weights, order and augmentation.
        settings: how.
        folder: where a network's checkpoint and log are while it is trained; None keeps none.

    Raises:
        ConfigError: there is no such model.
        DataError: the source has one class only or too few samples, or a target shares no class with it.
    """
    method = method_of(model)
    codes = source.codes
    if len(codes) < 2:
        raise DataError(f"{source.path} holds one class only, {CLASSES[codes[0]]}",
                        mend="choose a source in which at least two crops grow")
    judged = [(table, comparable(table, codes)) for table in targets]
    started = time.perf_counter()
    predict, facts = _fitted(model, thinned(source, settings.limit, seed), codes, seed, settings, folder)
    facts |= {"seconds": round(time.perf_counter() - started, 3)}
    rows = []
    for whole, table in judged:
        # The same share of a target for every model and seed.
        seen = thinned(table, settings.limit, 0)
        confusion = judge(seen, predict(seen))
        rows.append(Row(
            source=source.country, target=table.country, model=model, seed=seed, protocol=settings.protocol,
            augmentation=settings.augmentation_of(method), step_days=settings.view.step_days,
            first_day=settings.view.first_day, last_day=settings.view.last_day, limit=settings.limit,
            accuracy=confusion.accuracy, macro_f1=confusion.macro_f1, weighted_f1=confusion.weighted_f1,
            confusion=confusion.counts.tolist(), samples=len(seen),
            dropped=len(whole) - len(table), **facts))
    return rows


def method_of(model: str) -> Method:
    """The method of a name.

    Raises:
        ConfigError: there is none.
    """
    if model not in METHODS:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(METHODS)}")
    return METHODS[model]


def comparable(target: Table, codes: NDArray[np.int64]) -> Table:
    """The target's samples whose class occurs in the source.

    Raises:
        DataError: there are none.
    """
    kept = target.take(np.isin(target.labels, codes))
    if not len(kept):
        raise DataError(f"no sample of {target.path} is of a class that the source has"
                        f" ({', '.join(CLASSES[code] for code in codes)})", mend="choose another source or target")
    return kept


def judge(target: Table, predicted: NDArray[np.int64]) -> Confusion:
    """The confusion of predicted codes (N,), merged to what the target's labels can express."""
    return Confusion.of(cropglobe.expressed(target.labels, target.country),
                        cropglobe.expressed(predicted, target.country), len(CLASSES))


def folds(labels: NDArray[np.int64], seed: int, *,
          reference: bool = False) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers that teach and row numbers that choose the epoch.

    A random fifth of each class chooses. It cannot be blocked in space, because the published files hold no places:
    neighbours of training samples may be in it, so its scores flatter, though nobody's target is seen.
    With `reference` both are all rows: the released trainer splits, then goes on with the whole of either half.
    """
    every = np.arange(len(labels))
    if reference:
        return every, every
    chosen = _place(labels, np.random.default_rng(seed), last=True) <= VALIDATION_SHARE
    return every[~chosen], every[chosen]


def split(samples: Samples, seed: int, *, reference: bool = False) -> tuple[Samples, Samples]:
    """Training and validation samples, by `folds`."""
    training, validation = (samples.take(rows) for rows in folds(samples.labels, seed, reference=reference))
    if reference:
        # Training refuses samples that it knows from validation. Here they are asked for, so they get other names.
        names = np.char.add("again ", validation.ids.astype(np.str_))
        validation = replace(validation, ids=names, cells=names)
    return training, validation


def _fitted(model: str, source: Table, codes: NDArray[np.int64], seed: int, settings: Settings,
            folder: Path | None) -> tuple[Predict, dict[str, Any]]:
    method = METHODS[model]
    names = tuple(CLASSES[code] for code in codes)
    if method.kind != "series":
        return _of_vectors(method, source, codes, names, seed, settings)
    training, validation = split(settings.view.of(source.samples(codes)), seed, reference=settings.reference)
    facts: dict[str, Any] = {"training_samples": len(training), "validation_samples": len(validation), "epochs": None,
                             "best_epoch": None, "validation_macro_f1": None}
    if method.grows:
        classifier: Any = baseline.fit(method.grows, training, class_names=names, features=Medians(), seed=seed,
                                       jobs=-1)
    else:
        options = architectures.for_cube(model, training.series.cube, len(names))
        published = recipes.recipe("published", options.architecture)
        how = replace(published, epochs=settings.epochs or published.epochs,
                      augmentation=AUGMENTATIONS[settings.augmentation_of(method)])
        classifier = train.fit(options, training, validation, class_names=names, how=how, seed=seed, folder=folder)
        best = classifier.training["best_epoch"]
        facts |= {"epochs": how.epochs, "best_epoch": best,
                  "validation_macro_f1": classifier.history[best - 1]["val_macro_f1"]}

    def predict(target: Table) -> NDArray[np.int64]:
        series = settings.view.of(target.samples(codes)).series
        return _named(codes, classifier.probabilities(series))

    return predict, facts


def _of_vectors(method: Method, source: Table, codes: NDArray[np.int64], names: tuple[str, ...], seed: int,
                settings: Settings) -> tuple[Predict, dict[str, Any]]:
    training, validation = folds(source.labels, seed, reference=settings.reference)
    width = source.values.shape[1]
    estimator = baseline.of_vectors(method.grows, source.values[training],
                                    np.searchsorted(codes, source.labels[training]), class_names=names,
                                    names=tuple(f"{method.kind}_{column}" for column in range(width)), seed=seed,
                                    jobs=-1)

    def predict(target: Table) -> NDArray[np.int64]:
        if target.values.shape[1] != width:
            raise DataError(f"{target.path} holds vectors of {target.values.shape[1]} numbers, {source.path} of"
                            f" {width}", mend="give files of one kind")
        return _named(codes, estimator.probabilities(target.values))

    return predict, {"training_samples": len(training), "validation_samples": len(validation), "epochs": None,
                     "best_epoch": None, "validation_macro_f1": None}


def _named(codes: NDArray[np.int64], probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = codes[probabilities.argmax(axis=1)]
    return found


def thinned(table: Table, limit: int | None, seed: int) -> Table:
    """At most `limit` rows, each class in its share and none lost while `limit` allows."""
    if limit is None or len(table) <= limit:
        return table
    place = _place(table.labels, np.random.default_rng(seed))
    return table.take(np.sort(np.argsort(place, kind="stable")[:limit]))


def _place(labels: NDArray[np.int64], generator: np.random.Generator, *, last: bool = False) -> NDArray[np.float64]:
    """(N,): the place of each sample in a random order of its class, as a share of the class's size.

    The first of n samples is at 0 and the last at 1 - 1/n; with `last`, at 1/n and 1.
    """
    drawn = generator.permutation(len(labels))
    place = np.empty(len(labels))
    for code in np.unique(labels):
        rows = drawn[labels[drawn] == code]
        place[rows] = (np.arange(len(rows)) + int(last)) / len(rows)
    return place

