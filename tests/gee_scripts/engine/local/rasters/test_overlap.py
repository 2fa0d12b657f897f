"""Items made ahead are the items, errors and order of those that are not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.rasters.overlap import ahead

PLACE: ContextVar[str] = ContextVar("PLACE", default="elsewhere")


@given(items=st.lists(st.one_of(st.none(), st.integers())))
def test_items_come_in_order_and_all(items: list[int | None]) -> None:
    with ahead(iter(items), spent=float) as found:
        assert list(found) == items


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    seen = []
    with ahead(broken(), spent=float) as found:
        seen.append(next(found))
        with pytest.raises(ValueError, match="the second"):
            next(found)
    assert seen == [1]


def test_the_next_item_is_made_while_this_one_is_used_and_no_other() -> None:
    made, events = [], [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            events[number].set()
            yield number

    with ahead(items(), spent=float) as found:
        assert next(found) == 0
        assert events[1].wait(5)
        assert made == [0, 1]


def test_items_are_made_in_the_callers_context() -> None:
    def items() -> Iterator[str]:
        yield PLACE.get()

    token = PLACE.set("here")
    try:
        with ahead(items(), spent=float) as found:
            assert list(found) == ["here"]
    finally:
        PLACE.reset(token)


def test_the_time_that_items_take_is_told() -> None:
    def items() -> Iterator[int]:
        began = time.thread_time()
        while time.thread_time() < began + 0.02:
            pass
        yield 1

    spent: list[float] = []
    with ahead(items(), spent.append) as found:
        assert list(found) == [1]
    assert 0.02 <= sum(spent) < 2
