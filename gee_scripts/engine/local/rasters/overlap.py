"""Work that overlaps with the use of its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def ahead(items: Iterator[Item], spent: Callable[[float], None]) -> Iterator[Iterator[Item]]:
    """The same items, each made in another thread while the one before it is used; no more than that one waits.

    What makes them runs in a copy of the caller's context. Its errors are raised where the item is asked for. At
    the end of the block nothing of it runs any more. `spent` is told the CPU seconds of each item, in that thread.
    """
    context = copy_context()

    def make() -> tuple[Item] | None:
        began = time.thread_time()
        try:
            for item in items:
                return (item,)
            return None
        finally:
            spent(time.thread_time() - began)

    def following(pool: ThreadPoolExecutor) -> Iterator[Item]:
        waiting: Future[tuple[Item] | None] = pool.submit(context.run, make)
        while (made := waiting.result()) is not None:
            waiting = pool.submit(context.run, make)
            yield made[0]

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield following(pool)
