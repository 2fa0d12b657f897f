"""Samples to export tasks, and what these will ask of the service; pure, and known before anything is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import QUEUED_TASKS, REQUEST_BYTES
from agrispec.formats import example
from agrispec.grid import Cell
from agrispec.sample import MOST_ROWS
from exports import schema

# Of a task's request: the graph without places, and a place in it. Both are what graphs of the presets have, rounded
# up; tests/exports/test_planning.py compares them.
_GRAPH_BYTES, _PLACE_BYTES = 24_000, 320

MOST_PLACES = (REQUEST_BYTES - _GRAPH_BYTES) // _PLACE_BYTES
"""Places that one request has room for."""

# Of a cell and season: its label maps, its places, its scenes.
_REQUESTS_A_CELL = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shard:
    """Samples that one task exports: of one season and one cell, for a cell has one CRS.

    Attributes:
        name: its file, without the ending, below `shards/`: `2023/E0045N0487-000`.
        season: year in which the season ends.
        cell: the places' cell.
        rows: (n,) int64, row numbers of the table of samples, ascending.
    """

    name: str
    season: int
    cell: Cell
    rows: NDArray[np.int64]

    def halves(self) -> tuple[Shard, Shard]:
        """Two shards of two or more samples that together are this one; their names add `a` and `b`."""
        middle = len(self.rows) // 2
        return (replace(self, name=f"{self.name}a", rows=self.rows[:middle]),
                replace(self, name=f"{self.name}b", rows=self.rows[middle:]))

    def again(self, rows: NDArray[np.int64]) -> Shard:
        """The shard that asks once more for some of the samples; its name adds `m`."""
        return replace(self, name=f"{self.name}m", rows=rows)


def shards(samples: pd.DataFrame, per_task: int) -> list[Shard]:
    """The shards of a table of samples; every sample is in exactly one.

    Args:
        samples: columns `row`, `season`, `cell`; rows ascend.
        per_task: samples of a shard at most, `MOST_PLACES` at most.

    Returns:
        Shards by season and cell; the same table gives the same ones.
    """
    per_task = min(per_task, MOST_PLACES)
    rows = samples["row"].to_numpy(np.int64)
    years, year = np.unique(samples["season"].to_numpy(np.int64), return_inverse=True)
    places = pd.Categorical(samples["cell"])
    cells, names = [Cell.parse(text) for text in places.categories], list(places.categories)
    group = year * max(len(cells), 1) + places.codes
    # Numbers of two bytes are sorted by counting them.
    order = np.argsort(group.astype(np.min_scalar_type(group.max(initial=0))), kind="stable")
    ordered, group = rows[order], group[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    found = []
    stops = np.append(starts, len(rows))[1:]
    for key, first, stop in zip(group[starts].tolist(), starts.tolist(), stops.tolist(), strict=True):
        season, cell = int(years[key // len(cells)]), key % len(cells)
        found += [Shard(name=f"{season}/{names[cell]}-{part:03d}", season=season, cell=cells[cell],
                        rows=ordered[start:min(start + per_task, stop)])
                  for part, start in enumerate(range(first, stop, per_task))]
    return found


def at(samples: pd.DataFrame, rows: NDArray[np.int64]) -> list[tuple[int, float, float]]:
    """(row, longitude, latitude) of samples by their row numbers."""
    place = np.searchsorted(samples["row"].to_numpy(), rows)
    return list(zip(rows.tolist(), samples["lon"].to_numpy()[place].tolist(),
                    samples["lat"].to_numpy()[place].tolist(), strict=True))


def parcels_at(samples: pd.DataFrame, rows: NDArray[np.int64]) -> list[tuple[int, str]]:
    """(row, parcel) of samples by their row numbers."""
    place = np.searchsorted(samples["row"].to_numpy(), rows)
    return list(zip(rows.tolist(), samples["parcel"].to_numpy(object)[place].tolist(), strict=True))


def representative(found: Sequence[Shard], count: int) -> list[Shard]:
    """`count` shards to measure before the others: evenly through all, ordered by season and size; the same each time.

    The smallest and the largest are not among them as soon as there are more than `count`.
    """
    ordered = sorted(found, key=lambda shard: (shard.season, len(shard.rows), shard.name))
    chosen = (np.arange(count) + 0.5) * len(ordered) / count
    return [ordered[number] for number in np.unique(chosen.astype(int)).tolist()]


def request_id(*parts: str) -> str:
    """An id for a submission; the same parts give the same id, so submitting twice starts one task."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("agrispec-gee", *parts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit of the service or of the records, and how far an export goes towards it.

    Attributes:
        name: what is limited.
        used: by the export.
        most: the limit.
        then: what happens at it.
    """

    name: str
    used: int
    most: int
    then: str

    @property
    def touched(self) -> bool:
        """Whether the export reaches it."""
        return self.used >= self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What an export asks for and what it brings.

    Attributes:
        exact: whether the samples are drawn; otherwise these are the most that there can be.
        sizes: samples by (season, cell).
        per_task: samples of a task at most.
        record_bytes: of one record in a TFRecord file, before GZIP.
    """

    exact: bool
    sizes: Mapping[tuple[int, str], int]
    per_task: int
    record_bytes: int

    @property
    def records(self) -> int:
        """Records, one a sample."""
        return sum(self.sizes.values())

    @property
    def tasks(self) -> int:
        """Export tasks."""
        return sum(-(-size // self.per_task) for size in self.sizes.values())

    @property
    def bytes(self) -> int:
        """Bytes of all TFRecord files, before GZIP."""
        return self.records * self.record_bytes

    @property
    def requests(self) -> int:
        """Requests that draw places, count scenes and submit tasks; looks at tasks come on top."""
        return len(self.sizes) * _REQUESTS_A_CELL + self.tasks

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What could stand in the way."""
        largest = min(max(self.sizes.values(), default=0), self.per_task)
        return (
            Limit(name="bytes of one request", used=_GRAPH_BYTES + _PLACE_BYTES * largest, most=REQUEST_BYTES,
                  then="a task is cut before it"),
            Limit(name="tasks in the project's queue", used=self.tasks, most=QUEUED_TASKS,
                  then="the others are submitted as tasks end"),
            Limit(name="samples that records can number", used=self.records, most=MOST_ROWS,
                  then="split the area into several runs"))


def record_bytes(spec: CubeSpec) -> int:
    """Bytes of one record of a cube in a TFRecord file, before GZIP: exact, for all of its values are floats."""
    return example.framed_bytes({name: feature.length for name, feature in schema.table_features(spec).items()})


def outline(samples: pd.DataFrame, config: Config) -> Outline:
    """What the export of drawn samples asks for."""
    counted: Mapping[Any, int] = samples.groupby(["season", "cell"]).size().to_dict()
    return Outline(exact=True, sizes=counted, per_task=min(config.samples.per_task, MOST_PLACES),
                   record_bytes=record_bytes(config.spec))


def most(config: Config) -> Outline:
    """What an export asks for at most, before its places are drawn."""
    return Outline(exact=False, sizes=dict(_most(config)), per_task=min(config.samples.per_task, MOST_PLACES),
                   record_bytes=record_bytes(config.spec))


def _most(config: Config) -> Iterator[tuple[tuple[int, str], int]]:
    drawn = config.samples.per_class * len(config.classes)
    kept = min(drawn, config.samples.per_source_cell or drawn)
    for cell in config.area.resolved:
        for year in config.season.source:
            yield (year, cell.id), kept
        yield (config.season.target, cell.id), config.samples.per_cell
