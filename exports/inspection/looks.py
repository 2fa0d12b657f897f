"""How often the steps of cubes were clearly seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.season import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Counts over cubes of T steps; those of two pieces add up: `a + b`.

    Attributes:
        cubes: how many.
        gaps: (T,) int64, cubes without a clear look by step.
        looks: (T,) float64, clear looks by step.
        never: cubes without a clear look in the models' window.
        window: that window, in places of the T steps.
    """

    cubes: int
    gaps: NDArray[np.int64]
    looks: NDArray[np.float64]
    never: int
    window: Window

    @classmethod
    def of(cls, counts: NDArray[np.float32], window: Window) -> Looks:
        """The looks of cubes whose clear looks (N, T) are counted."""
        gaps = counts == 0
        return cls(cubes=len(counts), gaps=gaps.sum(axis=0), looks=counts.sum(axis=0, dtype=np.float64),
                   never=int(gaps[:, window.start:window.stop].all(axis=1).sum()), window=window)

    def __add__(self, other: Looks) -> Looks:
        return Looks(cubes=self.cubes + other.cubes, gaps=self.gaps + other.gaps, looks=self.looks + other.looks,
                     never=self.never + other.never, window=self.window)

    @property
    def year(self) -> float:
        """Share of all steps that are gaps."""
        return float(self.gaps.mean() / self.cubes)

    @property
    def inside(self) -> float:
        """Share of the window's steps that are gaps."""
        return float(self._of_window(self.gaps).mean() / self.cubes)

    @property
    def a_step(self) -> float:
        """Clear looks a step of the window."""
        return float(self._of_window(self.looks).mean() / self.cubes)

    @property
    def worst(self) -> tuple[int, float]:
        """The window's step with the most gaps, in places of the T steps, and the share of cubes with one there."""
        place = int(self._of_window(self.gaps).argmax()) + self.window.start
        return place, float(self.gaps[place] / self.cubes)

    def _of_window(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        return values[self.window.start:self.window.stop]
