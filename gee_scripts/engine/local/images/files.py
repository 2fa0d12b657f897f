"""The GeoTIFFs behind images: files that stay open from one tile to the next, and their pixels."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

if sys.platform != "win32":
    import resource

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.formats.mapped import Mapped, mapped


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFile:
    """A GeoTIFF that belongs to whoever may write in its bucket.

    Attributes:
        path: where it stands.
        uri: gs://bucket/object#generation, the version that is meant: the time of the file in microseconds.
    """

    path: Path
    uri: str


File = Path | BucketFile


def read(file: File, level: int, bands: Sequence[int], window: tuple[int, ...], *,
         scattered: bool = False) -> list[NDArray[Any]]:
    """Pixels of a GeoTIFF: (row, column) of each band.

    Args:
        file: which.
        level: 0 for the full size, else which of its overviews, from 1.
        bands: numbers from 0.
        window: row, column, height, width, inside of that size.
        scattered: few of the pixels will be looked at, and soon: they may then be a view of the file.

    Raises:
        CorruptRecord: the file cannot be read.
    """
    path, status = _current(file)
    row, column, height, width = window
    try:
        plain = _plain(path, status.st_mtime_ns, status.st_ino) if level == 0 else None
        if plain is not None and plain.stop <= status.st_size:
            pixels = plain.open()[row:row + height, column:column + width]
            planes = [pixels[..., band] for band in bands]
            return planes if scattered else [np.ascontiguousarray(plane) for plane in planes]
        with _opened(path, status, level) as source:
            return list(source.read([band + 1 for band in bands], window=Window(column, row, width, height)))
    except (OSError, ValueError, RasterioError) as error:
        raise _unreadable(file, str(error.__cause__ or error)) from error


def _current(file: File) -> tuple[Path, os.stat_result]:
    """Where a file stands and what the system says of it."""
    path = file.path if isinstance(file, BucketFile) else file
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    if isinstance(file, BucketFile) and str(status.st_mtime_ns // 1000) != file.uri.rpartition("#")[2]:
        raise _unreadable(file, f"the object is of generation {status.st_mtime_ns // 1000} now")
    return path, status


def _unreadable(file: File, reason: str) -> CorruptRecord:
    if isinstance(file, BucketFile):
        # The service's words:
        # https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff#generations
        return CorruptRecord(f"Failed to load the GeoTIFF at `{file.uri}`: {reason}",
                             mend="an external image needs its object as it was: import it again")
    return CorruptRecord(f"{file} cannot be read as a GeoTIFF: {reason}", mend="write the asset again")


@lru_cache(maxsize=4096)
def _plain(path: Path, modified: int, inode: int) -> Mapped | None:
    """Where the pixels of a file lie, if they can be mapped; asked anew of a file that was replaced."""
    return mapped(path)


def _most_open() -> int:
    """How many GeoTIFFs stay open: at most half of the files that the system lets a process have.

    Opening one takes longer than reading a tile of it, and a season of one place is some 300 files; but macOS allows
    256 in all (`ulimit -n`).
    """
    if sys.platform == "win32":
        return _USEFUL_FILES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _USEFUL_FILES if soft == resource.RLIM_INFINITY else max(1, min(_USEFUL_FILES, soft // 2))


_USEFUL_FILES = 400
_open: OrderedDict[tuple[Path, int, int, int], tuple[Any, threading.Lock]] = OrderedDict()
_guard = threading.Lock()


@contextmanager
def _opened(path: Path, status: os.stat_result, level: int) -> Iterator[Any]:
    """An open dataset that no other thread uses meanwhile; a file that was replaced is opened anew."""
    key = path, status.st_mtime_ns, status.st_ino, level
    with _guard:
        entry = _open.pop(key, None)
        if entry is None:
            overview = {"overview_level": level - 1} if level else {}
            with rasterio.Env(**geotiff.GDAL):
                entry = rasterio.open(path, driver="GTiff", **overview), threading.Lock()
        _open[key] = entry
        while len(_open) > _most_open():
            # Not closed here: a thread may be reading it; it closes when the last one lets go.
            _open.popitem(last=False)
    with entry[1]:
        yield entry[0]
