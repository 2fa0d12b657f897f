"""A trained network with all that is needed to use it, and its folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.formats.atomic import whole_folder
from agrispec_tf import calibration, model_folder
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.data.vectors import VectorSpec
from agrispec_tf.model_folder import Described, Record
from agrispec_tf.models import architectures
from agrispec_tf.models.options import NetworkOptions

MODEL, CARD, HISTORY = model_folder.NETWORK, model_folder.CARD, "history.csv"
"""The files of a model's folder."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """A trained network.

    Attributes:
        model: inputs to logits (batch, C).
        options: what it was built from.
        cube: what it was trained on.
        class_names: C names by class number.
        preparation: what series go through before it.
        training: how it was trained: recipe, seed, epoch kept, counts, versions; JSON types only.
        history: one row of scores an epoch.
        temperature: T by which the logits are divided, in the weights of the last layer.
    """

    pseudocount: ClassVar[float] = calibration.TINY

    model: keras.Model
    options: NetworkOptions
    cube: CubeSpec | VectorSpec
    class_names: tuple[str, ...]
    preparation: Preparation
    training: Mapping[str, Any]
    history: tuple[Mapping[str, float], ...] = ()
    temperature: float = 1.0

    def probabilities(self, series: Series, batch: int = 512, draw: Draw | None = None) -> NDArray[np.float32]:
        """Class probabilities (N, C) of N series, `batch` of them prepared and classified at a time.

        Args:
            series: of the model's cube.
            batch: how many.
            draw: what each series shows, None for the model's window.

        Raises:
            SchemaMismatch: the series are of another cube.
        """
        self.cube.check_read(series.cube)
        found = np.empty((len(series), len(self.class_names)), np.float32)
        for first in range(0, len(series), batch):
            rows = np.arange(first, min(first + batch, len(series)))
            # A last batch of another size would be compiled anew on some backends: the first rows fill it up.
            filled = np.resize(rows, batch) if len(series) > batch else rows
            prepared = self.options.inputs(self.preparation.apply(series.take(filled), draw and draw.take(filled)))
            logits = np.asarray(self.model.predict_on_batch(prepared), np.float32)[:len(rows)]
            found[rows] = _softmax(logits)
        return found

    def rescaled(self, scale: float, offset: NDArray[np.floating] | float = 0.0) -> Classifier:
        """A copy whose logits are scale * logits + offset, by the weights of its last layer alone: whatever computes
        the network, an ONNX file or one of 8 bits, needs not know of it.

        Args:
            scale: of all logits; a positive one changes no class, but where single precision cannot tell two logits
                apart.
            offset: (C,), or one for all classes.
        """
        model = keras.models.clone_model(self.model)
        model.set_weights(self.model.get_weights())
        head = [layer for layer in model.layers if layer.weights][-1]
        kernel, bias = head.get_weights()
        head.set_weights([kernel * scale, bias * scale + np.broadcast_to(offset, bias.shape)])
        return replace(self, model=compiled_for_inference(model))

    def tempered(self, temperature: float) -> Classifier:
        """A copy whose probabilities are softmax(logits / T), the logits being those of what was trained; classes stay
        what they are. With the temperature that it has already, its weights stay what they are to the last bit."""
        return replace(self.rescaled(self.temperature / temperature), temperature=temperature)

    def save(self, folder: Path) -> None:
        """Writes the model's folder, which replaces one that is there; a failure leaves that one as it was.

        Raises:
            StorageError: the folder cannot be written.
        """
        with whole_folder(folder) as part:
            self._write(part)

    @property
    def described(self) -> Described:
        """What its card says of it."""
        made, how, smoothing = self.training, self.training["recipe"], self.preparation.smoothing
        axis, shown = self.preparation.thermal, self.preparation.shown
        first = self.cube.window.start
        held = f"steps {first + shown[0]} to {first + shown[1] - 1} of the year, beyond which values are held; " \
            if shown else ""
        filled = f"smoothed (Whittaker, lambda {smoothing:g})" if smoothing else "filled linearly"
        return Described(
            what=f"{self.options.architecture}, {self.model.count_params():,} parameters",
            reads=(f"gaps {filled}; {f'{axis.described}; ' if axis else ''}{held}"
                   f"{'standardised' if self.preparation.normalisation else 'values as they are'}",),
            taught=(f"{self._course}, batches of {how['batch']},"
                    f" {'augmented' if how['augmentation'] else 'not augmented'}, {how['precision']}", _kept(made),
                    *_adapted(made), f"seed {made['seed']}, {made['devices']} device{'s' * (made['devices'] > 1)}"))

    @property
    def _course(self) -> str:
        """Epochs, updates and learning rates."""
        made, how = self.training, self.training["recipe"]
        patience = f" (patience {how['patience']})" if how["patience"] else ""
        if "stages" in made:
            head, every = made["stages"]
            return (f"first the last layer, {head['epochs']} epochs of Adam at {head['learning_rate']:g}, then all"
                    f" weights but batch normalisation, {every['epochs']} epochs at {every['learning_rate']:g}; at most"
                    f" {how['epochs']} of each{patience}, {made['updates']} updates")
        return (f"{len(self.history)} of at most {how['epochs']} epochs{patience}, {made['updates']} updates, Adam"
                f" at {how['learning_rate']:g}")

    def _write(self, folder: Path) -> None:
        self.model.save(folder / MODEL)
        Record(architecture=self.options.architecture, cube=self.cube, class_names=self.class_names,
               training=self.training, own={"options": asdict(self.options), "preparation": asdict(self.preparation),
                                            "temperature": self.temperature}).write(folder)
        with open(folder / HISTORY, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.history[0]) if self.history else ["epoch"])
            writer.writeheader()
            writer.writerows(self.history)


def load(folder: Path) -> Classifier:
    """The classifier of a folder that `Classifier.save` wrote.

    Raises:
        RunError: there is no model in the folder.
        CorruptRecord: a file of it is not readable, or its parts do not belong together.
    """
    with model_folder.reading(folder, (MODEL, CARD, HISTORY)) as record:
        options = architectures.from_card(record.architecture, record.own["options"])
        preparation = Preparation.from_table(record.own["preparation"])
        with open(folder / HISTORY, newline="", encoding="utf-8") as file:
            history = tuple({key: float(value) for key, value in row.items()} for row in csv.DictReader(file))
        model, names = keras.saving.load_model(folder / MODEL, compile=False), record.class_names
        read = options.inputs(np.zeros((1, *options.series_shape), np.float32)).shape[1:]
        if (model.input_shape[1:], model.output_shape[1:]) != (read, (len(names),)):
            raise ValueError(f"the network makes {model.output_shape[1:]} of {model.input_shape[1:]}, by its card"
                             f" {(len(names),)} of {read}")
        # Of a folder from before the temperature stood here it is that of its calibration.
        calibration_of = record.training.get("calibration", {})
        temperature = float(record.own.get("temperature", calibration_of.get("temperature", 1.0)))
    return Classifier(model=compiled_for_inference(model), options=options, cube=record.cube, preparation=preparation,
                      class_names=names, training=record.training, history=history, temperature=temperature)


def compiled_for_inference(model: keras.Model) -> keras.Model:
    """`model`, whose forward pass is now one compiled function a batch."""
    model.compile(jit_compile=jit())
    return model


def jit() -> bool:
    """Whether XLA compiles steps. JAX has nothing else; TensorFlow's own kernels are faster on the CPU.

    Measured on 2 cores: CropNet trains 155 against 135 and predicts 780 against 650 samples a CPU second.
    """
    return bool(keras.backend.backend() == "jax")


def _adapted(made: Mapping[str, Any]) -> Iterator[str]:
    """What was done afterwards, without a label of the target, a line each."""
    for method, did in made.get("adaptation", {}).items():
        if method == "prior":
            mix = ", ".join(f"{name} {share:.0%}" for name, share in did["shares"].items())
            yield f"then corrected for the class mix that its predictions tell of the target: {mix}"
            continue
        how = did.get("course")
        updates = f" by {how['rounds'] * how['updates']} updates of Adam at {how['learning_rate']:g}" if how else ""
        moved = f", whose season runs {did['shift_days']:g} days ahead" if "shift_days" in did else ""
        yield (f"then adapted ({method}){updates} to {did['target_series']} series of the target without labels{moved};"
               " the last state is kept")


def _kept(made: Mapping[str, Any]) -> str:
    before = made.get("validation_macro_f1", {}).get("before")
    began = "" if before is None else f"; before fine-tuning it was {before:.3f}"
    if not made["best_epoch"]:
        return f"kept: epoch 0, the model as it was: no epoch had a higher macro-F1 on the validation cells{began}"
    return f"kept: epoch {made['best_epoch']}, the first with the highest macro-F1 on the validation cells{began}"


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)
