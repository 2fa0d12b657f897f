"""Networks for photographs, which see a cube as a small picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError
from agrispec_tf.models.options import NetworkOptions

NETWORKS = ("resnet50", "efficientnetv2s")
"""ResNet50, https://arxiv.org/abs/1512.03385, and EfficientNetV2-S, https://arxiv.org/abs/2104.00298."""

_ENLARGED = 4
"""How often each band and step is repeated along its axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNetOptions(NetworkOptions):
    """What a network for photographs is built from; it starts from random weights, nothing is downloaded.

    The picture is CropNet's: one channel, bands by steps. Both networks halve a picture five times, which would leave
    one row by two columns of 10 bands by 43 steps; repeated four times along each axis, the picture is what their
    strides of the first layers expect, and 2 by 6 is left. Repeating has no parameters.

    How the paper shows the cube to these networks is not known. Trainable parameters with 7 classes:
    ResNet50 23,542,663 with one channel and 23,570,887 with ten, the quoted 23.57 M; EfficientNetV2-S 20,186,023 and
    20,187,967, under the quoted 20.24 M, which no number of channels up to 43 gives.

    Attributes:
        network: one of `NETWORKS`.
        classes: C, crop classes.
        bands: spectral bands, the rows of the picture.
        steps: time steps, its columns.
    """

    architecture: ClassVar[str] = "imagenet"
    width: ClassVar[str] = "bands"

    network: str
    classes: int
    bands: int = 10
    steps: int = 43

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"there is no network {self.network!r}", mend=f"use one of {', '.join(NETWORKS)}")
        NetworkOptions.__post_init__(self)

    def inputs(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Series (N, steps, bands) as the network's input (N, bands, steps, 1)."""
        return np.ascontiguousarray(series.transpose(0, 2, 1)[..., None])

    def build(self) -> keras.Model:
        """The network with random weights.

        Input float (batch, bands, steps, 1), output logits (batch, classes).
        """
        inputs = keras.Input((self.bands, self.steps, 1), name="series")
        picture = keras.layers.UpSampling2D(_ENLARGED, name="enlarged")(inputs)
        pooled = self._pooled(picture)
        logits = keras.layers.Dense(self.classes, name="crop")(pooled)
        return keras.Model(inputs, logits, name=self.network)

    def _pooled(self, picture: Any) -> Any:
        given: dict[str, Any] = {"include_top": False, "weights": None, "input_tensor": picture, "pooling": "avg"}
        if self.network == "resnet50":
            return keras.applications.ResNet50(**given).output
        return keras.applications.EfficientNetV2S(**given, include_preprocessing=False).output
