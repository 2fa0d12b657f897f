"""Which samples came, and in which file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """Records received, each by its row.

    Attributes:
        files: names of the files, some of which may hold none.
        rows: (R,) int64, row of each record.
        file: (R,) int32, its file, a place in `files`.
    """

    files: tuple[str, ...]
    rows: NDArray[np.int64]
    file: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Mapping[str, NDArray[np.int64]]) -> Arrivals:
        """The arrivals of file name -> rows of its records."""
        return cls(files=tuple(rows), rows=np.concatenate([np.empty(0, np.int64), *rows.values()]),
                   file=np.repeat(np.arange(len(rows), dtype=np.int32), [len(found) for found in rows.values()]))

    def came(self, expected: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(N,) whether a record came of each of `expected`, (N,) rows."""
        return np.isin(expected, self.rows)

    def unexpected(self, expected: NDArray[np.int64]) -> pd.DataFrame:
        """`row` and `file` of the records whose row is none of `expected`, by row."""
        return self._records(~np.isin(self.rows, expected))

    def repeated(self) -> pd.DataFrame:
        """`row` and `file` of all records whose row came more than once, by row."""
        _, which, times = np.unique(self.rows, return_inverse=True, return_counts=True)
        return self._records(times[which] > 1)

    def _records(self, chosen: NDArray[np.bool_]) -> pd.DataFrame:
        found = pd.DataFrame({"row": self.rows[chosen],
                              "file": np.array(self.files, object)[self.file[chosen]]})
        return found.sort_values(["row", "file"], ignore_index=True)
