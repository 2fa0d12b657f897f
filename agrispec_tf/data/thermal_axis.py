"""Series on the training season's thermal time: read where they have had as much warmth, not at the same date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError, DataError
from agrispec.kernels import resampling
from agrispec_tf.data.samples import Series

_LEAST_DAY = 0.1
"""What every day counts beside its warmth, °C day. Where it is too cold to grow the calendar goes on by itself, and a
curve that always rises reaches a level once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalAxis:
    """How warm the training season was, by step.

    A model on thermal time sees, at each of its steps, what a series showed when it had as many growing degree days
    as the training samples had at that step on average. In a place and year as warm as those the two axes agree.

    Attributes:
        base: base temperature of the growing degree days, °C.
        first: number of the first step in the year.
        levels: mean growing degree days of the training samples at the middle of each step from `first` on, °C day.
        step_days: length of a step.

    Source: the idea is that of thermal positional encoding (Nyborg et al. 2022, https://arxiv.org/abs/2203.09175) and
        T3S (https://arxiv.org/abs/2506.12885); here the series are read anew, so that any model can use it.
    """

    base: float
    first: int
    levels: tuple[float, ...]
    step_days: int

    @property
    def described(self) -> str:
        """How series are read, in words."""
        return f"read by growing degree days above {self.base:g} °C, not by date"

    @classmethod
    def fitted(cls, series: Series) -> ThermalAxis:
        """The axis of a training fold. Give that alone: a target's mean warmth would tell which season it is.

        Steps for which a sample's temperatures are not known yet have no part in the means; what the others gained
        from one step to the next counts.

        Raises:
            ConfigError: the cube carries no growing degree days.
            DataError: there is a step at which no sample's are known.
        """
        heat, base = _heat(series)
        gained = np.diff(heat, axis=1, prepend=np.float32(0)).astype(np.float64)
        known = np.isfinite(gained)
        if not known.any(axis=0).all():
            step = series.cube.exported.start + int((~known.any(axis=0)).argmax())
            raise DataError(f"no training sample has growing degree days at step {step}",
                            mend="train on seasons whose temperatures are known to the end")
        mean = np.where(known, gained, 0.0).sum(axis=0) / known.sum(axis=0)
        return cls(base=base, first=series.cube.exported.start, levels=tuple(np.cumsum(mean).tolist()),
                   step_days=series.cube.step_days)

    def positions(self, series: Series, places: NDArray[np.float64], start: NDArray[np.int64],
                  stop: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where to read N series so that they show what the training season does at some places.

        Where a series' temperatures stop, or were never known, it goes on as the training season did on average:
        `continued` counts such series.

        Args:
            series: of a cube with the same base temperature.
            places: (N, S) among the steps that the series carry, counted from 0, fractions too.
            start, stop: (N,) slices of these steps; nothing outside of them is read. A level that a series has before
                its slice begins, or not before it ends, is read at the slice's edge.

        Returns: (N, S) positions among the steps that the series carry.

        Raises:
            ConfigError: the cube carries no growing degree days, or of another base.
            DataError: the series carry steps that the axis does not know, or growing degree days fall from one step to
                the next.
        """
        heat, base = _heat(series)
        exported = series.cube.exported
        if base != self.base or series.cube.step_days != self.step_days:
            raise ConfigError(f"the model's growing degree days are above {self.base:g} °C in steps of {self.step_days}"
                              f" days, the cube's above {base:g} °C in steps of {series.cube.step_days}",
                              mend="export with the cube of the model's run")
        if exported.start < self.first or exported.stop > self.first + len(self.levels):
            raise DataError(f"the series carry steps {exported.start} to {exported.stop - 1}, the training season's"
                            f" growing degree days are known at {self.first} to {self.first + len(self.levels) - 1}",
                            mend="train and predict on exports of the same steps")
        year = np.arange(self.first, self.first + len(self.levels))
        levels = np.asarray(self.levels) + _LEAST_DAY * self.step_days * year
        here = slice(exported.start - self.first, exported.stop - self.first)
        curves = _continued(heat + _LEAST_DAY * self.step_days * year[here], levels[here])
        falling = ~(np.diff(curves, axis=1) > 0).all(axis=1)
        if falling.any():
            row = int(falling.argmax())
            raise DataError(f"the growing degree days of series {row} fall from one step to the next, or are missing"
                            " between two that are known", mend="give sums from the season's first day on")
        wanted = np.interp(places + exported.start, year, levels)
        return resampling.reached(curves, wanted, start, stop)


def continued(series: Series) -> int:
    """How many of N series have steps without growing degree days, which go on as the training season did."""
    heat, _ = _heat(series)
    return int(np.isnan(heat).any(axis=1).sum())


def _continued(curves: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curves (N, T) that rise as `levels` (T,) do from their last known step on; those never known are `levels`."""
    known = ~np.isnan(curves)
    last = np.where(known.any(axis=1), curves.shape[1] - 1 - known[:, ::-1].argmax(axis=1), 0)
    at_last = np.where(known.any(axis=1), curves[np.arange(len(curves)), last], levels[0])
    after = np.arange(curves.shape[1]) > last[:, None]
    never = ~known.any(axis=1, keepdims=True)
    return np.where(after | never, at_last[:, None] + levels - levels[last][:, None], curves)


def _heat(series: Series) -> tuple[NDArray[np.float32], float]:
    if series.heat is None or series.cube.gdd_base is None:
        raise ConfigError("the model reads series on thermal time, and their cube carries no growing degree days",
                          mend="export with gdd = true in [cube], or use a model without thermal time")
    return series.heat, series.cube.gdd_base
