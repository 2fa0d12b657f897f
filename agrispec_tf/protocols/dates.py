"""A season as it was known on a date."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec.season import Season
from agrispec_tf.data.samples import Series

_APART_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known on a date: the steps before `stop`.

    Attributes:
        stop: the first step of the season that nobody has seen yet.
        day: the last day of the season that was seen, from 1.
        name: the same day, e.g. "30 May".
    """

    stop: int
    day: int
    name: str


def dates(cube: CubeSpec, season: Season) -> tuple[Known, ...]:
    """About one date a month of the model's window, the last at its end.

    Args:
        cube: whose window.
        season: a season of the cube's steps, which gives days their names.

    Raises:
        ConfigError: the window is so short that its end would be the only date.
    """
    days = cube.window.steps * cube.step_days
    count = min(round(days / _APART_DAYS), cube.window.steps)
    if count < 2:
        raise ConfigError(f"the model's window of {days} days is too short for accuracy by date as the season grows",
                          mend="give [cube] window_days of two months or more")
    stops = cube.window.start + np.round(np.arange(1, count + 1) * cube.window.steps / count).astype(int)
    found = []
    for stop in stops.tolist():
        last = season.bounds(stop - 1)[1] - timedelta(days=1)
        found.append(Known(stop=stop, day=(last - season.start).days + 1, name=f"{last.day} {last:%b}"))
    return tuple(found)


def until(series: Series, stop: int) -> Series:
    """Series as they were known before step `stop` of the season: later steps have no clear look and no value, and
    their growing degree days are not known."""
    cube = series.cube
    known = np.arange(cube.exported.start, cube.exported.stop) < stop
    fill = np.float32(cube.fill) if isinstance(cube, CubeSpec) else np.float32(0)
    return replace(series, values=np.where(known[:, None], series.values, fill),
                   counts=np.where(known, series.counts, 0).astype(series.counts.dtype),
                   heat=None if series.heat is None else np.where(known, series.heat, np.float32(np.nan)))
