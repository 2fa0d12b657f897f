"""Which pixel centres lie inside polygons: runs of pixels along rows, found from the polygons' edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

_POLYGON = 3

_AT_ONCE = 2_000_000
"""Pixels that are numbered one by one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Pixels inside of N shapes as S runs along rows, ordered by shape, row and column.

    Attributes:
        shape: (S,) int64, number of the shape.
        row: (S,) int64.
        start, stop: (S,) int64, first column, and the column behind the last one.
        shapes: N.
    """

    shape: NDArray[np.int64]
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    shapes: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N,) pixels of each shape."""
        return np.bincount(self.shape, self.stop - self.start, self.shapes).astype(np.int64)

    def pixel(self, shape: NDArray[np.int64], rank: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the pixels that stand at places (M,), from 0, among those of their shapes (M,)."""
        before = np.concatenate([[0], np.cumsum(self.stop - self.start)])
        first = before[np.searchsorted(self.shape, shape)]
        run = np.searchsorted(before, first + rank, side="right") - 1
        return self.row[run], self.start[run] + first + rank - before[run]

    def within(self, height: int, width: int) -> Runs:
        """Those of rows 0 … `height` - 1 and columns 0 … `width` - 1."""
        start, stop = np.clip(self.start, 0, width), np.clip(self.stop, 0, width)
        there = (self.row >= 0) & (self.row < height) & (start < stop)
        return Runs(shape=self.shape[there], row=self.row[there], start=start[there], stop=stop[there],
                    shapes=self.shapes)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Shape, row and column of every pixel, in blocks of about two million."""
        lengths = self.stop - self.start
        ends = np.cumsum(lengths)
        first = 0
        while first < len(lengths):
            done = ends[first] - lengths[first]
            last = max(first + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            here = slice(first, last)
            within = np.arange(ends[last - 1] - done) - np.repeat(ends[here] - lengths[here] - done, lengths[here])
            yield (np.repeat(self.shape[here], lengths[here]), np.repeat(self.row[here], lengths[here]),
                   np.repeat(self.start[here], lengths[here]) + within)
            first = last


def runs(shapes: NDArray[Any], left: float, top: float, scale: float) -> Runs:
    """The pixels whose centre is inside of each shape.

    A row is crossed by an outline as often into the shape as out of it. No pixel is looked at for itself: the cost is
    that of the edges and of the rows that they cross. Of two shapes that share an edge each centre on it is in one.

    Args:
        shapes: (N,) polygons, multipolygons or collections, valid; what has no area has no pixel, nor has None.
        left, top: where pixel (0, 0) has its corner, in the units of the shapes; rows and columns may be negative.
        scale: side of a pixel, in these units.
    """
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    while (nested := shapely.get_type_id(parts) > _POLYGON).any():
        deeper, index = shapely.get_parts(parts[nested], return_index=True)
        parts = np.concatenate([parts[~nested], deeper])
        of_shape = np.concatenate([of_shape[~nested], of_shape[nested][index]])
    flat = shapely.get_type_id(parts) == _POLYGON
    rings, of_part = shapely.get_rings(parts[flat], return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    x, y = (points[:, 0] - left) / scale, (top - points[:, 1]) / scale
    begins = np.flatnonzero(of_ring[:-1] == of_ring[1:])
    begins = begins[y[begins] != y[begins + 1]]
    # From the upper end to the lower one, whichever way the outline goes: neighbours find the same crossings.
    down = y[begins] < y[begins + 1]
    upper, lower = np.where(down, begins, begins + 1), np.where(down, begins + 1, begins)
    first = np.ceil(y[upper] - 0.5).astype(np.int64)
    crossed = np.ceil(y[lower] - 0.5).astype(np.int64) - first
    edge = np.repeat(np.arange(len(begins)), crossed)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed)
    a, b = upper[edge], lower[edge]
    at = x[a] + (row + 0.5 - y[a]) * ((x[b] - x[a]) / (y[b] - y[a]))
    shape = of_shape[flat][of_part[of_ring[begins]]][edge]
    order = np.lexsort((at, row, shape))
    column = np.ceil(at[order] - 0.5).astype(np.int64)
    start, stop = column[::2], column[1::2]
    inside = start < stop
    return Runs(shape=shape[order][::2][inside].astype(np.int64), row=row[order][::2][inside], start=start[inside],
                stop=stop[inside], shapes=len(shapes))
