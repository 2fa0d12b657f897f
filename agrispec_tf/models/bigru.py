"""The bidirectional GRU with attention whose latent space can be trained to ignore the season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.layers.gradient_reversal import GradientReversal
from agrispec_tf.layers.temporal_attention import TemporalAttention
from agrispec_tf.models.options import NetworkOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BiGRUOptions(NetworkOptions):
    """What the Bi-GRU is built from.

    With 8 features, 23 steps, 17 classes and the domain head it has 376,467 trainable parameters. The page
    that describes it (docs/decisions) gives channels, layers, dropout, λ and heads; kernel 7, the attention's
    width and the domain head's shape are this project's.

    Attributes:
        classes: C, crop classes.
        features: values a step.
        steps: time steps.
        dropout: share dropped after the convolutions and between the two GRU layers. Never inside the
            recurrence, which would shut out the fused GPU kernel.
        reversal: λ at the end of its ramp.
    """

    architecture: ClassVar[str] = "bigru"

    classes: int
    features: int = 8
    steps: int = 23
    dropout: float = 0.3
    reversal: float = 0.5

    def build(self) -> keras.Model:
        """The classifier with fresh weights and without a domain head.

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


def with_domain_head(model: keras.Model, options: BiGRUOptions, total_steps: int) -> keras.Model:
    """`model` and, behind a gradient reversal at its latent layer, a head that tells source from target.

    The weights are shared with `model`: training this model trains that one.

    Args:
        model: from `options.build()`.
        options: those `model` was built from.
        total_steps: training batches until λ has grown to `options.reversal`.

    Returns: model with outputs `{"crop": logits (batch, classes), "domain": logits (batch, 2)}`.
    """
    reversed_ = GradientReversal(maximum=options.reversal, total_steps=total_steps,
                                 name="reversal")(model.get_layer("latent").output)
    hidden = keras.layers.Dense(64, activation="relu", name="domain_hidden")(reversed_)
    domain = keras.layers.Dense(2, name="domain")(hidden)
    return keras.Model(model.input, {"crop": model.output, "domain": domain}, name="bigru_adversarial")


def _bidirectional_gru(name: str) -> Any:
    unit = keras.layers.GRU(64, return_sequences=True, reset_after=True)
    return keras.layers.Bidirectional(unit, name=name)
