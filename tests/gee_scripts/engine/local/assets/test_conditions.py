"""Wildcards in the filters of lists of assets."""

import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from gee_scripts.engine.local.assets import conditions


def fits(pattern: str, text: str) -> bool:
    return conditions.parse(f'name = "{pattern}"')(lambda name: text, lambda: None)


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), text=st.text("ab", max_size=8))
def test_a_star_stands_for_any_text(pieces: list[str], text: str) -> None:
    for pattern in ("*".join(["", *pieces]), "*".join([*pieces, ""]), "*".join(["", *pieces, ""])):
        expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
        assert fits(pattern, text) is expected


def test_many_stars_take_no_more_than_one_pass() -> None:
    start = time.process_time()
    assert not fits("*" + "a*" * 200 + "b*", "a" * 10_000)
    assert time.process_time() - start < 1
