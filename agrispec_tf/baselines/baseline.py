"""A baseline with all that is needed to use it: fitted, applied, and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, DataError
from agrispec.formats.atomic import whole_folder
from agrispec.harmonics import Harmonics
from agrispec.kernels.trees import Trees
from agrispec_tf import calibration, model_folder
from agrispec_tf.baselines import boosting, forest
from agrispec_tf.baselines.boosting import Boosting
from agrispec_tf.baselines.features import Coefficients, Features, Medians
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.model_folder import Described, Record
from exports import manifest

METHODS = (Forest.method, Boosting.method)
"""What `fit` can grow."""

PSEUDOCOUNTS: Mapping[str, float] = {grown.method: grown.pseudocount for grown in (Forest, Boosting)}
"""By method, what is added to each probability of its trees before they are tempered."""

TREES, CARD = model_folder.TREES, model_folder.CARD
"""The files of a baseline's folder: arrays and JSON, which run no code when they are read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """A trained classifier of series that is no network.

    Attributes:
        estimator: vectors to probabilities.
        features: series to vectors.
        cube: what it was trained on.
        class_names: C names by class number.
        training: how it was trained: seed, counts, versions; JSON types only.
        temperature: T of softmax(log p / T), p being the estimator's probabilities and its pseudocount; at 1 they stay
            as they are.
    """

    estimator: Forest | Boosting
    features: Features
    cube: CubeSpec
    class_names: tuple[str, ...]
    training: Mapping[str, Any]
    temperature: float = 1.0

    def probabilities(self, series: Series, batch: int = 8192) -> NDArray[np.float32]:
        """Class probabilities (N, C) of N series, `batch` of them at a time.

        Raises:
            SchemaMismatch: the series are of another cube.
            DataError: a clear look is no finite number.
        """
        self.cube.check_read(series.cube)
        series.check_finite()
        found = np.empty((len(series), len(self.class_names)), np.float32)
        for first in range(0, len(series), batch):
            rows = np.arange(first, min(first + batch, len(series)))
            found[rows] = self.estimator.probabilities(self.features.of(series.take(rows)))
            if self.temperature != 1:
                found[rows] = calibration.tempered(found[rows], self.temperature, self.pseudocount)
        return found

    @property
    def pseudocount(self) -> float:
        """Added to each of the estimator's probabilities before it is tempered."""
        return self.estimator.pseudocount

    def tempered(self, temperature: float) -> Baseline:
        """A copy whose probabilities are softmax(log p / T) of the estimator's; classes stay what they are."""
        return replace(self, temperature=temperature)

    def save(self, folder: Path) -> None:
        """Writes the folder, which replaces one that is there; a failure leaves that one as it was.

        Raises:
            StorageError: the folder cannot be written.
        """
        own = {"features": {"kind": self.features.kind, **asdict(self.features)}, "inputs": self.estimator.inputs,
               "temperature": self.temperature}
        arrays = self.estimator.trees.arrays()
        if isinstance(self.estimator, Boosting):
            arrays |= {"adds_to": self.estimator.adds_to, "offsets": self.estimator.offsets}
        with whole_folder(folder) as part:
            with open(part / TREES, "wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            Record(architecture=self.estimator.method, cube=self.cube, class_names=self.class_names,
                   training=self.training, own=own).write(part)

    @property
    def described(self) -> Described:
        """What its card says of it."""
        trees, leaves = self.estimator.trees, self.training["leaves"]
        bound = f", at most {leaves} leaves a tree" if leaves else ""
        return Described(
            what=f"{self.estimator.method}, {len(trees):,} trees of {trees.nodes:,} nodes",
            reads=(self.features.described,),
            taught=(f"grown by scikit-learn on the training cells alone{bound}; the validation cells taught nothing and"
                    " chose no class, so that its scores stand beside those of networks",
                    f"seed {self.training['seed']}"))


