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
        frozen: names of layers whose weights stay as they are.
        calm: names of layers that work in training as they do in prediction: a batch normalisation by its
            statistics, which stay; a dropout not at all.
        candidate: whether these very weights may be kept, as those of epoch 0.
    """

    weights: Sequence[NDArray[Any]]
    preparation: Preparation
    frozen: tuple[str, ...] = ()
    calm: tuple[str, ...] = ()
    candidate: bool = True

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any attribute."""
        rest = {"preparation": asdict(self.preparation), "frozen": self.frozen, "calm": self.calm,
                "candidate": self.candidate}
        found = hashlib.sha256(json.dumps(rest).encode())
        for array in self.weights:
            found.update(f"{array.shape} {array.dtype}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()[:16]

    def given(self, model: keras.Model) -> keras.Model:
        """`model` with these weights, in which what is frozen or calm is so; the layers are shared with `model`."""
        model.set_weights(self.weights)
        for name in self.frozen:
            model.get_layer(name).trainable = False

        def call(layer: Any, *inputs: Any, **options: Any) -> Any:
            # What is said where a layer is called outranks what a training step says of the whole network.
            return layer(*inputs, **(options | {"training": False} if layer.name in self.calm else options))

        return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def thawed(model: keras.Model) -> None:
    """Frees what `Start.given` froze, so that nothing of it is saved with the network."""
    for layer in model.layers:
        layer.trainable = True
