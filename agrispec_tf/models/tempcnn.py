"""TempCNN: convolutions over time, and no pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import keras

from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.models.options import NetworkOptions

# Filters, their length, units of the dense layer, weight of the squared weights in the loss:
# Pelletier et al. 2019, https://doi.org/10.3390/rs11050523
_FILTERS, _LENGTH, _UNITS, _DECAY = 64, 5, 256, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class TempCNNOptions(NetworkOptions):
    """What a TempCNN is built from: three convolutions of 64 filters over 5 steps, then a dense layer of 256 units.

    As published: batch norm, ReLU and dropout follow each of the four layers, all kernels decay by 1e-6, and the
    sequence keeps its length, so that the dense layer knows when something happened. Batch norm is Keras's default.
    Ten bands, 43 steps and 7 classes make 751,815 trainable parameters.

    Attributes:
        classes: C, crop classes.
        features: values a step.
        steps: time steps.
        dropout: share dropped at the end of each layer.
    """

    architecture: ClassVar[str] = "tempcnn"

    classes: int
    features: int = 10
    steps: int = 43
    dropout: float = 0.5

    def build(self) -> keras.Model:
        """A TempCNN with fresh weights.

        Input float (batch, steps, features), output logits (batch, classes).
        """
        decay = keras.regularizers.L2(_DECAY)
        inputs = keras.Input((self.steps, self.features), name="series")
        features = inputs
        for number in (1, 2, 3):
            features = keras.layers.Conv1D(_FILTERS, _LENGTH, padding="same", kernel_initializer="he_normal",
                                           kernel_regularizer=decay, name=f"conv{number}")(features)
            features = self._regularised(features, number)
        features = keras.layers.Flatten(name="flat")(features)
        features = keras.layers.Dense(_UNITS, kernel_initializer="he_normal", kernel_regularizer=decay,
                                      name="dense4")(features)
        logits = keras.layers.Dense(self.classes, kernel_regularizer=decay, name="crop")(self._regularised(features, 4))
        return keras.Model(inputs, logits, name="tempcnn")

    def _regularised(self, features: keras.KerasTensor, number: int) -> keras.KerasTensor:
        features = BatchNorm(name=f"norm{number}")(features)
        features = keras.layers.ReLU(name=f"relu{number}")(features)
        return keras.layers.Dropout(self.dropout, name=f"dropout{number}")(features)