def load(folder: Path) -> Baseline:
    """The baseline of a folder that `Baseline.save` wrote. Nothing in the folder is executed.

    Raises:
        RunError: there is no baseline in the folder.
        CorruptRecord: a file of it is not readable, or its parts do not belong together.
    """
    with model_folder.reading(folder, (TREES, CARD)) as record:
        features, names = _features(record.own["features"]), record.class_names
        with open(folder / TREES, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            estimator = _estimator(record, arrays, len(names))
        if estimator.inputs != len(features.names(record.cube)) or estimator.trees.inputs.max() >= estimator.inputs:
            raise ValueError(f"the trees read {estimator.inputs} inputs of {len(features.names(record.cube))}")
    return Baseline(estimator=estimator, features=features, cube=record.cube, class_names=names,
                    training=record.training, temperature=float(record.own.get("temperature", 1)))


def fit(method: str, training: Samples, *, class_names: tuple[str, ...], features: Features, seed: int,
        leaves: int | None = None, jobs: int | None = None) -> Baseline:
    """Trains a baseline on series.

    Args:
        method: one of `METHODS`.
        training: samples that teach.
        class_names: C names by class number.
        features: what is made of a series.
        seed: of everything random.
        leaves: most leaves of a tree of the forest, None for whole trees.
        jobs: threads, -1 for one a core.

    Raises:
        ConfigError: there is no such method, or the samples are of vectors.
        DataError: there are fewer than two classes, a class has no sample, a label is no class, or a clear look
            is no finite number.
    """
    if not len(training):
        raise DataError("there are no training samples", mend="add cells, or choose another split")
    training.series.check_finite()
    cube = training.series.cube
    if not isinstance(cube, CubeSpec):
        raise ConfigError("a baseline of series is asked to learn vectors", mend="give them to of_vectors")
    estimator = of_vectors(method, features.of(training.series), training.labels, class_names=class_names,
                           names=features.names(cube), seed=seed, leaves=leaves, jobs=jobs)
    return Baseline(estimator=estimator, features=features, cube=cube, class_names=class_names,
                    training={"seed": seed, "trees": len(estimator.trees), "nodes": estimator.trees.nodes,
                              "leaves": leaves, "training_samples": len(training),
                              "versions": {**manifest.versions(), "scikit-learn": version("scikit-learn")}})


def of_vectors(method: str, vectors: NDArray[np.float32], labels: NDArray[np.integer], *,
               class_names: tuple[str, ...], names: tuple[str, ...], seed: int, leaves: int | None = None,
               jobs: int | None = None) -> Forest | Boosting:
    """Trains on vectors that are no series: embeddings, or features that others computed.

    Args:
        vectors: (N, D).
        labels: (N,) class numbers.
        names: D names of the vectors' entries, for messages.

    The other arguments and the errors are those of `fit`.
    """
    if method not in METHODS:
        raise ConfigError(f"there is no baseline {method!r}", mend=f"use one of {', '.join(METHODS)}")
    if vectors.ndim != 2 or vectors.shape != (len(labels), len(names)):
        raise DataError(f"vectors of shape {vectors.shape} come with {len(labels)} labels and {len(names)} names",
                        mend="give a row for each label and a column for each name")
    counts = _counts(labels, class_names)
    absent = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if absent:
        raise DataError(f"no training sample is of class {', '.join(absent)}",
                        mend="add cells where it grows, sample more, or take the class out of the taxonomy")
    single = np.ascontiguousarray(vectors, np.float32)
    wrong = ~np.isfinite(single)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{int(wrong.any(axis=1).sum())} of {len(single)} vectors hold what is no finite number; the"
                        f" first is {names[column]} of vector {row}: {single[row, column]}",
                        mend="leave them out, or compute them again")
    if method == Boosting.method:
        return boosting.grown(single, labels, len(class_names), seed=seed, jobs=jobs)
    return forest.grown(single, labels, len(class_names), seed=seed, leaves=leaves, jobs=jobs)


def _counts(labels: NDArray[np.integer], class_names: tuple[str, ...]) -> NDArray[np.int64]:
    if len(class_names) < 2:
        raise DataError(f"a classifier of {len(class_names)} class has nothing to decide",
                        mend="give samples of at least two crop classes")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise DataError(f"the training samples have labels {labels.min()} ... {labels.max()}, the classes are"
                        f" 0 ... {len(class_names) - 1}", mend="give labelled samples of these classes only")
    return np.bincount(labels, minlength=len(class_names))


def _features(table: Mapping[str, Any]) -> Features:
    if table["kind"] == Medians.kind:
        made = Preparation.from_table({**table, "normalisation": None})
        return Medians(smoothing=made.smoothing, thermal=made.thermal)
    if table["kind"] == Coefficients.kind:
        return Coefficients(harmonics=Harmonics(**table["harmonics"]))
    raise ValueError(f"there are no features {table['kind']!r}")


def _estimator(record: Record, arrays: Mapping[str, NDArray[np.generic]], classes: int) -> Forest | Boosting:
    trees, inputs = Trees.from_arrays(arrays), int(record.own["inputs"])
    if record.architecture == Forest.method:
        return Forest(trees=trees, classes=classes, inputs=inputs)
    if record.architecture == Boosting.method:
        made = Boosting(trees=trees, adds_to=np.asarray(arrays["adds_to"], np.int32), inputs=inputs,
                        offsets=np.asarray(arrays["offsets"], np.float64))
        if made.classes == classes:
            return made
        raise ValueError(f"the trees know {made.classes} classes of {classes}")
    raise ValueError(f"there is no baseline {record.architecture!r}")
