"""A ledger run to its end: shards are asked for, watched, received and verified; what fails is asked for again, cut in
two, or given up with its reason.

One thread decides and writes the ledger; others wait for answers. A process may end at any point: what it had submitted
goes on, and the next one takes it up from the ledger, for a submission that is repeated starts nothing new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
    TaskFailed,
)
from exports.backoff import pause_s
from exports.export import failures
from exports.export.budget import FIRST, Budget, hours
from exports.export.failures import Answer
from exports.export.ledger import Entry, Ledger, State, begun_again, spent
from exports.planning import Shard
from exports.shards import rows_of

_POLL_S = (0.1, 10.0)
"""First and longest pause between two looks at the tasks."""

_PAUSE_S = (1.0, 120.0)
"""First and longest pause before what failed is asked for again."""

_PATIENCE_S = 1800.0
"""How long an engine may not answer: an export runs for hours, and networks come back."""

_QUEUE_S = 30.0
"""How long a full queue is left alone where no task of ours ends."""

_MOST_AGAIN = 2
"""How often samples that did not come are asked for again."""

_HOPELESS, _GIVEN_UP, _EMPTY, _CUT_AGAIN = 24, 8, 2, 1
"""Weight of failures in a row that shows that the others will not do better, and what weighs a shard that was given up,
one that came empty, and one that was a half already and is cut again."""

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


@dataclass(frozen=True, slots=True)
class Received:
    """A shard's file, as it was read."""

    rows: NDArray[np.int64]
    bytes: int


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
        self._in: dict[State, dict[str, Entry]] = {state: {} for state in State}
        for entry in ledger.entries():
            self._in[entry.state][entry.shard.name] = entry
        self._doing: dict[Future[Operation | Received], Entry] = {}
        self._busy: set[str] = set()
        self._despairs, self._in_a_row = despair, 0
        self._failures: dict[str, int] = {}
        self._unanswered: dict[str, tuple[int, float]] = {}
        self._absent: dict[str, float] = {}
        self._called_off: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._answered = time.monotonic()
        self._silences = 0
        self._queue_free = self._quiet_until = 0.0
        self._stopped: AgrispecError | None = None
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
            while self._left(chosen):
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
        if self._stopped is not None:
            raise self._stopped

    # What is to be done

    def _left(self, chosen: frozenset[str]) -> bool:
        return any(_of(entry, chosen) for state in (State.WAITING, State.SUBMITTED, State.EXPORTED)
                   for entry in self._in[state].values())

    def _over(self) -> bool:
        """Whether nothing is under way and nothing may be begun."""
        if self._stopped is None or self._doing:
            return False
        # Where files cannot be kept, tasks are not waited for: the next run finds them.
        return self._no_room or not (self._in[State.SUBMITTED] or self._in[State.EXPORTED])

    @property
    def _no_room(self) -> bool:
        return isinstance(self._stopped, StorageError)

    def _begin(self, pool: ThreadPoolExecutor, chosen: frozenset[str]) -> None:
        now = time.monotonic()
        if self._stopped is not None or now < self._queue_free:
            return
        beginning = [entry for entry in self._doing.values() if entry.state is State.WAITING]
        costs = [(len(entry.shard.rows), entry.running_eecu)
                 for entry in (*beginning, *self._in[State.SUBMITTED].values())]
        # No more than are asked for at once, so that what stops the run stops them; and few before anything came and
        # after a failure, for what is wrong may be wrong for all.
        known = not self._in_a_row and any(len(entry.shard.rows) for entry in self._in[State.RECEIVED].values())
        most = self._route.width if known else FIRST
        room = min(most - len(costs) - len(self._in[State.EXPORTED]), self._route.threads - len(beginning))
        done, lost = spent(self._all()) if self._budget.limited else ([], 0.0)
        for name, entry in list(self._in[State.WAITING].items()):
            if room <= 0:
                break
            if name in self._busy or now < self._not_before.get(name, 0.0) or not _of(entry, chosen):
                continue
            size = len(entry.shard.rows)
            if not self._budget.room(done, lost, costs, size):
                if not costs and not self._in[State.EXPORTED]:
                    self._stopped = self._exhausted()
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
        for name, entry in self._in[State.EXPORTED].items():
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
            self._heard()
            if isinstance(found, Operation):
                self._submitted(entry, found)
            else:
                self._arrived(entry, found)
        return bool(done)

    def _refused(self, entry: Entry, error: AgrispecError) -> None:
        """Enter that a shard could not be begun, fetched or read."""
        if isinstance(error, EngineUnreachable):
            self._silent(error)
            self._left_out(entry, error)
        elif entry.state is State.EXPORTED:
            self._unfetched(entry, error)
        elif isinstance(error, StorageError):
            self._stopped = error
        elif isinstance(error, RecordError):
            self._failed(entry, str(error.message), Answer.RETRY)
        else:
            self._failed(entry, error.message)

    def _left_out(self, entry: Entry, error: EngineUnreachable) -> None:
        """Give a shard up that is never answered while others are."""
        name = entry.shard.name
        count, since = self._unanswered.get(name, (0, time.monotonic()))
        self._unanswered[name] = count + 1, since
        if count + 1 >= _MOST_UNANSWERED and self._answered > since:
            self._failed(entry, error.message, Answer.GIVE_UP)

    def _unfetched(self, entry: Entry, error: AgrispecError) -> None:
        """Enter that the object of a task that succeeded is not there, damaged, or out of reach."""
        with suppress(OSError):
            self._path(entry).unlink(missing_ok=True)
        if isinstance(error, StorageError) and not isinstance(error, ObjectMissing):
            self._stopped = error
        else:
            self._failed(entry, error.message, Answer.RETRY)

    def _arrived(self, entry: Entry, found: Received) -> None:
        """Enter a shard that is here: whole, or with what it lacks asked for again."""
        asked, rows = entry.shard.rows, np.sort(found.rows)
        strange, twice = np.setdiff1d(rows, asked), int((np.diff(rows) == 0).sum())
        if len(strange) or twice:
            self._path(entry).unlink(missing_ok=True)
            self._failed(entry, f"its file holds {len(strange)} samples that were not asked for and {twice} twice",
                         Answer.RETRY)
            return
        if not len(rows):
            self._path(entry).unlink(missing_ok=True)
        self._in_a_row = 0 if len(rows) else self._in_a_row + _EMPTY
        missing = np.setdiff1d(asked, rows)
        here = replace(entry, shard=replace(entry.shard, rows=rows), state=State.RECEIVED, bytes=found.bytes,
                       attempt=max(entry.attempt, 1))
        if not len(missing):
            self._change(here)
        elif entry.again < _MOST_AGAIN:
            self._change(here, added=(Entry(shard=entry.shard.again(missing), again=entry.again + 1),))
        else:
            reason = f"it did not come from {_MOST_AGAIN + 1} tasks that succeeded: outside of the imagery?"
            self._change(here, lost=dict.fromkeys(missing.tolist(), reason))
        if not len(rows):
            self._despair("tasks succeed without any record")

    def _look(self) -> None:
        """Ask how the tasks stand, when it is time."""
        if not self._in[State.SUBMITTED] or time.monotonic() < self._look_at:
            return
        running = {entry.operation: entry for entry in self._in[State.SUBMITTED].values()}
        try:
            found = self._engine.operations(running)
        except EngineUnreachable as error:
            self._silent(error)
            return
        self._heard()
        ended = 0
        for name, entry in running.items():
            operation = found.get(name) or self._missed(entry)
            if operation is None:
                continue
            self._absent.pop(name, None)
            ended += operation.done
            if operation.state is TaskState.SUCCEEDED:
                self._change(replace(entry, state=State.EXPORTED, running_eecu=0.0,
                                     done_eecu=entry.done_eecu + operation.eecu_seconds))
            elif operation.done:
                reason = operation.error or "it was cancelled"
                spent_on = begun_again(entry, operation.eecu_seconds, reason)
                if name in self._called_off:
                    self._change(spent_on)
                else:
                    self._failed(spent_on, reason, Answer.GIVE_UP if operation.state is TaskState.CANCELLED else None)
            elif operation.eecu_seconds != entry.running_eecu:
                self._change(replace(entry, running_eecu=operation.eecu_seconds))
        # A twentieth more each time: the last look is late by at most a twentieth of what the tasks took.
        self._pause = _POLL_S[0] if ended and len(running) < 8 else min(self._pause * 1.05, _POLL_S[1])
        self._look_at = time.monotonic() + self._pause
        if ended:
            self._queue_free = 0.0

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
            self._failed(replace(entry, attempt=entry.attempt - 1), f"the task {name} is gone", Answer.RETRY)
        else:
            return found
        return None

    def _failed(self, entry: Entry, words: str, answer: Answer | None = None) -> None:
        """Enter a failure, and what follows from it."""
        name, answer = entry.shard.name, answer or failures.answer(words)
        again = begun_again(entry, entry.running_eecu, words)
        count = self._failures[name] = self._failures.get(name, 0) + (answer is not Answer.WAIT)
        if answer is Answer.WAIT:
            self._queue_free = time.monotonic() + _QUEUE_S
        elif answer is Answer.STOP:
            self._change(again)
            self._stopped = TaskFailed(f"Earth Engine refuses to go on: {words}",
                                       mend="mend what it names, then go on with --resume")
        elif answer is Answer.SPLIT and len(entry.shard.rows) > 1:
            self._change(replace(again, state=State.SPLIT),
                         added=tuple(Entry(shard=half) for half in entry.shard.halves()))
            self._fell(_CUT_AGAIN if name[-1] in "ab" else 0, words)
        elif answer is Answer.RETRY and count < failures.MOST_ATTEMPTS:
            self._change(again)
            self._not_before[name] = time.monotonic() + pause_s(count, *_PAUSE_S)
        else:
            self._change(replace(again, state=State.GIVEN_UP))
            self._fell(_GIVEN_UP, words)

    def _fell(self, weight: int, words: str) -> None:
        """Count a failure; what has succeeded and is on its way here may still show that others do better."""
        self._in_a_row += weight
        if not self._in[State.EXPORTED]:
            self._despair(words)

    def _despair(self, words: str) -> None:
        """Stop, and call off what is under way, where shard after shard fails: each failure is charged."""
        if not self._despairs or self._in_a_row < _HOPELESS or self._stopped is not None:
            return
        self._stopped = TaskFailed(f"shard after shard failed, and none came meanwhile: {words}",
                                   mend="mend what it names, then go on with --resume")
        for entry in self._in[State.SUBMITTED].values():
            with suppress(EngineError):
                self._engine.cancel(entry.operation)
                self._called_off.add(entry.operation)

    def _remember(self) -> None:
        """Enter the tasks that were begun while the run ended."""
        for future, entry in self._doing.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                found = future.result()
                if isinstance(found, Operation):
                    self._submitted(entry, found)

    def _submitted(self, entry: Entry, operation: Operation) -> None:
        self._change(replace(entry, state=State.SUBMITTED, attempt=entry.attempt + 1, operation=operation.name))

    def _change(self, entry: Entry, added: tuple[Entry, ...] = (), lost: dict[int, str] | None = None) -> None:
        self._ledger.record(entry, added=added, lost=lost)
        for state in State:
            self._in[state].pop(entry.shard.name, None)
        self._in[entry.state][entry.shard.name] = entry
        if added:
            # First what a shard has become: whether it fits is known soonest so.
            self._in[State.WAITING] = {new.shard.name: new for new in added} | self._in[State.WAITING]

    # How it stands

    def _all(self) -> list[Entry]:
        return [entry for entries in self._in.values() for entry in entries.values()]

    def _exhausted(self) -> BudgetExceeded:
        done, lost = spent(self._all())
        used = lost + sum(cost for _, cost in done)
        return BudgetExceeded(f"{hours(used)} of the budget of {hours(self._budget.seconds)} are used, and another"
                              f" shard may go beyond it: {len(self._in[State.WAITING])} shards are left",
                              mend="go on with --resume and a larger --budget-eecu-h, or next month")

    def _silent(self, error: EngineUnreachable) -> None:
        """Bear with an engine that does not answer, for a time."""
        now = time.monotonic()
        if now - self._answered > _PATIENCE_S:
            raise EngineUnreachable(f"{error.message}, for {(now - self._answered) / 60:.0f} minutes",
                                    mend="what was submitted goes on: when the network is back, go on with --resume")
        if now < self._quiet_until:
            # Of those that were under way together.
            return
        self._silences += 1
        self._quiet_until = now + pause_s(self._silences, *_PAUSE_S)
        self._queue_free = self._look_at = self._quiet_until

    def _heard(self) -> None:
        self._answered, self._silences = time.monotonic(), 0

    def _report(self) -> None:
        """Tell how far it is, and keep how long it took."""
        self._tell_at = time.monotonic() + _TELL_S
        self._ledger.note(elapsed_s=self._before + time.monotonic() - self._began)
        entries = self._all()
        done, lost = spent(entries)
        used = lost + sum(cost for _, cost in done) + sum(entry.running_eecu for entry in entries)
        came = self._in[State.RECEIVED].values()
        self._tell(f"{len(came)} of {len(entries) - len(self._in[State.SPLIT])} shards,"
                   f" {sum(len(entry.shard.rows) for entry in came):,} samples, {hours(used)}")


def _of(entry: Entry, chosen: frozenset[str]) -> bool:
    """Whether a shard is one of those named, or a part of one: these add letters to its name."""
    name = entry.shard.name
    return not chosen or any(name.startswith(whole) and set(name[len(whole):]) <= set("abm") for whole in chosen)
