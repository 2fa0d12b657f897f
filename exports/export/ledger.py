"""What an export has planned, started, received and lost: the memory of a run that may be killed at any point.

One SQLite file. Each change is one transaction, written before what depends on it is done; a process that is killed
leaves the state before or after it, never one between. One process at a time writes (`exports.export.holding`), any
number read.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import CorruptRecord, RunError, StorageError
from agrispec.formats.atomic import storage_error
from agrispec.grid import Cell
from exports.planning import Shard

FORMAT = 1
"""Of the file; another one is not read."""

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shards (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, season INTEGER NOT NULL, cell TEXT NOT NULL,
    rows BLOB NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL, again INTEGER NOT NULL, operation TEXT NOT NULL,
    done_eecu REAL NOT NULL, running_eecu REAL NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE lost (row INTEGER PRIMARY KEY, shard TEXT NOT NULL, reason TEXT NOT NULL);
"""


class State(StrEnum):
    """Where a shard stands."""

    WAITING = "waiting"
    """To be asked for."""
    SUBMITTED = "submitted"
    """A task makes it."""
    EXPORTED = "exported"
    """It lies in the bucket."""
    RECEIVED = "received"
    """It is here, verified."""
    SPLIT = "split"
    """It was too large; others took its samples over."""
    GIVEN_UP = "given up"
    """It could not be made; the reason is kept."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """A shard and where it stands.

    Attributes:
        shard: what was planned; of a received one, the samples that came.
        state: where it stands.
        attempt: number of the task that makes it, from 1; 0 before the first.
        again: how often its samples did not come from tasks that succeeded.
        operation: id of that task, "" where there is none.
        done_eecu: EECU-seconds of tasks that have ended.
        running_eecu: of the task under way, as far as it says.
        bytes: of its file.
        reason: why it was begun again, or given up.
    """

    shard: Shard
    state: State = State.WAITING
    attempt: int = 0
    again: int = 0
    operation: str = ""
    done_eecu: float = 0.0
    running_eecu: float = 0.0
    bytes: int = 0
    reason: str = ""


def begun_again(entry: Entry, eecu_seconds: float, reason: str) -> Entry:
    """A shard that waits again after its task ended without a result.

    Args:
        eecu_seconds: what that task cost.
        reason: why.
    """
    return replace(entry, state=State.WAITING, operation="", running_eecu=0.0,
                   done_eecu=entry.done_eecu + eecu_seconds, reason=reason)


def spent(entries: Collection[Entry]) -> tuple[list[tuple[int, float]], float]:
    """(records, EECU-seconds) of the shards that tasks brought, and the EECU-seconds of tasks that brought nothing.

    Shards that cost nothing, of an earlier export or of interactive requests, are neither.
    """
    came = (State.RECEIVED, State.EXPORTED)
    done = [(len(entry.shard.rows), entry.done_eecu) for entry in entries
            if entry.state in came and entry.operation and len(entry.shard.rows)]
    return done, sum(entry.done_eecu for entry in entries if entry.state not in came or not len(entry.shard.rows))


class Ledger:
    """The ledger of one export.

    Args:
        path: a file that `create` made.

    Raises:
        RunError: it is of another format.
        CorruptRecord: it is no ledger.
        StorageError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # The runner and `status` meet here: whoever comes second waits. What is not there is not made.
            self._base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", timeout=30.0, isolation_level=None,
                                         uri=True)
            # A process that is killed loses nothing by it; a power cut may lose the last second.
            self._base.execute("PRAGMA synchronous = NORMAL")
            found = self._base.execute("PRAGMA user_version").fetchone()[0]
            if found == FORMAT:
                self._base.execute("SELECT 1 FROM shards LIMIT 1")
        except sqlite3.OperationalError as error:
            raise StorageError(f"{path} cannot be opened: {error}",
                               mend="make it readable and writable, or try again") from error
        except sqlite3.DatabaseError as error:
            raise CorruptRecord(f"{path} is not the ledger of an export ({error})", mend=_begin_anew(path)) from error
        if found != FORMAT:
            self._base.close()
            raise RunError(f"{path} is a ledger of format {found}, this version keeps format {FORMAT}",
                           mend="go on with the version that began this export; or " + _begin_anew(path))

    @classmethod
    def create(cls, path: Path, about: Mapping[str, Any], shards: Iterable[Shard],
               done: Iterable[Entry] = ()) -> Ledger:
        """A new ledger, which stands under its name only when it is whole.

        Args:
            path: where to; what is there is replaced.
            about: what the export is of, as JSON values.
            shards: what is planned.
            done: what stands already.

        Raises:
            StorageError: it cannot be written.
        """
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove(part)
            base = sqlite3.connect(part, isolation_level=None)
            base.executescript(_TABLES)
            base.execute("BEGIN")
            base.executemany("INSERT INTO about VALUES (?, ?)",
                             [(key, json.dumps(value)) for key, value in about.items()])
            base.executemany(_INSERT, [_columns(entry) for entry in
                                       (*done, *(Entry(shard=shard) for shard in shards))])
            base.execute("COMMIT")
            base.execute(f"PRAGMA user_version = {FORMAT}")
            # Readers do not wait for the writer, nor the writer for them.
            base.execute("PRAGMA journal_mode = WAL")
            base.close()
            _remove(path)
            os.replace(part, path)
        except sqlite3.OperationalError as error:
            raise StorageError(f"{path} could not be written: {error}", mend="make the folder writable, or free space"
                                                                              " on that disk") from error
        except OSError as error:
            raise storage_error(path, error) from error
        return cls(path)

    def close(self) -> None:
        """Let the file go."""
        self._base.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def about(self) -> dict[str, Any]:
        """What the export is of."""
        return {key: json.loads(value) for key, value in self._read("SELECT key, value FROM about")}

    def note(self, **about: Any) -> None:
        """Keep something about the export."""
        with self._written():
            self._base.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)",
                                   [(key, json.dumps(value)) for key, value in about.items()])

    def entries(self, *states: State) -> list[Entry]:
        """The shards in these states, or all, in the order they were planned."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        return [_entry(row) for row in self._read(f"{_SELECT} {where} ORDER BY number", states)]

    @property
    def lost(self) -> dict[int, str]:
        """Samples that were given up, by row number, with the reason."""
        return dict(self._read("SELECT row, reason FROM lost ORDER BY row"))

    def record(self, *changed: Entry, added: Iterable[Entry] = (), lost: Mapping[int, str] | None = None) -> None:
        """Enter how shards stand now, together with what follows from it, or nothing of it.

        Args:
            changed: known shards.
            added: new ones, waiting, in place of samples of the changed ones.
            lost: row numbers of samples that are given up, with the reason; of the shard that is changed first.
        """
        with self._written():
            self._base.executemany(_UPDATE, [(*_columns(entry)[3:], entry.shard.name) for entry in changed])
            self._base.executemany(_INSERT, map(_columns, added))
            self._base.executemany("INSERT OR REPLACE INTO lost VALUES (?, ?, ?)",
                                   [(row, changed[0].shard.name, reason) for row, reason in (lost or {}).items()])

    def reopen(self) -> None:
        """Let what was given up be asked for again."""
        with self._written():
            by_shard: dict[str, list[int]] = {}
            for row, name in self._base.execute("SELECT row, shard FROM lost ORDER BY row"):
                by_shard.setdefault(name, []).append(row)
            known = {entry.shard.name: entry.shard for entry in self.entries()}
            for name, rows in by_shard.items():
                again = known[name].again(np.array(rows, np.int64))
                self._base.execute(_INSERT, _columns(Entry(shard=again)))
            self._base.execute("DELETE FROM lost")
            self._base.execute("UPDATE shards SET state = ?, operation = '' WHERE state = ?",
                               (State.WAITING, State.GIVEN_UP))

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._base.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise CorruptRecord(f"{self.path} is damaged ({error})", mend=_begin_anew(self.path)) from error

    @contextmanager
    def _written(self) -> Iterator[None]:
        """One transaction, which is on its way to the disk when the block ends."""
        try:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StorageError(f"{self.path} could not be written: {error}",
                               mend="free space on that disk and go on with --resume") from error


_SELECT = ("SELECT name, season, cell, rows, state, attempt, again, operation, done_eecu, running_eecu, bytes, reason"
           " FROM shards")
_INSERT = ("INSERT INTO shards (name, season, cell, rows, state, attempt, again, operation, done_eecu, running_eecu,"
           " bytes, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
_UPDATE = ("UPDATE shards SET rows = ?, state = ?, attempt = ?, again = ?, operation = ?, done_eecu = ?,"
           " running_eecu = ?, bytes = ?, reason = ? WHERE name = ?")


def _columns(entry: Entry) -> tuple[Any, ...]:
    shard = entry.shard
    return (shard.name, shard.season, shard.cell.id, shard.rows.astype("<i8").tobytes(), entry.state.value,
            entry.attempt, entry.again, entry.operation, entry.done_eecu, entry.running_eecu, entry.bytes, entry.reason)


def _entry(row: tuple[Any, ...]) -> Entry:
    name, season, cell, rows, state, attempt, again, operation, done, running, size, reason = row
    numbers: NDArray[np.int64] = np.frombuffer(rows, "<i8").astype(np.int64)
    return Entry(shard=Shard(name=name, season=season, cell=Cell.parse(cell), rows=numbers), state=State(state),
                 attempt=attempt, again=again, operation=operation, done_eecu=done, running_eecu=running, bytes=size,
                 reason=reason)


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def _begin_anew(path: Path) -> str:
    return (f"remove {path.parent} to begin anew: shards that have come are lost, and tasks under way go on"
            " (https://code.earthengine.google.com/tasks)")
