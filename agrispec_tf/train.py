"""Training: the one `fit` behind every network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec_tf import checkpoint, devices
from agrispec_tf.checkpoint import Checkpoint
from agrispec_tf.checks import absent, check
from agrispec_tf.classifier import Classifier, compiled_for_inference, jit
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.logs import Logs
from agrispec_tf.metrics import Confusion
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.recipes import Recipe
from agrispec_tf.start import Start, thawed
from exports import manifest


def fit(options: NetworkOptions, training: Samples, validation: Samples, *, class_names: tuple[str, ...], how: Recipe,
        seed: int, smoothing: float = 0.0, start: Start | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None, folder: Path | None = None,
        fresh: bool = False, thermal: bool = False, shown: tuple[int, int] | None = None) -> Classifier:
    """Trains a network and keeps the epoch of the highest macro-F1 on the validation fold.

    With `folder` a process that ends at any moment, by whatever cause, loses the epoch it was in and no more: called
    with the same arguments again, `fit` goes on after the last whole epoch, and comes to the same history and the
    same weights, bit for bit, as if it had never stopped. The checkpoint stays when training ends: whoever has saved
    the network removes it, with `checkpoint.remove`.

    The same seed gives the same bits on one machine's CPU with the same versions and backend. On a GPU, between
    machines, backends or numbers of devices, sums are taken in another order, and only the order of samples, their
    augmentation and the division of the work repeat.

    Args:
        options: what to build.
        training: samples that teach.
        validation: samples of other cells of the source seasons, which choose the epoch.
        class_names: C names by class number.
        how: the recipe.
        seed: of weights, order, dropout and augmentation. Sets Keras's global seed.
        smoothing: lambda of the Whittaker smoother, 0 for none.
        start: what to begin from, None for random weights. Series go through its preparation, in place of
            `smoothing`, of `thermal`, of `shown` and of what the recipe says of standardisation.
        on_epoch: called with the scores of each epoch; where a training goes on, of those before it first.
        folder: where the logs grow and the checkpoint is; None keeps neither.
        fresh: whether to begin anew where a checkpoint is in `folder`, which is discarded then.
        thermal: whether series are read by growing degree days, on the axis of the samples that teach.
        shown: the steps of the model's window that the network sees, as in `Preparation`.

    Raises:
        DataError: a fold is empty, a class has no training sample, a label is no class, a clear look is no number,
            or a sample or a cell is in both folds.
        ConfigError: the network, the classes and the cube do not belong together, or `thermal` is asked of a cube
            without growing degree days.
        SchemaMismatch: the checkpoint is of another training.
        CorruptRecord: the checkpoint cannot be read.
        StorageError: a checkpoint or a log cannot be written; the last whole checkpoint stays.
    """
    check(options, training, validation, class_names, how)
    several = devices.count()
    identity = _identity(options, training, validation, class_names, how, seed, smoothing, start, several, thermal,
                         shown) if folder else {}
    if folder and fresh:
        checkpoint.remove(folder / checkpoint.FILE)
    begun = Checkpoint.read(folder / checkpoint.FILE, identity) if folder else None
    generator = np.random.default_rng(seed)
    used = training.thinned(how.limit, generator) if how.limit else training
    preparation = start.preparation if start else Preparation(
        smoothing=smoothing, thermal=ThermalAxis.fitted(used.series) if thermal else None, shown=shown)
    if how.standardised and not start:
        statistics = Normalisation.fitted(preparation.apply(used.series))
        preparation = replace(preparation, normalisation=statistics)

    # What comes out of training computes in float32 on one device: where training does not, it is a network of its own.
    outcome = options.build() if several > 1 or how.precision != "float32" else None
    keras.utils.set_random_seed(seed)
    batches = Batches(samples=used, class_weights=class_weights(used.labels, len(class_names), how.balance),
                      inputs=options.inputs, preparation=preparation, batch=how.batch, seed=seed,
                      varied=how.augmentation, multiple=several, first_epoch=len(begun.history) if begun else 0)
    with devices.training_on(several, how.precision):
        model = devices.with_exact_logits(options.build())
        trained = start.given(model) if start else model
        if trained is not model:
            compiled_for_inference(model)
        trained.compile(optimizer=keras.optimizers.Adam(how.learning_rate, epsilon=1e-8), loss=cross_entropy(),
                        jit_compile=jit())
        classifier = Classifier(model=compiled_for_inference(outcome) if outcome else model, options=options,
                                cube=training.series.cube, class_names=class_names, preparation=preparation,
                                training={})
        if begun:
            checkpoint.restore(trained, begun.state)
        epochs = _Epochs(model, classifier, validation, how, on_epoch, folder, identity, begun)
        if start and start.candidate and not begun:
            epochs.consider_beginning()
        if not epochs.done:
            trained.fit(batches, epochs=how.epochs, initial_epoch=len(epochs.history), verbose=0, callbacks=[epochs],
                        shuffle=False)
    classifier.model.set_weights(epochs.best)
    thawed(classifier.model)
    return replace(classifier, model=compiled_for_inference(classifier.model), history=tuple(epochs.history),
                   training={"recipe": asdict(how), "seed": seed, "best_epoch": epochs.best_epoch,
                             "updates": len(epochs.history) * len(batches), "training_samples": len(used),
                             "validation_samples": len(validation),
                             "validation_lacks": list(absent(validation, class_names)), "devices": several,
                             "versions": {**manifest.versions(), "backend": keras.backend.backend()}})


def class_weights(labels: NDArray[np.int64], classes: int, balance: float = 1.0) -> NDArray[np.float32]:
    """(C,) "balanced" weights n / (C · n_c), with which every class weighs the same in the loss, to a power."""
    counts = np.bincount(labels, minlength=classes)
    return ((len(labels) / (classes * np.maximum(counts, 1))) ** balance).astype(np.float32)


def cross_entropy() -> keras.losses.Loss:
    """Cross-entropy of logits, weighted, and divided by the sum of the batch's weights, not by its size."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")


