"""Arrays to GeoTIFF files and back, whole or window by window.

Axes are (band, row, column). A Cloud Optimised GeoTIFF (COG) is a GeoTIFF in tiles with its overviews.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio._err import CPLE_BaseError  # not in rasterio.errors, and of no base of its own
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.windows import Window

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats.atomic import storage_error, write_files
from agrispec.grid import Grid

Colour = tuple[int, int, int]

POLICIES = ("MEAN", "MODE", "SAMPLE", "MEDIAN", "MIN", "MAX")
"""How coarser pixels of a band may be made.
https://developers.google.com/earth-engine/reference/rest/Shared.Types/PyramidingPolicy"""

_TILE = 256
# The COG driver's default tile. https://gdal.org/en/stable/drivers/raster/cog.html
_COG_TILE = 512
_THREADS = "all_cpus"  # that compress; the bytes are the same as with one
GDAL: Mapping[str, Any] = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""How GDAL opens files here. What stands beside a file is not part of it, and to look for it GDAL would list the
folder, thousands of scenes."""
# Megabytes of decoded blocks that GDAL keeps, of all files together: a season's under a row of patches. Its own limit
# grows with the machine. It reads this one when it decodes first; one given to Env goes when that Env ends.
os.environ.setdefault("GDAL_CACHEMAX", "512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a GeoTIFF file says of itself.

    Attributes:
        grid: place and shape.
        dtypes: NumPy type of each band.
        names: description of each band; "" where it has none.
        nodata: value that stands for nothing, or None.
        tags: dataset tags.
        masked: pixels are hidden by a mask inside of the file (an alpha band is a band).
        tile: (rows, columns) of a tile; None where it is not tiled.
        levels: overviews of 1/2, 1/4, … of the size, as far as each is there.
        headers_first: what describes the image and its overviews stands before all pixels, as in a COG.
    """

    grid: Grid
    dtypes: tuple[str, ...]
    names: tuple[str, ...]
    nodata: float | None
    tags: Mapping[str, str]
    masked: bool
    tile: tuple[int, int] | None
    levels: int
    headers_first: bool


