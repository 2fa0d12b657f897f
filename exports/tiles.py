"""A map while it grows: its pixels in files, tile by tile as they come, and rows of them read again.

A tile's pixels lie together, so that each is written at once wherever it is; rows are put together when they are read.
Neither needs memory for more than what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from agrispec.formats.atomic import storage_error
from agrispec.grid import Grid


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

        One thread at a time reads or writes.

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

    def rows(self, name: str, row: int, count: int) -> NDArray[Any]:
        """(count, width, …) rows of an image from `row` on; there must be as many."""
        (dtype, depth), side, across = self.images[name], self.tiling.side, self.tiling.across
        first, last = row // side, (row + count - 1) // side
        row_bytes = across * side * side * depth * dtype.itemsize
        self.files[name].seek(first * row_bytes)
        content = np.frombuffer(self.files[name].read((last - first + 1) * row_bytes), dtype)
        laid = content.reshape(last - first + 1, across, side, side, depth).swapaxes(1, 2)
        found = laid.reshape(-1, across * side, depth)[row - first * side:, :self.tiling.grid.width][:count]
        return found[..., 0] if depth == 1 else found

    def strips(self) -> Iterator[tuple[int, int]]:
        """(first row, rows) of the rows of tiles."""
        height = self.tiling.grid.height
        for row in range(0, height, self.tiling.side):
            yield row, min(self.tiling.side, height - row)


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
