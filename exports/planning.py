"""Samples to export tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pandas as pd

from agrispec.grid import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Places that one task exports: of one season and one cell, for a cell has one CRS.

    Attributes:
        season: year in which the season ends.
        cell: the places' cell.
        part: number of the task among those of its season and cell.
        at: (row, longitude, latitude) of each place.
    """

    season: int
    cell: Cell
    part: int
    at: tuple[tuple[int, float, float], ...]

    @property
    def name(self) -> str:
        """The shard's file, without its ending, below `shards/`."""
        return f"{self.season}/{self.cell.id}-{self.part:03d}"


def shards(samples: pd.DataFrame, per_task: int) -> Iterator[Shard]:
    """The shards of a table of samples, at most `per_task` places each; every sample is in exactly one."""
    for key, group in samples.groupby(["season", "cell"], sort=True):
        season, cell = cast("tuple[int, str]", key)
        places = list(zip(group["row"].tolist(), group["lon"].tolist(), group["lat"].tolist(), strict=True))
        for part, first in enumerate(range(0, len(places), per_task)):
            yield Shard(season=int(season), cell=Cell.parse(cell), part=part, at=tuple(places[first:first + per_task]))


def request_id(*parts: str) -> str:
    """An id for a submission; the same parts give the same id, so submitting twice starts one task."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("agrispec-gee", *parts))))
