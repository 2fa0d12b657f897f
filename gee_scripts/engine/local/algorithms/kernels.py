"""Kernels: their weights over pixels of a size, and sums and extremes under them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from gee_scripts.engine.local.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Kernel

Array = NDArray[Any]

# A kernel of more pixels than this is applied by Fourier transforms.
_LARGE = 300

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
SHAPES = (*WIDTHS, "cross")
"""Kernels that focal filters know by name."""


def units_of(units: str) -> str:
    """The unit of a kernel.

    Raises:
        AlgorithmError: it is none.
    """
    if units not in ("pixels", "meters"):
        raise AlgorithmError(f"'{units}' is no unit of a kernel", mend="use pixels or meters")
    return units


def _constructor(kind: str) -> Callable[..., Kernel]:
    return lambda radius, units, normalised, magnitude: Kernel(
        kind=kind, radius=radius, units=units_of(units), normalised=normalised, magnitude=magnitude)


for _kind in ("circle", "square", "diamond", "plus", "cross", *DISTANCES):
    algorithm(f"Kernel.{_kind}")(_constructor(_kind))
algorithm("Kernel.octagon", differs="Cut where |x| + |y| exceeds the rounded radius times the root of 2.",
          source="https://developers.google.com/earth-engine/apidocs/ee-kernel-octagon")(_constructor("octagon"))


@algorithm("Kernel.rectangle")
def rectangle(x_radius: float, y_radius: float, units: str, normalised: bool, magnitude: float) -> Kernel:
    """Equal weights in a rectangle."""
    return Kernel(kind="rectangle", radius=x_radius, units=units_of(units), normalised=normalised,
                  magnitude=magnitude, numbers=(y_radius,))


@algorithm("Kernel.gaussian", differs="It ends before the radius, as the documentation's example does.",
           source="https://developers.google.com/earth-engine/apidocs/ee-kernel-gaussian")
def gaussian(radius: float, sigma: float, units: str, normalised: bool, magnitude: float) -> Kernel:
    """A bell curve of the distance."""
    return Kernel(kind="gaussian", radius=radius, units=units_of(units), normalised=normalised, magnitude=magnitude,
                  numbers=(sigma,))


@algorithm("Kernel.fixed")
def fixed(width: int, height: int, rows: list[list[float]], x: int, y: int, normalised: bool) -> Kernel:
    """Weights one by one."""
    weights = tuple(tuple(float(value) for value in row) for row in rows)
    if not weights or not weights[0] or len({len(row) for row in weights}) > 1:
        raise AlgorithmError("the rows of weights differ in length or are empty", mend="give rows of one length")
    if (width >= 0 and width != len(weights[0])) or (height >= 0 and height != len(weights)):
        raise AlgorithmError(f"{len(weights)} rows of {len(weights[0])} weights, not {height} of {width}",
                             mend="give `width` and `height` of the weights, or leave them out")
    focus = (x if x >= 0 else len(weights[0]) // 2, y if y >= 0 else len(weights) // 2)
    return Kernel(kind="fixed", radius=0, normalised=normalised, weights=weights, focus=focus)


# https://developers.google.com/earth-engine/apidocs/ee-kernel-compass and so on show these.
_EDGES = {
    "laplacian4": ((0, 1, 0), (1, -4, 1), (0, 1, 0)), "laplacian8": ((1, 1, 1), (1, -8, 1), (1, 1, 1)),
    "sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), "prewitt": ((1, 0, -1), (1, 0, -1), (1, 0, -1)),
    "roberts": ((1, 0), (0, -1)), "kirsch": ((5, 5, 5), (-3, 0, -3), (-3, -3, -3)),
    "compass": ((1, 1, -1), (1, -2, -1), (1, 1, -1)),
}


def _edge(kind: str) -> Callable[[float, bool], Kernel]:
    rows = tuple(tuple(float(value) for value in row) for row in _EDGES[kind])
    return lambda magnitude, normalised: Kernel(kind="fixed", radius=0, weights=rows, focus=(1, 1),
                                                magnitude=magnitude, normalised=normalised)


for _kind in _EDGES:
    algorithm(f"Kernel.{_kind}", source=f"https://developers.google.com/earth-engine/apidocs/ee-kernel-{_kind}",
              differs="Normalised, the positive weights sum to 1 and the negative ones to -1.")(_edge(_kind))


@algorithm("Kernel.rotate")
def rotate(kernel: Kernel, turns: int) -> Kernel:
    """Turned clockwise by right angles."""
    return Kernel(kind="rotate", radius=kernel.radius, units=kernel.units, normalised=False, numbers=(turns,),
                  of=(kernel,))


@algorithm("Kernel.add")
def add(first: Kernel, second: Kernel, normalised: bool) -> Kernel:
    """The sum, centre on centre."""
    return Kernel(kind="add", radius=max(first.radius, second.radius), units=first.units, normalised=normalised,
                  of=(first, second))


@algorithm("Kernel.inverse")
def inverse(kernel: Kernel) -> Kernel:
    """One by each weight; 0 stays 0."""
    return Kernel(kind="inverse", radius=kernel.radius, units=kernel.units, normalised=False, of=(kernel,))


def weights_of(kernel: Kernel, scale: float) -> tuple[Array, int, int]:
    """(row, column) weights over pixels of `scale` metres, and the column and row of the centre."""
    weights, x, y = _shape(kernel, scale)
    if kernel.normalised:
        positive, negative = weights[weights > 0].sum(), -weights[weights < 0].sum()
        weights = np.where(weights > 0, weights / (positive or 1), weights / (negative or 1))
    return weights * kernel.magnitude, x, y


def _shape(kernel: Kernel, scale: float) -> tuple[Array, int, int]:
    if kernel.kind == "fixed":
        return np.array(kernel.weights, np.float64), *kernel.focus
    if kernel.of:
        return _made(kernel, scale)
    size = 1.0 if kernel.units == "pixels" else scale
    radius = kernel.radius / size
    if kernel.kind == "gaussian":
        reach = across = max(math.ceil(radius - 1e-9) - 1, 0)
    else:
        reach = math.floor(radius + 1e-9)
        across = math.floor(kernel.numbers[0] / size + 1e-9) if kernel.kind == "rectangle" else reach
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
        """(cells, row, column): every neighbour of every pixel."""
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
        """(cells, row, column): every neighbour of every pixel."""
        n = self.reach
        height, width = values.shape[0] - 2 * n, values.shape[1] - 2 * n
        return np.stack([values[row:row + height, n + shift:n + shift + width]
                         for row, half in enumerate(self.widths) for shift in range(-half, half + 1)])


def rows_of(kernel: Kernel, scale: float) -> Rows | Cells:
    """The pixels under a kernel over pixels of `scale` metres, without their weights where they are equal."""
    if kernel.kind not in WIDTHS:
        return Cells(*weights_of(kernel, scale))
    radius = kernel.radius_pixels(scale)
    reach = math.floor(radius + 1e-9)
    return Rows(tuple(WIDTHS[kernel.kind](radius, offset) for offset in range(-reach, reach + 1)))