def _identity(options: NetworkOptions, training: Samples, validation: Samples, class_names: tuple[str, ...],
              how: Recipe, seed: int, smoothing: float, start: Start | None, several: int, thermal: bool,
              shown: tuple[int, int] | None) -> dict[str, Any]:
    """What a training's outcome follows from."""
    versions = manifest.versions()
    backend = keras.backend.backend()
    return {"network": {"architecture": options.architecture, **asdict(options)}, "cube": training.series.cube.digest,
            "classes": list(class_names), "recipe": asdict(how), "seed": seed, "smoothing": smoothing,
            "thermal": thermal, "shown": shown, "training samples": checkpoint.digest_of(training), "devices": several,
            "validation samples": checkpoint.digest_of(validation), "start": start.digest if start else None,
            "backend": backend, "versions": {name: versions.get(name) for name in ("keras", backend, "numpy")}}


class _Epochs(keras.callbacks.Callback):
    """Scores the validation fold after each epoch, holds the weights of the first best one, and keeps the state.

    Args:
        network: what is trained.
        classifier: what scores; its model is `network`, or one that is given the network's weights.
        begun: what an earlier process came to, None at the beginning.
    """

    def __init__(self, network: keras.Model, classifier: Classifier, validation: Samples, how: Recipe,
                 on_epoch: Callable[[Mapping[str, float]], None] | None, folder: Path | None,
                 identity: Mapping[str, Any], begun: Checkpoint | None) -> None:
        super().__init__()
        self._network, self._classifier, self._validation, self._how = network, classifier, validation, how
        self._on_epoch, self._folder, self._identity = on_epoch, folder, identity
        self._started = 0.0
        self.history = list(begun.history) if begun else []
        self._times = list(begun.times) if begun else []
        self._highest = begun.best_score if begun else -math.inf
        self.best_epoch = begun.best_epoch if begun else 0
        self.best: Sequence[NDArray[Any]] = begun.best if begun else network.get_weights()
        self._logs = Logs(folder, self.history, self._times) if folder else None
        if on_epoch:
            for row in self.history:
                on_epoch(row)

    @property
    def done(self) -> bool:
        """Whether no epoch is left, or the patience is at its end."""
        epochs, patience = len(self.history), self._how.patience
        return epochs >= self._how.epochs or (patience is not None and epochs - self.best_epoch >= patience)

    def consider_beginning(self) -> None:
        """Scores the weights as they are before training, which are those of epoch 0."""
        self._highest = self._scored()[0].macro_f1

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        trained = self.model  # on JAX the property writes the trained state back into the variables
        score, likelihood = self._scored()
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()},
               "val_loss": likelihood, "val_accuracy": score.accuracy, "val_macro_f1": score.macro_f1,
               "seconds": round(time.perf_counter() - self._started, 3)}
        self.history.append(row)
        self._times.append(time.time())
        if score.macro_f1 > self._highest:
            self._highest, self.best_epoch, self.best = score.macro_f1, epoch + 1, self._network.get_weights()
        if self._folder:
            Checkpoint(history=tuple(self.history), times=tuple(self._times), best_epoch=self.best_epoch,
                       best_score=self._highest, best=self.best, state=checkpoint.state_of(trained),
                       ).write(self._folder / checkpoint.FILE, self._identity)
        if self._logs:
            self._logs.add(row, self._times[-1])
        if self._on_epoch:
            self._on_epoch(row)
        trained.stop_training = self.done

    def _scored(self) -> tuple[Confusion, float]:
        """(counts, mean negative log likelihood) of the validation fold, by the weights as they are."""
        if self._classifier.model is not self._network:
            self._classifier.model.set_weights(self._network.get_weights())
        with devices.alone():
            found = self._classifier.probabilities(self._validation.series)
        labels = self._validation.labels
        likelihood = np.maximum(found[np.arange(len(labels)), labels], np.finfo(np.float32).tiny)
        return Confusion.of(labels, found.argmax(axis=1), found.shape[1]), float(-np.log(likelihood).mean())
