"""Tables of samples and of truth: places and their classes, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from agrispec.errors import CorruptRecord, DataError
from agrispec.sample import UNLABELLED
from exports import manifest, runs, samples
from exports.amounts import counted
from exports.inspection.text import entry, listed, table

TRUTH = ("row", "label")
"""The columns of a table of truth."""

_FOLDS = ("train", "validation", "test")


def describe(path: Path) -> Iterator[str]:
    """What a parquet file of samples or of truth holds.

    Raises:
        CorruptRecord: it is not readable.
        DataError: it has other columns.
    """
    run = runs.above(path)
    names = run.config.taxonomy.names if run else ()
    columns = _columns(path)
    if set(samples.NEEDED) <= set(columns):
        yield from entry("samples", str(path))
        yield from of_samples(path, names)
    elif columns == TRUTH:
        yield from entry("truth", str(path))
        yield from of_truth(path, names)
    else:
        raise DataError(f"{path} has the columns {', '.join(columns)}: neither samples nor truth",
                        mend="name a samples.parquet or a truth.parquet of a run")


def of_samples(path: Path, names: Sequence[str]) -> Iterator[str]:
    """Places by class, season and fold; raises as `describe`."""
    found = samples.read(path)
    yield from entry("places", f"{len(found):,} in {counted(found['cell'].nunique(), 'cell')}, rows"
                               f" {found['row'].min()}-{found['row'].max()}, digest {manifest.digest(path)}"
                     if len(found) else f"none, digest {manifest.digest(path)}")
    groups = [(season, fold) for season in sorted(found["season"].unique()) for fold in _FOLDS
              if ((found["season"] == season) & (found["fold"] == fold)).any()]
    counts = {group: found[(found["season"] == group[0]) & (found["fold"] == group[1])] for group in groups}
    numbers = sorted({int(label) for label in found["label"]} - {UNLABELLED})
    rows: list[list[object]] = [[_name(number, names), *((one["label"] == number).sum() for one in counts.values())]
                                for number in numbers]
    rows.append(["no label", *((one["label"] == UNLABELLED).sum() for one in counts.values())])
    rows.append(["cells", *(one["cell"].nunique() for one in counts.values())])
    yield from table(["class", *(f"{season} {fold}" for season, fold in groups)], rows)


def of_truth(path: Path, names: Sequence[str]) -> Iterator[str]:
    """Labels by class; raises as `describe`."""
    found = _read(path)
    lost = [name for name in TRUTH if name not in found.columns]
    if lost:
        raise CorruptRecord(f"{path} lacks the columns {', '.join(lost)}", mend="remove it and evaluate again")
    if found["label"].dtype.kind not in "iu":
        raise CorruptRecord(f"{path} has labels that are no class numbers", mend="remove it and evaluate again")
    numbers, counts = np.unique(found["label"].to_numpy(), return_counts=True)
    yield from entry("labels", f"{counted(len(found), 'place')}, opened for evaluation; training never reads them",
                     *listed(f"{_name(int(number), names)} {count:,}"
                             for number, count in zip(numbers, counts, strict=True)))


def _name(number: int, names: Sequence[str]) -> str:
    return names[number] if 0 <= number < len(names) else f"class {number}"


def _columns(path: Path) -> tuple[str, ...]:
    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CorruptRecord:
    return CorruptRecord(f"{path} is not a readable parquet file ({error})", mend="make it again, or restore the file")
