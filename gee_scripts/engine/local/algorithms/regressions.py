"""Regressions and correlations of several inputs, of one region or of every pixel of a stack at once.

Records lie along axis 0; a record that is not there has the weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gee_scripts.engine.local.algorithms import histograms
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Part

Array = NDArray[Any]

# Tuning constant of Talwar's weights, times a robust estimate of the spread of the residuals.
# https://doi.org/10.1080/03610927708827533 (Holland and Welsch 1977)
TALWAR = 2.795
ROUNDS = 50
"""Reweighted fits at most; Talwar's weights repeat after a few."""

BLOCK = 4_000_000
"""Numbers, or pairs of them, that are fitted at once."""
MOST_PAIRS = 30_000_000
"""Of records of one pixel or region."""

DIMENSIONS = {"linearRegression": (2, 1), "robustLinearRegression": (2, 1), "ridgeRegression": (2, 1, 1),
              "covariance": (2,), "centeredCovariance": (2,), "fixed2DHistogram": (2, 1, 1)}
"""Rank of the arrays that each output holds; numbers where a reducer is not named."""


def least(part: Part) -> int:
    """Records that a reducer of several inputs needs; below, its outputs are null."""
    kind = part.kind
    if kind == "linearRegression":
        return int(part.numbers[0]) + 1
    if kind == "robustLinearRegression":
        return int(part.numbers[0])
    if kind == "ridgeRegression":
        return int(part.numbers[0]) + 1
    if kind in ("linearFit", "sensSlope", "pearsonsCorrelation", "spearmansCorrelation", "kendallsCorrelation"):
        return 2
    return 1


