"""Least squares with a penalty, for many time series with gaps at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SERIES = 4096
"""Series whose normal equations are held at once."""


def fit(values: NDArray[np.float32], seen: NDArray[np.bool_], design: ArrayLike,
        penalties: ArrayLike) -> NDArray[np.float32]:
    """Coefficients of the terms of `design` that fit the seen steps best.

    Args:
        values: (N, T, F); what unseen steps hold is never read, so it may be a fill value or NaN.
        seen: (N, T), where a step was clearly seen.
        design: (T, P), the terms at each step.
        penalties: (P,), each above 0: what the square of a term's coefficient costs.

    Returns:
        (N, F, P) float32, solved in double precision; 0 where a series was never seen.

    Raises:
        ValueError: the shapes do not belong together.
    """
    terms, costs = np.asarray(design, np.float64), np.asarray(penalties, np.float64)
    if (values.ndim != 3 or seen.shape != values.shape[:2] or terms.shape != (values.shape[1], len(costs))
            or not (costs > 0).all()):
        raise ValueError(f"values {values.shape}, seen {seen.shape}, a design {terms.shape} and penalties"
                         f" {costs.tolist()} do not belong together")
    found = np.empty((len(values), values.shape[2], len(costs)), np.float32)
    for first in range(0, len(values), _SERIES):
        rows = slice(first, first + _SERIES)
        mask = seen[rows].astype(np.float64)
        # Of the steps that were not seen nothing may be read: 0 times NaN is NaN.
        observed = np.where(seen[rows][..., None], values[rows], 0).astype(np.float64)
        left = np.einsum("nt,tp,tq->npq", mask, terms, terms, optimize=True) + np.diag(costs)
        right = np.einsum("tp,ntf->npf", terms, observed, optimize=True)
        found[rows] = np.linalg.solve(left, right).swapaxes(1, 2)
    return found
