"""Daily mean temperatures of the simulated landscape, as ERA5-Land would give them.

They are made to fit the crops, not the crops to them: a later season's temperatures come by the same clock as its
stages (`Year.stage_day`), each day counting as much as the days of the average year that its crops live through. So
growing degree days tell a crop's stage by construction, up to some days of January that the clock leaves out. That is
what thermal time hopes for, and more than it gets from real years; a later season's spring is 2 °C warmer, as
`scenes.landscape` wants it, and its autumn colder, which nobody asked for.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from agrispec.grid import Grid
from scenes.landscape import Landscape

FREEZING_K = 273.15

GRID = Grid(crs="EPSG:4326", transform=(0.1, 0.0, 3.95, 0.0, -0.1, 49.05), width=5, height=7)
"""Pixels of 0.1 degree whose centres are whole tenths, as ERA5-Land's, over every window of any landscape."""

# Reims, 1991-2020: 3 °C in January, 19 °C in July. https://en.wikipedia.org/wiki/Reims#Climate
_MEAN, _SWING, _WARMEST_DAY = 11.0, 8.2, 203
_WEATHER = 2.5  # standard deviation of a day against its date's mean, °C
_PLACES = 0.2  # and of a place against the region, all the year


def daily_means(landscape: Landscape, season: int) -> tuple[tuple[date, ...], NDArray[np.float32]]:
    """The days of a calendar year and their mean temperatures in kelvin, float32 (days, row, column) of `GRID`."""
    days = tuple(date(season, 1, 1) + timedelta(days=number) for number in range(
        (date(season + 1, 1, 1) - date(season, 1, 1)).days))
    year = landscape.year(season)
    stage = year.stage_day(np.arange(1.0, len(days) + 1))
    usual = _MEAN + _SWING * np.cos(2 * np.pi * (stage - _WARMEST_DAY) / 365)
    # Warm and cold days follow each other; being differences, they add up to nothing over the weeks.
    lasting = ndimage.gaussian_filter1d(landscape.random(5, season).normal(size=len(days) + 1), 2.0)
    weather = np.diff(lasting)
    places = landscape.random(6).normal(0, _PLACES, GRID.shape)
    celsius = (usual / year.length + _WEATHER * weather / weather.std())[:, None, None] + places
    return days, (celsius + FREEZING_K).astype(np.float32)
