"""Histograms: buckets of fixed limits, and buckets whose width follows the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.language.registry import AlgorithmError

Array = NDArray[Any]

MOST_BUCKETS = 256
"""Buckets of Reducer.histogram where none is said. Its documentation names no number."""
MOST_COUNTS = 2**27
"""Counts of the histograms of all pixels that are held at once: 1 GB."""


def fixed(values: Array, share: Array, low: float, high: float, steps: int, cumulative: bool) -> Array:
    """(…, steps, 2): lower edges and counts of buckets in [low, high) over axis 0.

    Args:
        values: (N, …).
        share: (N, …), what each counts; 0 for those that are not there.
    """
    counts = _counted(_places(values, low, high, steps), share, steps)
    if cumulative:
        counts = counts.cumsum(axis=-1)
    edges = low + (high - low) / steps * np.arange(steps)
    return np.stack([np.broadcast_to(edges, counts.shape), counts], axis=-1)


def fixed_2d(x: Array, y: Array, there: Array, limits: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """(…, x steps, y steps) counts of pairs and the lower edges of both axes.

    Args:
        x, y: (N, …).
        there: (N, …) bool, the pairs that count.
        limits: low, high and steps of x, then of y.
    """
    low_x, high_x, steps_x, low_y, high_y, steps_y = limits
    wide, tall = int(steps_x), int(steps_y)
    columns, rows = _places(x, low_x, high_x, wide), _places(y, low_y, high_y, tall)
    places = np.where((columns >= 0) & (rows >= 0), columns * tall + rows, -1)
    counts = _counted(places, there, wide * tall)
    shape = counts.shape[:-1]
    edges = [low + (high - low) / steps * np.arange(int(steps))
             for low, high, steps in ((low_x, high_x, steps_x), (low_y, high_y, steps_y))]
    return (counts.reshape((*shape, wide, tall)), np.broadcast_to(edges[0], (*shape, wide)),
            np.broadcast_to(edges[1], (*shape, tall)))


def _places(values: Array, low: float, high: float, steps: int) -> Array:
    """The bucket of each value, -1 where it is out of all of them."""
    exact = np.asarray(values, np.float64)
    inside = (exact >= low) & (exact < high)
    places = np.floor((np.where(inside, exact, low) - low) / (high - low) * steps).astype(np.int64)
    return np.where(inside, np.minimum(places, steps - 1), -1)


def _counted(places: Array, share: Array, steps: int) -> Array:
    """(…, steps): sums of `share` by place, over axis 0."""
    size = int(np.prod(places.shape[1:], dtype=np.int64))
    if size * steps > MOST_COUNTS:
        raise AlgorithmError(f"User memory limit exceeded. Histograms of {steps} buckets at {size} pixels",
                             mend="ask for fewer buckets")
    pixel = np.broadcast_to(np.arange(size).reshape(places.shape[1:]), places.shape)
    kept = (places >= 0) & (share > 0)
    counts = np.bincount((pixel * steps + places)[kept], np.broadcast_to(share, places.shape)[kept], size * steps)
    return counts.reshape((*places.shape[1:], steps)).astype(np.float64)


def automatic(values: Array, share: Array, most: float | None, narrowest: float | None,
              ) -> tuple[float, float, Array, Array]:
    """Lower edge of the first bucket, width, counts and means of buckets that begin at multiples of their width.

    The width is the smallest power of two, times `narrowest` where one is given, that needs at most `most`
    buckets, itself rounded up to a power of two.

    Args:
        values: (N,) numbers, at least one.
        share: (N,), what each counts.
    """
    limit = 2 ** math.ceil(math.log2(most)) if most else MOST_BUCKETS
    low, high = float(values.min()), float(values.max())
    width = float(narrowest) if narrowest else 2.0 ** math.floor(math.log2((high - low) / limit)) if high > low else 1.0
    while math.floor(high / width) - math.floor(low / width) + 1 > limit:
        width *= 2
    first = math.floor(low / width)
    places = np.floor(values / width).astype(np.int64) - first
    counts = np.bincount(places, share)
    centres = (first + np.arange(len(counts)) + 0.5) * width
    means = np.where(counts > 0, np.bincount(places, share * values) / np.where(counts > 0, counts, 1), centres)
    return first * width, width, counts, means


def as_dictionary(values: Array, share: Array, most: float | None, narrowest: float | None) -> dict[str, Any]:
    """What Reducer.histogram gives."""
    low, width, counts, means = automatic(values, share, most, narrowest)
    return {"bucketMeans": means.tolist(), "bucketMin": low, "bucketWidth": width, "histogram": counts.tolist()}


def as_array(values: Array, share: Array, most: float | None, narrowest: float | None, cumulative: bool) -> Array:
    """(buckets, 2): lower edges and counts."""
    low, width, counts, _ = automatic(values, share, most, narrowest)
    return np.column_stack([low + width * np.arange(len(counts)), counts.cumsum() if cumulative else counts])
