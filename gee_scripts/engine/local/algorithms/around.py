"""Nodes that read pixels around each pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.cells import rows_of
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.rasters.domains import Domain, Points, Projection
from gee_scripts.engine.local.rasters.raster import Band, Mask, Node
from gee_scripts.engine.local.values import Kernel

Array = NDArray[Any]

MOST_PIXELS = 2**26
"""Pixels around those of a tile that are held at once; 256 MB of float."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Around(Node):
    """A function of the pixels around each pixel, on the grid that is asked for.

    At points it is computed on a raster of their grid that covers them all.

    Attributes:
        bands: their values and masks are read.
        reach: pixels that the function needs around each, on a grid.
        function: of the values, the masks (bool, or float32 where they are not), and the grid of the result; the
            arrays reach over its edges. It gives an array of the grid's shape, and of more axes, or several.
    """

    bands: tuple[Band, ...]
    reach: Callable[[Grid], int]
    function: Callable[[list[Array], list[Array], Grid], Any]

    def __post_init__(self) -> None:
        for band in self.bands:
            if band.type.dimensions:
                raise AlgorithmError(f"band '{band.name}' holds arrays",
                                     mend="give scalar bands: use arrayGet or arrayFlatten first")

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The input, over the edges too."""
        grid = domain.cover() if isinstance(domain, Points) else domain
        n = self.reach(grid)
        height, width = grid.height + 2 * n, grid.width + 2 * n
        if height * width > MOST_PIXELS:
            raise AlgorithmError(f"User memory limit exceeded. Neighbourhoods reach over {width} x {height} pixels",
                                 mend="give smaller kernels or fewer iterations, or compute it at a larger scale")
        around = grid.window(-n, -n, height, width) if n else grid
        return [(node, around) for band in self.bands for node in (band.values, band.mask)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The function's value at every pixel."""
        grid = domain.cover() if isinstance(domain, Points) else domain
        n = self.reach(grid)
        shape = grid.height + 2 * n, grid.width + 2 * n
        values = [np.ascontiguousarray(np.broadcast_to(array, shape)) for array in arrays[::2]]
        masks = [np.broadcast_to(np.True_ if mask is None else mask, shape) for mask in arrays[1::2]]
        result = self.function(values, masks, grid)
        return _gathered(result, domain) if isinstance(domain, Points) else result


def _gathered(result: Any, points: Points) -> Any:
    if isinstance(result, list | tuple):
        return type(result)(_gathered(item, points) for item in result)
    return result[points.rows - points.rows.min(), points.columns - points.columns.min()]


def scale_of(grid: Grid) -> float:
    """Metres of a pixel's side."""
    return Projection(grid.crs, grid.transform).nominal_scale


def under(bands: Sequence[Band], kernel: Kernel, function: Callable[..., Any]) -> Around:
    """A node of `function(values, masks, cells)` of the pixels under a kernel."""
    return Around(bands=tuple(bands), reach=lambda grid: rows_of(kernel, scale_of(grid)).reach,
                  function=lambda values, masks, grid: function(values, masks, rows_of(kernel, scale_of(grid))))


def as_mask(found: Array) -> Mask:
    """A bool array as a mask: None where it holds everywhere."""
    return None if found.all() else found
