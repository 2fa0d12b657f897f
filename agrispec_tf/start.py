"""Where a training begins, if not at random weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec_tf.data.preparation import Preparation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """What a network has learnt already, and what of it stays.

    Attributes:
        weights: of the network, as its `get_weights` gives them.
        preparation: what series went through before the network that learnt these weights.
        frozen: names of layers that work in training as they do in prediction and whose weights stay: a batch
            normalisation goes by its statistics, which stay too, and a dropout drops nothing.
        candidate: whether these very weights may be kept, as those of epoch 0.
    """

    weights: Sequence[NDArray[Any]]
    preparation: Preparation
    frozen: tuple[str, ...] = ()
    candidate: bool = True

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any attribute."""
        rest = {"preparation": asdict(self.preparation), "frozen": self.frozen, "candidate": self.candidate}
        found = hashlib.sha256(json.dumps(rest).encode())
        for array in self.weights:
            found.update(f"{array.shape} {array.dtype}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()[:16]

    def given(self, model: keras.Model) -> keras.Model:
        """`model` with these weights, in which what is frozen is so; the layers are shared with `model`."""
        model.set_weights(self.weights)
        for name in self.frozen:
            model.get_layer(name).trainable = False

        def frozen(layer: keras.layers.Layer) -> keras.layers.Layer:
            # A batch normalisation that is not trainable goes by its statistics. A dropout heeds no such word, and
            # Keras 3.15 overrules a `training=False` at its call by what a training step says of the whole network.
            stays = layer.name in self.frozen and isinstance(layer, keras.layers.Dropout)
            return keras.layers.Identity(name=layer.name) if stays else layer

        return keras.models.clone_model(model, clone_function=frozen, call_function=_called)


def _called(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
    # With a function that calls them, `clone_model` is documented to take layers as they are.
    return layer(*inputs, **options)


def thawed(model: keras.Model) -> None:
    """Frees what `Start.given` froze, so that nothing of it is saved with the network."""
    for layer in model.layers:
        layer.trainable = True
