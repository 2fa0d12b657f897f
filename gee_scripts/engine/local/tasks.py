"""Exports and ingestions as long-running operations, with the states and timestamps of the service.

https://developers.google.com/earth-engine/reference/rest/v1/projects.operations
"""

from __future__ import annotations

import itertools
import queue
import secrets
import string
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agrispec.engine import State
from agrispec.errors import AgrispecError
from gee_scripts.engine.local.raster import GO_ON

# The service runs 2 batch tasks of a project at once on average.
# https://developers.google.com/earth-engine/guides/usage
CONCURRENT_TASKS = 2
DEFAULT_PRIORITY = 100

_ID_LETTERS = string.ascii_uppercase + string.digits


class Cancelled(BaseException):
    """Raised inside a task's work when somebody asked it to stop.

    Not an Exception, as asyncio's: nobody on the way out may take it for a fault of the graph.
    """


class Progress:
    """What a task's work reports while it runs, and asks whether to go on."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.cpu_seconds = 0.0
        self._stop = threading.Event()
        self._cpu_start = 0.0

    def begin(self) -> None:
        """Start the clock, in the thread that does the work."""
        self._cpu_start = time.thread_time()

    def check(self, fraction: float) -> None:
        """To be called between tiles, in the thread that does the work: how much is done, 0 to 1.

        Raises:
            Cancelled: the task is to stop; whatever it has staged must go.
        """
        self.fraction = fraction
        self.read_clock()
        self.go_on()

    def go_on(self) -> None:
        """Raise Cancelled where the task is to stop; cheap enough to be called for each array."""
        if self._stop.is_set():
            raise Cancelled

    def read_clock(self) -> None:
        """Read the clock, in the thread that did the work."""
        self.cpu_seconds = time.thread_time() - self._cpu_start

    def stop(self) -> None:
        """Ask the work to end at its next check."""
        self._stop.set()


Work = Callable[[Progress], Sequence[str]]
"""Does a task and returns the addresses of what it wrote; `AgrispecError` is a failure in the user's hands."""


def _nothing(progress: Progress) -> Sequence[str]:
    return ()


@dataclass(kw_only=True, eq=False)
class Task:
    """One operation and where it stands; changed only under the lock of its `Tasks`.

    Attributes:
        name: projects/P/operations/ID.
        kind: EXPORT_IMAGE, EXPORT_FEATURES, INGEST_IMAGE or INGEST_TABLE.
        created, started, updated: UTC; `started` None before it runs.
        work: what it does; nothing any more when it is over, so that its request is let go.
        error: the service's words where it failed.
        written: addresses of what it wrote.
    """

    name: str
    kind: str
    description: str
    priority: int
    work: Work
    progress: Progress = field(default_factory=Progress)
    state: State = State.PENDING
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    error: str = ""
    written: list[str] = field(default_factory=list)

    def turn(self, state: State) -> None:
        """Change its state, now."""
        self.state, self.updated = state, datetime.now(UTC)
        if self.finished:
            self.work = _nothing

    @property
    def finished(self) -> bool:
        """Whether its state is the last one."""
        return self.state in (State.SUCCEEDED, State.FAILED, State.CANCELLED)

    def operation(self) -> dict[str, Any]:
        """The operation as the service describes it."""
        metadata: dict[str, Any] = {
            "@type": "type.googleapis.com/google.earthengine.v1.OperationMetadata", "state": self.state.value,
            "type": self.kind, "description": self.description, "priority": self.priority,
            "createTime": timestamp(self.created), "updateTime": timestamp(self.updated),
            "progress": 1 if self.state is State.SUCCEEDED else self.progress.fraction}
        if self.started is not None:
            metadata |= {"startTime": timestamp(self.started), "attempt": 1,
                         "batchEecuUsageSeconds": self.progress.cpu_seconds}
        if self.written:
            metadata["destinationUris"] = list(self.written)
        found: dict[str, Any] = {"name": self.name, "metadata": metadata, "done": self.finished}
        if self.finished:
            metadata["endTime"] = timestamp(self.updated)
            if self.state is State.SUCCEEDED:
                found["response"] = {}
            else:
                # https://grpc.io/docs/guides/status-codes/
                found["error"] = {"code": 1, "message": "Cancelled."} if self.state is State.CANCELLED else \
                    {"code": 3, "message": self.error}
        return found


class Tasks:
    """The operations of one server: a queue, two workers, and a memory of all that was submitted."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._tasks: dict[str, Task] = {}
        self._requests: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._count = itertools.count()
        self._queue: queue.PriorityQueue[tuple[float, int, Task | None]] = queue.PriorityQueue()
        self._workers = [threading.Thread(target=self._serve, name=f"task-{number}", daemon=True)
                         for number in range(CONCURRENT_TASKS)]
        for worker in self._workers:
            worker.start()

    def submit(self, kind: str, description: str, work: Work, *, request_id: str = "",
               priority: int = DEFAULT_PRIORITY) -> dict[str, Any]:
        """Queue a task, the higher priority first; a request id that was seen before returns its operation."""
        with self._lock:
            known = self._requests.get(request_id) if request_id else None
            if known is not None:
                return known.operation()
            name = "".join(secrets.choice(_ID_LETTERS) for _ in range(24))
            task = Task(name=f"projects/{self._project}/operations/{name}", kind=kind, description=description,
                        priority=priority, work=work)
            self._tasks[task.name] = task
            if request_id:
                self._requests[request_id] = task
            self._queue.put((-priority, next(self._count), task))
            return task.operation()

    def submitted(self, request_id: str) -> dict[str, Any] | None:
        """The operation that a request id began, None where it began none."""
        with self._lock:
            task = self._requests.get(request_id)
            return None if task is None else task.operation()

    def get(self, name: str) -> dict[str, Any] | None:
        """An operation by its name, None where there is none."""
        with self._lock:
            task = self._tasks.get(name)
            return None if task is None else task.operation()

    def list(self) -> list[dict[str, Any]]:
        """All operations, the newest first."""
        with self._lock:
            return [task.operation() for task in reversed(self._tasks.values())]

    def cancel(self, name: str) -> bool:
        """Ask a task to stop: at once where it has not begun, else at its next tile. False where there is none."""
        with self._lock:
            task = self._tasks.get(name)
            if task is None:
                return False
            task.progress.stop()
            if task.state is State.PENDING:
                task.turn(State.CANCELLED)
            elif task.state is State.RUNNING:
                task.turn(State.CANCELLING)
            return True

    def close(self) -> None:
        """Cancel what is under way and let the workers go."""
        with self._lock:
            names = list(self._tasks)
        for name in names:
            self.cancel(name)
        for _ in self._workers:
            self._queue.put((float("-inf"), next(self._count), None))
        for worker in self._workers:
            worker.join()

    def _serve(self) -> None:
        while (task := self._queue.get()[2]) is not None:
            with self._lock:
                if task.state is not State.PENDING:
                    continue
                task.started = datetime.now(UTC)
                task.turn(State.RUNNING)
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
            state, error = State.FAILED, str(problem)
        except Exception as problem:  # The service reports its own faults the same way; a worker must not die.
            state, error = State.FAILED, f"Internal error in the local engine: {type(problem).__name__}: {problem}"
        task.progress.read_clock()
        with self._lock:
            task.error, task.written = error, written
            task.turn(state)


def timestamp(moment: datetime) -> str:
    """A moment as the client parses it: UTC, 'Z' at the end, six digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
