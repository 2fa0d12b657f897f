"""What is kept, and what is let go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.recent import Recent


@given(most=st.integers(1, 5), asked=st.lists(st.tuples(st.booleans(), st.integers(0, 8)), max_size=40))
def test_what_was_used_last_is_kept_and_the_rest_let_go(most: int, asked: list[tuple[bool, int]]) -> None:
    recent: Recent[int, int] = Recent(most)
    used: list[int] = []
    for place, (put, key) in enumerate(asked):
        assert (recent.get(key) is not None) == (key in used)
        if put:
            recent.put(key, place)
        if put or key in used:
            used = ([other for other in used if other != key] + [key])[-most:]
