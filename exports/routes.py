"""The batch route: a shard is a task that writes to a bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agrispec.engine import QUEUED_TASKS, Engine, Operation, TableExport
from exports.planning import Shard
from exports.storage import Storage


@dataclass(frozen=True, slots=True)
class Batch:
    """What `exports.running.Route` asks for, by batch tasks.

    Attributes:
        engine: who runs them.
        objects: the bucket that they write to.
        task: a shard and the number of the attempt -> the task; the same arguments give the same request id.
        width: tasks that may wait, run or be fetched at once.
        threads: requests and downloads under way at once.
    """

    engine: Engine
    objects: Storage
    task: Callable[[Shard, int], TableExport]
    width: int = QUEUED_TASKS
    threads: int = 8

    def begin(self, shard: Shard, attempt: int, path: Path) -> Operation:
        return self.engine.export(self.task(shard, attempt))

    def fetch(self, shard: Shard, attempt: int, path: Path) -> None:
        self.objects.download(f"{self.task(shard, attempt).prefix}.tfrecord.gz", path)
