"""Training: recipes, checks against leaks, and the one `fit` behind every model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError, DataError
from agrispec.season import Window, steps_per_year
from agrispec_tf.classifier import Classifier, Options, compiled_for_inference, jit
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import bigru, cropnet
from agrispec_tf.models.cropnet import CropNetOptions
from exports import manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training samples.
        batch: labelled samples in a batch; a target season adds as many unlabelled ones.
        learning_rate: Adam's, constant.
        augmentation: None for none.
        standardised: whether features are standardised by statistics of the training fold.
        limit: training samples, and series of the target, that are used at most; None uses all.
    """

    epochs: int
    batch: int
    learning_rate: float
    augmentation: Augmentation | None = None
    standardised: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.learning_rate <= 0:
            raise ConfigError(f"{self.epochs} epochs of batches of {self.batch} at a learning rate of"
                              f" {self.learning_rate} teach nothing",
                              mend="give at least 1 epoch, 2 samples a batch and a positive learning rate")


# CropNet's is the released trainer's, https://github.com/x-ytong/CropNet. No protocol is published for the Bi-GRU:
# its recipe is this project's.
PRESETS: Mapping[str, Mapping[str, Recipe]] = {
    "published": {
        "cropnet": Recipe(epochs=50, batch=256, learning_rate=1e-4, augmentation=Augmentation()),
        "bigru": Recipe(epochs=50, batch=128, learning_rate=1e-3, standardised=True),
    },
    "demo": {
        "cropnet": Recipe(epochs=15, batch=64, learning_rate=1e-3, limit=1200,
                          augmentation=Augmentation(redrawn=True)),
        "bigru": Recipe(epochs=15, batch=64, learning_rate=1e-3, limit=1200, standardised=True),
    },
}
"""Recipes by preset and architecture."""


def recipe(preset: str, architecture: str) -> Recipe:
    """A named recipe.

    Raises:
        ConfigError: there is no such preset or architecture.
    """
    for name, known in ((preset, PRESETS), (architecture, PRESETS["published"])):
        if name not in known:
            raise ConfigError(f"there is no recipe {preset!r} for {architecture!r}",
                              mend=f"instead of {name!r} use one of {', '.join(known)}")
    return PRESETS[preset][architecture]


def fit(options: Options, training: Samples, validation: Samples, *, class_names: tuple[str, ...], how: Recipe,
        seed: int, smoothing: float = 0.0, target: Series | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None) -> Classifier:
    """Trains a network and keeps the epoch of the highest macro-F1 on the validation fold.

    Labels of a target season cannot be given. With `target` the Bi-GRU is trained against a domain head:
    source and target halves share each batch. Without, the same network sees the same source batches, so both
    make the same number of updates from labels.

    Args:
        options: what to build.
        training: samples that teach.
        validation: samples of other cells of the source seasons, which choose the epoch.
        class_names: C names by class number.
        how: the recipe.
        seed: of weights, order, dropout and augmentation. Sets Keras's global seed.
        smoothing: lambda of the Whittaker smoother, 0 for none.
        target: unlabelled series of the target season, for the Bi-GRU only.
        on_epoch: called with the scores of each epoch.

    Raises:
        DataError: a fold is empty, a class has no training sample, a label is no class, or a sample or a cell
            is in both folds.
        ConfigError: the network, the classes and the cube do not belong together.
    """
    _check(options, training, validation, class_names, target, how)
    generator = np.random.default_rng(seed)
    used = training.thinned(how.limit, generator) if how.limit else training
    if target is not None and how.limit and len(target) > how.limit:
        target = target.take(np.sort(generator.permutation(len(target))[:how.limit]))
    preparation = Preparation(smoothing=smoothing)
    if how.standardised:
        statistics = Normalisation.fitted(preparation.apply(used.series))
        preparation = Preparation(smoothing=smoothing, normalisation=statistics)

    keras.utils.set_random_seed(seed)
    batches = Batches(samples=used, class_weights=class_weights(used.labels, len(class_names)), inputs=options.inputs,
                      preparation=preparation, batch=how.batch, seed=seed, varied=how.augmentation, target=target)
    if isinstance(options, CropNetOptions):
        model = trained = cropnet.build(options)
    else:
        model = trained = bigru.build(options)
        if target is not None:
            trained = bigru.with_domain_head(model, options, how.epochs * len(batches))
    loss, scores = _objective(adversarial=target is not None)
    optimizer = keras.optimizers.Adam(how.learning_rate, epsilon=1e-8)
    if trained is not model:
        compiled_for_inference(model)
    trained.compile(optimizer=optimizer, loss=loss, metrics=scores, jit_compile=jit())
    classifier = Classifier(model=model, options=options, cube=training.series.cube, class_names=class_names,
                            preparation=preparation, training={})
    best = _BestEpoch(classifier, validation, on_epoch)
    trained.fit(batches, epochs=how.epochs, verbose=0, callbacks=[best], shuffle=False)
    model.set_weights(best.weights)
    return Classifier(model=compiled_for_inference(model), options=options, cube=classifier.cube,
                      class_names=class_names, preparation=preparation, history=tuple(best.history),
                      training={"recipe": asdict(how), "seed": seed, "best_epoch": best.epoch,
                                "updates": how.epochs * len(batches), "training_samples": len(used),
                                "validation_samples": len(validation),
                                "target_series": 0 if target is None else len(target),
                                "versions": {**manifest.versions(), "backend": keras.backend.backend()}})


