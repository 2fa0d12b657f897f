"""Bands whose pixels stand in arrays or GeoTIFFs: windows where grids are aligned, nearest pixels elsewhere, pixels
of their pyramids where grids are coarser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.files import File, read
from gee_scripts.engine.local.rasters.domains import Domain, Points, Projection, coordinates, is_geographic
from gee_scripts.engine.local.rasters.pyramids import Pyramid, at_level, block, level_of
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, Node, PixelType, Place, smaller


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pick:
    """Which pixels of a grid lie under the pixels of a domain.

    Attributes:
        shape: of the domain.
        window: (row, column, height, width) of all that has to be read, inside of the grid; None if nothing.
        corner: where the window lies in the domain, (row, column), when domain and grid are aligned.
        rows, columns: otherwise the pixel for every place of the domain, counted from the window's corner.
        inside: which places lie on the grid; None where all do.
        level: of the pyramid; window, rows and columns count its pixels.
    """

    shape: tuple[int, ...]
    window: tuple[int, int, int, int] | None
    corner: tuple[int, int] | None = None
    rows: NDArray[np.int64] | None = None
    columns: NDArray[np.int64] | None = None
    inside: NDArray[np.bool_] | None = None
    level: int = 0

    def taken(self, block: NDArray[Any] | None, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The pixels of the window, in the domain's shape; 0 outside of the grid."""
        if block is None:
            return np.zeros((1,) * len(self.shape), dtype)
        if self.corner is None:
            return block[self.rows, self.columns]
        if block.shape == self.shape:
            return block
        row, column = self.corner
        whole = np.zeros(self.shape, block.dtype)
        whole[row:row + block.shape[0], column:column + block.shape[1]] = block
        return whole


def pick(grid: Grid, domain: Domain) -> Pick:
    """Which pixels of an asset on `grid` lie under the pixel centres of `domain`, at the level that is read for it."""
    level = level_of(grid, domain)
    return _nearest(grid, domain) if level == 0 else replace(_nearest(at_level(grid, level), domain), level=level)


def _nearest(grid: Grid, domain: Domain) -> Pick:
    turns = _beyond(grid)
    offset = None if isinstance(domain, Points) or turns else _offset(grid, domain)
    if offset is not None:
        row, column = offset
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + domain.shape[0], grid.height), min(column + domain.shape[1], grid.width)
        if bottom <= top or right <= left:
            return Pick(shape=domain.shape, window=None, inside=np.zeros((1, 1), np.bool_))
        window, corner = (top, left, bottom - top, right - left), (top - row, left - column)
        if window[2:] == domain.shape:
            return Pick(shape=domain.shape, window=window, corner=corner)
        inside = np.zeros(domain.shape, np.bool_)
        inside[corner[0]:corner[0] + window[2], corner[1]:corner[1] + window[3]] = True
        return Pick(shape=domain.shape, window=window, corner=corner, inside=inside)
    x, y = coordinates(domain, grid.crs)
    if turns:
        west, _, east, _ = grid.bounds
        x = x - 360 * np.floor((x - (west + east) / 2 + 180) / 360)
    a, b, c, d, e, f = grid.transform
    size = a * e - b * d
    # A place within a millionth of a pixel of an edge is on it: coordinates pass through projections.
    columns = np.floor((e * (x - c) - b * (y - f)) / size + 1e-6).astype(np.int64)
    rows = np.floor((a * (y - f) - d * (x - c)) / size + 1e-6).astype(np.int64)
    inside = (columns >= 0) & (columns < grid.width) & (rows >= 0) & (rows < grid.height)
    if not inside.any():
        return Pick(shape=domain.shape, window=None, inside=np.zeros((1,) * len(domain.shape), np.bool_))
    everywhere = bool(inside.all())
    near_rows, near_columns = (rows, columns) if everywhere else (rows[inside], columns[inside])
    top, left = int(near_rows.min()), int(near_columns.min())
    window = top, left, int(near_rows.max()) - top + 1, int(near_columns.max()) - left + 1
    return Pick(shape=domain.shape, window=window,
                rows=rows - top if everywhere else np.where(inside, rows - top, 0),
                columns=columns - left if everywhere else np.where(inside, columns - left, 0),
                inside=None if everywhere else inside)


@lru_cache(maxsize=1024)
def _beyond(grid: Grid) -> bool:
    """Whether a grid in degrees goes beyond 180 by more than a pixel: its longitudes are then meant modulo 360.

    Those of regions and of other projections lie within 180.
    """
    west, _, east, _ = grid.bounds
    return max(-180 - west, east - 180) > abs(grid.transform[0]) and is_geographic(grid.crs)


def _offset(grid: Grid, domain: Grid) -> tuple[int, int] | None:
    """(row, column) of the grid's pixel under pixel (0, 0) of an aligned domain, None if it is not aligned."""
    (a, b, c, d, e, f), (a2, b2, c2, d2, e2, f2) = grid.transform, domain.transform
    step = max(abs(a), abs(e)) * 1e-9
    if grid.crs != domain.crs or b or d or b2 or d2 or abs(a - a2) > step or abs(e - e2) > step:
        return None
    column, row = (c2 - c) / a, (f2 - f) / e
    if abs(column - round(column)) > 1e-4 or abs(row - round(row)) > 1e-4:
        return None
    return round(row), round(column)


