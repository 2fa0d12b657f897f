"""The gradient reversal layer of adversarial domain adaptation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from agrispec.errors import ConfigError


@keras.saving.register_keras_serializable(package="agrispec")
class GradientReversal(keras.layers.Layer):
    """Identity forwards; backwards the gradient times -λ.

    λ grows from 0 to `maximum` while the layer trains: λ = maximum · (2 / (1 + exp(-10 p)) - 1) with
    p = step / `total_steps`, held at 1 afterwards. The step is a non-trainable variable of the layer: it is
    saved with the model, and only training advances it, once a batch.

    Args:
        maximum: λ at the end of the ramp, not negative; 0 cuts the branch off from what lies before it.
        total_steps: training batches until the ramp ends.

    Call arguments:
        features: float tensor of any shape.
        training: whether this call is a training step.

    Returns: `features`, bit for bit.

    Raises:
        ConfigError: `maximum` is negative or `total_steps` is not positive.

    Source: Ganin et al. 2016, https://jmlr.org/papers/v17/15-239.html, layer in section 4.2, ramp in section 5.
    """

    def __init__(self, *, maximum: float, total_steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if maximum < 0 or total_steps < 1:
            raise ConfigError(f"a gradient reversal up to {maximum} within {total_steps} steps cannot be",
                              mend="give a maximum of 0 or more and at least one step")
        self.maximum = maximum
        self.total_steps = total_steps

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # float32 counts exactly up to 16.7 million steps; TensorFlow keeps integer variables off the GPU.
        self.step = self.add_weight(name="step", shape=(), initializer="zeros", dtype="float32",
                                    trainable=False, autocast=False)

    def strength(self) -> Any:
        """λ at the present step, a scalar tensor."""
        progress = ops.minimum(self.step / self.total_steps, 1.0)
        return self.maximum * (2.0 / (1.0 + ops.exp(-10.0 * progress)) - 1.0)

    def call(self, features: Any, training: bool = False) -> Any:
        held = ops.stop_gradient(features)
        # This form, unlike (1 + λ)·held - λ·features, subtracts an exact zero on the way forwards.
        reversed_ = held - ops.cast(self.strength(), features.dtype) * (features - held)
        if training:
            self.step.assign_add(1.0)
        return reversed_

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "maximum": self.maximum, "total_steps": self.total_steps}
