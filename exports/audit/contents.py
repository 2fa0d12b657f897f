"""What the numbers of cubes are, counted: missing, no numbers, or none that a reflectance can be."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

import numpy as np
from numpy.typing import NDArray

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import GDD, CubeSpec
from exports.looks import Looks, worst_step

REFLECTANCE = (-0.2, 2.0)
"""Least and greatest plausible surface reflectance. Atmospheric correction leaves values a little below 0 on water and
in shadow, and above 1 on snow and glint; beyond these an offset or a scale was taken wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contents:
    """Counts over cubes of S seasons, T steps and C columns; those of two pieces add up: `a + b`.

    Attributes:
        spec: what the cubes are.
        looks: S, how often the steps of each season's cubes were seen.
        filled: (S, T, C - 1) int64, cubes whose features or growing degree days hold the cube's fill.
        not_finite: (C,) int64, values that are NaN or infinite, which no export writes.
        outside: (C,) int64, reflectances that are finite, not missing and outside of `REFLECTANCE`; 0 in columns that
            are none.
    """

    spec: CubeSpec
    looks: tuple[Looks, ...]
    filled: NDArray[np.int64]
    not_finite: NDArray[np.int64]
    outside: NDArray[np.int64]

    @classmethod
    def none(cls, spec: CubeSpec, seasons: int) -> Contents:
        """The counts over no cube."""
        return cls.of(np.empty((0, spec.shape[0] * spec.shape[1]), np.float32), np.empty(0, np.int64), spec, seasons)

    @classmethod
    def of(cls, flat: NDArray[np.float32], season: NDArray[np.int64], spec: CubeSpec, seasons: int) -> Contents:
        """The counts over flat cubes (n, T × C), whose seasons (n,) are numbered 0 … S-1."""
        steps, columns = spec.shape
        absent = flat == np.float32(spec.fill)
        absent.reshape(-1, steps, columns)[:, :, -1] = flat.reshape(-1, steps, columns)[:, :, -1] == 0
        looks, filled = [], np.zeros((seasons, steps, columns - 1), np.int64)
        for number in range(seasons):
            own = slice(None) if (season == number).all() else season == number
            looks.append(Looks.of(flat[own].reshape(-1, steps, columns)[:, :, -1], spec))
            filled[number] = absent[own].sum(axis=0).reshape(steps, columns)[:, :-1]
        finite = np.isfinite(flat)
        low, high = _limits(spec)
        outside = ((flat < low) | (flat > high)) & ~absent & finite
        return cls(spec=spec, looks=tuple(looks), filled=filled, not_finite=_by_column(~finite, spec),
                   outside=_by_column(outside, spec))

    def __add__(self, other: Contents) -> Contents:
        return Contents(spec=self.spec, looks=tuple(map(add, self.looks, other.looks)),
                        filled=self.filled + other.filled, not_finite=self.not_finite + other.not_finite,
                        outside=self.outside + other.outside)

    @property
    def cubes(self) -> NDArray[np.int64]:
        """(S,) how many."""
        return np.array([one.cubes for one in self.looks], np.int64)

    @property
    def missing(self) -> NDArray[np.int64]:
        """(S, T, C) cubes without a value: features and growing degree days that hold the cube's fill, clear-look
        counts of 0."""
        gaps = np.array([one.gaps for one in self.looks], np.int64).reshape(*self.filled.shape[:2], 1)
        return np.concatenate([self.filled, gaps], axis=2)

    @property
    def shares(self) -> NDArray[np.float64]:
        """(S, T, C) share of cubes without a value; NaN in a season without a cube."""
        whole = np.where(self.cubes, self.cubes, np.nan)
        return np.asarray(self.missing / whole[:, None, None])

    @property
    def feature_shares(self) -> NDArray[np.float64]:
        """(S, T) share of feature values that are missing, all features together."""
        return np.asarray(self.shares[:, :, :len(self.spec.features)].mean(axis=2))

    @property
    def window_shares(self) -> NDArray[np.float64]:
        """(S,) share of feature values that are missing in the models' window."""
        return np.asarray(self.feature_shares[:, self.spec.inside].mean(axis=1))

    def worst(self, season: int) -> tuple[int, float]:
        """The step of the models' window at which the most feature values of a season 0 … S-1 are missing, and their
        share."""
        return worst_step(self.feature_shares[season], self.spec)

    @property
    def blind(self) -> NDArray[np.bool_]:
        """(S, T) whether no cube has a clear look; False in a season without a cube."""
        return np.array([(one.gaps == one.cubes) & (one.cubes > 0) for one in self.looks])

    @property
    def unknown_warmth(self) -> NDArray[np.float64] | None:
        """(S,) share of growing degree days that are not known; None where the cube carries none."""
        if GDD not in self.spec.columns:
            return None
        return np.asarray(self.shares[:, :, self.spec.columns.index(GDD)].mean(axis=1))


def _by_column(flags: NDArray[np.bool_], spec: CubeSpec) -> NDArray[np.int64]:
    """(C,) how many of (n, T × C) flags are set."""
    if not flags.any():  # nearly always, and cheaper to see than to count
        return np.zeros(spec.shape[1], np.int64)
    return np.asarray(flags.sum(axis=0).reshape(spec.shape).sum(axis=0))


def _limits(spec: CubeSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T × C,) least and greatest plausible value; infinite where a column is no reflectance."""
    reflectance = np.tile([name in SENTINEL2_IDS for name in spec.columns], spec.shape[0])
    low, high = REFLECTANCE
    return (np.where(reflectance, np.float32(low), np.float32(-np.inf)),
            np.where(reflectance, np.float32(high), np.float32(np.inf)))
