"""Pixel grids, and the 0.1 degree cells that samples and folds are counted by."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agrispec.errors import ConfigError, DataError

Bounds = tuple[float, float, float, float]
"""west, south, east, north."""

Affine = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f of x = a·column + b·row + c, y = d·column + e·row + f, Earth Engine's crsTransform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A raster's place on the ground: CRS, affine transform and shape.

    Attributes:
        crs: coordinate reference system, e.g. "EPSG:32631".
        transform: pixel (column, row) to CRS coordinates; the corner of pixel (0, 0) is (c, f).
        width: columns.
        height: rows.
    """

    crs: str
    transform: Affine
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise DataError(f"a grid of {self.height} rows and {self.width} columns has no pixels",
                            mend="give an area that covers at least one pixel")
        a, b, _, d, e, _ = self.transform
        if a * e - b * d == 0:
            raise DataError(f"the grid transform {self.transform} folds its pixels onto a line",
                            mend="give pixel sizes that are not zero")

    @classmethod
    def covering(cls, crs: str, bounds: Bounds, scale: float) -> Grid:
        """The smallest north-up grid of pixels of `scale` CRS units, aligned to multiples of `scale`,
        that covers `bounds`."""
        west, south, east, north = bounds
        if not (east > west and north > south):
            raise DataError(f"the area west {west}, south {south}, east {east}, north {north} is empty",
                            mend="give west < east and south < north")
        # An edge within a thousandth of a pixel of a grid line is on it: coordinates pass through projections.
        left, top = math.floor(west / scale + 1e-3), math.ceil(north / scale - 1e-3)
        right, bottom = math.ceil(east / scale - 1e-3), math.floor(south / scale + 1e-3)
        return cls(crs=crs, transform=(scale, 0.0, left * scale, 0.0, -scale, top * scale),
                   width=max(right - left, 1), height=max(top - bottom, 1))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.height, self.width

    @property
    def bounds(self) -> Bounds:
        """west, south, east, north of the outer pixel edges, in CRS units."""
        a, b, c, d, e, f = self.transform
        xs = [c, c + a * self.width, c + b * self.height, c + a * self.width + b * self.height]
        ys = [f, f + d * self.width, f + e * self.height, f + d * self.width + e * self.height]
        return min(xs), min(ys), max(xs), max(ys)

    def window(self, row: int, column: int, height: int, width: int) -> Grid:
        """The grid of `height` × `width` pixels whose pixel (0, 0) is this grid's (`row`, `column`).

        The window may reach outside of the grid.
        """
        a, b, c, d, e, f = self.transform
        corner = (a, b, c + a * column + b * row, d, e, f + d * column + e * row)
        return replace(self, transform=corner, width=width, height=height)

    def padded(self, multiple: int) -> Grid:
        """This grid grown to the right and downwards until `multiple` divides both sides."""
        return replace(self, width=-(-self.width // multiple) * multiple,
                       height=-(-self.height // multiple) * multiple)

    def tiles(self, size: int) -> Iterator[tuple[int, int, Grid]]:
        """(row, column, grid) of the tiles of at most `size` × `size` pixels that cover this grid, row by row."""
        for row in range(0, self.height, size):
            for column in range(0, self.width, size):
                yield row, column, self.window(row, column, min(size, self.height - row),
                                               min(size, self.width - column))


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A cell of the 0.1 degree grid, counted from 180° W and 90° S.

    Attributes:
        column: 0 … 3599, eastwards.
        row: 0 … 1799, northwards.
    """

    column: int
    row: int

    @property
    def id(self) -> str:
        """The south-west corner in tenths of a degree, e.g. "E0045N0487" for 4.5° E, 48.7° N."""
        east, north = self.column - 1800, self.row - 900
        return f"{'W' if east < 0 else 'E'}{abs(east):04d}{'S' if north < 0 else 'N'}{abs(north):04d}"

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The cell of an id.

        Raises:
            ConfigError: `text` is not a cell id.
        """
        found = re.fullmatch(r"([EW])(\d{4})([NS])(\d{4})", text)
        if not found:
            raise ConfigError(f"{text!r} is not a 0.1 degree cell",
                              mend="write a cell by its south-west corner in tenths of a degree, e.g. E0045N0487")
        column = (-1 if found[1] == "W" else 1) * int(found[2]) + 1800
        row = (-1 if found[3] == "S" else 1) * int(found[4]) + 900
        return cls(column, row)

    @property
    def bounds(self) -> Bounds:
        """west, south, east, north in degrees."""
        west, south = self.column - 1800, self.row - 900
        return west / 10, south / 10, (west + 1) / 10, (south + 1) / 10

    @property
    def crs(self) -> str:
        """The one CRS of everything computed in this cell: the UTM zone of its centre."""
        west, south, east, north = self.bounds
        return utm_crs((west + east) / 2, (south + north) / 2)


def cell_of(lon: float, lat: float) -> Cell:
    """The cell that holds a place; its west and south edges belong to it.

    Raises:
        DataError: the place is not on the globe.
    """
    if not (-180 <= lon < 180 and -90 <= lat < 90):
        raise DataError(f"longitude {lon}, latitude {lat} is not on the globe",
                        mend="give longitudes of -180 to 180 and latitudes of -90 to 90 degrees, longitude first")
    # A billionth of a degree (0.1 mm) absorbs decimals such as 4.6 that binary cannot hold.
    return Cell(math.floor(lon * 10 + 1e-8) + 1800, math.floor(lat * 10 + 1e-8) + 900)


def cells_in(bounds: Bounds) -> tuple[Cell, ...]:
    """The cells that an area of `bounds` (degrees) touches, west to east, then south to north.

    Raises:
        DataError: the area is empty.
    """
    west, south, east, north = bounds
    if not (east > west and north > south):
        raise DataError(f"the area west {west}, south {south}, east {east}, north {north} is empty",
                        mend="give west < east and south < north, in degrees")
    first = cell_of(west, south)
    columns = max(math.ceil(east * 10 - 1e-8) + 1800 - first.column, 1)
    rows = max(math.ceil(north * 10 - 1e-8) + 900 - first.row, 1)
    return tuple(Cell(first.column + i, first.row + j) for j in range(rows) for i in range(columns))


def utm_crs(lon: float, lat: float) -> str:
    """The EPSG code of the WGS 84 / UTM zone of a place, e.g. "EPSG:32631"."""
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32700 if lat < 0 else 32600) + zone}"
