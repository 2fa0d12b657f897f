"""An iterator that a thread works ahead, so that what makes items and what uses them work side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
from typing import TypeVar

_Item = TypeVar("_Item")


def ahead(items: Iterable[_Item], most: int, stop: Callable[[], None] | None = None) -> Generator[_Item, None, None]:
    """The items in their order, made by a thread of its own before they are asked for.

    At most `most` are made and not yet taken: what makes them waits then. An error of theirs is raised here, after the
    items before it. When this is closed, or left to the garbage collector, the thread makes none any more.

    Args:
        items: made in one thread only, which is not the one that takes them.
        most: 1 or more.
        stop: called when no more are wanted, for items whose making waits for something: it need not any more, and may
            end by any error.
    """
    made: SimpleQueue[tuple[_Item] | BaseException | None] = SimpleQueue()
    room, ended = threading.Semaphore(most), threading.Event()

    def work() -> None:
        found: Iterator[_Item] = iter(items)
        try:
            while room.acquire() and not ended.is_set():
                made.put((next(found),))
        except StopIteration:
            made.put(None)
        except BaseException as error:
            made.put(error)
        finally:
            if isinstance(found, Generator):
                found.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item = made.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item[0]
            del item
    finally:
        ended.set()
        if stop is not None:
            stop()
        room.release()
        thread.join()
