"""Least, middle and greatest of numbers that come piece by piece, in memory that does not grow with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DROPPED = 14
"""Low bits of a float32 that the counts do not tell apart: 9 of its mantissa are left, an error below 0.1 %."""

_BINS = 1 << (32 - _DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """What F series of numbers have shown so far; those of two pieces add up: `a + b`.

    Attributes:
        least, greatest: (F,) float32; inf and -inf of none.
        counts: (F, 2**18) int64, numbers by their leading bits, in the order of the numbers.
        strange: how many were no finite number; nothing else counts them.
    """

    least: NDArray[np.float32]
    greatest: NDArray[np.float32]
    counts: NDArray[np.int64]
    strange: int

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Spread:
        """The spread of the columns of (N, F) float32."""
        finite = np.isfinite(values)
        columns = [values[good, place] for place, good in enumerate(finite.T)]
        return cls(least=np.array([column.min(initial=np.inf) for column in columns], np.float32),
                   greatest=np.array([column.max(initial=-np.inf) for column in columns], np.float32),
                   counts=np.stack([np.bincount(_bins(column), minlength=_BINS) for column in columns]),
                   strange=int(values.size - finite.sum()))

    def __add__(self, other: Spread) -> Spread:
        return Spread(least=np.minimum(self.least, other.least), greatest=np.maximum(self.greatest, other.greatest),
                      counts=self.counts + other.counts, strange=self.strange + other.strange)

    @property
    def median(self) -> NDArray[np.float64]:
        """(F,), right to 0.1 %; NaN of none."""
        upto = self.counts.cumsum(axis=1)
        found = np.full(len(upto), np.nan)
        for place, total in enumerate(upto[:, -1].tolist()):
            if total:
                # The one in the middle, or the two about it.
                middle = np.searchsorted(upto[place], [(total - 1) // 2 + 1, total // 2 + 1])
                found[place] = np.clip(_centres(middle), self.least[place], self.greatest[place]).mean()
        return found


def _bins(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The leading bits of floats, made to rise as the floats do: negative ones are inverted, others come after them."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    turned = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    return turned >> np.uint32(_DROPPED)


def _centres(bins: NDArray[np.integer]) -> NDArray[np.float64]:
    """The floats in the middle of such bins."""
    turned = (bins.astype(np.uint32) << np.uint32(_DROPPED)) | np.uint32(1 << (_DROPPED - 1))
    bits = np.where(turned >> np.uint32(31), turned & np.uint32((1 << 31) - 1), ~turned)
    return bits.view(np.float32).astype(np.float64)
