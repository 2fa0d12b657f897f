"""CropNet over one axis: the 1-D variant that the first paper compares with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError
from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.models.initialisation import he_normal
from agrispec_tf.models.options import NetworkOptions

READINGS = ("flat", "bands")
"""What a sample is to the network: one sequence of numbers, or a sequence of steps with bands as channels."""

# v1's channels and the blocks whose first convolution has stride 2, https://arxiv.org/abs/2509.03497v1
_CHANNELS, _HALVED = (64, 128, 256, 512), (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropNet1DOptions(NetworkOptions):
    """What a 1-D CropNet is built from.

    The first paper has a 1-D network over the flattened cube, without a table of its layers, and its code is not
    released. Known are the blocks and channels, those of v1 with convolutions over 3 neighbours: 1,564,608 + 513 C
    trainable parameters of a flat sequence, 1,566,336 + 513 C with ten bands as channels. This project's choices
    are strides and dropout, as in v1, and the order of a flat sequence, band after band, so that neighbours are
    neighbours in time.

    Attributes:
        classes: C, crop classes.
        bands: spectral bands.
        steps: time steps.
        reading: one of `READINGS`.
        dropout: share of channels dropped at the end of each of the four blocks.
    """

    architecture: ClassVar[str] = "cropnet-1d"
    width: ClassVar[str] = "bands"

    classes: int
    bands: int = 10
    steps: int = 43
    reading: str = "flat"
    dropout: tuple[float, float, float, float] = (0.2, 0.3, 0.3, 0.4)

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise ConfigError(f"a 1-D CropNet cannot read samples as {self.reading!r}",
                              mend=f"use one of {', '.join(READINGS)}")
        NetworkOptions.__post_init__(self)

    def inputs(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Series (N, steps, bands) as the network's input: (N, bands · steps, 1) flat, or as they are."""
        if self.reading == "bands":
            return np.ascontiguousarray(series)
        return np.ascontiguousarray(series.transpose(0, 2, 1)).reshape(len(series), -1, 1)

    def build(self) -> keras.Model:
        """A 1-D CropNet with fresh weights.

        Input float (batch, bands · steps, 1) or (batch, steps, bands), output logits (batch, classes).
        """
        shape = (self.bands * self.steps, 1) if self.reading == "flat" else (self.steps, self.bands)
        inputs = keras.Input(shape, name="series")
        features = inputs
        for block, width in enumerate(_CHANNELS):
            name = f"block{block + 1}"
            features = _convolution(features, width, stride=2 if block in _HALVED else 1, name=f"{name}_first")
            features = _convolution(features, width, stride=1, name=f"{name}_second")
            features = keras.layers.SpatialDropout1D(self.dropout[block], name=name)(features)
        pooled = keras.layers.GlobalAveragePooling1D(name="pool")(features)
        logits = keras.layers.Dense(self.classes, kernel_initializer=he_normal("fan_in"), name="crop")(pooled)
        return keras.Model(inputs, logits, name="cropnet_1d")


def _convolution(features: Any, width: int, *, stride: int, name: str) -> Any:
    if stride > 1:
        # Padded by hand, as in 2-D: `same` would pad an even axis at its end only.
        features = keras.layers.ZeroPadding1D(1, name=f"{name}_pad")(features)
    mixed = keras.layers.Conv1D(width, 3, strides=stride, padding="valid" if stride > 1 else "same", use_bias=False,
                                kernel_initializer=he_normal("fan_out"), name=f"{name}_conv")(features)
    scaled = BatchNorm(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(mixed)
    return keras.layers.ReLU(name=f"{name}_relu")(scaled)
