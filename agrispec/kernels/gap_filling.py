"""Filling the steps of a time series that were not clearly seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agrispec.kernels import compiled


def linear(values: NDArray[np.float32], seen: NDArray[np.bool_], start: ArrayLike,
           stop: ArrayLike) -> NDArray[np.float32]:
    """Values linear in time between the seen steps of [start, stop), held beyond the first and the last.

    Args:
        values: (N, T, F) float32; what unseen steps hold is never read, so it may be a fill value or NaN.
        seen: (N, T), where a step was clearly seen.
        start: first step of the window of each series, (N,) or one for all.
        stop: the step after the last one of the window, (N,) or one for all.

    Returns:
        (N, T, F) float32. Steps outside of the window count as unseen, because a window shifted within the year
        must not show what a prediction would never see; they are 0 in the result. A series never seen within
        its window is 0 throughout. The result is finite wherever the seen values are.

    Raises:
        ValueError: the shapes do not belong together, or a window leaves the series.
    """
    if values.ndim != 3 or seen.shape != values.shape[:2]:
        raise ValueError(f"values {values.shape} are not (N, T, F) with seen {seen.shape} as (N, T)")
    opened, closed = windows(start, stop, values.shape[:2])
    return _linear(np.ascontiguousarray(values, np.float32), np.ascontiguousarray(seen, np.bool_), opened, closed)


def windows(start: ArrayLike, stop: ArrayLike,
            shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`start` and `stop` of N series of T steps as two (N,) arrays; `shape` is (N, T).

    Raises:
        ValueError: a window is empty or leaves the series.
    """
    opened = np.array(np.broadcast_to(np.asarray(start, np.int64), shape[:1]))
    closed = np.array(np.broadcast_to(np.asarray(stop, np.int64), shape[:1]))
    if (opened < 0).any() or (closed <= opened).any() or (closed > shape[1]).any():
        raise ValueError(f"a window of steps is empty or leaves the series of {shape[1]} steps")
    return opened, closed


def linear_numpy(values: NDArray[np.float32], seen: NDArray[np.bool_], start: NDArray[np.int64],
                 stop: NDArray[np.int64]) -> NDArray[np.float32]:
    """The twin: looks up the seen steps before and after every step."""
    steps = values.shape[1]
    step = np.arange(steps)
    inside = (step >= start[:, None]) & (step < stop[:, None])
    usable = seen & inside
    before = np.maximum.accumulate(np.where(usable, step, -1), axis=1)
    after = np.minimum.accumulate(np.where(usable, step, steps)[:, ::-1], axis=1)[:, ::-1]
    known = inside & usable.any(axis=1, keepdims=True)
    left = np.where(known, np.where(before < 0, after, before), 0)
    right = np.where(known, np.where(after == steps, left, after), 0)
    share = ((step - left) / np.maximum(right - left, 1)).astype(np.float32)[:, :, None]
    a = np.take_along_axis(values, left[:, :, None], axis=1)
    b = np.take_along_axis(values, right[:, :, None], axis=1)
    between = (right > left)[:, :, None]
    filled = np.where(between, a + (b - a) * np.where(between, share, 0), a)
    return np.where(known[:, :, None], filled, np.float32(0))


@compiled(linear_numpy)
def _linear(values, seen, start, stop):  # type: ignore[no-untyped-def]
    series, _, features = values.shape
    filled = np.zeros(values.shape, np.float32)
    for n in range(series):
        last = -1
        for step in range(start[n], stop[n]):
            if not seen[n, step]:
                continue
            for feature in range(features):
                filled[n, step, feature] = values[n, step, feature]
            if last < 0:
                for gap in range(start[n], step):
                    for feature in range(features):
                        filled[n, gap, feature] = values[n, step, feature]
            for gap in range(last + 1, step if last >= 0 else 0):
                share = np.float32((gap - last) / (step - last))
                for feature in range(features):
                    a = values[n, last, feature]
                    filled[n, gap, feature] = a + (values[n, step, feature] - a) * share
            last = step
        if last >= 0:
            for gap in range(last + 1, stop[n]):
                for feature in range(features):
                    filled[n, gap, feature] = values[n, last, feature]
    return filled
