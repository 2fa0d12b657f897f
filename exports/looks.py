"""How often the steps of cubes were clearly seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Counts over cubes of T steps; those of two pieces add up: `a + b`.

    Attributes:
        spec: what the cubes are.
        cubes: how many.
        gaps: (T,) int64, cubes without a clear look by step.
        looks: (T,) float64, clear looks by step.
        never: cubes without a clear look in the models' window.
    """

    spec: CubeSpec
    cubes: int
    gaps: NDArray[np.int64]
    looks: NDArray[np.float64]
    never: int

    @classmethod
    def of(cls, counts: NDArray[np.float32], spec: CubeSpec) -> Looks:
        """The looks of cubes whose clear looks (N, T) are counted."""
        gaps = counts == 0
        return cls(spec=spec, cubes=len(counts), gaps=gaps.sum(axis=0), looks=counts.sum(axis=0, dtype=np.float64),
                   never=int(gaps[:, spec.inside].all(axis=1).sum()))

    def __add__(self, other: Looks) -> Looks:
        return Looks(spec=self.spec, cubes=self.cubes + other.cubes, gaps=self.gaps + other.gaps,
                     looks=self.looks + other.looks, never=self.never + other.never)

    @property
    def year(self) -> float:
        """Share of all steps that are gaps."""
        return float(self.gaps.mean() / self.cubes)

    @property
    def inside(self) -> float:
        """Share of the window's steps that are gaps."""
        return float(self.gaps[self.spec.inside].mean() / self.cubes)

    @property
    def a_step(self) -> float:
        """Clear looks a step of the window."""
        return float(self.looks[self.spec.inside].mean() / self.cubes)

    @property
    def worst(self) -> tuple[int, float]:
        """The window's step with the most gaps, and the share of cubes with one there."""
        return worst_step(self.gaps / self.cubes, self.spec)


def worst_step(shares: NDArray[np.float64], spec: CubeSpec) -> tuple[int, float]:
    """The step of the year, within the models' window, of the greatest of (T,) shares, and that share."""
    place = int(shares[spec.inside].argmax())
    return spec.window.start + place, float(shares[spec.inside][place])
