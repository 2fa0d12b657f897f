"""Standardisation of features by statistics of the training fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """(value - mean) / deviation, feature by feature.

    Attributes:
        mean: of each of the F features, in the feature's unit.
        deviation: standard deviation of each of the F features; 1 for a feature that never varied.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fitted(cls, series: NDArray[np.float32]) -> Normalisation:
        """The statistics of prepared series (N, T, F) over samples and steps, in double precision.

        Give the training fold alone: statistics of other folds would tell the network about them.
        """
        mean = series.mean(axis=(0, 1), dtype=np.float64)
        deviation = series.std(axis=(0, 1), dtype=np.float64)
        # A constant feature has a deviation of rounding errors; dividing by those would only blow them up.
        varies = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-6)
        return cls(mean=tuple(mean.tolist()), deviation=tuple(np.where(varies, deviation, 1.0).tolist()))

    def apply(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardised series, shape (..., F) as given."""
        return (series - np.asarray(self.mean, np.float32)) / np.asarray(self.deviation, np.float32)
