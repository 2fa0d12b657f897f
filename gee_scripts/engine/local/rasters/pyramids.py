"""Coarser levels of an asset's bands: each level is made of 2 × 2 pixels of the one below, by the band's policy.

Sources: https://developers.google.com/earth-engine/guides/scale#image-pyramids (levels end where the image fits
into 256 × 256 pixels; a request takes the level whose scale is the nearest that is not coarser than its own), and
https://developers.google.com/earth-engine/reference/rest/Shared.Types/PyramidingPolicy
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Domain, Points, Projection

Array = NDArray[Any]
_TOP = 256
# Pixels of the finest level that are held at once.
_MOST = 2**21


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyramid:
    """How a band's coarser pixels are made.

    Attributes:
        policy: MEAN, MODE, SAMPLE, MIN, MAX or MEDIAN.
        nodata: value of masked pixels, which do not count; NaN never does.
        stored: how many levels the band's file holds; they are read, not made.
    """

    policy: str = "MEAN"
    nodata: float | None = None
    stored: int = 0


def last_level(grid: Grid) -> int:
    """The coarsest level of an asset on `grid`; 0 is the finest."""
    return math.ceil(math.log2(max(max(grid.shape) / _TOP, 1)))


def level_of(grid: Grid, domain: Domain) -> int:
    """The level of an asset on `grid` that is read for a domain; 0 is the finest."""
    return min(halvings(Projection(grid.crs, grid.transform), domain), last_level(grid))


def halvings(finest: Projection, domain: Domain) -> int:
    """How often the pixels of a projection can double their side without being coarser than a domain's."""
    asked = domain.projection if isinstance(domain, Points) else Projection(domain.crs, domain.transform)
    ratio = asked.nominal_scale / finest.nominal_scale
    return 0 if ratio < 2 * (1 - 1e-6) else math.floor(math.log2(ratio * (1 + 1e-6)))


def at_level(grid: Grid, level: int) -> Grid:
    """The grid of a level; its last pixels may reach over the edge of the finest one."""
    a, b, c, d, e, f = grid.transform
    side = 2**level
    return Grid(crs=grid.crs, transform=(a * side, b * side, c, d * side, e * side, f),
                width=-(-grid.width // side), height=-(-grid.height // side))


def block(read: Callable[[int, int, int, int], Array], grid: Grid, window: tuple[int, int, int, int], level: int,
          pyramid: Pyramid) -> Array:
    """The pixels of a level.

    Args:
        read: pixels of the finest level, by row, column, height and width.
        grid: of the finest level.
        window: (row, column, height, width) within the level.
        pyramid: how they are made; what has no valid pixel below is masked.
    """
    row, column, height, width = window
    side = 2**level
    # Parts of at most that many pixels of the finest level; one of this level at least.
    across = max(min(_MOST // side**2, width), 1)
    down = max(_MOST // (across * side**2), 1)
    strips = []
    for first in range(row, row + height, down):
        top, bottom = first * side, min(min(first + down, row + height) * side, grid.height)
        parts = []
        for begin in range(column, column + width, across):
            left, right = begin * side, min(min(begin + across, column + width) * side, grid.width)
            *_, found = coarser(read(top, left, bottom - top, right - left), level, pyramid)
            parts.append(found)
        strips.append(np.concatenate(parts, axis=1))
    return np.concatenate(strips)


def coarser(values: Array, last: int, pyramid: Pyramid) -> Iterator[Array]:
    """Levels 1 to `last` of a part of an image, whose first row and column begin a pixel of the last one.

    A level is made of what the one below was before it was rounded to the type.
    """
    dtype, nodata, policy = values.dtype, pyramid.nodata, pyramid.policy
    known = np.ones(values.shape, np.bool_) if nodata is None else values != nodata
    if dtype.kind == "f":
        known &= values == values
    rows, columns = values.shape
    edges = [(0, -size % 2**last) for size in values.shape]
    if any(after for _, after in edges):
        values, known = np.pad(values, edges), np.pad(known, edges)
    # Without a value for nothing, what is masked lies outside of the grid.
    empty = nodata if nodata is not None else math.nan if dtype.kind == "f" else 0
    found, share = np.where(known, values, 0), known.astype(np.float32)
    for level in range(1, last + 1):
        if policy == "SAMPLE":
            found, share = found[::2, ::2], share[::2, ::2]
        else:
            found, share = _STEPS[policy](_four(found), _four(share))
        whole = np.rint(found) if dtype.kind in "iu" and found.dtype.kind == "f" else found
        yield np.where(share > 0, whole, empty).astype(dtype)[:-(-rows // 2**level), :-(-columns // 2**level)]


def _four(plane: Array) -> Array:
    """(4, rows / 2, columns / 2): top left, top right, bottom left, bottom right."""
    return np.stack([plane[::2, ::2], plane[::2, 1::2], plane[1::2, ::2], plane[1::2, 1::2]])


def _mean(values: Array, shares: Array) -> tuple[Array, Array]:
    total = shares.sum(axis=0, dtype=np.float64)
    return (values * shares).sum(axis=0, dtype=np.float64) / np.where(total > 0, total, 1), shares.mean(axis=0)


def _mode(values: Array, shares: Array) -> tuple[Array, Array]:
    weights = np.stack([(shares * (values == one)).sum(axis=0) for one in values])
    weights = np.where(shares > 0, weights, -1)
    chosen = weights.argmax(axis=0)
    return np.take_along_axis(values, chosen[None], axis=0)[0], shares.mean(axis=0)


def _extreme(pick: Callable[..., Array], other: Callable[..., Array]) -> Callable[[Array, Array], tuple[Array, Array]]:
    def step(values: Array, shares: Array) -> tuple[Array, Array]:
        # What is masked is as far off as can be.
        return pick(np.where(shares > 0, values, other(values, axis=0)), axis=0), shares.mean(axis=0)

    return step


def _median(values: Array, shares: Array) -> tuple[Array, Array]:
    ranked = np.sort(np.where(shares > 0, values.astype(np.float64), np.inf), axis=0)
    number = (shares > 0).sum(axis=0)
    low, high = np.maximum(number - 1, 0) // 2, number // 2
    ends = [np.take_along_axis(ranked, np.minimum(place, np.maximum(number - 1, 0))[None], axis=0)[0]
            for place in (low, high)]
    return np.where(number > 0, (ends[0] + ends[1]) / 2, 0), shares.mean(axis=0)


_STEPS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "MEAN": _mean, "MODE": _mode, "MEDIAN": _median, "MIN": _extreme(np.min, np.max), "MAX": _extreme(np.max, np.min)}
