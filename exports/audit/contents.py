"""What the numbers of cubes are, counted: missing, no numbers, or none that a reflectance can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import COUNT, GDD, CubeSpec

REFLECTANCE = (-0.2, 2.0)
"""Least and greatest plausible surface reflectance. Atmospheric correction leaves values a little below 0 on water and
in shadow, and above 1 on snow and glint; beyond these an offset or a scale was taken wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contents:
    """Counts over cubes of S seasons, T steps and C columns; those of two pieces add up: `a + b`.

    Attributes:
        spec: what the cubes are.
        cubes: (S,) int64, how many.
        missing: (S, T, C) int64, cubes without a value: features and growing degree days that hold the cube's fill,
            clear-look counts of 0.
        never: (S,) int64, cubes without one clear look in the models' window.
        not_finite: (C,) int64, values that are NaN or infinite, which no export writes.
        outside: (C,) int64, reflectances that are finite, not missing and outside of `REFLECTANCE`; 0 in columns that
            are none.
    """

    spec: CubeSpec
    cubes: NDArray[np.int64]
    missing: NDArray[np.int64]
    never: NDArray[np.int64]
    not_finite: NDArray[np.int64]
    outside: NDArray[np.int64]

    @classmethod
    def none(cls, spec: CubeSpec, seasons: int) -> Contents:
        """The counts over no cube."""
        steps, columns = spec.shape
        return cls(spec=spec, cubes=np.zeros(seasons, np.int64), missing=np.zeros((seasons, steps, columns), np.int64),
                   never=np.zeros(seasons, np.int64), not_finite=np.zeros(columns, np.int64),
                   outside=np.zeros(columns, np.int64))

    @classmethod
    def of(cls, flat: NDArray[np.float32], season: NDArray[np.int64], spec: CubeSpec, seasons: int) -> Contents:
        """The counts over flat cubes (n, T × C), whose seasons (n,) are numbered 0 … S-1."""
        counts = cls.none(spec, seasons)
        absent = flat == np.float32(spec.fill)
        by_step = absent.reshape(-1, *spec.shape)
        by_step[:, :, -1] = flat.reshape(-1, *spec.shape)[:, :, -1] == 0
        first = spec.window.start - spec.exported.start
        unseen = by_step[:, first:first + spec.window.steps, -1].all(axis=1)
        for number in np.unique(season):
            own = slice(None) if (season == number).all() else season == number
            counts.cubes[number] = len(flat[own])
            counts.missing[number] = _by_column(absent[own]).reshape(spec.shape)
            counts.never[number] = unseen[own].sum()
        finite = np.isfinite(flat)
        if not finite.all():
            counts.not_finite[:] = _by_column(~finite).reshape(spec.shape).sum(axis=0)
        low, high = _limits(spec)
        outside = ((flat < low) | (flat > high)) & ~absent & finite
        if outside.any():
            counts.outside[:] = _by_column(outside).reshape(spec.shape).sum(axis=0)
        return counts

    def __add__(self, other: Contents) -> Contents:
        return Contents(spec=self.spec, cubes=self.cubes + other.cubes, missing=self.missing + other.missing,
                        never=self.never + other.never, not_finite=self.not_finite + other.not_finite,
                        outside=self.outside + other.outside)

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
        first = self.spec.window.start - self.spec.exported.start
        return np.asarray(self.feature_shares[:, first:first + self.spec.window.steps].mean(axis=1))

    @property
    def worst_steps(self) -> NDArray[np.int64]:
        """(S,) the step of the year, within the models' window, at which the most feature values are missing."""
        first = self.spec.window.start - self.spec.exported.start
        within = self.feature_shares[:, first:first + self.spec.window.steps]
        return np.asarray(within.argmax(axis=1) + self.spec.window.start)

    @property
    def blind(self) -> NDArray[np.bool_]:
        """(S, T) whether no cube has a clear look; False in a season without a cube."""
        looks = self.spec.columns.index(COUNT)
        return np.asarray((self.missing[:, :, looks] == self.cubes[:, None]) & (self.cubes[:, None] > 0))

    @property
    def unknown_warmth(self) -> NDArray[np.float64] | None:
        """(S,) share of growing degree days that are not known; None where the cube carries none."""
        if GDD not in self.spec.columns:
            return None
        return np.asarray(self.shares[:, :, self.spec.columns.index(GDD)].mean(axis=1))


def _by_column(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of (n, K) flags are set by column."""
    return np.asarray(flags.sum(axis=0))


def _limits(spec: CubeSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T × C,) least and greatest plausible value; infinite where a column is no reflectance."""
    reflectance = np.tile([name in SENTINEL2_IDS for name in spec.columns], spec.shape[0])
    low, high = REFLECTANCE
    return (np.where(reflectance, np.float32(low), np.float32(-np.inf)),
            np.where(reflectance, np.float32(high), np.float32(np.inf)))
