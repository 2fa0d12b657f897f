"""Augmentation of seasons: windows shifted and stretched in time, magnitudes warped, steps lost to clouds.

Nothing is computed on series here except the warp: a draw says which window of the full year a sample shows,
which of its steps are lost and by which curve it is multiplied, so that preparation can fill gaps inside of that
window and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from agrispec.errors import ConfigError
from agrispec.season import YEAR_DAYS, Window, steps_per_year


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How samples are varied. The defaults are those of CropNet's released trainer.

    Attributes:
        moved_days: what is shown moves by up to this many days either way, in fractions of a step, too, beyond the ends
            of what a series carries held; 0 for none.
        shift_days: the window moves by up to this many whole days either way ...
        shift_share: ... in this share of the augmented samples.
        scale_days: least and most days by which both ends move, independently of each other, ...
        scale_share: ... in this share; a scaled window replaces the shifted one.
        warp_deviation: standard deviation of the factors at the warp's knots, whose mean is 1.
        warp_share: share of the augmented samples that are warped.
        dropped_share: clouds: each augmented sample loses a share of its steps drawn uniformly from 0 to this one,
            0.5 at most; 0 for no clouds.
        dropped_days: mean length of a run of lost steps, whose lengths are geometric; a run has a step at least.
        copies: augmented samples for each original one.
        redrawn: False draws all copies once, as published; True draws anew each epoch, in which every sample
            comes once, an original with probability 1 / (copies + 1).

    Raises:
        ConfigError: a share is none, a range is empty, or a number is negative.

    Source: https://github.com/x-ytong/CropNet (v3 of arXiv 2509.03497); `redrawn` and clouds are this project's.
    """

    moved_days: float = 0.0
    shift_days: int = 50
    shift_share: float = 1.0
    scale_days: tuple[int, int] = (-50, 50)
    scale_share: float = 0.5
    warp_deviation: float = 0.1
    warp_share: float = 0.25
    dropped_share: float = 0.0
    dropped_days: float = 15.0
    copies: int = 2
    redrawn: bool = False

    def __post_init__(self) -> None:
        for name in ("shift_share", "scale_share", "warp_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)} is no share of the samples",
                                  mend="give a number from 0 to 1")
        # Above one half, runs of a step each could not be apart from each other often enough.
        if not 0 <= self.dropped_share <= 0.5:
            raise ConfigError(f"dropped_share = {self.dropped_share} is not among the shares that clouds can take",
                              mend="give a number from 0 to 0.5")
        if self.shift_days < 0 or self.scale_days[0] > self.scale_days[1]:
            raise ConfigError(f"no window moves by {self.shift_days} days, or its ends by {self.scale_days[0]} to"
                              f" {self.scale_days[1]}", mend="give days of 0 or more, and the least before the most")
        if self.moved_days < 0 or self.warp_deviation < 0 or self.dropped_days <= 0 or self.copies < 0:
            raise ConfigError(f"{self.copies} copies, warped by {self.warp_deviation}, with clouds of"
                              f" {self.dropped_days} days, cannot be drawn", mend="give positive numbers")


V3 = Augmentation()
"""CropNet's released settings: 37.5 % shifted, 37.5 % scaled, and 12.5 % of each warped as well."""

# The paper's text gives days, deviation, knots and probabilities of v1. It does not say whether a scaled window
# replaces the shifted one or is applied to it, how many copies there are, nor whether they are made once: in all of
# that V1 does as the released v3 code does, so a quarter of its copies is neither shifted nor scaled.
V1 = Augmentation(shift_days=10, shift_share=0.5, scale_days=(-30, 10), scale_share=0.5, warp_deviation=0.2,
                  warp_share=0.5)
