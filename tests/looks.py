"""Acquisitions of an area as arrays, and the cubes that must come of them, by NumPy alone."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from pyproj import Transformer

from agrispec.season import Season


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Acquisitions as files say, read without the importer.

    `days` (scene,) datetime64[D]; `dn` (scene, band, row, column) uint16; `clear` (scene, row, column) bool; `crs`,
    `west`, `north`: where the upper left corner is, in metres.
    """

    days: np.ndarray
    dn: np.ndarray
    clear: np.ndarray
    crs: str
    west: float
    north: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        rows, columns = self.clear.shape[1:]
        return self.west, self.north - 10 * rows, self.west + 10 * columns, self.north

    def pixels(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels whose centres are places in degrees; they may lie beyond the edges."""
        x, y = Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)
        column, row = (x - self.west) / 10, (self.north - y) / 10
        np.testing.assert_allclose([column % 1, row % 1], 0.5, atol=0.01)
        return np.floor(row).astype(int), np.floor(column).astype(int)

    def composites(self, first: date, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Medians (place, step, band) of the clear looks, NaN without one, and their counts (place, step), in the year
        from `first` on, step by step from the arrays."""
        day = (self.days - np.datetime64(first)).astype(int)
        looks = np.where(self.clear[:, None, row, column], self.dn[:, :, row, column] / 1e4, np.nan)
        medians, counts = np.full((len(row), 73, looks.shape[1]), np.nan), np.zeros((len(row), 73))
        year_days = (first.replace(year=first.year + 1) - first) // timedelta(days=1)
        for step in range(73):
            last = 5 * step + 5 if step < 72 else year_days
            within = looks[(day >= 5 * step) & (day < last)]
            counts[:, step] = (~np.isnan(within[:, 0])).sum(axis=0)
            seen = counts[:, step] > 0
            if seen.any():
                medians[seen, step] = np.nanmedian(within[:, :, seen], axis=0).T
        return medians, counts


def pixels_of(table, grid):
    """Row and column in a grid of the pixel that each sample's place is the centre of."""
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(table["lon"], table["lat"])
    column, row = (x - grid.transform[2]) / 10, (grid.transform[5] - y) / 10
    # A place is a pixel's centre, so nothing hangs on rounding.
    np.testing.assert_allclose([column % 1, row % 1], 0.5, atol=0.01)
    return np.floor(row).astype(int), np.floor(column).astype(int)


def composites(tiny):
    """Of the tiny season's 2023 (step, band, row, column) medians, NaN where nothing was clear, and (step, row, column)
    counts."""
    season = Season.of(2023)
    step_of = np.array([season.step_of(day) for day in tiny.days])
    reflectance = np.where(tiny.clear[:, None], tiny.dn / 1e4, np.nan)
    medians = np.full((73, *tiny.dn.shape[1:]), np.nan)
    counts = np.zeros((73, *tiny.grid.shape))
    for step in set(step_of):
        looks = reflectance[step_of == step]
        counts[step] = (~np.isnan(looks[:, 0])).sum(axis=0)
        seen = counts[step] > 0
        medians[step][:, seen] = np.nanmedian(looks[:, :, seen], axis=0)
    return medians, counts