def fitted(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    """The outputs of a reducer of several inputs.

    Args:
        part: one of `FITS`.
        columns: (N, …) an input, or (N, …, K) where inputs are arrays.
        share: (N, …) weights.

    Returns:
        (…) an output, and the axes of its arrays; anything where fewer than `least` records are there.
    """
    number, shape = len(share), share.shape[1:]
    pixels = int(np.prod(shape, dtype=np.int64))
    cells = number * (number - 1) // 2 if part.kind == "sensSlope" else sum(
        column.size // max(pixels, 1) for column in columns)
    if cells > MOST_PAIRS:
        raise AlgorithmError(f"Reducer.{part.kind} of {number} records compares {cells} pairs",
                             mend="use a larger scale, or a sample of the records")
    flat = [np.asarray(column).reshape((number, pixels, *column.shape[share.ndim:])) for column in columns]
    weights = np.asarray(share).reshape((number, pixels))
    # A block of pixels at a time: what fits are made of is many times larger than the pixels.
    block = max(BLOCK // max(cells, 1), 1)
    blocks = [FITS[part.kind](part, [np.asarray(column[:, place:place + block], np.float64) for column in flat],
                              np.asarray(weights[:, place:place + block], np.float64))
              for place in range(0, max(pixels, 1), block)]
    found = [np.concatenate(outputs) for outputs in zip(*blocks, strict=True)]
    return tuple(output.reshape((*shape, *output.shape[1:])) for output in found)


def _linear_fit(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    x, y = (np.where(share > 0, column, 0) for column in columns)
    whole = share.sum(axis=0)
    mean_x, mean_y = (share * x).sum(axis=0) / whole, (share * y).sum(axis=0) / whole
    apart = np.where(share > 0, x - mean_x, 0)
    scale = (share * apart * (y - mean_y)).sum(axis=0) / (share * apart * apart).sum(axis=0)
    return scale, mean_y - scale * mean_x


def _design(columns: Sequence[Array], share: Array, inputs: int) -> tuple[Array, Array, Array]:
    """(…, N, inputs), (…, N, others) and (…, N, 1): independent and dependent variables and weights."""
    known = [np.moveaxis(np.where(share > 0, column, 0), 0, -1) for column in columns]
    return (np.stack(known[:inputs], axis=-1), np.stack(known[inputs:], axis=-1),
            np.moveaxis(share, 0, -1)[..., None])


def _solved(x: Array, y: Array, weight: Array, penalty: float = 0.0) -> Array:
    """(…, inputs, others): coefficients of least squares. Columns are scaled first, to keep digits."""
    size = np.sqrt((weight * x * x).sum(axis=-2, keepdims=True)) if not penalty else np.ones((1, x.shape[-1]))
    size = np.where(size > 0, size, 1)
    scaled = x / size
    left = np.swapaxes(scaled * weight, -1, -2)
    normal = left @ scaled + penalty * np.eye(x.shape[-1])
    inverse: Array = np.linalg.pinv(normal, rcond=1e-14, hermitian=True)
    return np.asarray(inverse @ (left @ y) / np.swapaxes(size, -1, -2))


def _spread(x: Array, y: Array, weight: Array, coefficients: Array) -> Array:
    """(…, others): root of the mean square of the residuals."""
    return np.asarray(np.sqrt((weight * (y - x @ coefficients) ** 2).sum(axis=-2) / weight.sum(axis=-2)))


def _linear_regression(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    x, y, weight = _design(columns, share, int(part.numbers[0]))
    coefficients = _solved(x, y, weight)
    return coefficients, _spread(x, y, weight, coefficients)


def _robust(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    x, y, weight = _design(columns, share, int(part.numbers[0]))
    beta = part.numbers[2] if len(part.numbers) > 2 else None
    shape, inputs, others = x.shape[:-2], x.shape[-1], y.shape[-1]
    x, y, weight = (array.reshape((-1, *array.shape[-2:])) for array in (x, y, weight))
    kept = weight.copy()
    coefficients = _solved(x, y, kept)
    # Only fits whose records changed are made again.
    left = np.arange(len(x))
    for _ in range(ROUNDS):
        own, before = weight[left], kept[left]
        size = np.sqrt(((y[left] - x[left] @ coefficients[left]) ** 2).mean(axis=-1, keepdims=True))
        limit = beta if beta is not None else TALWAR * _median(np.where(own > 0, size, np.nan)) / 0.6745
        inside = np.where((size <= limit + 1e-12) & (own > 0), own, 0)
        # A fit that would leave nothing out of which to fit stays as it was.
        inside = np.where((inside > 0).sum(axis=-2, keepdims=True) >= inputs, inside, before)
        changed = (inside != before).any(axis=(-2, -1))
        left = left[changed]
        if not len(left):
            break
        kept[left] = inside[changed]
        coefficients[left] = _solved(x[left], y[left], kept[left])
    spread = _spread(x, y, kept, coefficients)
    return coefficients.reshape((*shape, inputs, others)), spread.reshape((*shape, others))


def _median(values: Array) -> Array:
    """Median over the last axis but one, of what is not NaN; NaN where nothing is."""
    ranked = np.sort(values, axis=-2)
    number = (~np.isnan(values)).sum(axis=-2, keepdims=True)
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, values.shape[-2] - 1)
    return np.asarray((np.take_along_axis(ranked, low, axis=-2) + np.take_along_axis(ranked, high, axis=-2)) / 2)


def _ridge(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    inputs, _, penalty = int(part.numbers[0]), part.numbers[1], part.numbers[2]
    x, y, weight = _design(columns, share, inputs)
    whole = weight.sum(axis=-2, keepdims=True)
    mean_x, mean_y = (weight * x).sum(axis=-2, keepdims=True) / whole, (weight * y).sum(axis=-2, keepdims=True) / whole
    slopes = _solved(x - mean_x, y - mean_y, weight, penalty)
    coefficients = np.concatenate([slopes, mean_y - mean_x @ slopes], axis=-2)
    left = (weight * (y - mean_y - (x - mean_x) @ slopes) ** 2).sum(axis=-2)
    total = (weight * (y - mean_y) ** 2).sum(axis=-2)
    freedom = whole[..., 0] - inputs - 1
    ratio = np.maximum(total - left, 0) / inputs / (left / freedom)
    return coefficients, np.sqrt(left / whole[..., 0]), special.fdtrc(inputs, freedom, ratio)


def _covariance(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    values, = columns
    weight = share[..., None]
    values = np.where(weight > 0, values, 0)
    whole = weight.sum(axis=0)
    mean = (weight * values).sum(axis=0) / whole if part.kind == "covariance" else 0.0
    apart = np.where(weight > 0, values - mean, 0)
    return (np.einsum("n...i,n...j->...ij", weight * apart, apart) / whole[..., None],)


def _pearson(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    x, y = (np.where(share > 0, column, 0) for column in columns)
    whole = share.sum(axis=0)
    x, y = (np.where(share > 0, column - (share * column).sum(axis=0) / whole, 0) for column in (x, y))
    r = (share * x * y).sum(axis=0) / np.sqrt((share * x * x).sum(axis=0) * (share * y * y).sum(axis=0))
    r = np.clip(r, -1, 1)
    freedom = (share > 0).sum(axis=0) - 2
    return r, np.where(freedom > 0, special.betainc(np.maximum(freedom, 1) / 2, 0.5, 1 - r * r), np.nan)


def _ranks(values: Array, there: Array) -> Array:
    """Ranks over axis 0 from 1, ties sharing their mean; of what is there."""
    below = np.zeros(values.shape)
    same = np.zeros(values.shape)
    for other, known in zip(values, there, strict=True):
        below += (other < values) & known
        same += (other == values) & known
    return below + (same + 1) / 2


def _spearman(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    there = share > 0
    return _pearson(part, [_ranks(column, there) for column in columns], there.astype(np.float64))


def _kendall(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    there = share > 0
    y = columns[-1]
    x = columns[0] if len(columns) == 2 else np.broadcast_to(
        np.arange(len(y), dtype=np.float64).reshape((-1,) + (1,) * (y.ndim - 1)), y.shape)
    shape = there.shape[1:]
    number = there.sum(axis=0)
    agreement, untied_x, untied_y = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    # Sums over groups of equal values, one term for each of its t members: t - 1 and so on.
    sums = np.zeros((2, 3, *shape))
    for place in range(len(y)):
        both = there[place] & there
        dx, dy = np.sign(x[place] - x), np.sign(y[place] - y)
        agreement += np.where(both, dx * dy, 0).sum(axis=0) / 2
        untied_x += (both & (dx != 0)).sum(axis=0) / 2
        untied_y += (both & (dy != 0)).sum(axis=0) / 2
        for axis, step in enumerate((dx, dy)):
            size = (both & (step == 0)).sum(axis=0)
            sums[axis] += np.where(there[place], np.stack([size - 1, (size - 1) * (2 * size + 5),
                                                           (size - 1) * (size - 2)]), 0)
    tau = agreement / np.sqrt(untied_x * untied_y)
    pairs = number * (number - 1.0)
    spread = (pairs * (2 * number + 5) - sums[0, 1] - sums[1, 1]) / 18 + sums[0, 0] * sums[1, 0] / (2 * pairs)
    spread = spread + np.where(number > 2, sums[0, 2] * sums[1, 2] / (9 * pairs * np.maximum(number - 2, 1)), 0)
    return tau, special.erfc(np.abs(agreement) / np.sqrt(spread) / np.sqrt(2))


def _sens_slope(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    x, y = columns
    there = share > 0
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    known = there[first] & there[second] & (run != 0)
    slopes = np.where(known, (y[second] - y[first]) / np.where(known, run, 1), np.nan)
    if not len(first):
        slopes = np.full((1, *x.shape[1:]), np.nan)
    slope = _middle(slopes)
    return slope, _middle(np.where(there, y - slope * x, np.nan))


def _middle(values: Array) -> Array:
    """Median over axis 0 of what is not NaN."""
    return _median(np.moveaxis(values, 0, -1)[..., None])[..., 0, 0]


def _extreme(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    ordered = np.where(share > 0, columns[0], np.inf if part.kind == "min" else -np.inf)
    place = ordered.argmin(axis=0) if part.kind == "min" else ordered.argmax(axis=0)
    return tuple(np.take_along_axis(column, place[None], axis=0)[0] for column in columns)


def _fixed_2d(part: Part, columns: Sequence[Array], share: Array) -> tuple[Array, ...]:
    return histograms.fixed_2d(columns[0], columns[1], share > 0, part.numbers)


FITS = {"linearFit": _linear_fit, "linearRegression": _linear_regression, "robustLinearRegression": _robust,
        "ridgeRegression": _ridge, "covariance": _covariance, "centeredCovariance": _covariance,
        "pearsonsCorrelation": _pearson, "spearmansCorrelation": _spearman, "kendallsCorrelation": _kendall,
        "sensSlope": _sens_slope, "min": _extreme, "max": _extreme, "fixed2DHistogram": _fixed_2d}
"""Name of a reducer -> its outputs."""


def several(part: Part) -> bool:
    """Whether a part is one of `FITS`: it takes records rather than numbers."""
    return part.kind in FITS and (part.kind not in ("min", "max") or len(part.inputs) > 1)