"""The settings of CropNet's first paper, https://arxiv.org/abs/2509.03497v1, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """What N samples show of their year.

    Attributes:
        start, stop: (N,) first step of each window and the step after its last one.
        knots: (N, 5) factors at evenly spaced knots of the window; ones leave a sample as it is.
        dropped: (N, steps of a year), where a step is lost to clouds; None where none is. A sample that would
            lose its last clear look loses none at all: whether it does is known when the looks are.
        moved: (N,) steps by which what is shown lies later than the window, fractions too; None where nothing is moved.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    knots: NDArray[np.float64]
    dropped: NDArray[np.bool_] | None = None
    moved: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.intp]) -> Draw:
        """The draws of some row numbers, in their order."""
        return Draw(start=self.start[rows], stop=self.stop[rows], knots=self.knots[rows],
                    dropped=None if self.dropped is None else self.dropped[rows],
                    moved=None if self.moved is None else self.moved[rows])

    def later(self, steps: float) -> Draw:
        """The same samples, each showing what lies so many steps later; fractions and negative numbers, too."""
        return replace(self, moved=(0.0 if self.moved is None else self.moved) + np.full(len(self.start), steps))


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
    least, most = augmentation.scale_days
    first, last = (generator.integers(least, most + 1, count) for _ in range(2))
    shifted = generator.random(count) < augmentation.shift_share
    scaled = generator.random(count) < augmentation.scale_share
    warped = generator.random(count) < augmentation.warp_share
    knots = generator.normal(1.0, augmentation.warp_deviation, (count, KNOTS))
    opening = np.where(scaled, first, np.where(shifted, offset, 0))
    closing = np.where(scaled, last, np.where(shifted, offset, 0))
    # The last step stands for its last day but one, so that CropNet's window is its days 121 ... 334.
    first_day, last_day = window.start * step_days + 1, window.stop * step_days - 1
    start, stop = steps_of(first_day + opening, last_day + closing, step_days)
    dropped = _clouds(augmentation, step_days, count, generator) if augmentation.dropped_share else None
    most = augmentation.moved_days / step_days
    return Draw(start=start, stop=stop, knots=np.where(warped[:, None], knots, 1.0), dropped=dropped,
                moved=generator.uniform(-most, most, count) if most else None)


def of_epoch(augmentation: Augmentation, window: Window, step_days: int, count: int,
             generator: np.random.Generator) -> Draw:
    """What `count` samples show in an epoch whose draws are its own: originals and augmented ones, mixed."""
    varied = draw(augmentation, window, step_days, count, generator)
    original = generator.random(count) < 1 / (augmentation.copies + 1)
    return Draw(start=np.where(original, window.start, varied.start),
                stop=np.where(original, window.stop, varied.stop),
                knots=np.where(original[:, None], 1.0, varied.knots),
                dropped=None if varied.dropped is None else varied.dropped & ~original[:, None],
                moved=None if varied.moved is None else np.where(original, 0.0, varied.moved))


def with_copies(augmentation: Augmentation, window: Window, step_days: int, count: int,
                generator: np.random.Generator) -> Draw:
    """`count` originals, then their augmented copies: entry i shows sample i modulo `count`."""
    varied = draw(augmentation, window, step_days, count * augmentation.copies, generator)
    original = plain(window, count)
    return Draw(start=np.concatenate([original.start, varied.start]),
                stop=np.concatenate([original.stop, varied.stop]),
                knots=np.concatenate([original.knots, varied.knots]),
                dropped=None if varied.dropped is None else np.concatenate(
                    [np.zeros((count, varied.dropped.shape[1]), np.bool_), varied.dropped]),
                moved=None if varied.moved is None else np.concatenate([np.zeros(count), varied.moved]))


def _clouds(augmentation: Augmentation, step_days: int, count: int,
            generator: np.random.Generator) -> NDArray[np.bool_]:
    """(count, steps of a year), where steps are lost.

    Weather as a Markov chain of two states, clear and cloudy, in equilibrium from the first step on: a sample's
    steps are cloudy with the probability drawn for it, its runs of cloudy steps have geometric lengths.
    """
    share = generator.uniform(0, augmentation.dropped_share, count)
    run = max(augmentation.dropped_days / step_days, 1.0)
    chance = generator.random((steps_per_year(step_days), count))
    stays, comes = 1 - 1 / run, share / (run * (1 - share))
    cloudy = np.empty(chance.shape, np.bool_)
    cloudy[0] = chance[0] < share
    for step in range(1, len(chance)):
        cloudy[step] = chance[step] < np.where(cloudy[step - 1], stays, comes)
    return np.ascontiguousarray(cloudy.T)


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
    return series * (knots @ spline_basis(series.shape[1])).astype(np.float32)[..., None]


@cache
def spline_basis(steps: int) -> NDArray[np.float64]:
    """(5, steps): a spline is linear in its knots' values, so all samples' curves are one matrix product."""
    spline = CubicSpline(np.linspace(0, max(steps - 1, 1), KNOTS), np.eye(KNOTS), bc_type="not-a-knot")
    return np.ascontiguousarray(spline(np.arange(steps)).T)
