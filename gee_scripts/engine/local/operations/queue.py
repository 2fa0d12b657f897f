"""The queue of exports and ingestions, and the workers that take them from it.

An operation ends by its own end, by being cancelled, or by too many attempts: the end of the server only
interrupts it. https://developers.google.com/earth-engine/reference/rest/v1/projects.operations
"""

from __future__ import annotations

import heapq
import itertools
import logging
import secrets
import string
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from agrispec.engine import DEFAULT_PRIORITY, State
from agrispec.errors import AgrispecError, DataError, EngineError, StorageError
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations.journal import Entry, Journal
from gee_scripts.engine.local.operations.tasks import Cancelled, Task, Work
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.refusals import Refusal, inside, internal_error, refusal_of

_log = logging.getLogger(__name__)

# Finished operations are listed this long.
_KEPT_DAYS = 30

_ID_LETTERS = string.ascii_uppercase + string.digits


class TaskQueue:
    """The operations of one server: a queue, some workers, and a memory of all that was submitted.

    Args:
        project: id of the project they belong to.
        limits: how many may wait, run at once, and be begun again.
        journal: where they outlive the server.
    """

    def __init__(self, project: str, limits: Limits, journal: Journal) -> None:
        self._project = project
        self._limits = limits
        self._journal = journal
        self._tasks: dict[str, Task] = {}
        self._requests: dict[str, Task] = {}
        self._waiting: list[tuple[int, int, Task]] = []
        self._count = itertools.count()
        self._running = 0
        self._closing = False
        self._changed = threading.Condition()
        most = journal.config.get("maxConcurrentExports")
        self._most = min(most if isinstance(most, int) and most > 0 else limits.concurrent_tasks,
                         limits.concurrent_tasks)
        self._workers = [threading.Thread(target=self._serve, name=f"task-{number}", daemon=True)
                         for number in range(limits.concurrent_tasks)]
        for worker in self._workers:
            worker.start()

    def resume(self, work_of: Callable[[Task, Mapping[str, Any]], Work]) -> None:
        """Take up what the journal holds: what is done is listed, what is not is queued again.

        Args:
            work_of: the work of a task and its request; a Refusal or an AgrispecError is why it failed.
        """
        for entry in self._journal.entries():
            try:
                task = Task.of(entry.state)
            except (KeyError, ValueError, TypeError) as error:
                _log.warning("operation %s cannot be read and is left alone: %s", entry.id, error)
                continue
            if task.finished and (datetime.now(UTC) - task.updated).days >= _KEPT_DAYS:
                self._journal.forget(entry.id)
                continue
            with self._changed:
                self._tasks[task.name] = task
                if task.request_id:
                    self._requests[task.request_id] = task
                if not task.finished:
                    self._take_up(task, entry, work_of)

    def _take_up(self, task: Task, entry: Entry, work_of: Callable[[Task, Mapping[str, Any]], Work]) -> None:
        try:
            if task.state is State.CANCELLING:
                task.turn(State.CANCELLED)
            elif entry.request is None:
                raise DataError("the server was ended and the request of this operation is lost",
                                mend="start it again")
            elif task.attempt >= self._limits.attempts:
                raise EngineError(f"the server was ended {task.attempt} times during this operation",
                                  mend="look at what ends it, such as memory, then start the operation again")
            else:
                task.work = work_of(task, entry.request)
                task.turn(State.PENDING)
                self._put(task)
        except Refusal as refusal:
            task.error = refusal.message
            task.turn(State.FAILED)
        except AgrispecError as problem:
            task.error = str(problem)
            task.turn(State.FAILED)
        except (KeyError, ValueError, TypeError, AttributeError) as problem:
            task.error = f"its request cannot be read again: {problem}; start it again"
            task.turn(State.FAILED)
        self._record(task)

    def submit(self, kind: str, description: str, work: Work, *, request: Mapping[str, Any],
               priority: int = DEFAULT_PRIORITY) -> dict[str, Any]:
        """Queue a task, the higher priority first; a `requestId` that was seen before returns its operation.

        Raises:
            EngineError: too many wait, in the service's words.
            StorageError: the request cannot be recorded.
        """
        request_id = request.get("requestId") or ""
        with self._changed:
            known = self._requests.get(request_id) if request_id else None
            if known is not None:
                return known.operation()
            waiting = sum(task.state is State.PENDING for _, _, task in self._waiting)
            if waiting >= self._limits.queued_tasks:
                # 400, as all that waiting for seconds does not mend: the client repeats 429 at once.
                raise EngineError(f"Too many tasks already in the queue ({waiting}). Please wait for some of them to "
                                  "complete.", mend="ask again later, or cancel some of them")
            name = "".join(secrets.choice(_ID_LETTERS) for _ in range(24))
            task = Task(name=f"projects/{self._project}/operations/{name}", kind=kind, description=description,
                        priority=priority, work=work, request_id=request_id)
            self._journal.accept(task.id, request, task.record())
            self._tasks[task.name] = task
            if request_id:
                self._requests[request_id] = task
            self._put(task)
            return task.operation()

    def submitted(self, request_id: str) -> dict[str, Any] | None:
        """The operation that a request id began, None where it began none."""
        with self._changed:
            task = self._requests.get(request_id)
            return None if task is None else task.operation()

    def get(self, name: str) -> dict[str, Any] | None:
        """An operation by its name, None where there is none."""
        with self._changed:
            task = self._tasks.get(name)
            return None if task is None else task.operation()

    def list(self) -> list[dict[str, Any]]:
        """All operations, the newest first."""
        with self._changed:
            return [task.operation() for task in reversed(self._tasks.values())]

    def cancel(self, name: str) -> bool:
        """Ask a task to stop: at once where it has not begun, else at its next tile. False where there is none."""
        with self._changed:
            task = self._tasks.get(name)
            if task is None:
                return False
            task.progress.stop()
            if task.state is State.PENDING:
                task.turn(State.CANCELLED)
                self._record(task)
            elif task.state is State.RUNNING:
                task.turn(State.CANCELLING)
                self._record(task)
            return True

    def delete(self, name: str) -> bool:
        """Forget a task that is done. False where there is none.

        Raises:
            DataError: it is not done.
        """
        with self._changed:
            task = self._tasks.get(name)
            if task is None:
                return False
            if not task.finished:
                raise DataError(f"Operation '{name}' is not done", mend="cancel it first")
            del self._tasks[name]
            self._requests.pop(task.request_id, None)
            self._journal.forget(task.id)
            return True

    @property
    def most_at_once(self) -> int:
        """How many tasks run at once."""
        return self._most

    @most_at_once.setter
    def most_at_once(self, most: int) -> None:
        with self._changed:
            self._journal.configure({"maxConcurrentExports": most})
            self._most = most
            self._changed.notify_all()

    def close(self) -> None:
        """Interrupt what is under way and let the workers go; the next server of the folder goes on with it."""
        with self._changed:
            self._closing = True
            for task in self._tasks.values():
                if not task.finished:
                    task.progress.stop()
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _put(self, task: Task) -> None:
        heapq.heappush(self._waiting, (-task.priority, next(self._count), task))
        self._changed.notify()

    def _next(self) -> Task | None:
        """The next task, running from now on; None when the server ends."""
        with self._changed:
            while True:
                while self._waiting and self._waiting[0][2].state is not State.PENDING:
                    heapq.heappop(self._waiting)
                if self._closing:
                    return None
                if self._waiting and self._running < self._most:
                    task = heapq.heappop(self._waiting)[2]
                    self._running += 1
                    # Of the first attempt: whatever any attempt wrote is newer.
                    task.started, task.attempt = task.started or datetime.now(UTC), task.attempt + 1
                    task.turn(State.RUNNING)
                    self._record(task)
                    return task
                self._changed.wait()

    def _serve(self) -> None:
        while (task := self._next()) is not None:
            self._run(task)

    def _run(self, task: Task) -> None:
        state, error, written = State.SUCCEEDED, "", []
        task.progress.begin()
        GO_ON.set(task.progress.go_on)
        try:
            written = list(task.work(task.progress))
        except Cancelled:
            state = State.CANCELLED
        except AgrispecError as problem:
            state, error = State.FAILED, refusal_of(problem).message
        except Refusal as refusal:
            state, error = State.FAILED, refusal.message
        except MemoryError:
            state, error = State.FAILED, "User memory limit exceeded."
        except Exception as problem:  # The service reports its own faults the same way; a worker must not die.
            _log.exception("operation %s", task.id)
            state, error = State.FAILED, internal_error(problem).message
        task.progress.read_clock()
        with self._changed:
            if state is State.CANCELLED and task.state is State.RUNNING:
                # Nobody asked for it but the end of the server, which is no attempt that failed.
                task.attempt -= 1
                task.turn(State.PENDING)
            else:
                task.error, task.written = inside(self._journal.root, error), written
                task.turn(state)
            self._record(task)
            self._running -= 1
            self._changed.notify_all()

    def _record(self, task: Task) -> None:
        try:
            self._journal.record(task.id, task.record(), done=task.finished)
        except StorageError as error:
            # The operation goes on; after a restart it is as it was recorded last.
            _log.warning("operation %s: %s", task.id, error)
