"""The samples of a table against the cubes in a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import example
from exports import schema, shards
from exports.audit.arrivals import Arrivals
from exports.audit.contents import Contents

NOT_RECEIVED = "did not come"
"""Why a sample is missing that nobody has given up."""

_BATCH = 1024
"""Cubes read at a time: 3 MB of the widest preset, which stays in a cache."""

_NOTHING: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """What was expected, what came, and what it holds.

    Attributes:
        seasons: S years of the table, ascending.
        cells: `season`, `cell`, `expected`, `received`: samples of each cell, and those of which a cube came.
        classes: `season`, `class`, `expected`, `received`: the same by name of class, "unlabelled" where the label is
            not opened.
        missing: `row`, `season`, `cell`, `lon`, `lat`, `label`, `reason` of the samples of which no cube came.
        unexpected: `row` and `file` of each record that no sample asked for.
        duplicates: `row` and `file` of each record whose row came more than once.
        contents: counts over the records that a sample asked for, each as often as it came; by `seasons`.
    """

    seasons: tuple[int, ...]
    cells: pd.DataFrame
    classes: pd.DataFrame
    missing: pd.DataFrame
    unexpected: pd.DataFrame
    duplicates: pd.DataFrame
    contents: Contents

    @property
    def expected(self) -> int:
        """Number of samples."""
        return int(self.cells["expected"].sum())

    @property
    def received(self) -> int:
        """Number of samples of which a cube came."""
        return int(self.cells["received"].sum())

    @property
    def complete(self) -> bool:
        """Whether every sample's cube came, once, and nothing else."""
        return self.missing.empty and self.unexpected.empty and self.duplicates.empty


def audit(table: pd.DataFrame, folder: Path, spec: CubeSpec, names: Sequence[str], progress: Callable[[str], None],
          lost: Mapping[int, str] = _NOTHING) -> Audit:
    """Compares a table of samples with the record files below a folder. Memory holds a batch of cubes.

    Args:
        table: columns of `agrispec.sample.Sample`; rows ascend, and may have gaps.
        folder: of the record files and their `cube.toml`.
        spec: the cube that they should be of.
        names: of the classes, by number.
        progress: told of each file.
        lost: row -> why it was given up; a sample given up is missing still.

    Raises:
        SchemaMismatch: the folder, or a file in it, is of another cube.
        CorruptRecord: a file is damaged, or holds a row number that is none.
        DataError: the table's rows do not ascend, or a label is no class.
    """
    shards.require(folder, spec)
    expected = table["row"].to_numpy(np.int64)
    if (np.diff(expected) <= 0).any():
        raise DataError("the rows of the table of samples do not ascend", mend="restore samples.parquet")
    seasons, season = np.unique(table["season"].to_numpy(np.int64), return_inverse=True)
    contents, rows = Contents.none(spec, len(seasons)), {}
    for path in sorted(folder.rglob("*.tfrecord.gz")):
        name = path.relative_to(folder).as_posix()
        found = [np.empty(0, np.int64)]
        for columns in example.iterate(path, schema.table_features(spec), _BATCH):
            found.append(_whole(columns[schema.ROW][:, 0], path))
            place = np.searchsorted(expected, found[-1])
            known = np.searchsorted(expected, found[-1], side="right") > place
            asked = columns[schema.CUBE] if known.all() else columns[schema.CUBE][known]
            contents += Contents.of(asked, season[place[known]], spec, len(seasons))
        rows[name] = np.concatenate(found)
        progress(name)
    arrivals = Arrivals.of(rows)
    came = arrivals.came(expected)
    missing = table.loc[~came, ["row", "season", "cell", "lon", "lat", "label"]].reset_index(drop=True)
    reasons = missing["row"].map(lambda row: lost.get(row, NOT_RECEIVED)).astype(object)
    return Audit(seasons=tuple(seasons.tolist()), cells=_counted(table, came, ["season", "cell"]),
                 classes=_by_class(table, came, names), missing=missing.assign(reason=reasons),
                 unexpected=arrivals.unexpected(expected), duplicates=arrivals.repeated(), contents=contents)


def _whole(rows: NDArray[np.float32], path: Path) -> NDArray[np.int64]:
    """Row numbers, which records carry as float32."""
    strange = ~((rows >= 0) & (rows == np.floor(rows)) & np.isfinite(rows))
    if strange.any():
        raise CorruptRecord(f"{path} holds a cube of row {rows[strange][0]}, which is no row number",
                            mend="export the records again")
    return rows.astype(np.int64)


def _counted(table: pd.DataFrame, came: NDArray[np.bool_], by: list[str]) -> pd.DataFrame:
    groups = table[by].assign(received=came).groupby(by, sort=True)["received"]
    return groups.agg(expected="size", received="sum").astype(np.int64).reset_index()


def _by_class(table: pd.DataFrame, came: NDArray[np.bool_], names: Sequence[str]) -> pd.DataFrame:
    counted = _counted(table, came, ["season", "label"])
    labels = counted.pop("label").to_numpy(np.int64)
    if len(strange := labels[(labels < -1) | (labels >= len(names))]):
        raise DataError(f"a sample has the label {strange[0]}, and there are {len(names)} classes",
                        mend="restore [[classes]] or samples.parquet")
    # A label of -1, agrispec.sample.UNLABELLED, is the last name.
    counted.insert(1, "class", np.array([*names, "unlabelled"], object)[labels])
    return counted
