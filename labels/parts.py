"""Rows of parcels in parts on disk, such that parcels near each other meet in one part and one part fits in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROWS = 65536
"""Of a part, about."""

# A file is open for each; an operating system may allow 256.
_MOST = 100
_HOME = "_home"


def number_for(rows: int) -> int:
    """How many parts so many rows make."""
    return min(-(-rows // ROWS), _MOST) or 1


class Parts:
    """Rows by the 0.1 degree cells that their bounding boxes touch.

    A part holds the rows of many cells far from each other, so that parts are alike in size wherever parcels are dense.
    A row is at home in one part, and a guest in the others whose cells its box touches: two parcels whose boxes
    overlap are in one part together, at home or not. Rows lie compressed on disk, and in memory are those of one part
    at a time. Made with `with`, they can be read once the block has ended.

    Args:
        folder: empty, where they are kept.
        number: of parts.
        schema: of rows, without the column `_home`.
    """

    def __init__(self, folder: Path, number: int, schema: pa.Schema) -> None:
        self._paths = [folder / f"{part:03d}.arrow" for part in range(number)]
        self.schema = schema
        self._schema = schema.append(pa.field(_HOME, pa.bool_()))
        self._stack = ExitStack()

    def __len__(self) -> int:
        return len(self._paths)

    def __enter__(self) -> Parts:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._files = [self._stack.enter_context(pa.ipc.new_stream(str(path), self._schema, options=options))
                       for path in self._paths]
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def add(self, rows: pa.Table, bounds: NDArray[np.float64]) -> None:
        """Rows (N,), and west, south, east, north (N, 4) of each in degrees."""
        row, part, home = _placed(bounds, len(self))
        order = np.argsort(part, kind="stable")
        row, part, home = row[order], part[order], home[order]
        used, first, count = np.unique(part, return_index=True, return_counts=True)
        rows = rows.take(pa.array(row)).append_column(_HOME, pa.array(home))
        for each, start, length in zip(used.tolist(), first.tolist(), count.tolist(), strict=True):
            self._files[each].write_table(rows.slice(start, length))

    def all(self, part: int, columns: list[str]) -> pa.Table:
        """The rows of a part and its guests."""
        with pa.OSFile(str(self._paths[part])) as file, pa.ipc.open_stream(file) as stream:
            return pa.Table.from_batches((batch.select(columns) for batch in stream),
                                         pa.schema([self._schema.field(column) for column in columns]))

    def home(self) -> Iterator[pa.Table]:
        """The rows of each part, without its guests: each row once."""
        for part in range(len(self)):
            rows = self.all(part, self._schema.names)
            yield rows.filter(rows[_HOME]).drop_columns([_HOME])


def _placed(bounds: NDArray[np.float64], parts: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Row, part, and whether the row is at home there, of each row and part that belong together."""
    cells = np.floor(bounds * 10).astype(np.int64)
    width, height = (cells[:, 2:] - cells[:, :2] + 1).T
    # What touches as many cells as there are parts may be anywhere.
    everywhere = width * height >= 4 * parts
    row = np.repeat(np.arange(len(cells)), np.where(everywhere, parts, width * height))
    count = np.arange(len(row)) - np.searchsorted(row, row)
    cell = cells[row, :2] + np.stack([count % width[row], count // width[row]], axis=1)
    # 1009 columns apart, so that neighbours eastwards are in different parts, as those northwards are.
    part = np.where(everywhere[row], count, (cell[:, 0] * 1009 + cell[:, 1]) % parts)
    once = np.unique(row * parts + part, return_index=True)[1]
    return row[once], part[once], count[once] == 0
