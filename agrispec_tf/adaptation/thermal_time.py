"""Growing degree days of series from temperatures that are held here, where no graph has exported them.

The graph's are in `gee_scripts.thermal_time`; `agrispec_tf.data.thermal_axis` reads series by either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, DataError
from agrispec.kernels import gap_filling
from agrispec.season import Season
from agrispec_tf.data.samples import Series


def warmed(series: Series, celsius: NDArray[np.floating], days: ArrayLike, season: Season, base: float) -> Series:
    """`series` with growing degree days above `base` °C. The other arguments and the errors are those of `heat`.

    Raises:
        ConfigError: the series are vectors, and as `heat`.
    """
    if not isinstance(series.cube, CubeSpec):
        raise ConfigError("vectors have no steps that could be warm", mend="learn them as they are")
    cube = replace(series.cube, gdd_base=base)
    return replace(series, cube=cube, heat=heat(celsius, days, season, cube))


def heat(celsius: NDArray[np.floating], days: ArrayLike, season: Season, cube: CubeSpec) -> NDArray[np.float32]:
    """Growing degree days from the season's first day to the middle of each step that a cube exports: the mean of
    the sums to its beginning and to its end, as the graph's.

    A period gives what its mean temperature has above the base, times its days, evenly over them. Of periods longer
    than a day that is too little where some of their days are colder than the base and others are not: dekads about
    freezing.

    Args:
        celsius: (N, P) mean temperatures of periods, °C; NaN where not known. Periods between known ones are filled
            linearly; before the first known one its temperature holds.
        days: (P + 1,) where the periods begin, and where the last one ends, in days since the season's first day,
            ascending: 0, 1, 2 … for the days of a season.
        season: of the cube's steps.
        cube: says the steps and the base temperature.

    Returns:
        (N, T) float32, °C day; NaN for steps that do not end before the known periods do. A model on thermal time goes
        on from there as its training season did (`ThermalAxis.positions`).

    Raises:
        ConfigError: the cube has no base temperature, or the season other steps.
        DataError: no temperature is known at all, the periods do not begin with the season, or the shapes do not
            belong together.
    """
    if cube.gdd_base is None or season.step_days != cube.step_days:
        raise ConfigError(f"steps of {season.step_days} days cannot be warmed for a cube of {cube.step_days} days a"
                          f" step and base temperature {cube.gdd_base}",
                          mend="give a season of the cube's steps, and a cube with gdd_base")
    ends = np.asarray(days, np.float64)
    if celsius.ndim != 2 or ends.shape != (celsius.shape[1] + 1,) or not (np.diff(ends) > 0).all():
        raise DataError(f"temperatures {celsius.shape} are not (N, P) with {ends.shape} ascending days as (P + 1,)",
                        mend="give where each period begins and where the last one ends")
    if ends[0] > 0:
        raise DataError(f"the temperatures begin {ends[0]:g} days after the season",
                        mend="give temperatures from the season's first day on, or before it")
    known = np.isfinite(celsius)
    if not known.any():
        raise DataError(f"of {len(celsius)} series no temperature is known",
                        mend="give temperatures, or use a model without thermal time")
    last = np.where(known.any(axis=1), celsius.shape[1] - known[:, ::-1].argmax(axis=1), 0)
    filled = gap_filling.linear(celsius[..., None].astype(np.float32), known, 0, celsius.shape[1])[..., 0]
    gained = np.maximum(filled.astype(np.float64) - cube.gdd_base, 0) * np.diff(ends)
    sums = np.concatenate([np.zeros((len(celsius), 1)), np.cumsum(gained, axis=1)], axis=1)
    bounds = np.array([[(day - season.start).days for day in season.bounds(step)] for step in cube.exported])
    found = (_at(sums, ends, bounds[:, 0]) + _at(sums, ends, bounds[:, 1])) / 2 - _at(sums, ends, np.zeros(1))
    return np.where(bounds[:, 1] <= ends[last][:, None], found, np.nan).astype(np.float32)


def _at(sums: NDArray[np.float64], ends: NDArray[np.float64], days: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sums (N, P + 1) at the ends of periods (P + 1,), read at days (S,) between them -> (N, S)."""
    right = np.clip(np.searchsorted(ends, days), 1, len(ends) - 1)
    share = np.clip((days - ends[right - 1]) / (ends[right] - ends[right - 1]), 0, 1)
    between: NDArray[np.float64] = sums[:, right - 1] + (sums[:, right] - sums[:, right - 1]) * share
    return between