def fits(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether `dtype` can hold `value`: integers exactly, floats as their nearest number (NaN: whether it has it)."""
    if dtype.kind == "f":
        return bool(np.isnan(value) or np.isinf(value) or abs(value) <= np.finfo(dtype).max)
    limits = np.iinfo(dtype)
    return bool(float(value).is_integer() and limits.min <= value <= limits.max)


def encode(values: np.ndarray, grid: Grid, *, names: Sequence[str] = (), nodata: float | None = None,
           colours: Mapping[int, Colour] | None = None, tags: Mapping[str, str] | None = None,
           compress: bool = True) -> bytes:
    """The bytes of a GeoTIFF.

    Args:
        values: (band, row, column), of a type GeoTIFF knows (8 to 64 bit integers, float32, float64).
        grid: its place; shape (row, column).
        names: descriptions of the bands.
        nodata: value that stands for nothing.
        colours: value -> red, green, blue; one band of uint8 only.
        tags: dataset tags.
        compress: DEFLATE, else not compressed.

    Raises:
        DataError: shape, type, no-data value or colours do not go together.
    """
    if values.ndim != 3 or values.shape[1:] != grid.shape:
        raise DataError(f"an array of shape {values.shape} does not fill a grid of shape {grid.shape}",
                        mend="give an array (band, row, column) of the grid's rows and columns")
    if values.dtype.kind not in "iuf" or values.dtype == np.float16:
        raise DataError(f"a GeoTIFF cannot hold {values.dtype} values",
                        mend="convert to an integer type, float32 or float64")
    if nodata is not None and not fits(nodata, values.dtype):
        raise DataError(f"the no-data value {nodata} cannot be written as {values.dtype}",
                        mend="choose a value that the type can hold")
    if colours is not None and (values.dtype != np.uint8 or len(values) != 1):
        raise DataError(f"a colour table was given for {len(values)} bands of {values.dtype}",
                        mend="colour tables belong to one band of uint8")
    with MemoryFile() as memory:
        with memory.open(**_options(grid, len(values), values.dtype, nodata, compress)) as target:
            target.write(values)
            _annotate(target, names, colours, tags)
        return bytes(memory.getbuffer())


def _options(grid: Grid, count: int, dtype: np.dtype[Any], nodata: float | None, compress: bool) -> dict[str, Any]:
    return {"driver": "GTiff", "count": count, "dtype": dtype.name, "width": grid.width, "height": grid.height,
            "crs": grid.crs, "transform": Affine(*grid.transform), "nodata": nodata,
            **({"compress": "deflate"} if compress else {})}


def _annotate(target: DatasetWriter, names: Sequence[str], colours: Mapping[int, Colour] | None,
              tags: Mapping[str, str] | None) -> None:
    if names:
        target.descriptions = tuple(names)
    if colours is not None:
        target.write_colormap(1, {value: (*colour, 255) for value, colour in colours.items()})
    if tags:
        target.update_tags(**tags)


def write(path: Path, values: np.ndarray, grid: Grid, *, names: Sequence[str] = (), nodata: float | None = None,
          colours: Mapping[int, Colour] | None = None, tags: Mapping[str, str] | None = None,
          compress: bool = True) -> None:
    """Write a GeoTIFF; it appears under its name only when it is whole. Arguments as in `encode`.

    Raises:
        DataError: see `encode`.
        StorageError: the disk is full or the folder not writable.
    """
    write_files({path: encode(values, grid, names=names, nodata=nodata, colours=colours, tags=tags,
                              compress=compress)})


WriteWindow = Callable[[int, int, np.ndarray], None]
"""Row and column of the upper left pixel, and (band, row, column)."""


@contextmanager
def writing(path: Path, grid: Grid, dtype: np.dtype[Any], names: Sequence[str], *, nodata: float | None = None,
            colours: Mapping[int, Colour] | None = None, tags: Mapping[str, str] | None = None,
            compress: bool = True) -> Iterator[WriteWindow]:
    """A tiled GeoTIFF to be written window by window; what is never written is no-data, else 0. Arguments as in
    `encode`.

    It has its name from the start: give one that nobody looks at. Windows of whole tiles (256 pixels) are the
    fastest. Memory is bounded by GDAL's block cache, whatever the size of the grid.

    Raises:
        StorageError: the disk is full or the folder not writable.
    """
    options = _options(grid, len(names), dtype, nodata, compress)
    options |= {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE, "bigtiff": "if_safer", "sparse_ok": True}
    with _stored(path):
        with rasterio.Env(**GDAL):
            created = rasterio.open(path, "w", **options)
        with created as target:
            _annotate(target, names, colours, tags)

            def write_window(row: int, column: int, values: np.ndarray) -> None:
                with _stored(path):
                    target.write(values, window=Window(column, row, values.shape[2], values.shape[1]))

            yield write_window
        _check_whole(path)


def cloud_optimise(base: Path, levels: Sequence[Path], target: Path, nodata: float | None = None) -> None:
    """Write a COG of a GeoTIFF and of the GeoTIFFs that are its overviews, the finest first.

    Args:
        base: of full size.
        levels: of 1/2, 1/4, … of its size, rounded up, with the same bands; beside it.
        target: the COG; it has its name from the start.
        nodata: value that stands for nothing.

    Raises:
        StorageError: the disk is full or the folder not writable.
    """
    virtual = base.with_suffix(".vrt")
    with _stored(target):
        rasterio.shutil.copy(base, virtual, driver="VRT")
        missing = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
        virtual.write_text(re.sub(r'<VRTRasterBand [^>]*band="(\d+)"[^>]*>', lambda found: found[0] + missing + "".join(
            f'<Overview><SourceFilename relativeToVRT="1">{level.name}</SourceFilename>'
            f"<SourceBand>{found[1]}</SourceBand></Overview>" for level in levels), virtual.read_text()))
        rasterio.shutil.copy(virtual, target, driver="COG", compress="deflate", blocksize=_COG_TILE,
                             overviews="FORCE_USE_EXISTING" if levels else "NONE", bigtiff="if_safer",
                             sparse_ok=True, num_threads=_THREADS)
        _check_whole(target)


# GDAL's words for what these policies do with 2 x 2 pixels; no-data pixels do not count.
# https://gdal.org/en/stable/drivers/raster/cog.html#general-creation-options
_RESAMPLING = {"MEAN": "AVERAGE", "MODE": "MODE"}


def pyramided(base: Path, target: Path, pyramiding: str) -> None:
    """Write a COG of a GeoTIFF, with overviews of 1/2, 1/4, … of its size down to a tile.

    Args:
        base: of full size; its names, no-data value, colours and tags become the COG's.
        target: the COG; it has its name from the start.
        pyramiding: "MEAN" or "MODE", how coarser pixels are made.

    Raises:
        StorageError: the disk is full or the folder not writable.
    """
    with _stored(target):
        rasterio.shutil.copy(base, target, driver="COG", compress="deflate", blocksize=_COG_TILE,
                             overview_resampling=_RESAMPLING[pyramiding], bigtiff="if_safer", num_threads=_THREADS)
        _check_whole(target)


@contextmanager
def _stored(path: Path) -> Iterator[None]:
    """GDAL's errors of a file that is written as ours. It does not say why: the file system is asked."""
    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:
        try:
            with open(path, "ab") as file:
                file.write(bytes(2**16))
        except OSError as cause:
            raise storage_error(path, cause) from error
        raise StorageError(f"{path} could not be written: {error}", mend="free space on that disk") from error
    except OSError as error:
        raise storage_error(path, error) from error


def _check_whole(path: Path) -> None:
    """Whether all tiles that the file tells of are in it: what GDAL fails to write at the end it says nowhere.

    Raises:
        OSError: not all are.
    """
    with rasterio.Env(**GDAL), rasterio.open(path) as source:
        ends = [_tag(source, f"BLOCK_OFFSET_{j}_{i}") + _tag(source, f"BLOCK_SIZE_{j}_{i}")
                for (i, j), _ in source.block_windows(1)]
    if max(ends) > os.path.getsize(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _tag(source: DatasetReader, name: str, overview: int | None = None) -> int:
    return int(source.get_tag_item(name, "TIFF", bidx=1, ovr=overview) or 0)


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    try:
        with rasterio.Env(**GDAL):
            opened = rasterio.open(path, driver="GTiff")
        with opened as source:
            yield source
    except RasterioError as error:
        raise CorruptRecord(f"{path} cannot be read as a GeoTIFF: {error}",
                            mend="give the path of a whole GeoTIFF file") from error


def describe(path: Path, crs: str | None = None) -> Layout:
    """Place, types, names and no-data value of a GeoTIFF, without its pixels.

    Args:
        path: the file.
        crs: what it is in, for those who know better than the file.

    Raises:
        CorruptRecord: the file is not there or not a GeoTIFF.
        DataError: it has no CRS.
    """
    with _open(path) as source:
        if crs is None and source.crs is None:
            raise DataError(f"{path} has no coordinate reference system", mend="assign one, e.g. by gdal_edit -a_srs")
        if crs is None:
            authority = source.crs.to_authority()
            crs = ":".join(authority) if authority else source.crs.to_wkt()
        a, b, c, d, e, f = source.transform[:6]
        grid = Grid(crs=crs, transform=(a, b, c, d, e, f), width=source.width, height=source.height)
        overviews = source.overviews(1)
        headers = [_tag(source, "IFD_OFFSET"), *(_tag(source, "IFD_OFFSET", each) for each in range(len(overviews)))]
        pixels = [_tag(source, "BLOCK_OFFSET_0_0", each) for each in (None, *range(len(overviews)))]
        return Layout(grid=grid, dtypes=tuple(source.dtypes), names=tuple(name or "" for name in source.descriptions),
                      nodata=source.nodata, tags=dict(source.tags()),
                      masked=any(flags == [MaskFlags.per_dataset] for flags in source.mask_flag_enums),
                      tile=source.block_shapes[0] if source.profile.get("tiled") else None,
                      levels=_halvings(overviews),
                      headers_first=max(headers) < min((place for place in pixels if place), default=max(headers) + 1))


def _halvings(overviews: Sequence[int]) -> int:
    """How many of the first overviews are of 1/2, 1/4, …"""
    for number, factor in enumerate(overviews):
        if factor != 2 ** (number + 1):
            return number
    return len(overviews)


def read(path: Path, bands: Sequence[int] | None = None,
         window: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """Pixels of a GeoTIFF as (band, row, column).

    Args:
        path: the file.
        bands: indices from 0, in the order wanted; None for all.
        window: row, column, height, width inside the image; None for all of it.

    Raises:
        CorruptRecord: the file is not there, not a GeoTIFF, or damaged.
    """
    with reading(path) as windows:
        return windows.pixels(window, bands)


class Windows:
    """A GeoTIFF held open, to be read window by window."""

    def __init__(self, source: DatasetReader, path: Path) -> None:
        self._source = source
        self._path = path

    def pixels(self, window: tuple[int, int, int, int] | None, bands: Sequence[int] | None = None) -> np.ndarray:
        """Its pixels as (band, row, column); arguments as of `read`. Raises CorruptRecord: it is damaged."""
        with _readable(self._path):
            return np.asarray(self._source.read(None if bands is None else [band + 1 for band in bands],
                                                window=_window(window)))

    def mask(self, window: tuple[int, int, int, int] | None) -> np.ndarray:
        """(row, column) bool: where the mask inside of the file shows pixels. Raises CorruptRecord: it is damaged."""
        with _readable(self._path):
            return np.asarray(self._source.read_masks(1, window=_window(window)) > 0)


@contextmanager
def reading(path: Path) -> Iterator[Windows]:
    """A GeoTIFF to read window by window.

    Raises:
        CorruptRecord: the file is not there, or not a GeoTIFF.
    """
    with _open(path) as source:
        yield Windows(source, path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        raise CorruptRecord(f"{path} cannot be read as a GeoTIFF: {error.__cause__ or error}",
                            mend="give the path of a whole GeoTIFF file") from error


def _window(window: tuple[int, int, int, int] | None) -> Window | None:
    if window is None:
        return None
    row, column, height, width = window
    return Window(column, row, width, height)
