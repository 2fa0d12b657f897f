"""Filters that are written as texts."""

from __future__ import annotations

from typing import Any

import ee
import pytest

from agrispec.errors import EngineError

ROWS = [{"k": 0, "n": 5, "t": "a", "system:x": 1}, {"k": 1, "n": -2.5, "t": "b", "m": 5}, {"k": 2, "n": 7, "t": "a"},
        {"k": 3, "t": "c"}]


@pytest.fixture
def table(client: None) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, row) for row in ROWS])


def kept(world: Any, collection: ee.FeatureCollection) -> list[int]:
    return [item.properties["k"] for item in world.value(collection).items]


@pytest.mark.parametrize(("text", "expected"), [
    ("n > 4", [0, 2]), ("n >= 5 && n <= 7", [0, 2]), ("n < 0", [1]), ("t == 'a'", [0, 2]), ('t != "a"', [1, 3]),
    ("4 < n", [0, 2]), ("!(t == 'a')", [1, 3]), ("t == 'a' && n > 5 || t == 'c'", [2, 3]), ("n == -2.5", [1]),
    ("system:x == 1", [0]), ("t == 'a' and not n > 5", [0]), ("t in ['b', 'c']", [1, 3]), ("n < m", [1]),
    ("t == 'b' or t == 'c'", [1, 3]), ("(n > 4)", [0, 2]), ("n == 99", []), ("absent > 1", []),
])
def test_a_text_keeps_what_it_says(world: Any, table: ee.FeatureCollection, text: str, expected: list[int]) -> None:
    assert kept(world, table.filter(text)) == expected
    assert kept(world, table.filter(ee.Filter.expression(text))) == expected
    assert kept(world, table.limit(0).filter(text)) == []


@pytest.mark.parametrize("text", ["", "n", "n >", "n + 1", "n == (1 + 2)", "'a' == 'b'", "t in 'b'", "n ? 1 : 2"])
def test_a_text_that_is_no_filter_is_refused(world: Any, table: ee.FeatureCollection, text: str) -> None:
    with pytest.raises(EngineError, match=r"Filter\.expression"):
        world.value(table.filter(ee.Filter.expression(text)))
