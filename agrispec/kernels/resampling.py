"""Reading time series between their steps: where, and what is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agrispec.kernels import compiled
from agrispec.kernels.gap_filling import windows


def read(values: NDArray[np.float32], positions: ArrayLike) -> NDArray[np.float32]:
    """Each series at fractional steps of its own, linear between neighbours and held beyond its ends.

    Args:
        values: (N, T, F) float32. Only the steps that a position lies at or between are looked at, so steps nobody
            asks for may hold anything.
        positions: (N, S) steps, counted from 0; 2.5 is halfway between the third step and the fourth. Any order.

    Returns: (N, S, F) float32; the value itself where a position is a whole step.

    Raises:
        ValueError: the values are not (N, T, F) of at least a step, the positions not (N, S), or one is no number.
    """
    asked = np.ascontiguousarray(positions, np.float64)
    if values.ndim != 3 or asked.ndim != 2 or len(asked) != len(values) or not values.shape[1]:
        raise ValueError(f"values {values.shape} are not (N, T, F) with positions {asked.shape} as (N, S)")
    if np.isnan(asked).any():
        raise ValueError("a position among the steps is not a number")
    return _read(np.ascontiguousarray(values, np.float32), asked)


def read_numpy(values: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """The twin: looks up the two neighbours of every position."""
    position = np.clip(positions, 0, values.shape[1] - 1)
    left, right = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    share = (position - left).astype(np.float32)[:, :, None]
    a = np.take_along_axis(values, left[:, :, None], axis=1)
    b = np.take_along_axis(values, right[:, :, None], axis=1)
    return a + (b - a) * share


@compiled(read_numpy)
def _read(values, positions):  # type: ignore[no-untyped-def]
    series, steps, features = values.shape
    asked = positions.shape[1]
    found = np.empty((series, asked, features), np.float32)
    width = np.uint64(features)
    for n in range(np.uint64(series)):
        for place in range(np.uint64(asked)):
            position = min(max(positions[n, place], 0.0), steps - 1.0)
            left = np.int64(position)
            share = np.float32(position - left)
            before, after = np.uint64(left), np.uint64(np.ceil(position))
            for feature in range(width):
                a = values[n, before, feature]
                found[n, place, feature] = a + (values[n, after, feature] - a) * share
    return found


def stretched(start: ArrayLike, stop: ArrayLike, steps: int) -> NDArray[np.float64]:
    """The positions (N, steps) at which `resize` reads slices [start, stop), (N,) each, of series."""
    opened, closed = np.asarray(start, np.int64)[:, None], np.asarray(stop, np.int64)[:, None]
    length = closed - opened
    inside = np.clip((np.arange(steps, dtype=np.float64) + 0.5) * length / steps - 0.5, 0, length - 1)
    return (opened + inside).astype(np.float64)


def reached(curves: NDArray[np.float64], levels: NDArray[np.float64], start: ArrayLike,
            stop: ArrayLike) -> NDArray[np.float64]:
    """Where each rising curve reaches levels of its own, between its steps linearly: the inverse of reading it.

    Args:
        curves: (N, T), each higher at every step than at the one before.
        levels: (N, S), in any order.
        start: first step of the window of each curve, (N,) or one for all.
        stop: the step after the last one of the window, (N,) or one for all.

    Returns: (N, S) positions within [start, stop - 1]; a level below a window's first is its first step, one above
        its last is its last step.

    Raises:
        ValueError: the shapes do not belong together, or a window is empty or leaves the curves.
    """
    if curves.ndim != 2 or levels.ndim != 2 or len(levels) != len(curves):
        raise ValueError(f"curves {curves.shape} are not (N, T) with levels {levels.shape} as (N, S)")
    opened, closed = windows(start, stop, curves.shape)
    return _reached(np.ascontiguousarray(curves, np.float64), np.ascontiguousarray(levels, np.float64), opened, closed)


def reached_numpy(curves: NDArray[np.float64], levels: NDArray[np.float64], start: NDArray[np.int64],
                  stop: NDArray[np.int64]) -> NDArray[np.float64]:
    """The twin: counts the steps of the window that are below each level."""
    step = np.arange(curves.shape[1])
    inside = (step >= start[:, None]) & (step < stop[:, None])
    passed = ((curves[:, None, :] <= levels[:, :, None]) & inside[:, None, :]).sum(axis=2)
    left = start[:, None] + np.maximum(passed - 1, 0)
    right = np.minimum(left + 1, stop[:, None] - 1)
    below, above = np.take_along_axis(curves, left, axis=1), np.take_along_axis(curves, right, axis=1)
    between = (levels > below) & (right > left)
    share = np.where(between, (levels - below) / np.where(between, above - below, 1.0), 0.0)
    return np.asarray(left + share, np.float64)


@compiled(reached_numpy)
def _reached(curves, levels, start, stop):  # type: ignore[no-untyped-def]
    series, asked = levels.shape
    found = np.empty(levels.shape, np.float64)
    for n in range(series):
        for place in range(asked):
            low, high = start[n], stop[n]
            while high - low > 1:
                middle = (low + high) // 2
                if curves[n, middle] <= levels[n, place]:
                    low = middle
                else:
                    high = middle
            found[n, place] = low
            if low + 1 < stop[n] and levels[n, place] > curves[n, low]:
                found[n, place] += (levels[n, place] - curves[n, low]) / (curves[n, low + 1] - curves[n, low])
    return found


def resize(values: NDArray[np.float32], start: ArrayLike, stop: ArrayLike, steps: int) -> NDArray[np.float32]:
    """The slice [start, stop) of each series, resized linearly to `steps` steps.

    Step j of the result lies at c = (j + 0.5)·n / steps - 0.5 of the slice of n steps (centres half a step
    inside, as images are resized), clamped to 0 ... n - 1, and blends its two neighbours linearly. A slice of
    `steps` steps is returned as it is.

    Args:
        values: (N, T, F) float32, finite.
        start: first step of each slice, (N,) or one for all.
        stop: the step after the last one of each slice, (N,) or one for all.
        steps: length of the result.

    Returns: (N, steps, F) float32.

    Raises:
        ValueError: the values are not (N, T, F), `steps` is not positive, or a slice is empty or leaves the series.

    Source: the time axis of CropNet, arXiv 2509.03497.
    """
    if values.ndim != 3 or steps < 1:
        raise ValueError(f"values {values.shape} are not (N, T, F), or {steps} steps are none")
    opened, closed = windows(start, stop, values.shape[:2])
    return _resize(np.ascontiguousarray(values, np.float32), opened, closed, steps)


def resize_numpy(values: NDArray[np.float32], start: NDArray[np.int64], stop: NDArray[np.int64],
                 steps: int) -> NDArray[np.float32]:
    """The twin: looks up the two neighbours of every position."""
    length = (stop - start)[:, None]
    position = np.clip((np.arange(steps) + 0.5) * length / steps - 0.5, 0, length - 1)
    left = position.astype(np.int64)
    right = np.minimum(left + 1, length - 1)
    share = (position - left).astype(np.float32)[:, :, None]
    a = np.take_along_axis(values, (start[:, None] + left)[:, :, None], axis=1)
    b = np.take_along_axis(values, (start[:, None] + right)[:, :, None], axis=1)
    return a + (b - a) * share


@compiled(resize_numpy)
def _resize(values, start, stop, steps):  # type: ignore[no-untyped-def]
    series, _, features = values.shape
    resized = np.empty((series, steps, features), np.float32)
    # Unsigned indices need no check for counting from the end; with them the inner loops are vectorised.
    width = np.uint64(features)
    for n in range(np.uint64(series)):
        length = stop[n] - start[n]
        if length == steps:
            first = np.uint64(start[n])
            for offset in range(np.uint64(steps)):
                for feature in range(width):
                    resized[n, offset, feature] = values[n, first + offset, feature]
            continue
        for step in range(steps):
            position = min(max((step + 0.5) * length / steps - 0.5, 0.0), length - 1.0)
            left = np.int64(position)
            share = np.float32(position - left)
            row = np.uint64(step)
            before, after = np.uint64(start[n] + left), np.uint64(start[n] + min(left + 1, length - 1))
            for feature in range(width):
                a = values[n, before, feature]
                resized[n, row, feature] = a + (values[n, after, feature] - a) * share
    return resized
