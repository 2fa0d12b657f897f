"""The initial weights that PyTorch's networks of this field start from."""

from __future__ import annotations

import keras


def he_normal(mode: str) -> keras.initializers.Initializer:
    """He's normal initialisation, https://arxiv.org/abs/1502.01852, not truncated; `mode` "fan_in" or "fan_out"."""
    return keras.initializers.VarianceScaling(2.0, mode, "untruncated_normal")
