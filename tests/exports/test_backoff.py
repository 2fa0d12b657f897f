"""Pauses grow, stay within their bounds, and differ."""

from hypothesis import given
from hypothesis import strategies as st

from exports.backoff import pause_s


@given(failures=st.integers(1, 1000), first=st.floats(0.001, 10), longest=st.floats(10, 600))
def test_a_pause_is_between_a_half_and_all_of_twice_the_last_up_to_the_longest(failures, first, longest):
    whole = min(longest, first * 2.0 ** (failures - 1))
    assert whole / 2 <= pause_s(failures, first, longest) <= whole


def test_pauses_of_those_who_failed_together_differ():
    assert len({pause_s(3, 1.0, 60.0) for _ in range(100)}) > 90
