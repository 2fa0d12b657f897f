"""How an export stands, from its ledger alone: no account and no network are asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from exports.export.budget import hours
from exports.export.ledger import Entry, State, spent

_COLUMNS = (State.WAITING, State.SUBMITTED, State.EXPORTED, State.RECEIVED, State.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Counts of an export.

    Attributes:
        shards: (season, state) -> shards; those that were split are not counted, their halves are.
        samples: (season, state) -> samples.
        lost: samples that were given up one by one.
        eecu_seconds: compute used, failures among it.
        elapsed_s: how long it was worked at.
    """

    shards: Mapping[tuple[int, State], int]
    samples: Mapping[tuple[int, State], int]
    lost: int
    eecu_seconds: float
    elapsed_s: float

    @property
    def received(self) -> int:
        """Samples that are here."""
        return sum(count for (_, state), count in self.samples.items() if state is State.RECEIVED)

    @property
    def left(self) -> int:
        """Samples that are to come."""
        return sum(count for (_, state), count in self.samples.items()
                   if state in (State.WAITING, State.SUBMITTED, State.EXPORTED))

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest takes at the speed so far; None before anything came."""
        return self.elapsed_s / self.received * self.left if self.received and self.elapsed_s > 0 else None


def status(entries: Collection[Entry], lost: int, about: Mapping[str, Any]) -> Status:
    """The counts of a ledger's entries."""
    shards: dict[tuple[int, State], int] = {}
    samples: dict[tuple[int, State], int] = {}
    for entry in entries:
        if entry.state is State.SPLIT:
            continue
        key = (entry.shard.season, entry.state)
        shards[key] = shards.get(key, 0) + 1
        samples[key] = samples.get(key, 0) + len(entry.shard.rows)
    done, failed = spent(entries)
    used = failed + sum(cost for _, cost in done) + sum(entry.running_eecu for entry in entries)
    return Status(shards=shards, samples=samples, lost=lost, eecu_seconds=used,
                  elapsed_s=float(about.get("elapsed_s", 0.0)))


def table(found: Status) -> Table:
    """Shards by season and state, and samples that are here."""
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("season")
    for state in _COLUMNS:
        drawn.add_column(state.value, justify="right")
    drawn.add_column("samples here", justify="right")
    for season in sorted({season for season, _ in found.shards}):
        here = found.samples.get((season, State.RECEIVED), 0)
        planned = sum(count for (year, _), count in found.samples.items() if year == season)
        drawn.add_row(str(season), *(str(found.shards.get((season, state), 0)) for state in _COLUMNS),
                      f"{here:,} of {planned:,}")
    return drawn


def lines(found: Status, holder: str) -> list[str]:
    """What stands below the table.

    Args:
        holder: which process works at the export, "" where none does.
    """
    said = [f"{hours(found.eecu_seconds)} used in {duration(found.elapsed_s)}"]
    if found.lost:
        said.append(f"{found.lost} samples did not come, though their tasks succeeded")
    if holder and found.left:
        eta = found.eta_s
        said.append(f"{holder} is at it" + (f"; about {duration(eta)} left" if eta is not None else ""))
    elif holder:
        said.append(f"{holder} is at it")
    else:
        said.append("nobody is at it: go on with --resume")
    return said


def reasons(entries: Collection[Entry], lost: Mapping[int, str]) -> list[str]:
    """Why samples were given up, and why shards were begun again: a line a reason, the most frequent first."""
    given_up: dict[str, int] = {}
    for entry in entries:
        if entry.state is State.GIVEN_UP:
            given_up[entry.reason] = given_up.get(entry.reason, 0) + len(entry.shard.rows)
    for reason in lost.values():
        given_up[reason] = given_up.get(reason, 0) + 1
    said = [f"{count} samples given up: {reason}" for reason, count in
            sorted(given_up.items(), key=lambda item: -item[1])]
    again: dict[str, int] = {}
    for entry in entries:
        if entry.reason and entry.state is not State.GIVEN_UP:
            again[entry.reason] = again.get(entry.reason, 0) + 1
    return said + [f"{count} shards asked for again: {reason}" for reason, count in
                   sorted(again.items(), key=lambda item: -item[1])]


def duration(seconds: float) -> str:
    """Seconds in words: the largest unit, and the next."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours_, minutes = divmod(minutes, 60)
    return f"{hours_} h {minutes} min" if hours_ < 48 else f"{hours_ // 24} d {hours_ % 24} h"
