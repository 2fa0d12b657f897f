"""A ledger run to its end: its shards are asked for, watched and brought here.

One thread decides and writes the ledger; others wait for answers. A process may end at any point: what it had submitted
goes on, and the next one takes it up from the ledger, for a submission that is repeated starts nothing new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from agrispec.cube import CubeSpec
from agrispec.engine import Engine, Operation
from agrispec.engine import State as TaskState
from agrispec.errors import (
    AgrispecError,
    BudgetExceeded,
    EngineError,
    EngineUnreachable,
    ObjectMissing,
    RecordError,
    StorageError,
)
from exports.export.book import Book, belongs
from exports.export.budget import FIRST, Budget, hours
from exports.export.failures import Answer
from exports.export.ledger import Entry, Ledger, State, begun_again
from exports.export.outcomes import Outcomes, Received
from exports.export.patience import Patience
from exports.planning import Shard
from exports.shards import rows_of

_POLL_S = (0.1, 10.0)
"""First and longest pause between two looks at the tasks."""

_ABSENT_S = 300.0
"""How long a task may be missing from the engine's list before it is held for lost: lists lag."""

_MOST_UNANSWERED = 20
"""How often a shard may be asked for without an answer while others are answered."""

_TELL_S = 0.5


class Route(Protocol):
    """How shards are made: by batch tasks, or by requests that are answered at once."""

    @property
    def width(self) -> int:
        """Shards that may be begun and not be here yet."""

    @property
    def threads(self) -> int:
        """Requests under way at once."""

    def begin(self, shard: Shard, attempt: int, path: Path) -> Operation | None:
        """Ask for a shard; called from several threads. None where it stands at `path` now.

        Raises:
            AgrispecError: it was refused, or there was no answer.
        """

    def fetch(self, shard: Shard, attempt: int, path: Path) -> None:
        """Bring a shard whose task has succeeded to `path`; called from several threads.

        Raises:
            StorageError: it could not be brought.
        """

    def stop(self) -> None:
        """Begin nothing any more, and wait for nothing."""


