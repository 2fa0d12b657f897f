"""What the options of all networks have in common: the series that they read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec_tf.data.vectors import VectorSpec


class NetworkOptions(ABC):
    """What a network is built from: a frozen dataclass of JSON types and tuples of them, which stand in its card.

    Its fields begin with those named here. A class with checks of its own calls this `__post_init__` by name: `super()`
    does not know a dataclass with slots.

    Attributes:
        architecture: what stands for the class in a model's card; recipes go by it.
        width: name of the field for values a step, "features", or "bands" in networks that slide over them.
        classes: C, crop classes.
        steps: time steps.
    """

    __slots__ = ()

    architecture: ClassVar[str]
    width: ClassVar[str] = "features"
    __dataclass_fields__: ClassVar[dict[str, Any]]

    classes: int
    steps: int

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ConfigError(f"a classifier of {self.classes} class has nothing to decide",
                              mend="give at least two crop classes")

    @classmethod
    def for_cube(cls, cube: CubeSpec | VectorSpec, classes: int, **others: Any) -> Self:
        """The network that reads a cube's window; `others` are fields that follow from neither."""
        shape = {"classes": classes, "steps": cube.window.steps, cls.width: len(cube.features)}
        return cls(**shape, **others)

    @property
    def series_shape(self) -> tuple[int, int]:
        """(steps, features) of the prepared series it reads."""
        return self.steps, getattr(self, self.width)

    def inputs(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Prepared series (N, steps, features) as the network's input: as they are."""
        return np.ascontiguousarray(series)

    @abstractmethod
    def build(self) -> keras.Model:
        """The network with fresh weights; its output is logits (batch, classes)."""
