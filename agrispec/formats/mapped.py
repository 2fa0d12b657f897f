"""Uncompressed GeoTIFFs as arrays that the system pages in: what is not touched is not read.

GDAL reads whole strips of all bands into a cache of its own and copies out of it. Of an uncompressed file the pages
of the pixels that are asked for are enough: a thousand points of a scene cost a sixteenth, its tiles a third.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# Tags of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _FILL_ORDER, _OFFSETS, _BANDS, _BYTES = 256, 257, 258, 259, 266, 273, 277, 279
_PLANAR, _FORMAT = 284, 339
_INTEGERS = {1: "u1", 3: "<u2", 4: "<u4", 16: "<u8"}
_KINDS = {1: "u", 2: "i", 3: "f"}
_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Where the pixels of an uncompressed GeoTIFF lie.

    Attributes:
        path: the file.
        offset: of the first byte of a pixel.
        dtype: of every band.
        shape: (row, column, band), in this order in the file.
    """

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]

    @property
    def stop(self) -> int:
        """The byte after the last one of a pixel."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    def open(self) -> NDArray[Any]:
        """(row, column, band), read-only; what was touched counts as memory of this process until it is let go.

        Raises:
            OSError: the file is gone.
            ValueError: it is too short to hold all pixels.
        """
        return np.asarray(np.memmap(self.path, self.dtype, "r", self.offset, self.shape))


def mapped(path: Path) -> Mapped | None:
    """Where the pixels of a file lie, if it is a TIFF that holds them one after another as they are; else None.

    That is what GDAL writes unless asked otherwise: little-endian, not compressed, the bands of a pixel side by
    side, strips in their order. Whether the file is long enough is not asked.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        tags = _first_directory(file)
    if not {_WIDTH, _HEIGHT, _OFFSETS, _BYTES} <= tags.keys():
        return None

    def one(tag: int) -> int:
        values = np.unique(tags.get(tag, [1]))
        return int(values[0]) if len(values) == 1 else -1

    bands = one(_BANDS)
    dtype = f"{_KINDS.get(one(_FORMAT), '?')}{one(_BITS) / 8:g}"
    if dtype not in _DTYPES or (one(_COMPRESSION), one(_FILL_ORDER)) != (1, 1) or (bands > 1 and one(_PLANAR) != 1):
        return None
    shape, starts, sizes = (one(_HEIGHT), one(_WIDTH), bands), tags[_OFFSETS], tags[_BYTES]
    if len(starts) != len(sizes) or (starts[1:] != starts[:-1] + sizes[:-1]).any():
        return None
    found = Mapped(path=path, offset=int(starts[0]), dtype=np.dtype(dtype), shape=shape)
    return found if sizes.sum() == found.stop - found.offset else None


def _first_directory(file: BinaryIO) -> dict[int, NDArray[np.int64]]:
    """Tag -> its integers, of the full-size image of a TIFF or BigTIFF; nothing of another or a damaged file."""
    header = file.read(16)
    if header[:4] == b"II*\0":
        number, entry, offset = struct.Struct("<H"), struct.Struct("<HHI4s"), int.from_bytes(header[4:8], "little")
    elif header[:8] == b"II+\0\x08\0\0\0":
        number, entry, offset = struct.Struct("<Q"), struct.Struct("<HHQ8s"), int.from_bytes(header[8:], "little")
    else:
        return {}
    tags = {}
    try:
        file.seek(offset)
        entries = file.read(entry.size * number.unpack(file.read(number.size))[0])
        for tag, kind, count, value in entry.iter_unpack(entries):
            if kind in _INTEGERS:
                dtype = np.dtype(_INTEGERS[kind])
                if dtype.itemsize * count > len(value):
                    file.seek(int.from_bytes(value, "little"))
                    value = file.read(dtype.itemsize * count)
                tags[tag] = np.frombuffer(value, dtype, count).astype(np.int64)
    except (struct.error, ValueError, OverflowError, MemoryError):
        return {}
    return tags
