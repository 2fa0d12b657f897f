"""The networks by name: by the names that commands take, and by those that model cards carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.models.cropnet_1d import CropNet1DOptions
from agrispec_tf.models.imagenet import ImageNetOptions
from agrispec_tf.models.mlp import MLPOptions
from agrispec_tf.models.tempcnn import TempCNNOptions


class NetworkOptions(Protocol):
    """What a network is built from: a frozen dataclass of JSON types and tuples of them.

    Attributes:
        architecture: what stands for the class in a model's card; recipes go by it.
    """

    architecture: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def classes(self) -> int:
        """C, crop classes."""

    @property
    def series_shape(self) -> tuple[int, int]:
        """(steps, features) of the prepared series the network reads."""

    def inputs(self, series: np.ndarray) -> np.ndarray:
        """Prepared series (N, steps, features) as the network's input."""

    def build(self) -> keras.Model:
        """The network with fresh weights; its output is logits (batch, classes)."""


_BY_MODEL: Mapping[str, Callable[[CubeSpec, int], NetworkOptions]] = {
    "cropnet": CropNetOptions.for_cube,
    "cropnet-v1": lambda cube, classes: CropNetOptions.for_cube(cube, classes, "v1"),
    "cropnet-1d": CropNet1DOptions.for_cube,
    "bigru": BiGRUOptions.for_cube,
    "bigru-grl": BiGRUOptions.for_cube,
    "mlp": MLPOptions.for_cube,
    "tempcnn": TempCNNOptions.for_cube,
    "resnet50": lambda cube, classes: ImageNetOptions.for_cube(cube, classes, "resnet50"),
    "efficientnetv2s": lambda cube, classes: ImageNetOptions.for_cube(cube, classes, "efficientnetv2s"),
}
_BY_ARCHITECTURE: Mapping[str, Callable[..., NetworkOptions]] = {
    options.architecture: options for options in (CropNetOptions, CropNet1DOptions, BiGRUOptions, MLPOptions,
                                                  TempCNNOptions, ImageNetOptions)}

MODELS = tuple(_BY_MODEL)
"""What a network can be asked for as: CropNet as released, as in the first paper and in 1-D, the Bi-GRU on the source
alone and with gradient reversal, and the networks they are compared with."""

ARCHITECTURES = tuple(_BY_ARCHITECTURE)
"""The architectures of `MODELS`, some of which share one."""


def for_cube(model: str, cube: CubeSpec, classes: int) -> NetworkOptions:
    """The options of one of `MODELS` that reads a cube's window.

    Raises:
        ConfigError: there is no such model, or fewer than two classes.
    """
    if model not in _BY_MODEL:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(MODELS)}")
    return _BY_MODEL[model](cube, classes)


def from_card(architecture: str, table: Mapping[str, Any]) -> NetworkOptions:
    """The options of a model's card, where lists stand for tuples.

    Raises:
        ConfigError: there is no such architecture, or nothing can be built from the options.
    """
    if architecture not in _BY_ARCHITECTURE:
        raise ConfigError(f"there is no architecture {architecture!r}", mend=f"use one of {', '.join(ARCHITECTURES)}")
    try:
        return _BY_ARCHITECTURE[architecture](**{key: tuple(value) if isinstance(value, list) else value
                                                 for key, value in table.items()})
    except TypeError as error:
        raise ConfigError(f"{architecture} is not built from {', '.join(table) or 'nothing'} ({error})",
                          mend="restore the card from a copy, or train the model again") from error