def class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """(C,) "balanced" weights n / (C · n_c), with which every class weighs the same in the loss."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)


def cross_entropy() -> keras.losses.Loss:
    """Cross-entropy of logits, weighted, and divided by the sum of the batch's weights, not by its size."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")


def _objective(*, adversarial: bool) -> tuple[Any, Any]:
    if not adversarial:
        return cross_entropy(), None
    return ({"crop": cross_entropy(), "domain": cross_entropy()},
            {"domain": keras.metrics.SparseCategoricalAccuracy(name="accuracy")})


class _BestEpoch(keras.callbacks.Callback):
    """Scores the validation fold after each epoch and holds the weights of the first best one."""

    def __init__(self, classifier: Classifier, validation: Samples,
                 on_epoch: Callable[[Mapping[str, float]], None] | None) -> None:
        super().__init__()
        self._classifier, self._validation, self._on_epoch = classifier, validation, on_epoch
        self._best, self._started = -math.inf, 0.0
        self.epoch, self.weights = 0, classifier.model.get_weights()
        self.history: list[Mapping[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.model  # noqa: B018 - on JAX the property writes the trained state back into the variables
        found = self._classifier.probabilities(self._validation.series)
        labels = self._validation.labels
        score = Confusion.of(labels, found.argmax(axis=1), found.shape[1])
        likelihood = np.maximum(found[np.arange(len(labels)), labels], np.finfo(np.float32).tiny)
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()},
               "val_loss": float(-np.log(likelihood).mean()), "val_accuracy": score.accuracy,
               "val_macro_f1": score.macro_f1, "seconds": round(time.perf_counter() - self._started, 3)}
        self.history.append(row)
        if score.macro_f1 > self._best:
            self._best, self.epoch, self.weights = score.macro_f1, epoch + 1, self._classifier.model.get_weights()
        if self._on_epoch:
            self._on_epoch(row)


def _check(options: Options, training: Samples, validation: Samples, class_names: tuple[str, ...],
           target: Series | None, how: Recipe) -> None:
    cube = training.series.cube
    shape = (cube.window.steps, len(cube.features))
    if options.series_shape != shape or options.classes != len(class_names):
        raise ConfigError(f"a network for {options.series_shape} steps and features and {options.classes} classes"
                          f" does not read cubes of {shape} with {len(class_names)} classes",
                          mend="build its options with for_cube(cube, classes)")
    if target is not None and isinstance(options, CropNetOptions):
        raise ConfigError("CropNet has no domain head for a target season", mend="train the Bi-GRU, or leave it out")
    if target is not None and not len(target):
        raise DataError("the target season has no series", mend="export the target season, or train without it")
    for name, other in (("validation", validation.series), ("target", target)):
        if other is not None and other.cube.view() != cube.view():
            raise ConfigError(f"the {name} series are of another cube than the training samples",
                              mend="export all of them with one cube.toml")
    whole = Window(0, steps_per_year(cube.step_days))
    if how.augmentation and any(series is not None and series.cube.exported != whole
                                for series in (training.series, target)):
        raise DataError("the series do not carry the whole season year, out of which augmentation draws",
                        mend="export the whole year, or train without augmentation")
    _check_folds(training, validation, class_names)


def _check_folds(training: Samples, validation: Samples, class_names: tuple[str, ...]) -> None:
    for name, fold in (("training", training), ("validation", validation)):
        if not len(fold):
            raise DataError(f"the {name} fold has no samples", mend="add cells, or choose another split")
        if fold.labels.min() < 0 or fold.labels.max() >= len(class_names):
            raise DataError(f"the {name} fold has labels {fold.labels.min()} ... {fold.labels.max()},"
                            f" the classes are 0 ... {len(class_names) - 1}",
                            mend="give labelled samples of these classes only")
    counts = np.bincount(training.labels, minlength=len(class_names))
    absent = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if absent:
        raise DataError(f"no training sample is of class {', '.join(absent)}",
                        mend="add cells where it grows, sample more, or take the class out of the taxonomy")
    for what, ours, theirs in (("cell", training.cells, validation.cells), ("sample", training.ids, validation.ids)):
        shared = np.intersect1d(ours, theirs)
        if len(shared):
            raise DataError(f"{what} {shared[0]} and {len(shared) - 1} more are in both training and validation",
                            mend="split by cells, so that validation sees places that training never saw")
