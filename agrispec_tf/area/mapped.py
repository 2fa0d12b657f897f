"""A run's map as units to sample: its pixels, row by row, and the classes that they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.formats import geotiff
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS
from agrispec_tf.area.strata import Strata

_PIXELS = 4_000_000
"""Pixels held at a time."""

_M2_PER_HA = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The map of classes among predictions. Pixels are read a few million at a time, whatever the map's size.

    Attributes:
        folder: of the predictions.
        grid: the map's pixels, in a CRS that counts in metres.
        class_names: by class number, as the image names them.
    """

    folder: Path
    grid: Grid
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Mapped:
        """The map of a folder of predictions. Raises CorruptRecord: it is no GeoTIFF."""
        found = geotiff.describe(folder / "class.tif")
        named = {int(key.removeprefix("class_")): name for key, name in found.tags.items() if key.startswith("class_")}
        return cls(folder=folder, grid=found.grid, class_names=tuple(named[number] for number in sorted(named)))

    @property
    def pixel_ha(self) -> float:
        """Area of a pixel on the map's plane, hectares."""
        a, b, _, d, e, _ = self.grid.transform
        return abs(a * e - b * d) / _M2_PER_HA

    def classes(self) -> Iterator[NDArray[np.generic]]:
        """Class numbers (row, column) of bands of rows, the northernmost first; `NO_CLASS` where there is none."""
        return self._bands("class.tif")

    def strata(self) -> tuple[Strata, NDArray[np.float64]]:
        """The map's classes as strata, named by class number, and (H,) the mean probability that its pixels have.

        Raises:
            DataError: no pixel has a class.
        """
        units, sums = np.zeros(NO_CLASS + 1), np.zeros(NO_CLASS + 1)
        for classes, probability in zip(self.classes(), self._bands("probability.tif"), strict=True):
            units += np.bincount(classes.reshape(-1), minlength=NO_CLASS + 1)
            sums += np.bincount(classes.reshape(-1), probability.reshape(-1), NO_CLASS + 1)
        present = np.flatnonzero(units[:NO_CLASS])
        strata = Strata(names=tuple(present.tolist()), areas=units[present] * self.pixel_ha, units=units[present])
        return strata, sums[present] / units[present]

    def places(self, units: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude (N,), degrees, of the middles of pixels by their numbers."""
        row, column = np.divmod(units, self.grid.width)
        a, b, c, d, e, f = self.grid.transform
        x, y = a * (column + 0.5) + b * (row + 0.5) + c, d * (column + 0.5) + e * (row + 0.5) + f
        lon, lat = Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
        return np.asarray(lon), np.asarray(lat)

    def classes_at(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) \
            -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """(N,) class numbers at places in degrees, `NO_CLASS` outside of the map, too; and (N,) whether they are on it.
        """
        x, y = Transformer.from_crs("EPSG:4326", self.grid.crs, always_xy=True).transform(lon, lat)
        a, b, c, d, e, f = self.grid.transform
        across = np.linalg.solve([[a, b], [d, e]], np.stack([np.asarray(x) - c, np.asarray(y) - f]))
        column, row = np.floor(np.where(np.isfinite(across), across, -1)).astype(np.int64)
        inside = (row >= 0) & (row < self.grid.height) & (column >= 0) & (column < self.grid.width)
        found = np.full(len(row), NO_CLASS, np.uint8)
        first = 0
        for classes in self.classes():
            here = inside & (row >= first) & (row < first + len(classes))
            found[here] = classes[row[here] - first, column[here]]
            first += len(classes)
        return found, inside

    def _bands(self, name: str) -> Iterator[NDArray[Any]]:
        height = max(1, _PIXELS // self.grid.width)
        with geotiff.reading(self.folder / name) as windows:
            for row in range(0, self.grid.height, height):
                yield windows.pixels((row, 0, min(height, self.grid.height - row), self.grid.width), [0])[0]
