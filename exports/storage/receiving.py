"""Download objects side by side, each verified before it stands under its name."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from agrispec.errors import StorageUnreachable
from exports.backoff import pause_s
from exports.storage import Storage

WORKERS = 8
"""Downloads at once. The client keeps ten connections open, and opens a new one for each request beyond:
https://requests.readthedocs.io/en/latest/api/#requests.adapters.HTTPAdapter"""

ATTEMPTS = 5
"""How often an object is asked for. Within each of them the client itself asks again for two minutes."""

_PAUSE_S = (1.0, 30.0)
"""First and longest pause between two attempts."""


class Receiver:
    """Fetches the objects of a bucket in threads, in the order in which they are asked for.

    Leaving the block waits for what was asked for. Left by an error, it forgets what has not begun and waits for what
    has: no thread outlives it.

    Args:
        objects: the bucket.
        workers: downloads at once, ≥ 1.
    """

    def __init__(self, objects: Storage, workers: int = WORKERS) -> None:
        self._objects = objects
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="receiver")
        self._given_up = threading.Event()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None:
            self._given_up.set()
        self._pool.shutdown(cancel_futures=kind is not None)

    def fetch(self, name: str, path: Path) -> Future[int]:
        """Fetch an object; the future's result is its size in bytes.

        The file stands under `path` only when its CRC32C is the object's. One that is the object already is not
        fetched again. The future raises as `Storage.download`: a `StorageUnreachable` after `ATTEMPTS` attempts,
        with pauses in between, any other error at once. The other objects are fetched all the same.
        """
        return self._pool.submit(fetch, self._objects, name, path, self._given_up)


def fetch(objects: Storage, name: str, path: Path, given_up: threading.Event) -> int:
    """Fetch one object, as `Receiver.fetch` does; once `given_up` is set, no attempt follows another."""
    failures = 0
    while True:
        try:
            return objects.download(name, path)
        except StorageUnreachable:
            failures += 1
            if failures == ATTEMPTS or given_up.wait(pause_s(failures, *_PAUSE_S)):
                raise
