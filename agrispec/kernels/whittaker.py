"""Whittaker's smoother: the series that balances closeness to the clear looks against roughness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled


def smooth(values: NDArray[np.float32], weights: NDArray[np.float32], lam: float) -> NDArray[np.float32]:
    """The z that minimises Σ w (y - z)² + lam Σ (Δ² z)², Δ² the second difference in time.

    Args:
        values: (N, T, F) float32; a value of weight 0 is never read, so it may be a fill value or NaN.
        weights: (N, T), 0 or more; for example the number of clear looks.
        lam: more than 0; the larger, the smoother.

    Returns:
        (N, T, F) float32, computed in double precision. Before the first and after the last step of positive
        weight the curve goes on as a straight line; therefore weights of 0 outside of a window give inside of it
        exactly what the window alone would give. One weighted step alone gives a constant, none gives 0.

    Raises:
        ValueError: the shapes do not belong together, there are fewer than three steps, a weight is negative or
            NaN, or `lam` is not positive.

    Source: Eilers 2003, A perfect smoother, https://doi.org/10.1021/ac034173t; solved as one pentadiagonal
    LDLᵀ factorisation a sample, shared by its features.
    """
    if values.ndim != 3 or weights.shape != values.shape[:2]:
        raise ValueError(f"values {values.shape} are not (N, T, F) with weights {weights.shape} as (N, T)")
    if values.shape[1] < 3:
        raise ValueError(f"{values.shape[1]} steps have no second difference")
    if not 0 < lam < np.inf or not (weights >= 0).all():
        raise ValueError(f"lam = {lam} must be positive and all weights 0 or more")
    second = np.diff(np.eye(values.shape[1]), 2, axis=0)
    penalty = lam * second.T @ second
    return _smooth(np.ascontiguousarray(values, np.float32), np.ascontiguousarray(weights, np.float32),
                   np.diagonal(penalty).copy(), np.diagonal(penalty, 1).copy(), float(lam))


def smooth_numpy(values: NDArray[np.float32], weights: NDArray[np.float32], diagonal: NDArray[np.float64],
                 above: NDArray[np.float64], corner: float) -> NDArray[np.float32]:
    """The twin: factorises all series side by side, step after step.

    `diagonal` (T,) and `above` (T - 1,) are those of lam·ΔᵀΔ; its second diagonal is `corner` throughout.
    """
    series, steps, features = values.shape
    pivot, first, second = np.zeros((3, steps, series))
    smoothed = np.zeros((steps, series, features))
    weighted = np.where(weights[:, :, None] > 0, weights[:, :, None].astype(np.float64) * values, 0)
    support = (weights > 0).sum(axis=1)
    # Fewer than two weighted steps leave the line open: an identity in their place keeps the factors finite.
    ridge = np.where(support < 2, 1.0, 0.0)
    for t in range(steps):
        pivot[t] = diagonal[t] + weights[:, t] + ridge
        off = np.full(series, above[t] if t < steps - 1 else 0.0)
        smoothed[t] = weighted[:, t]
        if t > 0:
            pivot[t] -= pivot[t - 1] * first[t - 1] * first[t - 1]
            off -= pivot[t - 1] * first[t - 1] * second[t - 1]
            smoothed[t] -= first[t - 1][:, None] * smoothed[t - 1]
        if t > 1:
            pivot[t] -= pivot[t - 2] * second[t - 2] * second[t - 2]
            smoothed[t] -= second[t - 2][:, None] * smoothed[t - 2]
        first[t] = off / pivot[t]
        second[t] = corner / pivot[t] if t < steps - 2 else 0.0
    for t in range(steps - 1, -1, -1):
        smoothed[t] /= pivot[t][:, None]
        if t < steps - 1:
            smoothed[t] -= first[t][:, None] * smoothed[t + 1]
        if t < steps - 2:
            smoothed[t] -= second[t][:, None] * smoothed[t + 2]
    lone = np.argmax(weights > 0, axis=1)
    constant = np.where(support[:, None] == 1, values[np.arange(series), lone], 0)
    return np.where((support < 2)[:, None, None], constant[:, None],
                    smoothed.transpose(1, 0, 2)).astype(np.float32)


@compiled(smooth_numpy)
def _smooth(values, weights, diagonal, above, corner):  # type: ignore[no-untyped-def]
    series, steps, features = values.shape
    smoothed = np.zeros(values.shape, np.float32)
    inverse, first, second = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    # Two rows before the first step and two after the last one stay 0, and rows are padded to whole vector
    # registers, so that the inner loops have neither a condition nor a remainder.
    width = (features + 3) // 4 * 4
    line = np.zeros((steps + 4, width))
    for n in range(series):
        support, lone = 0, 0
        for t in range(steps):
            if weights[n, t] > 0:
                support += 1
                lone = t
        if support < 2:
            if support == 1:
                for t in range(steps):
                    for f in range(features):
                        smoothed[n, t, f] = values[n, lone, f]
            continue
        # Pivots and factors one and two steps back.
        pivot_1, pivot_2, first_1, second_1, second_2 = 0.0, 0.0, 0.0, 0.0, 0.0
        for t in range(steps):
            weight = np.float64(weights[n, t])
            if weight > 0:
                for f in range(features):
                    line[t + 2, f] = weight * values[n, t, f] - (first_1 * line[t + 1, f] + second_2 * line[t, f])
            else:
                for f in range(features):
                    line[t + 2, f] = -(first_1 * line[t + 1, f] + second_2 * line[t, f])
            pivot = diagonal[t] + weight - pivot_1 * first_1 * first_1 - pivot_2 * second_2 * second_2
            off = (above[t] if t < steps - 1 else 0.0) - pivot_1 * first_1 * second_1
            inverse[t] = 1 / pivot
            first[t] = off * inverse[t]
            second[t] = corner * inverse[t] if t < steps - 2 else 0.0
            pivot_2, second_2 = pivot_1, second_1
            pivot_1, first_1, second_1 = pivot, first[t], second[t]
        line[steps + 2:] = 0
        for t in range(steps - 1, -1, -1):
            for f in range(width):
                line[t + 2, f] = line[t + 2, f] * inverse[t] - (first[t] * line[t + 3, f] + second[t] * line[t + 4, f])
        for t in range(steps):
            for f in range(features):
                smoothed[n, t, f] = line[t + 2, f]
    return smoothed
