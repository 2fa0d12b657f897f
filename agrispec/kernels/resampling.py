"""Reading time series between their steps: at given positions, or a window stretched to a number of steps."""

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
