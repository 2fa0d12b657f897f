"""The multilayer perceptron: a network that knows neither bands nor time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.models.initialisation import he_normal
from agrispec_tf.models.options import NetworkOptions

# Hidden layers and their width: the released comparison's, https://github.com/x-ytong/CropNet
_LAYERS, _WIDTH = 8, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPOptions(NetworkOptions):
    """What an MLP is built from: 8 hidden layers of 128, each with batch norm, exact GELU and dropout.

    It reads vectors. A series is the vector of all its numbers, step by step; a vector that is no series (harmonic
    coefficients, an embedding) is read as a series of one step. A vector of D numbers makes it
    117,760 + 128 D + 129 C trainable parameters.

    Attributes:
        classes: C, crop classes.
        features: values a step, or length of the vector.
        steps: time steps, 1 for vectors.
        dropout: share dropped at the end of each hidden layer.
    """

    architecture: ClassVar[str] = "mlp"

    classes: int
    features: int
    steps: int = 1
    dropout: float = 0.3

    def inputs(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Series (N, steps, features), or vectors (N, features), as the network's input (N, steps · features)."""
        return np.ascontiguousarray(series).reshape(len(series), self.steps * self.features)

    def build(self) -> keras.Model:
        """An MLP with fresh weights.

        Input float (batch, steps · features), output logits (batch, classes).
        """
        inputs = keras.Input((self.steps * self.features,), name="series")
        features = inputs
        for number in range(1, _LAYERS + 1):
            features = keras.layers.Dense(_WIDTH, kernel_initializer=he_normal("fan_in"),
                                          name=f"dense{number}")(features)
            features = BatchNorm(momentum=0.9, epsilon=1e-5, name=f"norm{number}")(features)
            features = keras.layers.Activation("gelu", name=f"gelu{number}")(features)
            features = keras.layers.Dropout(self.dropout, name=f"dropout{number}")(features)
        logits = keras.layers.Dense(self.classes, kernel_initializer=he_normal("fan_in"), name="crop")(features)
        return keras.Model(inputs, logits, name="mlp")
