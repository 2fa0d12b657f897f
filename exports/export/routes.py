"""The two ways to a shard: a batch task that writes to a bucket, and a request that is answered at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agrispec.cube import CubeSpec
from agrispec.engine import CONCURRENT_REQUESTS, QUEUED_TASKS, Engine, Operation, TableExport
from exports.export import interactive
from exports.export.window import Window
from exports.planning import Shard
from exports.storage import Storage, receiving

Task = Callable[[Shard, int], TableExport]
"""A shard and the number of an attempt -> its export; the same arguments give the same request id."""

Name = Callable[[Shard, int], str]
"""The same -> the object that it leaves."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What `exports.export.running.Route` asks for, by batch tasks.

    Attributes:
        engine: who runs them.
        objects: the bucket that they write to.
        task: what they are.
        name: what they leave.
    """

    engine: Engine
    objects: Storage
    task: Task
    name: Name
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def width(self) -> int:
        return QUEUED_TASKS

    @property
    def threads(self) -> int:
        return receiving.WORKERS

    def begin(self, shard: Shard, attempt: int, path: Path) -> Operation:
        return self.engine.export(self.task(shard, attempt))

    def fetch(self, shard: Shard, attempt: int, path: Path) -> None:
        receiving.fetch(self.objects, self.name(shard, attempt), path, self._stopped)

    def stop(self) -> None:
        self._stopped.set()


@dataclass(frozen=True, slots=True)
class Interactive:
    """The same by `table:computeFeatures`, for small exports: no queue and no bucket, but minutes a shard at most, and
    a cost that the service does not tell.

    Attributes:
        engine: who is asked.
        spec: the cube.
        task: what a batch task would be.
    """

    engine: Engine
    spec: CubeSpec
    task: Task
    _window: Window = field(default_factory=Window)

    @property
    def width(self) -> int:
        return CONCURRENT_REQUESTS

    @property
    def threads(self) -> int:
        return CONCURRENT_REQUESTS

    def begin(self, shard: Shard, attempt: int, path: Path) -> None:
        interactive.write(self.engine, self._window, self.task(shard, attempt), self.spec, path)

    def fetch(self, shard: Shard, attempt: int, path: Path) -> None:
        """Nothing is left in a bucket; a shard that a batch task has left there is made again."""
        self.begin(shard, attempt, path)

    def stop(self) -> None:
        self._window.end()
