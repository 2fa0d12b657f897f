"""One export or ingestion: what it does, where it stands, and how the service describes it.

https://developers.google.com/earth-engine/reference/rest/v1/projects.operations
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agrispec.engine import State
from gee_scripts.engine.local.times import timestamp


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
        self._elsewhere = 0.0

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
        self.cpu_seconds = time.thread_time() - self._cpu_start + self._elsewhere

    def add(self, seconds: float) -> None:
        """Count CPU seconds that one other thread spent on the work."""
        self._elsewhere += seconds

    def stop(self) -> None:
        """Ask the work to end at its next check."""
        self._stop.set()


Work = Callable[[Progress], Sequence[str]]
"""Does a task and returns the addresses of what it wrote; `AgrispecError` is a failure in the user's hands."""


def _nothing(progress: Progress) -> Sequence[str]:
    return ()


@dataclass(kw_only=True, eq=False)
class Task:
    """One operation and where it stands; changed only under the lock of its `TaskQueue`.

    Attributes:
        name: projects/P/operations/ID.
        kind: EXPORT_IMAGE, EXPORT_FEATURES, INGEST_IMAGE or INGEST_TABLE.
        request_id: the client's own name of it, "" where it gave none.
        created, started, updated: UTC; `started` by the first attempt, None before it.
        work: what it does; nothing any more when it is over, so that its request is let go.
        attempt: how often it was begun.
        cpu_seconds: what earlier attempts took.
        error: the service's words where it failed.
        written: addresses of what it wrote.
    """

    name: str
    kind: str
    description: str
    priority: int
    work: Work
    request_id: str = ""
    progress: Progress = field(default_factory=Progress)
    state: State = State.PENDING
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempt: int = 0
    cpu_seconds: float = 0.0
    error: str = ""
    written: list[str] = field(default_factory=list)

    def turn(self, state: State) -> None:
        """Change its state, now."""
        self.state, self.updated = state, datetime.now(UTC)
        if self.finished:
            self.work = _nothing

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]

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
            metadata |= {"startTime": timestamp(self.started), "attempt": self.attempt,
                         "batchEecuUsageSeconds": self.cpu_seconds + self.progress.cpu_seconds}
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

    def record(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        return {"name": self.name, "kind": self.kind, "description": self.description, "priority": self.priority,
                "requestId": self.request_id, "state": self.state.value, "created": self.created.isoformat(),
                "started": None if self.started is None else self.started.isoformat(),
                "updated": self.updated.isoformat(), "attempt": self.attempt,
                "cpuSeconds": self.cpu_seconds + self.progress.cpu_seconds, "error": self.error,
                "written": self.written}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Task:
        """The task of a record, without its work.

        Raises:
            KeyError, ValueError, TypeError: it is not one.
        """
        for name, kind in _KINDS.items():
            if not isinstance(kept[name], kind):
                raise TypeError(f"its {name!r} is {kept[name]!r}")
        started = kept["started"]
        return cls(name=kept["name"], kind=kept["kind"], description=kept["description"], priority=kept["priority"],
                   request_id=kept["requestId"], state=State(kept["state"]), work=_nothing,
                   created=_moment(kept["created"]), updated=_moment(kept["updated"]),
                   started=None if started is None else _moment(started), attempt=kept["attempt"],
                   cpu_seconds=kept["cpuSeconds"], error=kept["error"], written=list(kept["written"]))


# What a record holds, beside its times.
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("name", "kind", "description", "requestId", "state", "error"), str),
    "priority": int, "attempt": int, "cpuSeconds": int | float, "written": list}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"the time {text} has no zone")
    return found
