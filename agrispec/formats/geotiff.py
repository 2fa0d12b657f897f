"""Arrays to GeoTIFF files and back.

Axes are (band, row, column). A Cloud Optimised GeoTIFF (COG) is a GeoTIFF in tiles with its overviews.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.windows import Window

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from agrispec.grid import Grid

Colour = tuple[int, int, int]

# How each pyramiding policy of Earth Engine makes a coarser pixel.
# https://developers.google.com/earth-engine/guides/scale#image_pyramids
OVERVIEW_RESAMPLING: Mapping[str, str] = {
    "MEAN": "AVERAGE", "MODE": "MODE", "SAMPLE": "NEAREST", "MEDIAN": "MED", "MIN": "MIN", "MAX": "MAX"}
_COG_RESAMPLING = {"AVERAGE", "MODE", "NEAREST"}

# The COG driver's default tile; smaller images get no overview.
# https://gdal.org/en/stable/drivers/raster/cog.html
COG_TILE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a GeoTIFF file says of itself.

    Attributes:
        grid: place and shape.
        dtypes: NumPy type of each band.
        names: description of each band; "" where it has none.
        nodata: value that stands for nothing, or None.
        tags: dataset tags.
    """

    grid: Grid
    dtypes: tuple[str, ...]
    names: tuple[str, ...]
    nodata: float | None
    tags: Mapping[str, str]


def fits(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether `dtype` can hold `value` exactly (NaN: whether it can hold NaN)."""
    if dtype.kind == "f":
        return bool(np.isnan(value) or np.isinf(value) or abs(value) <= np.finfo(dtype).max)
    limits = np.iinfo(dtype)
    return bool(float(value).is_integer() and limits.min <= value <= limits.max)


def encode(values: np.ndarray, grid: Grid, *, names: Sequence[str] = (), nodata: float | None = None,
           colours: Mapping[int, Colour] | None = None, tags: Mapping[str, str] | None = None,
           overviews: str | None = None, compress: bool = True) -> bytes:
    """The bytes of a GeoTIFF.

    Args:
        values: (band, row, column), of a type GeoTIFF knows (8 to 64 bit integers, float32, float64).
        grid: its place; shape (row, column).
        names: descriptions of the bands.
        nodata: value that stands for nothing.
        colours: value -> red, green, blue; one band of uint8 only.
        tags: dataset tags.
        overviews: None for a plain file; MEAN, MODE or SAMPLE for a COG whose overviews are made that way.
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
    options: dict[str, Any] = {"driver": "GTiff" if overviews is None else "COG", "count": len(values),
                               "dtype": values.dtype.name, "width": grid.width, "height": grid.height,
                               "crs": grid.crs, "transform": Affine(*grid.transform), "nodata": nodata}
    if compress:
        options["compress"] = "deflate"
    if overviews is not None:
        resampling = OVERVIEW_RESAMPLING.get(overviews)
        if resampling not in _COG_RESAMPLING:
            raise DataError(f"no overviews can be made by the pyramiding policy {overviews!r}",
                            mend="use MEAN, MODE or SAMPLE")
        options |= {"overview_resampling": resampling, "blocksize": COG_TILE, "bigtiff": "if_safer"}
    with MemoryFile() as memory:
        with memory.open(**options) as target:
            target.write(values)
            _annotate(target, names, colours, tags)
        return bytes(memory.getbuffer())


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
          overviews: str | None = None, compress: bool = True) -> None:
    """Write a GeoTIFF; it appears under its name only when it is whole. Arguments as in `encode`.

    Raises:
        DataError: see `encode`.
        StorageError: the disk is full or the folder not writable.
    """
    write_files({path: encode(values, grid, names=names, nodata=nodata, colours=colours, tags=tags,
                              overviews=overviews, compress=compress)})


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    try:
        with rasterio.open(path) as source:
            yield source
    except rasterio.errors.RasterioIOError as error:
        raise CorruptRecord(f"{path} cannot be read as a GeoTIFF: {error}",
                            mend="give the path of a whole GeoTIFF file") from error


def describe(path: Path) -> Layout:
    """Place, types, names and no-data value of a GeoTIFF, without its pixels.

    Raises:
        CorruptRecord: the file is not there or not a GeoTIFF.
        DataError: it has no CRS.
    """
    with _open(path) as source:
        if source.crs is None:
            raise DataError(f"{path} has no coordinate reference system", mend="assign one, e.g. by gdal_edit -a_srs")
        authority = source.crs.to_authority()
        crs = ":".join(authority) if authority else source.crs.to_wkt()
        a, b, c, d, e, f = source.transform[:6]
        return Layout(grid=Grid(crs=crs, transform=(a, b, c, d, e, f), width=source.width, height=source.height),
                      dtypes=tuple(source.dtypes), names=tuple(name or "" for name in source.descriptions),
                      nodata=source.nodata, tags=dict(source.tags()))


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
    with _open(path) as source:
        indexes = None if bands is None else [band + 1 for band in bands]
        if window is None:
            return np.asarray(source.read(indexes))
        row, column, height, width = window
        return np.asarray(source.read(indexes, window=Window(column, row, width, height)))
