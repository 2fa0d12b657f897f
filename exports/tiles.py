"""A map while it grows: its pixels in files, tile by tile as they come, and windows of them read again.

A tile's pixels lie together, so that each is written at once wherever it is; windows are put together when they are
read. Neither needs memory for more than what is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from agrispec.formats.atomic import storage_error
from agrispec.grid import Grid

_COLUMNS = 1024
"""Of the windows that a map is read by: what they take does not grow with its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """A grid cut into square tiles, row by row from the upper left; the last ones of a row and of a column may reach
    over the edge.

    Attributes:
        grid: the map.
        side: of a tile, pixels.
    """

    grid: Grid
    side: int

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.grid.width // self.side)

    @property
    def count(self) -> int:
        """All tiles."""
        return self.across * -(-self.grid.height // self.side)

    def tile(self, number: int) -> Grid:
        """The pixels of a tile, with those over the edge."""
        row, column = divmod(number, self.across)
        return self.grid.window(row * self.side, column * self.side, self.side, self.side)

    def inside(self, number: int) -> Grid:
        """The pixels of a tile that are the map's; the upper left ones of `tile`."""
        row, column = (place * self.side for place in divmod(number, self.across))
        return self.grid.window(row, column, min(self.side, self.grid.height - row),
                                min(self.side, self.grid.width - column))


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Images of one map that are being written.

    Attributes:
        folder: a file an image.
        tiling: of all of them.
        images: name -> type and numbers a pixel.
        files: name -> its open file, without a buffer.
    """

    folder: Path
    tiling: Tiling
    images: Mapping[str, tuple[np.dtype[Any], int]]
    files: Mapping[str, BinaryIO]

    def write(self, first: int, tiles: Mapping[str, NDArray[Any]]) -> None:
        """Write tiles (n, row, column, …) that follow each other from number `first` on, of some images.

        One thread at a time writes.

        Raises:
            StorageError: the disk is full.
        """
        for name, pixels in tiles.items():
            content = np.ascontiguousarray(pixels, self.images[name][0])
            left = content.reshape(-1).view(np.uint8).data
            try:
                self.files[name].seek(first * content[0].nbytes)
                while left:
                    left = left[self.files[name].write(left):]
            except OSError as error:
                raise storage_error(self.folder / name, error) from error

    def window(self, name: str, row: int, column: int, height: int, width: int) -> NDArray[Any]:
        """(height, width, …) pixels of an image, the upper left of which is (row, column); all are the map's.

        Threads may read at once.
        """
        (dtype, depth), side = self.images[name], self.tiling.side
        left, right = column // side, (column + width - 1) // side
        tile_bytes = side * side * depth * dtype.itemsize
        rows = []
        for line in range(row // side, (row + height - 1) // side + 1):
            content = np.frombuffer(os.pread(self.files[name].fileno(), (right - left + 1) * tile_bytes,
                                             (line * self.tiling.across + left) * tile_bytes), dtype)
            rows.append(content.reshape(-1, side, side, depth).swapaxes(0, 1).reshape(side, -1, depth))
        found = np.concatenate(rows)[row % side:, column % side:][:height, :width]
        return found[..., 0] if depth == 1 else found

    def windows(self) -> Iterator[tuple[int, int, int, int]]:
        """(row, column, height, width) of windows that cover the map, of one row of tiles each."""
        height, width = self.tiling.grid.shape
        for row in range(0, height, self.tiling.side):
            for column in range(0, width, _COLUMNS):
                yield row, column, min(self.tiling.side, height - row), min(_COLUMNS, width - column)


@contextmanager
def canvas(folder: Path, tiling: Tiling, images: Mapping[str, tuple[np.dtype[Any], int]]) -> Iterator[Canvas]:
    """The canvas of a folder, which keeps what was written to it before.

    Raises:
        StorageError: its files cannot be opened.
    """
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for name, (dtype, depth) in images.items():
            path = folder / name
            try:
                path.touch()
                files[name] = stack.enter_context(open(path, "r+b", buffering=0))
                files[name].truncate(tiling.count * tiling.side**2 * depth * dtype.itemsize)
            except OSError as error:
                raise storage_error(path, error) from error
        yield Canvas(folder=folder, tiling=tiling, images=images, files=files)
