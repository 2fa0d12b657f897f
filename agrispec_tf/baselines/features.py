"""Vectors of features out of series, for classifiers that know no time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec.harmonics import Harmonics
from agrispec.kernels import harmonics
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.data.thermal_axis import ThermalAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class Medians:
    """The medians of the window's steps, gaps filled, one after the other: T · F numbers.

    Attributes:
        smoothing: lambda of the Whittaker smoother, 0 for none, as of a network's series.
        thermal: the training season's warmth, by which series are read, as of a network's; None reads them by date.
    """

    kind: ClassVar[str] = "medians"

    smoothing: float = 0.0
    thermal: ThermalAxis | None = None

    @property
    def described(self) -> str:
        """What is made of a series, in words."""
        filled = f"smoothed (Whittaker, lambda {self.smoothing:g})" if self.smoothing else "filled linearly"
        read = f"; {self.thermal.described}" if self.thermal else ""
        return f"every step's median is an input; gaps {filled}{read}"

    def names(self, cube: CubeSpec) -> tuple[str, ...]:
        """The names of the vectors' entries, step by step: 24_B2, 24_B3 …"""
        return tuple(f"{step:02d}_{feature}" for step in cube.window for feature in cube.features)

    def of(self, series: Series) -> NDArray[np.float32]:
        """(N, T · F); 0 where nothing was clearly seen within the window."""
        prepared = Preparation(smoothing=self.smoothing, thermal=self.thermal).apply(series)
        return prepared.reshape(len(series), -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Harmonic coefficients of the window's clearly seen steps: P · F numbers.

    Attributes:
        harmonics: the terms. `gee_scripts.harmonics` computes the same numbers as bands of an image.
    """

    kind: ClassVar[str] = "harmonics"

    harmonics: Harmonics = field(default_factory=Harmonics)

    @property
    def described(self) -> str:
        """What is made of a series, in words."""
        return (f"{len(self.harmonics.terms)} harmonic coefficients of every feature, fitted to the clearly seen steps"
                f" (ridge {self.harmonics.ridge:g}); no gap is filled")

    def names(self, cube: CubeSpec) -> tuple[str, ...]:
        """The names of the vectors' entries, feature by feature: B2_constant, B2_cos1 …"""
        return self.harmonics.names(cube)

    def of(self, series: Series) -> NDArray[np.float32]:
        """(N, P · F); 0 where nothing was clearly seen within the window.

        Raises:
            ConfigError: the series are vectors.
        """
        cube = series.cube
        if not isinstance(cube, CubeSpec):
            raise ConfigError("vectors have no days that harmonics could be fitted to", mend="learn them as they are")
        steps = slice(cube.window.start - cube.exported.start, cube.window.stop - cube.exported.start)
        found = harmonics.fit(series.values[:, steps], series.counts[:, steps] > 0, self.harmonics.design(cube),
                              self.harmonics.penalties)
        return found.reshape(len(series), -1)


Features = Medians | Coefficients
