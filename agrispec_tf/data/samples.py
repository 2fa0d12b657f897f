"""Series of feature cubes, and samples: series whose crop is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import DataError
from agrispec_tf.data.vectors import VectorSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """N time series of one cube, without labels.

    Attributes:
        cube: what the numbers mean; of vectors, which are series of one step, whose they are.
        values: (N, T, F) float32, T = `cube.exported.steps`; anything where the count is 0.
        counts: (N, T), clear looks of each step.
        heat: (N, T) float32, growing degree days from the season's first day to the middle of each step, °C day; NaN
            from the step on for which temperatures are not known. None where the cube carries none.
    """

    cube: CubeSpec | VectorSpec
    values: NDArray[np.float32]
    counts: NDArray[np.float32]
    heat: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        steps, features = self.cube.exported.steps, len(self.cube.features)
        expected = (len(self.values), steps, features)
        if self.values.shape != expected or self.counts.shape != expected[:2]:
            raise DataError(f"series of shape {self.values.shape} with counts {self.counts.shape} are not"
                            f" (N, {steps}, {features}) with (N, {steps}), as their cube says",
                            mend="read them with the cube.toml that lies beside their shards")
        shape = None if self.heat is None else self.heat.shape
        if shape != (None if self.cube.gdd_base is None else expected[:2]):
            raise DataError(f"{len(self.values)} series come with growing degree days of shape {shape}, their cube has"
                            f" the base temperature {self.cube.gdd_base}",
                            mend="give growing degree days of each step where the cube has gdd_base, and nowhere else")

    def __len__(self) -> int:
        return len(self.values)

    def check_finite(self) -> None:
        """Checks that every clear look is a finite number.

        Raises:
            DataError: one is not; the first of them is named.
        """
        broken = (self.counts > 0) & ~np.isfinite(self.values).all(axis=2)
        if broken.any():
            row, step = np.argwhere(broken)[0]
            column = int(np.flatnonzero(~np.isfinite(self.values[row, step]))[0])
            raise DataError(f"{int(broken.any(axis=1).sum())} of {len(self)} series have a clear look that is no finite"
                            f" number; the first is {self.cube.features[column]} of step"
                            f" {self.cube.exported.start + step} in series {row}: {self.values[row, step, column]}",
                            mend="mark steps without a clear look by a count of 0, and export again what is broken")

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Series:
        """The series of some row numbers, in their order, or of a mask (N,)."""
        return replace(self, values=self.values[rows], counts=self.counts[rows],
                       heat=None if self.heat is None else self.heat[rows])

    def joined(self, other: Series) -> Series:
        """These series and then those of `other`, which are of the same cube."""
        heat = None if self.heat is None or other.heat is None else np.concatenate([self.heat, other.heat])
        return replace(self, values=np.concatenate([self.values, other.values]),
                       counts=np.concatenate([self.counts, other.counts]), heat=heat)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Series of known crop.

    Attributes:
        series: N time series.
        labels: (N,) class numbers.
        cells: (N,) ids of the 0.1 degree cells the samples lie in.
        ids: (N,) what identifies each sample, e.g. its row in samples.parquet.
    """

    series: Series
    labels: NDArray[np.int64]
    cells: NDArray[np.str_]
    ids: NDArray[np.generic]

    def __post_init__(self) -> None:
        for name in ("labels", "cells", "ids"):
            if getattr(self, name).shape != (len(self.series),):
                raise DataError(f"{len(self.series)} series come with {name} of shape {getattr(self, name).shape}",
                                mend=f"give one of the {name} for each series")

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Samples:
        """The samples of some row numbers, in their order, or of a mask (N,)."""
        return Samples(series=self.series.take(rows), labels=self.labels[rows], cells=self.cells[rows],
                       ids=self.ids[rows])

    def joined(self, other: Samples) -> Samples:
        """These samples and then those of `other`, which are of the same cube."""
        return Samples(series=self.series.joined(other.series), labels=np.concatenate([self.labels, other.labels]),
                       cells=np.concatenate([self.cells, other.cells]), ids=np.concatenate([self.ids, other.ids]))

    def thinned(self, limit: int, generator: np.random.Generator) -> Samples:
        """At most `limit` samples, each class in its share and none lost while `limit` allows, order kept."""
        if len(self) <= limit:
            return self
        drawn = generator.permutation(len(self))
        labels = self.labels[drawn]
        by_class = np.argsort(labels, kind="stable")
        sizes = np.bincount(labels)
        rank = np.empty(len(self))
        rank[by_class] = np.concatenate([np.arange(size) / max(size, 1) for size in sizes])
        return self.take(np.sort(drawn[np.argsort(rank, kind="stable")[:limit]]))


def absent(samples: Samples, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that no sample is of."""
    counts = np.bincount(samples.labels, minlength=len(class_names))
    return tuple(name for name, count in zip(class_names, counts, strict=True) if not count)
