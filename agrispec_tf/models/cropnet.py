"""CropNet: a small 2-D convolutional network over bands and time."""

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

# Channels of the four blocks and the blocks whose first convolution has stride 2 on both axes.
# v1: https://arxiv.org/abs/2509.03497v1; v3: https://github.com/x-ytong/CropNet
_VARIANTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "v1": ((64, 128, 256, 512), (1, 3)),
    "v3": ((128, 128, 128, 128), (0,)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CropNetOptions(NetworkOptions):
    """What a CropNet is built from.

    Attributes:
        classes: C, crop classes.
        bands: spectral bands, the rows of the input.
        steps: time steps, the columns of the input.
        variant: "v3", the released network (1,035,392 + 129 C trainable parameters), or "v1", the first
            paper's (4,686,144 + 513 C).
        dropout: share of channels dropped at the end of each of the four blocks.
    """

    architecture: ClassVar[str] = "cropnet"
    width: ClassVar[str] = "bands"

    classes: int
    bands: int = 10
    steps: int = 43
    variant: str = "v3"
    dropout: tuple[float, float, float, float] = (0.2, 0.3, 0.3, 0.4)

    def __post_init__(self) -> None:
        if self.variant not in _VARIANTS:
            raise ConfigError(f"there is no CropNet {self.variant!r}",
                              mend="choose v3 (as released) or v1 (as first published)")
        NetworkOptions.__post_init__(self)

    def inputs(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Series (N, steps, bands) as the network's input (N, bands, steps, 1)."""
        return np.ascontiguousarray(series.transpose(0, 2, 1)[..., None])

    def build(self) -> keras.Model:
        """A CropNet with fresh weights.

        Input float (batch, bands, steps, 1): the kernels slide over neighbouring bands and steps at once, so
        bands come in order of wavelength. Output: logits (batch, classes).
        """
        channels, halved = _VARIANTS[self.variant]
        inputs = keras.Input((self.bands, self.steps, 1), name="series")
        features = inputs
        for block, width in enumerate(channels):
            name = f"block{block + 1}"
            features = _convolution(features, width, stride=2 if block in halved else 1, name=f"{name}_first")
            features = _convolution(features, width, stride=1, name=f"{name}_second")
            features = keras.layers.SpatialDropout2D(self.dropout[block], name=name)(features)
        pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
        logits = keras.layers.Dense(self.classes, kernel_initializer=he_normal("fan_in"), name="crop")(pooled)
        return keras.Model(inputs, logits, name=f"cropnet_{self.variant}")


def _convolution(features: Any, width: int, *, stride: int, name: str) -> Any:
    if stride > 1:
        # Padded by hand: with stride 2, `same` pads an even axis at its end only and so moves the features.
        features = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(features)
    mixed = keras.layers.Conv2D(width, 3, strides=stride, padding="valid" if stride > 1 else "same", use_bias=False,
                                kernel_initializer=he_normal("fan_out"), name=f"{name}_conv")(features)
    scaled = BatchNorm(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(mixed)
    return keras.layers.ReLU(name=f"{name}_relu")(scaled)
