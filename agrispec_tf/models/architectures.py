"""The networks by name: by the names that commands take, and by those that model cards carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec_tf.data.vectors import VectorSpec
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.models.cropnet_1d import CropNet1DOptions
from agrispec_tf.models.imagenet import ImageNetOptions
from agrispec_tf.models.mlp import MLPOptions
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.models.tempcnn import TempCNNOptions

_BY_MODEL: Mapping[str, tuple[type[NetworkOptions], Mapping[str, str]]] = {
    "cropnet": (CropNetOptions, {}),
    "cropnet-v1": (CropNetOptions, {"variant": "v1"}),
    "cropnet-1d": (CropNet1DOptions, {}),
    "bigru": (BiGRUOptions, {}),
    "mlp": (MLPOptions, {}),
    "tempcnn": (TempCNNOptions, {}),
    "resnet50": (ImageNetOptions, {"network": "resnet50"}),
    "efficientnetv2s": (ImageNetOptions, {"network": "efficientnetv2s"}),
}
_BY_ARCHITECTURE = {options.architecture: options for options, _ in _BY_MODEL.values()}

# What cards of earlier versions say and nothing is built from any more. The Bi-GRU's was the weight of a domain head,
# which stood beside the network in training alone: the file of the network never had it.
_NO_LONGER: Mapping[str, frozenset[str]] = {BiGRUOptions.architecture: frozenset({"reversal"})}

MODELS = tuple(_BY_MODEL)
"""What a network can be asked for as: CropNet as released, as in the first paper and in 1-D, the Bi-GRU, and the
networks they are compared with."""

ARCHITECTURES = tuple(_BY_ARCHITECTURE)
"""The architectures of `MODELS`, some of which share one."""


def for_cube(model: str, cube: CubeSpec | VectorSpec, classes: int) -> NetworkOptions:
    """The options of one of `MODELS` that reads a cube's window, or vectors.

    Raises:
        ConfigError: there is no such model, or fewer than two classes.
    """
    if model not in _BY_MODEL:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(MODELS)}")
    options, others = _BY_MODEL[model]
    return options.for_cube(cube, classes, **others)


def from_card(architecture: str, table: Mapping[str, Any]) -> NetworkOptions:
    """The options of a model's card, where lists stand for tuples.

    Raises:
        ConfigError: there is no such architecture, or nothing can be built from the options.
    """
    if architecture not in _BY_ARCHITECTURE:
        raise ConfigError(f"there is no architecture {architecture!r}", mend=f"use one of {', '.join(ARCHITECTURES)}")
    left_out = _NO_LONGER.get(architecture, frozenset())
    try:
        return _BY_ARCHITECTURE[architecture](**{key: tuple(value) if isinstance(value, list) else value
                                                 for key, value in table.items() if key not in left_out})
    except TypeError as error:
        raise ConfigError(f"{architecture} is not built from {', '.join(table) or 'nothing'} ({error})",
                          mend="restore the card from a copy, or train the model again") from error