class Runner:
    """What runs a ledger.

    Args:
        ledger: of shards; this process holds its run.
        engine: who knows of tasks.
        route: how shards are made.
        folder: where they go, `NAME.tfrecord.gz` each.
        spec: their cube.
        budget: what the export may cost, all that the ledger knows of together.
        progress: told how far it is, in words.
        despair: stop where shard after shard fails.
    """

    def __init__(self, ledger: Ledger, engine: Engine, route: Route, folder: Path, spec: CubeSpec, budget: Budget,
                 progress: Callable[[str], None], *, despair: bool = True) -> None:
        self._ledger, self._engine, self._route = ledger, engine, route
        self._folder, self._spec, self._budget, self._tell = folder, spec, budget, progress
        self._book, self._patience = Book(ledger), Patience()
        self._outcomes = Outcomes(self._book, despair=despair)
        self._doing: dict[Future[Operation | Received], Entry] = {}
        self._busy: set[str] = set()
        self._unanswered: dict[str, tuple[int, float]] = {}
        self._absent: dict[str, float] = {}
        self._called_off: set[str] = set()
        self._look_at, self._pause, self._tell_at = 0.0, _POLL_S[0], 0.0

    def run(self, only: Collection[str] = ()) -> None:
        """Until every shard, or those named, is received or given up.

        Raises:
            BudgetExceeded: no shard may be begun any more; those that were are received.
            TaskFailed: no task can succeed until a person has mended something; those that were begun are received.
            EngineUnreachable: the engine did not answer for long.
            StorageError: files cannot be written here, or not be fetched.
        """
        chosen = frozenset(only)
        self._began, self._before = time.monotonic(), float(self._ledger.about.get("elapsed_s", 0.0))
        pool = ThreadPoolExecutor(self._route.threads, thread_name_prefix="export")
        try:
            while self._book.left(chosen):
                self._begin(pool, chosen)
                self._fetch(pool)
                self._look()
                if not self._settle() and self._over():
                    break
                if time.monotonic() >= self._tell_at:
                    self._report()
        finally:
            self._route.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            self._remember()
            self._report()
        if self._outcomes.stopped is not None:
            raise self._outcomes.stopped

    # What is to be done

    def _over(self) -> bool:
        """Whether nothing is under way and nothing may be begun."""
        if self._outcomes.stopped is None or self._doing:
            return False
        # Where files cannot be kept, tasks are not waited for: the next run finds them.
        return self._no_room or not (self._book[State.SUBMITTED] or self._book[State.EXPORTED])

    @property
    def _no_room(self) -> bool:
        return isinstance(self._outcomes.stopped, StorageError)

    def _begin(self, pool: ThreadPoolExecutor, chosen: frozenset[str]) -> None:
        if self._outcomes.stopped is not None or time.monotonic() < max(self._outcomes.queue_until,
                                                                        self._patience.until):
            return
        beginning = [entry for entry in self._doing.values() if entry.state is State.WAITING]
        costs = [(len(entry.shard.rows), entry.running_eecu)
                 for entry in (*beginning, *self._book[State.SUBMITTED].values())]
        # No more than are asked for at once, so that what stops the run stops them; and few before anything came and
        # after a failure.
        most = self._route.width if self._outcomes.proven else FIRST
        room = min(most - len(costs) - len(self._book[State.EXPORTED]), self._route.threads - len(beginning))
        done, lost = self._book.spent() if self._budget.limited else ([], 0.0)
        for name, entry in self._book[State.WAITING].items():
            if room <= 0:
                break
            if name in self._busy or not self._outcomes.ready(name) or not belongs(entry, chosen):
                continue
            size = len(entry.shard.rows)
            if not self._budget.room(done, lost, costs, size):
                if not costs and not self._book[State.EXPORTED]:
                    self._outcomes.stopped = self._exhausted()
                break
            costs.append((size, 0.0))
            room -= 1
            self._do(pool.submit(self._begun, entry), entry)

    def _do(self, future: Future[Operation | Received], entry: Entry) -> None:
        self._doing[future] = entry
        self._busy.add(entry.shard.name)

    def _begun(self, entry: Entry) -> Operation | Received:
        path = self._path(entry)
        started = self._route.begin(entry.shard, entry.attempt + 1, path)
        return self._read(path) if started is None else started

    def _fetch(self, pool: ThreadPoolExecutor) -> None:
        for name, entry in self._book[State.EXPORTED].items():
            if name not in self._busy and not self._no_room:
                self._do(pool.submit(self._fetched, entry), entry)

    def _fetched(self, entry: Entry) -> Received:
        path = self._path(entry)
        self._route.fetch(entry.shard, entry.attempt, path)
        return self._read(path)

    def _read(self, path: Path) -> Received:
        return Received(rows_of(path, self._spec), path.stat().st_size)

    def _path(self, entry: Entry) -> Path:
        return self._folder / f"{entry.shard.name}.tfrecord.gz"

    # What has come of it

    def _settle(self) -> bool:
        """Wait a moment for answers, and enter them; whether there were any."""
        if self._doing:
            done, _ = wait(self._doing, timeout=self._pause, return_when=FIRST_COMPLETED)
        else:
            time.sleep(min(self._pause, 1.0))
            return False
        for future in done:
            entry = self._doing.pop(future)
            self._busy.discard(entry.shard.name)
            try:
                found = future.result()
            except AgrispecError as error:
                self._refused(entry, error)
                continue
            self._patience.heard()
            if isinstance(found, Operation):
                self._submitted(entry, found)
            else:
                self._outcomes.arrived(entry, found, self._path(entry))
        self._call_off()
        return bool(done)

    def _refused(self, entry: Entry, error: AgrispecError) -> None:
        """Enter that a shard could not be begun, fetched or read."""
        if isinstance(error, EngineUnreachable):
            self._silent(error)
            self._left_out(entry, error)
        elif entry.state is State.EXPORTED:
            self._unfetched(entry, error)
        elif isinstance(error, StorageError):
            self._outcomes.stopped = error
        elif isinstance(error, RecordError):
            self._outcomes.failed(entry, str(error.message), Answer.RETRY)
        else:
            self._outcomes.failed(entry, error.message)

    def _left_out(self, entry: Entry, error: EngineUnreachable) -> None:
        """Give a shard up that is never answered while others are."""
        name = entry.shard.name
        count, since = self._unanswered.get(name, (0, time.monotonic()))
        self._unanswered[name] = count + 1, since
        if count + 1 >= _MOST_UNANSWERED and self._patience.answered > since:
            self._outcomes.failed(entry, error.message, Answer.GIVE_UP)

    def _unfetched(self, entry: Entry, error: AgrispecError) -> None:
        """Enter that the object of a task that succeeded is not there, damaged, or out of reach."""
        with suppress(OSError):
            self._path(entry).unlink(missing_ok=True)
        if isinstance(error, StorageError) and not isinstance(error, ObjectMissing):
            self._outcomes.stopped = error
        else:
            self._outcomes.failed(entry, error.message, Answer.RETRY)

    def _look(self) -> None:
        """Ask how the tasks stand, when it is time."""
        if not self._book[State.SUBMITTED] or time.monotonic() < self._look_at:
            return
        running = {entry.operation: entry for entry in self._book[State.SUBMITTED].values()}
        try:
            found = self._engine.operations(running)
        except EngineUnreachable as error:
            self._silent(error)
            return
        self._patience.heard()
        ended = 0
        for name, entry in running.items():
            operation = found.get(name) or self._missed(entry)
            if operation is None:
                continue
            self._absent.pop(name, None)
            ended += operation.done
            self._stands(entry, operation)
        # A twentieth more each time: the last look is late by at most a twentieth of what the tasks took.
        self._pause = _POLL_S[0] if ended and len(running) < 8 else min(self._pause * 1.05, _POLL_S[1])
        self._look_at = time.monotonic() + self._pause
        if ended:
            self._outcomes.queue_until = 0.0
        self._call_off()

    def _stands(self, entry: Entry, operation: Operation) -> None:
        """Enter how a shard's task stands."""
        if operation.state is TaskState.SUCCEEDED:
            self._book.change(replace(entry, state=State.EXPORTED, running_eecu=0.0,
                                      done_eecu=entry.done_eecu + operation.eecu_seconds))
        elif operation.done:
            reason = operation.error or "it was cancelled"
            spent_on = begun_again(entry, operation.eecu_seconds, reason)
            if entry.operation in self._called_off:
                self._book.change(spent_on)
            else:
                self._outcomes.failed(spent_on, reason,
                                      Answer.GIVE_UP if operation.state is TaskState.CANCELLED else None)
        elif operation.eecu_seconds != entry.running_eecu:
            self._book.change(replace(entry, running_eecu=operation.eecu_seconds))

    def _missed(self, entry: Entry) -> Operation | None:
        """What a task is that the engine's list lacked; None as long as it may only lag.

        One that is gone is asked for again under its own request id, so that one that is there all the same is found.
        """
        now, name = time.monotonic(), entry.operation
        if now - self._absent.setdefault(name, now) < _ABSENT_S:
            return None
        try:
            [found] = self._engine.operations([name]).values()
        except EngineUnreachable as error:
            self._silent(error)
        except ValueError:
            self._absent.pop(name)
            self._outcomes.failed(replace(entry, attempt=entry.attempt - 1), f"the task {name} is gone", Answer.RETRY)
        else:
            return found
        return None

    def _call_off(self) -> None:
        """End the tasks under way where they will not do better than those that failed: each failure is charged."""
        if not self._outcomes.hopeless:
            return
        for entry in self._book[State.SUBMITTED].values():
            if entry.operation not in self._called_off:
                with suppress(EngineError):
                    self._engine.cancel(entry.operation)
                    self._called_off.add(entry.operation)

    def _silent(self, error: EngineUnreachable) -> None:
        self._patience.silent(error)
        self._look_at = max(self._look_at, self._patience.until)

    def _remember(self) -> None:
        """Enter the tasks that were begun while the run ended."""
        for future, entry in self._doing.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                found = future.result()
                if isinstance(found, Operation):
                    self._submitted(entry, found)

    def _submitted(self, entry: Entry, operation: Operation) -> None:
        self._book.change(replace(entry, state=State.SUBMITTED, attempt=entry.attempt + 1, operation=operation.name))

    # How it stands

    def _exhausted(self) -> BudgetExceeded:
        return BudgetExceeded(f"{hours(self._book.used())} of the budget of {hours(self._budget.seconds)} are used, and"
                              f" another shard may go beyond it: {len(self._book[State.WAITING])} shards are left",
                              mend="go on with --resume and a larger --budget-eecu-h, or next month")

    def _report(self) -> None:
        """Tell how far it is, and keep how long it took."""
        self._tell_at = time.monotonic() + _TELL_S
        self._ledger.note(elapsed_s=self._before + time.monotonic() - self._began)
        entries, came = self._book.all(), self._book[State.RECEIVED].values()
        used = self._book.used() + sum(entry.running_eecu for entry in entries)
        self._tell(f"{len(came)} of {len(entries) - len(self._book[State.SPLIT])} shards,"
                   f" {sum(len(entry.shard.rows) for entry in came):,} samples, {hours(used)}")
