"""What a thread makes ahead comes in order, bounded, and ends with whoever takes it."""

import threading
import time

import pytest

from agrispec.ahead import ahead


def test_items_come_in_order_and_an_error_after_them():
    def items():
        yield from range(5)
        raise KeyError("the sixth")
    found = ahead(items(), 2)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="the sixth"):
        next(found)
    assert list(ahead([], 1)) == []


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_are_made_than_have_room(most):
    made = []
    found = ahead((made.append(number) or number for number in range(100)), most)
    for number in range(5):
        assert next(found) == number
        time.sleep(0.02)
        assert number + 1 <= len(made) <= number + 1 + most
    found.close()


def test_who_leaves_ends_the_thread_and_what_it_iterates():
    ended, before = threading.Event(), threading.active_count()

    def items():
        try:
            yield from range(1000)
        finally:
            ended.set()
    found = ahead(items(), 2)
    next(found)
    assert threading.active_count() == before + 1
    found.close()
    assert ended.is_set()
    assert threading.active_count() == before


def test_who_leaves_does_not_wait_for_what_items_wait_for():
    answered = threading.Event()

    def items():
        yield 0
        answered.wait()
        yield 1
    found = ahead(items(), 1, answered.set)
    assert next(found) == 0
    leaving = threading.Thread(target=found.close, daemon=True)
    leaving.start()
    leaving.join(20)
    assert not leaving.is_alive()
