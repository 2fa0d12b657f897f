"""How many interactive requests may be under way: more while they are answered, half as many when they are too many.

Source: additive increase, multiplicative decrease, Chiu and Jain 1989, https://doi.org/10.1016/0169-7552(89)90019-6;
one decrease for all that was under way together, as TCP does, https://www.rfc-editor.org/rfc/rfc5681
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TypeVar

from agrispec.engine import CONCURRENT_REQUESTS, REQUESTS_PER_S
from agrispec.errors import EngineBusy, EngineUnreachable
from exports.backoff import pause_s

_PAUSE_S = (1.0, 60.0)
"""First and longest pause of a request that was not answered."""

_PATIENCE_S = 300.0
"""How long an engine may answer nothing: networks come back within minutes."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Width:
    """Requests that may be under way at once.

    Attributes:
        value: how many, from 1 up to `CONCURRENT_REQUESTS`; what is behind the point has still to grow. It begins at
            a half, for others may be asking for the same project.
        cuts: how often it was halved.
    """

    value: float = CONCURRENT_REQUESTS / 2
    cuts: int = 0

    def grown(self) -> Width:
        """After an answer: wider by one when as many as it is wide were answered."""
        return Width(min(self.value + 1 / self.value, CONCURRENT_REQUESTS), self.cuts)

    def cut(self, cuts: int) -> Width:
        """After a refusal of a request that began after `cuts` cuts: half as wide, unless it was cut since."""
        return self if cuts < self.cuts else Width(max(self.value / 2, 1.0), self.cuts + 1)


class Window:
    """Lets threads ask an engine, as many at once as it bears and at most `REQUESTS_PER_S`.

    With the end of the block nothing is asked any more: who waits for a turn is told `CancelledError`, who waits to ask
    again raises the error that it waits for.
    """

    def __init__(self) -> None:
        self._turns = threading.Condition()
        self._width = Width()
        self._under_way = 0
        self._next = self._answered = float("-inf")
        self._ended = threading.Event()

    def __enter__(self) -> Window:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End the block; whatever its threads wait for."""
        with self._turns:
            self._ended.set()
            self._turns.notify_all()

    @property
    def width(self) -> int:
        """Requests that may be under way now."""
        return int(self._width.value)

    def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """What `call` returns. It makes one request and is repeated, after a pause, until that is answered.

        Raises:
            EngineUnreachable: nothing was answered for minutes, neither this nor what other threads asked.
            CancelledError: the block has ended.
            Exception: what else `call` raises, at once.
        """
        failures, since = 0, 0.0
        while True:
            cuts = self._begin()
            change: Callable[[Width], Width] = _as_it_is
            try:
                answer = call()
                change, self._answered = Width.grown, time.monotonic()
                return answer
            except EngineUnreachable as error:
                if isinstance(error, EngineBusy):
                    change = partial(Width.cut, cuts=cuts)
                unanswered = error
            finally:
                self._end(change)
            failures, since = failures + 1, since or time.monotonic()
            silent_s = time.monotonic() - max(since, self._answered)
            if silent_s > _PATIENCE_S or self._ended.wait(pause_s(failures, *_PAUSE_S)):
                raise unanswered

    def _begin(self) -> int:
        """Wait for a turn and take it; how often the width was cut by then."""
        with self._turns:
            self._turns.wait_for(lambda: self._ended.is_set() or self._under_way < self.width)
            if self._ended.is_set():
                raise CancelledError
            self._under_way += 1
            now = time.monotonic()
            starts = max(now, self._next)
            self._next = starts + 1 / REQUESTS_PER_S
            cuts = self._width.cuts
        # Others may take the turns after this one meanwhile.
        time.sleep(starts - now)
        return cuts

    def _end(self, change: Callable[[Width], Width]) -> None:
        with self._turns:
            self._under_way -= 1
            self._width = change(self._width)
            self._turns.notify_all()


def _as_it_is(width: Width) -> Width:
    return width
