"""What reviewers agreed on, with its cubes, as `exports.review.fetching` left it in `review/cubes/`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from agrispec.config import Config
from agrispec.errors import CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from exports import shards
from exports.runs import Run
from exports.shards import Cubes

_FILE = "taught.parquet"


def folder_of(run: Run) -> Path:
    """Where the cubes are."""
    return run.review / "cubes"


def write(run: Run, table: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Write down which of the cubes may teach: columns `row`, `label` (class number) and `cell`, and what is told."""
    found = pa.Table.from_pandas(table[["row", "label", "cell"]], preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(found.replace_schema_metadata({**(found.schema.metadata or {}),
                                                  b"review": json.dumps(about).encode()}), sink)
    write_files({folder_of(run) / _FILE: sink.getvalue()})


def read(run: Run, config: Config) -> tuple[Cubes, pd.DataFrame, dict[str, Any]]:
    """The cubes that may teach.

    Returns:
        N cubes; a row for each of them, as `write` was given it; and what a model's card tells: what was written, with
        how many samples there are.

    Raises:
        RunError: nothing was fetched.
        SchemaMismatch: the cubes are of another configuration.
        CorruptRecord: a file is damaged.
        DataError: no cube came.
    """
    path = run.need(folder_of(run) / _FILE, "train --with-review")
    try:
        written = pq.read_table(path)
        about: dict[str, Any] = json.loads(written.schema.metadata[b"review"])
        table = written.to_pandas()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} does not say what may teach ({error})",
                            mend=f"remove it and train again: agrispec-gee train {run.path} --with-review") from error
    cubes = shards.read(folder_of(run), config.spec)
    chosen = np.isin(cubes.rows, table["row"].to_numpy())
    if not chosen.any():
        raise DataError("no cube of a judged parcel came", mend="look whether the parcels lie within the imagery")
    taught = Cubes(rows=cubes.rows[chosen], values=cubes.values[chosen], counts=cubes.counts[chosen],
                   heat=None if cubes.heat is None else cubes.heat[chosen])
    return taught, table.set_index("row").loc[taught.rows].reset_index(), {**about, "samples": len(taught.rows)}
