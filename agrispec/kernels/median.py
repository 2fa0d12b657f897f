"""Medians over the dates at which a pixel was seen."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agrispec.kernels import compiled

_BLOCK = 1024  # pixels sorted side by side: sixteen dates of them stay in the first-level cache


def median(values: NDArray[np.generic],
           valid: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Median over axis 0 of the valid values.

    values (N, *bands, *pixels) of any integer or float type, valid (N, *pixels) bool -> median
    (*bands, *pixels) float32, seen count (*pixels) uint16. `valid` of the same shape as `values` judges every
    value on its own. An even count gives the mean of the middle two. A pixel valid in no image is 0 with
    count 0. Unit in = unit out; values must not be NaN where they are valid.

    Raises:
        ValueError: the shapes do not belong together.
    """
    pixels = valid.shape[1:]
    bands = values.shape[1:values.ndim - len(pixels)]
    if values.shape != valid.shape[:1] + bands + pixels:
        raise ValueError(f"values {values.shape} and valid {valid.shape} differ in their dates or pixels")
    dates = len(values)
    medians, counts = step_medians(values.reshape(dates, math.prod(bands), math.prod(pixels)),
                                   valid.reshape(dates, math.prod(pixels)), (0, dates))
    return medians.reshape(bands + pixels), counts.reshape(pixels)


