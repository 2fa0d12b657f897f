"""Kernels."""

from __future__ import annotations

from collections.abc import Callable

from gee_scripts.engine.local.algorithms.cells import DISTANCES, WIDTHS
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Kernel

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
    if not all(isinstance(row, list) and all(isinstance(value, int | float) for value in row) for row in rows):
        raise AlgorithmError("the weights are not lists of numbers", mend="give a list for each row")
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
