"""Where pixels are: projections, points of their grids, and coordinates of pixel centres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from agrispec.errors import EngineError
from agrispec.grid import Affine, Grid
from gee_scripts.engine.local.type_names import Named

METRES_A_DEGREE = 111319.49079327358
"""Length of a degree on the equator of WGS 84: π · 6378137 / 180."""


@dataclass(frozen=True, slots=True, repr=False)
class Projection(Named):
    """A CRS with the transform from pixel (column, row) to its coordinates, as `Grid.transform`."""

    crs: str
    transform: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @property
    def unit_metres(self) -> float:
        """Metres of one unit of the CRS, at the equator for degrees."""
        return METRES_A_DEGREE if is_geographic(self.crs) else 1.0

    @property
    def nominal_scale(self) -> float:
        """Metres of a pixel's side."""
        a, _, _, d, _, _ = self.transform
        return float(np.hypot(a, d)) * self.unit_metres

    def with_transform(self, transform: Sequence[float]) -> Projection:
        """The CRS with another transform.

        Raises:
            EngineError: it is no list of six numbers, or makes no pixels of some area.
        """
        if len(transform) != 6:
            raise EngineError(f"A transform has 6 numbers. Got {len(transform)}",
                              mend="give xScale, xShear, xTranslation, yShear, yScale and yTranslation")
        a, b, c, d, e, f = map(float, transform)
        if not all(map(math.isfinite, (a, b, c, d, e, f))) or a * e == b * d:
            raise EngineError(f"The transform {list(transform)} has no inverse", mend="give scales other than 0")
        return Projection(self.crs, (a, b, c, d, e, f))

    def at_scale(self, metres: float) -> Projection:
        """This projection with square, north-up pixels of that size, through the same origin.

        Raises:
            EngineError: the size is not positive and finite.
        """
        if not 0 < metres < math.inf:
            raise EngineError(f"The scale must be positive, not {metres}", mend="give metres of a pixel's side")
        side = metres / self.unit_metres
        _, _, c, _, _, f = self.transform
        return Projection(self.crs, (side, 0.0, c, 0.0, -side, f))


WGS84 = Projection("EPSG:4326")
"""1 degree: the projection of everything that has none of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Pixels picked out of the endless grid of a projection, N of them.

    Attributes:
        projection: the grid.
        columns, rows: (N,) int64, which pixels.
    """

    projection: Projection
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def crs(self) -> str:
        """The CRS of the grid."""
        return self.projection.crs

    @property
    def shape(self) -> tuple[int, ...]:
        """(N,)"""
        return (len(self.columns),)

    def cover(self) -> Grid:
        """The smallest raster of the grid that holds every point."""
        left, top = int(self.columns.min()), int(self.rows.min())
        endless = Grid(crs=self.crs, transform=self.projection.transform, width=1, height=1)
        return endless.window(top, left, int(self.rows.max()) - top + 1, int(self.columns.max()) - left + 1)


Domain = Grid | Points


def pixels_of(domain: Domain) -> tuple[NDArray[Any], NDArray[Any], Affine]:
    """Columns and rows of the pixels of a domain, which broadcast to its shape, and the transform they count in."""
    if isinstance(domain, Points):
        return domain.columns, domain.rows, domain.projection.transform
    return np.arange(domain.width)[None, :], np.arange(domain.height)[:, None], domain.transform


def centres(domain: Domain) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixel centres, in the shape of the domain and the units of its CRS."""
    columns, rows, (a, b, c, d, e, f) = pixels_of(domain)
    columns, rows = columns + 0.5, rows + 0.5
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    return np.broadcast_to(x, domain.shape), np.broadcast_to(y, domain.shape)


@lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Whether the CRS counts in degrees.

    Raises:
        EngineError: PROJ does not know it.
    """
    try:
        return bool(CRS.from_user_input(crs).is_geographic)
    except Exception as error:
        raise EngineError(f"Projection: The CRS of a map projection could not be parsed: {crs!r}",
                          mend="give an EPSG code such as EPSG:32631, or WKT") from error


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> Transformer:
    """The transformation between two CRSs, x before y.

    Raises:
        EngineError: PROJ does not know one of them.
    """
    is_geographic(source), is_geographic(target)
    return Transformer.from_crs(source, target, always_xy=True)


def coordinates(domain: Domain, crs: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixel centres in another CRS."""
    x, y = centres(domain)
    if domain.crs == crs:
        return x, y
    return transformer(domain.crs, crs).transform(x, y)