def step_medians(values: NDArray[np.generic], valid: NDArray[np.bool_],
                 first: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Median of every step over its dates, for all bands of a pixel at once.

    Args:
        values: (D, C, P), D dates in order of time, C bands, P pixels; integers or floats, not NaN where valid.
        valid: (D, P), where a date was clearly seen.
        first: (S + 1,), step s holds the dates first[s] ... first[s + 1] - 1; it may hold none.

    Returns:
        medians (S, C, P) float32 in the unit of `values`, counts (S, P) uint16. An even count gives the mean of
        the middle two; a step that never saw a pixel gives 0 with count 0.

    Raises:
        ValueError: the shapes do not belong together, or `first` is not an ascending list of dates.
    """
    offsets = np.asarray(first, np.int64)
    if values.ndim != 3 or valid.shape != (values.shape[0], values.shape[2]):
        raise ValueError(f"values {values.shape} are not (D, C, P) with valid {valid.shape} as (D, P)")
    if (offsets.ndim != 1 or len(offsets) < 2 or offsets[0] < 0 or offsets[-1] > len(values)
            or (np.diff(offsets) < 0).any()):
        raise ValueError(f"the steps start at {offsets.tolist()}, not ascending within {len(values)} dates")
    # The largest number of its type, so that what was not seen is sorted to the end.
    largest: Any = np.inf if values.dtype.kind == "f" else np.iinfo(cast(Any, values.dtype)).max
    unseen = values.dtype.type(largest)
    return _step_medians(np.ascontiguousarray(values), np.ascontiguousarray(valid, dtype=np.bool_), offsets, unseen)


def step_medians_numpy(values: NDArray[np.generic], valid: NDArray[np.bool_], first: NDArray[np.int64],
                       unseen: np.generic) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """The twin: sorts every step's dates and takes the middle."""
    steps, (_, bands, pixels) = len(first) - 1, values.shape
    medians = np.zeros((steps, bands, pixels), np.float32)
    counts = np.zeros((steps, pixels), np.uint16)
    for step in range(steps):
        dates = slice(first[step], first[step + 1])
        if dates.start == dates.stop:
            continue
        count = valid[dates].sum(axis=0)
        ranked = np.sort(np.where(valid[dates, None], values[dates], unseen), axis=0).astype(np.float32)
        half = np.float32(0.5)
        lower = np.take_along_axis(ranked, np.maximum(count - 1, 0)[None, None] // 2, axis=0)[0]
        upper = np.take_along_axis(ranked, count[None, None] // 2, axis=0)[0]
        medians[step] = np.where(count > 0, half * lower + half * upper, 0)
        counts[step] = count
    return medians, counts


def sort_dates_numpy(ranked: NDArray[np.generic], depth: int, width: int) -> None:
    """The twin: sorts the first `depth` rows of the first `width` columns, each column on its own."""
    ranked[:depth, :width].sort(axis=0)


@compiled(sort_dates_numpy)
def _sort_dates(ranked, depth, width):  # type: ignore[no-untyped-def]
    # Batcher's merge exchange, a network for any depth (Knuth, The Art of Computer Programming, volume 3,
    # algorithm 5.2.2M).
    span = 1
    while span < depth:
        stride = span
        while stride > 0:
            for start in range(stride % span, depth - stride, 2 * stride):
                for lower in range(start, min(start + stride, depth - stride)):
                    upper = lower + stride
                    if lower // (2 * span) == upper // (2 * span):
                        low, high = ranked[lower], ranked[upper]
                        for i in range(width):
                            a, b = low[i], high[i]
                            low[i] = a if a < b else b
                            high[i] = b if a < b else a
            stride //= 2
        span *= 2


@compiled(step_medians_numpy)
def _step_medians(values, valid, first, unseen):  # type: ignore[no-untyped-def]
    # The pixels of a block pass through one sorting network side by side, so that every comparison is a vector
    # instruction and none is a branch; clouds make branches unpredictable.
    _, bands, pixels = values.shape
    steps = len(first) - 1
    medians = np.zeros((steps, bands, pixels), np.float32)
    counts = np.zeros((steps, pixels), np.uint16)
    deepest = 0
    for step in range(steps):
        deepest = max(deepest, first[step + 1] - first[step])
    ranked = np.empty((deepest, _BLOCK), values.dtype)
    count = np.empty(_BLOCK, np.int32)
    half = np.float32(0.5)
    nothing = np.float32(0)
    for step in range(steps):
        opened = first[step]
        depth = first[step + 1] - opened
        if depth == 0:
            continue
        for left in range(0, pixels, _BLOCK):
            width = min(_BLOCK, pixels - left)
            count[:] = 0
            for date in range(depth):
                seen = valid[opened + date, left:left + width]
                for i in range(width):
                    count[i] += seen[i]
            counts[step, left:left + width] = count[:width]
            for band in range(bands):
                for date in range(depth):
                    seen = valid[opened + date, left:left + width]
                    source = values[opened + date, band, left:left + width]
                    row = ranked[date]
                    for i in range(width):
                        row[i] = source[i] if seen[i] else unseen
                _sort_dates(ranked, depth, width)
                result = medians[step, band, left:left + width]
                for rank in range(depth // 2 + 1):
                    row = ranked[rank]
                    for i in range(width):
                        part = half * np.float32(row[i])
                        result[i] += ((part if (count[i] - 1) >> 1 == rank else nothing)
                                      + (part if count[i] >> 1 == rank else nothing))
                for i in range(width):
                    result[i] = result[i] if count[i] > 0 else nothing
    return medians, counts


def tabulated_median(values: NDArray[np.integer[Any]], valid: NDArray[np.bool_], table: NDArray[np.float32],
                     empty: float) -> NDArray[np.float32]:
    """Median over axis 0 of an increasing function of the valid values.

    An increasing function changes no order, so the small integers themselves are sorted, many to a register, and
    the function is looked up for the middle ones alone: to the last bit `median(function(values), valid)`, at half
    of the time.

    Args:
        values: (N, P) uint16 or int16, N dates, P pixels.
        valid: (N, P), where a date was clearly seen.
        table: (65536,), the function of every value of their type, at the place that its bits are as uint16; it
            never decreases as the value grows.
        empty: what a pixel holds that no date saw.

    Returns:
        (P,) float32, in the unit of `table`. An even count gives the mean of the middle two.

    Raises:
        ValueError: the shapes do not belong together, or a type is another one.
    """
    if values.ndim != 2 or valid.shape != values.shape or not len(values):
        raise ValueError(f"values {values.shape} are not (N, P) with valid {valid.shape}, of at least one date")
    if values.dtype not in (np.uint16, np.int16) or table.shape != (65536,) or table.dtype != np.float32:
        raise ValueError(f"{values.dtype} with a table {table.shape} of {table.dtype}, not 16 bits with 65536 floats")
    unseen = values.dtype.type(np.iinfo(values.dtype).max)
    return _tabulated_median(np.ascontiguousarray(values), np.ascontiguousarray(valid, dtype=np.bool_), table,
                             unseen, np.float32(empty))


def tabulated_median_numpy(values: NDArray[np.integer[Any]], valid: NDArray[np.bool_], table: NDArray[np.float32],
                           unseen: np.generic, empty: np.float32) -> NDArray[np.float32]:
    """The twin: looks up every value and sorts what it finds."""
    found, counts = median(table[values.view(np.uint16)], valid)
    return np.where(counts > 0, found, empty)


@compiled(tabulated_median_numpy)
def _tabulated_median(values, valid, table, unseen, empty):  # type: ignore[no-untyped-def]
    # Every number is loaded before anything is asked: a load that hangs on a condition is a branch. Rows are copied
    # by loops: a copy of slices hides from the compiler that they do not overlap, and takes twice the time of all.
    depth, pixels = values.shape
    result = np.empty(pixels, np.float32)
    ranked = np.empty((depth, _BLOCK), values.dtype)
    low, high = np.empty(_BLOCK, values.dtype), np.empty(_BLOCK, values.dtype)
    count = np.empty(_BLOCK, np.int32)
    half = np.float32(0.5)
    for left in range(0, pixels, _BLOCK):
        width = min(_BLOCK, pixels - left)
        count[:] = 0
        for date in range(depth):
            seen = valid[date, left:left + width]
            for i in range(width):
                count[i] += seen[i]
        for date in range(depth):
            seen = valid[date, left:left + width]
            source = values[date, left:left + width]
            row = ranked[date]
            for i in range(width):
                row[i] = source[i] if seen[i] else unseen
        if depth > 1:
            _sort_dates(ranked, depth, width)
        row = ranked[0]
        for i in range(width):
            low[i] = row[i]
        for i in range(width):
            high[i] = row[i]
        for rank in range(1, depth // 2 + 1):
            row = ranked[rank]
            for i in range(width):
                a, b = row[i], low[i]
                low[i] = a if (count[i] - 1) >> 1 == rank else b
            for i in range(width):
                a, b = row[i], high[i]
                high[i] = a if count[i] >> 1 == rank else b
        part = result[left:left + width]
        # Unsigned places: of signed ones the compiler asks whether they count from the end.
        if depth == 1:
            for i in range(width):
                middle = table[np.uintp(low[i]) & np.uintp(0xFFFF)]
                part[i] = middle if count[i] > 0 else empty
        else:
            for i in range(width):
                middle = (half * table[np.uintp(low[i]) & np.uintp(0xFFFF)]
                          + half * table[np.uintp(high[i]) & np.uintp(0xFFFF)])
                part[i] = middle if count[i] > 0 else empty
    return result
