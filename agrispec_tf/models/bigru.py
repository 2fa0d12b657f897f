"""The bidirectional GRU with attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.layers.temporal_attention import TemporalAttention
from agrispec_tf.models.options import NetworkOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BiGRUOptions(NetworkOptions):
    """What the Bi-GRU is built from.

    With 8 features, 23 steps and 17 classes it has 368,081 trainable parameters. The page that describes it
    (docs/decisions) gives channels, layers, dropout and heads; kernel 7 and the attention's width are this project's.

    Attributes:
        classes: C, crop classes.
        features: values a step.
        steps: time steps.
        dropout: share dropped after the convolutions and between the two GRU layers. Never inside the
            recurrence, which would shut out the fused GPU kernel.
    """

    architecture: ClassVar[str] = "bigru"

    classes: int
    features: int = 8
    steps: int = 23
    dropout: float = 0.3

    def build(self) -> keras.Model:
        """The classifier with fresh weights.

        Input float (batch, steps, features), output logits (batch, classes).
        """
        inputs = keras.Input((self.steps, self.features), name="series")
        features = inputs
        for block, width in enumerate((64, 128, 128), start=1):
            features = keras.layers.Conv1D(width, 7, padding="same", name=f"conv{block}")(features)
            features = BatchNorm(momentum=0.9, epsilon=1e-5, name=f"norm{block}")(features)
            features = keras.layers.ReLU(name=f"relu{block}")(features)
        features = keras.layers.Dropout(self.dropout, name="dropout1")(features)
        features = _bidirectional_gru("gru1")(features)
        features = keras.layers.Dropout(self.dropout, name="dropout2")(features)
        features = _bidirectional_gru("gru2")(features)
        pooled = TemporalAttention(128, name="attention")(features)
        latent = keras.layers.Dense(128, activation="relu", name="latent")(pooled)
        hidden = keras.layers.Dense(64, activation="relu", name="crop_hidden")(latent)
        logits = keras.layers.Dense(self.classes, name="crop")(hidden)
        return keras.Model(inputs, logits, name="bigru")


def _bidirectional_gru(name: str) -> Any:
    unit = keras.layers.GRU(64, return_sequences=True, reset_after=True)
    return keras.layers.Bidirectional(unit, name=name)
