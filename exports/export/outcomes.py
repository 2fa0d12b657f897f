"""What follows from how a shard fared: it is here, asked for again, cut in two or given up, or all of it is stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import AgrispecError, TaskFailed
from exports.backoff import pause_s
from exports.export import failures
from exports.export.book import Book
from exports.export.failures import Answer
from exports.export.ledger import Entry, State, begun_again

_PAUSE_S = (1.0, 120.0)
"""First and longest pause before what failed is asked for again."""

_QUEUE_S = 30.0
"""How long a full queue is left alone where no task of ours ends."""

_MOST_AGAIN = 2
"""How often samples that did not come are asked for again."""

_HOPELESS, _GIVEN_UP, _EMPTY, _CUT_AGAIN = 24, 8, 2, 1
"""Weight of failures in a row that shows that the others will not do better, and what weighs a shard that was given up,
one that came empty, and one that was a half already and is cut again."""


@dataclass(frozen=True, slots=True)
class Received:
    """A shard's file, as it was read."""

    rows: NDArray[np.int64]
    bytes: int


class Outcomes:
    """Of the shards of one run of a ledger.

    Args:
        book: where each is entered.
        despair: stop where shard after shard fails, since each failure is charged.

    Attributes:
        stopped: why nothing may be begun any more; None while it may.
        hopeless: whether that is since shard after shard failed: tasks under way will not do better.
        queue_until: when the queue may have room again.
    """

    def __init__(self, book: Book, *, despair: bool) -> None:
        self.stopped: AgrispecError | None = None
        self.hopeless = False
        self.queue_until = 0.0
        self._book, self._despairs = book, despair
        self._in_a_row = 0
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    @property
    def proven(self) -> bool:
        """Whether shards come with records, and the last did: else what is wrong may be wrong for all."""
        return not self._in_a_row and any(len(entry.shard.rows) for entry in self._book[State.RECEIVED].values())

    def ready(self, name: str) -> bool:
        """Whether a shard that waits may be begun now."""
        return time.monotonic() >= self._not_before.get(name, 0.0)

    def arrived(self, entry: Entry, found: Received, path: Path) -> None:
        """Enter a shard that stands at `path`: whole, or with what it lacks asked for again."""
        asked, rows = entry.shard.rows, np.sort(found.rows)
        strange, twice = np.setdiff1d(rows, asked), int((np.diff(rows) == 0).sum())
        if len(strange) or twice:
            path.unlink(missing_ok=True)
            self.failed(entry, f"its file holds {len(strange)} samples that were not asked for and {twice} twice",
                        Answer.RETRY)
            return
        if not len(rows):
            path.unlink(missing_ok=True)
        self._in_a_row = 0 if len(rows) else self._in_a_row + _EMPTY
        missing = np.setdiff1d(asked, rows)
        here = replace(entry, shard=replace(entry.shard, rows=rows), state=State.RECEIVED, bytes=found.bytes,
                       attempt=max(entry.attempt, 1))
        if not len(missing):
            self._book.change(here)
        elif entry.again < _MOST_AGAIN:
            self._book.change(here, added=(Entry(shard=entry.shard.again(missing), again=entry.again + 1),))
        else:
            reason = f"it did not come from {_MOST_AGAIN + 1} tasks that succeeded: outside of the imagery?"
            self._book.change(here, lost=dict.fromkeys(missing.tolist(), reason))
        if not len(rows):
            self._despair("tasks succeed without any record")

    def failed(self, entry: Entry, words: str, answer: Answer | None = None) -> None:
        """Enter a failure, and what follows from it.

        Args:
            answer: what it calls for; None for what its words do.
        """
        name, answer = entry.shard.name, answer or failures.answer(words)
        again = begun_again(entry, entry.running_eecu, words)
        count = self._failures[name] = self._failures.get(name, 0) + (answer is not Answer.WAIT)
        if answer is Answer.WAIT:
            self.queue_until = time.monotonic() + _QUEUE_S
        elif answer is Answer.STOP:
            self._book.change(again)
            self.stopped = TaskFailed(f"Earth Engine refuses to go on: {words}",
                                      mend="mend what it names, then go on with --resume")
        elif answer is Answer.SPLIT and len(entry.shard.rows) > 1:
            self._book.change(replace(again, state=State.SPLIT),
                              added=tuple(Entry(shard=half) for half in entry.shard.halves()))
            self._fell(_CUT_AGAIN if name[-1] in "ab" else 0, words)
        elif answer is Answer.RETRY and count < failures.MOST_ATTEMPTS:
            self._book.change(again)
            self._not_before[name] = time.monotonic() + pause_s(count, *_PAUSE_S)
        else:
            self._book.change(replace(again, state=State.GIVEN_UP))
            self._fell(_GIVEN_UP, words)

    def _fell(self, weight: int, words: str) -> None:
        """Count a failure; what has succeeded and is on its way here may still show that others do better."""
        self._in_a_row += weight
        if not self._book[State.EXPORTED]:
            self._despair(words)

    def _despair(self, words: str) -> None:
        if self._despairs and self._in_a_row >= _HOPELESS and self.stopped is None:
            self.hopeless = True
            self.stopped = TaskFailed(f"shard after shard failed, and none came meanwhile: {words}",
                                      mend="mend what it names, then go on with --resume")
