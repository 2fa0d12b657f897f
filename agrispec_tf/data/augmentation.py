"""Augmentation of seasons: windows shifted and stretched in time, magnitudes warped.

Nothing is computed on series here except the warp: a draw says which window of the full year a sample shows
and by which curve it is multiplied, so that preparation can fill gaps inside of that window and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from agrispec.season import YEAR_DAYS, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How samples are varied. The defaults are those of CropNet's released trainer.

    Attributes:
        shift_days: the window moves by up to this many days either way ...
        shift_share: ... in this share of the augmented samples.
        scale_days: both ends move by up to this many days either way, independently, ...
        scale_share: ... in this share; a scaled window replaces the shifted one.
        warp_deviation: standard deviation of the factors at the warp's knots, whose mean is 1.
        warp_share: share of the augmented samples that are warped.
        copies: augmented samples for each original one.
        redrawn: False draws all copies once, as published; True draws anew each epoch, in which every sample
            comes once, an original with probability 1 / (copies + 1).

    Source: https://github.com/x-ytong/CropNet (v3 of arXiv 2509.03497); `redrawn` is this project's.
    """

    shift_days: int = 50
    shift_share: float = 1.0
    scale_days: int = 50
    scale_share: float = 0.5
    warp_deviation: float = 0.1
    warp_share: float = 0.25
    copies: int = 2
    redrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """What N samples show of their year.

    Attributes:
        start, stop: (N,) first step of each window and the step after its last one.
        knots: (N, 5) factors at evenly spaced knots of the window; ones leave a sample as it is.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    knots: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> Draw:
        """The draws of some row numbers, in their order."""
        return Draw(start=self.start[rows], stop=self.stop[rows], knots=self.knots[rows])


KNOTS = 5


def plain(window: Window, count: int) -> Draw:
    """`count` samples as they are: the model's window, not warped."""
    return Draw(start=np.full(count, window.start), stop=np.full(count, window.stop),
                knots=np.ones((count, KNOTS)))


def draw(augmentation: Augmentation, window: Window, step_days: int, count: int,
         generator: np.random.Generator) -> Draw:
    """`count` augmented samples of a model that sees `window`.

    Drawn windows are clipped to days 1 ... 365, so a large shift shortens them.
    """
    offset = generator.integers(-augmentation.shift_days, augmentation.shift_days + 1, count)
    first, last = (generator.integers(-augmentation.scale_days, augmentation.scale_days + 1, count)
                   for _ in range(2))
    shifted = generator.random(count) < augmentation.shift_share
    scaled = generator.random(count) < augmentation.scale_share
    warped = generator.random(count) < augmentation.warp_share
    knots = generator.normal(1.0, augmentation.warp_deviation, (count, KNOTS))
    opening = np.where(scaled, first, np.where(shifted, offset, 0))
    closing = np.where(scaled, last, np.where(shifted, offset, 0))
    # The last step stands for its last day but one, so that CropNet's window is its days 121 ... 334.
    first_day, last_day = window.start * step_days + 1, window.stop * step_days - 1
    start, stop = steps_of(first_day + opening, last_day + closing, step_days)
    return Draw(start=start, stop=stop, knots=np.where(warped[:, None], knots, 1.0))


def of_epoch(augmentation: Augmentation, window: Window, step_days: int, count: int,
             generator: np.random.Generator) -> Draw:
    """What `count` samples show in an epoch whose draws are its own: originals and augmented ones, mixed."""
    varied = draw(augmentation, window, step_days, count, generator)
    original = generator.random(count) < 1 / (augmentation.copies + 1)
    return Draw(start=np.where(original, window.start, varied.start),
                stop=np.where(original, window.stop, varied.stop),
                knots=np.where(original[:, None], 1.0, varied.knots))


def with_copies(augmentation: Augmentation, window: Window, step_days: int, count: int,
                generator: np.random.Generator) -> Draw:
    """`count` originals, then their augmented copies: entry i shows sample i modulo `count`."""
    varied = draw(augmentation, window, step_days, count * augmentation.copies, generator)
    original = plain(window, count)
    return Draw(start=np.concatenate([original.start, varied.start]),
                stop=np.concatenate([original.stop, varied.stop]),
                knots=np.concatenate([original.knots, varied.knots]))


def steps_of(first_day: NDArray[np.int64], last_day: NDArray[np.int64],
             step_days: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days of any number, clipped to 1 ... 365, as steps [start, stop).

    A last day that does not come after the first becomes the day five days after it.
    """
    first = np.clip(first_day, 1, YEAR_DAYS)
    last = np.clip(last_day, 1, YEAR_DAYS)
    last = np.where(last <= first, np.minimum(first + 5, YEAR_DAYS), last)
    return (first - 1) // step_days, (last - 1) // step_days + 1


def warped(series: NDArray[np.float32], knots: NDArray[np.float64]) -> NDArray[np.float32]:
    """Series (N, T, F), each multiplied by the cubic spline through its knots (N, 5), the same for all features.

    The knots are evenly spaced from the first step to the last; the spline's ends are not-a-knot.
    """
    return series * (knots @ _basis(series.shape[1])).astype(np.float32)[..., None]


@cache
def _basis(steps: int) -> NDArray[np.float64]:
    """(5, steps): a spline is linear in its knots' values, so all samples' curves are one matrix product."""
    spline = CubicSpline(np.linspace(0, steps - 1, KNOTS), np.eye(KNOTS), bc_type="not-a-knot")
    return np.ascontiguousarray(spline(np.arange(steps)).T)
