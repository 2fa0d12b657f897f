"""Additive attention over time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="agrispec")
class TemporalAttention(keras.layers.Layer):
    """The mean of the steps, weighted by what the network finds telling.

    The score of step t is v · tanh(W h_t + b); the weights are the softmax of the scores over the steps, so
    they are positive and sum to 1. `v` has no bias, which the softmax would cancel.

    Args:
        width: length of v.

    Call arguments:
        features: float, `(batch, steps, channels)`.

    Returns: float, `(batch, channels)`.

    Source: Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, with one constant query.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.project = keras.layers.Dense(width, activation="tanh", name="project")
        self.score = keras.layers.Dense(1, use_bias=False, name="score")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.project.build(input_shape)
        self.score.build((*input_shape[:-1], self.width))

    def weights_over_time(self, features: Any) -> Any:
        """The weight of each step, `(batch, steps, 1)`."""
        return ops.softmax(self.score(self.project(features)), axis=1)

    def call(self, features: Any) -> Any:
        return ops.sum(self.weights_over_time(features) * features, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
