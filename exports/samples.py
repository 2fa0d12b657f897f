"""The table of sampled places, and the target's labels kept apart from it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pandas as pd

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from agrispec.sample import MOST_ROWS, Sample

COLUMNS = tuple(field.name for field in fields(Sample))

NEEDED = tuple(field.name for field in fields(Sample) if field.default is MISSING)
"""Columns that every such table has; those of earlier versions lack the others, which hold their defaults there."""

_DEFAULTS = {field.name: field.default for field in fields(Sample) if field.default is not MISSING}


def encode(table: pd.DataFrame) -> bytes:
    """The bytes of a `samples.parquet`: columns of `agrispec.sample.Sample`, `row` ascending.

    Raises:
        DataError: rows do not ascend, or are more than a record can name.
    """
    rows = table["row"].to_numpy(np.int64)
    if len(table) and rows[-1] >= MOST_ROWS:
        raise DataError(f"{len(table)} samples are more than the {MOST_ROWS} that a record's row number can name",
                        mend="split the area into several runs")
    if (np.diff(rows, prepend=-1) <= 0).any():
        raise DataError("the samples' row numbers do not ascend from 0", mend="draw the places again")
    return bytes(_whole(table)[list(COLUMNS)].to_parquet(index=False))


def read(path: Path) -> pd.DataFrame:
    """The table of a `samples.parquet`, of all columns.

    Raises:
        CorruptRecord: the file is not such a table.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CorruptRecord(f"{path} is not a table of samples ({error})",
                            mend="export again, or restore the file") from error
    lost = [name for name in NEEDED if name not in table.columns]
    if lost:
        raise CorruptRecord(f"{path} lacks the columns {', '.join(lost)}", mend="export again, or restore the file")
    return _whole(table)


def write_truth(path: Path, table: pd.DataFrame) -> None:
    """Write `truth.parquet`: columns `row` and `label` of the target season's samples."""
    write_files({path: table[["row", "label"]].to_parquet(index=False)})


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: value for name, value in _DEFAULTS.items() if name not in table.columns})