@lru_cache(maxsize=1024)
def picks(grid: Grid) -> Place:
    """The node of `pick`: one for all bands and scenes of the same grid."""
    return Place(lambda domain: pick(grid, domain))


@lru_cache(maxsize=1024)
def inside(grid: Grid) -> Node:
    """The mask of the pixels that lie on a grid."""
    return Apply(lambda found: found.inside, (picks(grid),))


@lru_cache(maxsize=4096)
def footprint(grid: Grid) -> Geometry:
    """The outline of a grid, one object for all images of the same grid."""
    return Geometry(shapely.box(*grid.bounds), grid.crs)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArrayBand(Node):
    """A band that stands in memory: values (row, column) on a grid."""

    values: NDArray[Any]
    grid: Grid
    pyramid: Pyramid = Pyramid()

    @property
    def dtype(self) -> np.dtype[Any]:
        """What its values are."""
        return self.values.dtype

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Which pixels to take."""
        return [(picks(self.grid), domain)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> NDArray[Any]:
        """The pixels under the domain."""
        found: Pick = arrays[0]
        if found.window is None:
            return found.taken(None, self.values.dtype)

        def read(row: int, column: int, height: int, width: int) -> NDArray[Any]:
            return self.values[row:row + height, column:column + width]

        pixels = block(read, self.grid, found.window, found.level, self.pyramid) if found.level else read(*found.window)
        return found.taken(pixels, self.values.dtype)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GeoTiffBand(Node):
    """Band `index` (from 0) of a GeoTIFF that lies on `grid`."""

    file: File
    index: int
    dtype: np.dtype[Any]
    grid: Grid
    pyramid: Pyramid = Pyramid()

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Which pixels to read."""
        return [(picks(self.grid), domain)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> NDArray[Any]:
        """The pixels under the domain.

        Raises:
            CorruptRecord: the file cannot be read.
        """
        return _planes(self.file, (self.index,), self.grid, (self.pyramid,), arrays[0], (self.dtype,))[0]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GeoTiffBands(Node):
    """Several bands of a GeoTIFF, read at once: its blocks hold all bands, and are then gone through once."""

    file: File
    indexes: tuple[int, ...]
    dtypes: tuple[np.dtype[Any], ...]
    pyramids: tuple[Pyramid, ...]
    grid: Grid

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Which pixels to read."""
        return [(picks(self.grid), domain)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> list[NDArray[Any]]:
        """The pixels of each band under the domain. Raises CorruptRecord: the file cannot be read."""
        return _planes(self.file, self.indexes, self.grid, self.pyramids, arrays[0], self.dtypes)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OneOf(Node):
    """Band number `place` of `GeoTiffBands`."""

    bands: GeoTiffBands
    place: int
    dtype: np.dtype[Any]

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """All of them."""
        return [(self.bands, domain)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> NDArray[Any]:
        """The pixels under the domain."""
        found: NDArray[Any] = arrays[0][self.place]
        return found


def _planes(file: File, indexes: tuple[int, ...], grid: Grid, pyramids: tuple[Pyramid, ...], found: Pick,
            dtypes: tuple[np.dtype[Any], ...]) -> list[NDArray[Any]]:
    if found.window is None:
        return [found.taken(None, dtype) for dtype in dtypes]
    # The level that is read; coarser ones are made of it.
    below = min(found.level, *(pyramid.stored for pyramid in pyramids))
    if found.level == below:
        blocks = read(file, below, indexes, found.window, scattered=found.rows is not None)
    else:
        blocks = [block(lambda *window, index=index: read(file, below, (index,), window)[0], at_level(grid, below),
                        found.window, found.level - below, pyramid)
                  for index, pyramid in zip(indexes, pyramids, strict=True)]
    return [found.taken(plane, dtype).astype(dtype, copy=False) for plane, dtype in zip(blocks, dtypes, strict=True)]


def asset_bands(bands: Iterable[tuple[str, Any]], source: Callable[[int], Node], grid: Grid,
                nodata: float | None = None) -> tuple[Band, ...]:
    """Bands of an image that lies on one grid.

    Args:
        bands: (name, dtype) of each.
        source: number of a band -> node of its values.
        grid: where its pixels are; outside of it every band is masked.
        nodata: value of masked pixels. NaN is masked whatever it is.
    """
    on_grid, projection = inside(grid), Projection(grid.crs, grid.transform)
    result = []
    for number, (name, dtype) in enumerate(bands):
        values, kind = source(number), PixelType.of(dtype)
        if nodata is not None and isinstance(values, ArrayBand | GeoTiffBand):
            values = replace(values, pyramid=replace(values.pyramid, nodata=nodata))
        mask = on_grid
        if kind.dtype.kind == "f" or nodata is not None:
            mask = Apply(_without(nodata), (values, on_grid))
        result.append(Band(name=name, type=kind, projection=projection, values=values, mask=mask,
                           size=grid.shape))
    return tuple(result)


@lru_cache(maxsize=64)
def _without(nodata: float | None) -> Callable[[NDArray[Any], Mask], Mask]:
    def mask(values: NDArray[Any], on_grid: Mask) -> Mask:
        there = values == values if nodata is None else values != nodata
        if nodata is not None and values.dtype.kind == "f":
            there &= values == values
        return smaller(there, on_grid)

    return mask

