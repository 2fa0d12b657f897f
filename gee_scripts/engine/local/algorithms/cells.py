"""Kernels over pixels of a size: their weights, and sums and extremes under them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Kernel

Array = NDArray[Any]

# A kernel of more pixels than this is applied by Fourier transforms.
_LARGE = 300

MOST_REACH = 512
"""Pixels from a kernel's centre to its edge, at most. The service's bound is not documented."""
MOST_STACKED = 2**28
"""Neighbours of all pixels that are held at once; 1 GB of float."""

WIDTHS: dict[str, Callable[[float, int], int]] = {
    # Half the width of the row `offset` rows from the centre.
    "circle": lambda radius, offset: math.floor(math.sqrt(radius * radius - offset * offset) + 1e-9),
    "square": lambda radius, offset: math.floor(radius + 1e-9),
    "diamond": lambda radius, offset: math.floor(radius + 1e-9) - abs(offset),
    "plus": lambda radius, offset: 0 if offset else math.floor(radius + 1e-9),
    # https://developers.google.com/earth-engine/apidocs/ee-kernel-octagon, whose example has the radius 3.
    "octagon": lambda radius, offset: min(math.floor(radius + 1e-9),
                                          math.floor(radius * math.sqrt(2) + 0.5) - abs(offset)),
}
"""Kernels that are one run of equal weights a row."""
DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    "euclidean": np.hypot, "manhattan": lambda x, y: np.abs(x) + np.abs(y),
    "chebyshev": lambda x, y: np.maximum(np.abs(x), np.abs(y)),
}


def check_reach(radius: float) -> float:
    """The radius of a kernel in pixels, if it is one that can be computed.

    Raises:
        AlgorithmError: it is longer than `MOST_REACH`, or no number.
    """
    # A fraction of a pixel is less than the next one.
    if not -math.inf < radius < MOST_REACH + 1:
        raise AlgorithmError(f"The kernel reaches {radius:g} pixels from its centre, more than {MOST_REACH}",
                             mend="give a smaller radius, or compute it at a larger scale")
    return radius


def _check_stack(cells: int, values: Array, reach: int) -> None:
    pixels = (values.shape[0] - 2 * reach) * (values.shape[1] - 2 * reach)
    if cells * pixels > MOST_STACKED:
        raise AlgorithmError(f"User memory limit exceeded. The kernel has {cells} pixels for each of {pixels}",
                             mend="give a smaller kernel, or compute it at a larger scale")


def weights_of(kernel: Kernel, scale: float) -> tuple[Array, int, int]:
    """(row, column) weights over pixels of `scale` metres, and the column and row of the centre."""
    weights, x, y = _shape(kernel, scale)
    if kernel.normalised:
        positive, negative = weights[weights > 0].sum(), -weights[weights < 0].sum()
        weights = np.where(weights > 0, weights / (positive or 1), weights / (negative or 1))
    return weights * kernel.magnitude, x, y


def _shape(kernel: Kernel, scale: float) -> tuple[Array, int, int]:
    if kernel.kind == "fixed":
        check_reach(max(len(kernel.weights), len(kernel.weights[0])) / 2)
        return np.array(kernel.weights, np.float64), *kernel.focus
    if kernel.of:
        return _made(kernel, scale)
    size = 1.0 if kernel.units == "pixels" else scale
    radius = check_reach(kernel.radius / size)
    if kernel.kind == "gaussian":
        reach = across = max(math.ceil(radius - 1e-9) - 1, 0)
    else:
        reach = math.floor(radius + 1e-9)
        across = math.floor(check_reach(kernel.numbers[0] / size) + 1e-9) if kernel.kind == "rectangle" else reach
    y, x = np.mgrid[-across:across + 1, -reach:reach + 1].astype(np.float64)
    if kernel.kind in WIDTHS:
        half = np.array([WIDTHS[kernel.kind](radius, int(offset)) for offset in y[:, 0]])
        weights = (np.abs(x) <= half[:, None]).astype(np.float64)
    elif kernel.kind in DISTANCES:
        # Distances are in the kernel's own units.
        weights = DISTANCES[kernel.kind](x, y) * size
    elif kernel.kind == "gaussian":
        sigma = kernel.numbers[0] / size
        weights = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    else:
        weights = (np.abs(x) == np.abs(y)).astype(np.float64) if kernel.kind == "cross" else np.ones(x.shape)
    return weights, reach, across


def _made(kernel: Kernel, scale: float) -> tuple[Array, int, int]:
    weights, x, y = weights_of(kernel.of[0], scale)
    if kernel.kind == "inverse":
        return np.divide(1.0, weights, out=np.zeros(weights.shape), where=weights != 0), x, y
    if kernel.kind == "rotate":
        for _ in range(int(kernel.numbers[0]) % 4):
            weights, x, y = np.rot90(weights, -1), weights.shape[0] - 1 - y, x
        return weights, x, y
    other, other_x, other_y = weights_of(kernel.of[1], scale)
    left, top = max(x, other_x), max(y, other_y)
    right = max(weights.shape[1] - x, other.shape[1] - other_x)
    bottom = max(weights.shape[0] - y, other.shape[0] - other_y)
    total = np.zeros((top + bottom, left + right))
    for part, column, row in ((weights, x, y), (other, other_x, other_y)):
        total[top - row:top - row + part.shape[0], left - column:left - column + part.shape[1]] += part
    return total, left, top


class Cells:
    """The pixels under a kernel, and their weights.

    Arrays given to its methods reach over the result's edges by `reach`.
    """

    def __init__(self, weights: Array, x: int, y: int) -> None:
        rows, columns = np.nonzero(weights)
        self.offsets: Sequence[tuple[int, int]] = list(zip((rows - y).tolist(), (columns - x).tolist(), strict=True))
        self.weights: Array = weights[rows, columns]
        self.box = (weights, x, y)
        self.reach = int(max(y, x, weights.shape[0] - 1 - y, weights.shape[1] - 1 - x, 0))

    @property
    def cells(self) -> int:
        """Number of pixels."""
        return len(self.offsets)

    @property
    def flat(self) -> bool:
        """Whether all weights are equal."""
        return bool(len(self.weights) == 0 or (self.weights == self.weights[0]).all())

    def _shifted(self, values: Array) -> Any:
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        for row, column in self.offsets:
            yield values[n + row:n + row + height, n + column:n + column + width]

    def sums(self, values: Array) -> Array:
        """Sums over the neighbourhoods."""
        n = self.reach
        total = np.zeros((values.shape[0] - 2 * n, values.shape[1] - 2 * n),
                         np.int64 if values.dtype.kind in "biu" else np.float64)
        for part in self._shifted(values):
            total += part
        return total

    def weighted(self, values: Array) -> Array:
        """Sums of weight times value."""
        n = self.reach
        if self.cells > _LARGE:
            weights, x, y = self.box
            centred = np.zeros((2 * n + 1, 2 * n + 1))
            centred[n - y:n - y + weights.shape[0], n - x:n - x + weights.shape[1]] = weights
            return np.asarray(signal.oaconvolve(values.astype(np.float64), centred[::-1, ::-1], mode="valid"))
        total = np.zeros((values.shape[0] - 2 * n, values.shape[1] - 2 * n))
        for weight, part in zip(self.weights, self._shifted(values), strict=True):
            total += weight * part
        return total

    def extremes(self, values: Array, smallest: bool) -> Array:
        """Minima, or maxima, over the neighbourhoods."""
        result: Array | None = None
        for part in self._shifted(values):
            result = part.copy() if result is None else (np.minimum if smallest else np.maximum)(result, part)
        if result is None:
            raise AlgorithmError("the kernel has no weights", mend="give a kernel with a weight other than 0")
        return result

    def stacked(self, values: Array) -> Array:
        """(cells, row, column): every neighbour of every pixel.

        Raises:
            AlgorithmError: they are more than `MOST_STACKED`.
        """
        _check_stack(self.cells, values, self.reach)
        return np.stack(list(self._shifted(values)))


@dataclass(frozen=True, slots=True)
class Rows:
    """A kernel of equal weights as rows: half width of each, from the top one to the bottom one.

    A sum costs a difference of running sums a row, and an extreme one running extreme a row: a circle of radius 6
    takes 13 steps instead of 113.
    """

    widths: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Pixels from the centre to the kernel's edge, in every direction."""
        return len(self.widths) // 2

    @property
    def cells(self) -> int:
        """Number of pixels."""
        return sum(2 * width + 1 for width in self.widths)

    def sums(self, values: Array) -> Array:
        """Sums over the neighbourhoods; `values` reach over the result's edges by `reach`."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        whole = values.dtype.kind in "biu"
        running = np.zeros((values.shape[0], values.shape[1] + 1), np.int64 if whole else np.float64)
        np.cumsum(values, axis=1, out=running[:, 1:])
        total = np.zeros((height, width), running.dtype)
        for row, half in enumerate(self.widths):
            line = running[row:row + height]
            total += line[:, n + half + 1:n + half + 1 + width] - line[:, n - half:n - half + width]
        return total

    def extremes(self, values: Array, smallest: bool) -> Array:
        """Minima, or maxima, over the neighbourhoods."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        along: dict[int, Array] = {}
        result: Array | None = None
        filtered = ndimage.minimum_filter1d if smallest else ndimage.maximum_filter1d
        for row, half in enumerate(self.widths):
            if half not in along:
                along[half] = filtered(values, 2 * half + 1, axis=1, mode="nearest") if half else values
            line = along[half][row:row + height, n:n + width]
            result = line.copy() if result is None else (np.minimum if smallest else np.maximum)(result, line)
        assert result is not None
        return result

    def stacked(self, values: Array) -> Array:
        """(cells, row, column): every neighbour of every pixel. Raises AlgorithmError as `Cells.stacked`."""
        n = self.reach
        _check_stack(self.cells, values, n)
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        return np.stack([values[row:row + height, n + shift:n + shift + width]
                         for row, half in enumerate(self.widths) for shift in range(-half, half + 1)])


def rows_of(kernel: Kernel, scale: float) -> Rows | Cells:
    """The pixels under a kernel over pixels of `scale` metres, without their weights where they are equal."""
    if kernel.kind not in WIDTHS:
        return Cells(*weights_of(kernel, scale))
    radius = check_reach(kernel.radius_pixels(scale))
    if radius < 0:
        raise AlgorithmError(f"The radius of a kernel must not be negative, but is {kernel.radius}",
                             mend="give a radius of 0 or more")
    reach = math.floor(radius + 1e-9)
    return Rows(tuple(WIDTHS[kernel.kind](radius, offset) for offset in range(-reach, reach + 1)))
