"""Filters by type."""

from __future__ import annotations

from typing import Any

import ee
import pytest

from agrispec.errors import EngineError

ROWS = [{"k": 0, "n": 5, "t": "a"}, {"k": 1, "n": -2.5, "t": "b"}, {"k": 2, "n": 7, "t": "a"}, {"k": 3, "t": "c"}]


@pytest.fixture
def table(client: None) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, row) for row in ROWS])


def kept(world: Any, collection: ee.FeatureCollection) -> list[int]:
    return [item.properties["k"] for item in world.value(collection).items]


@pytest.mark.parametrize(("kind", "expected"), [("String", [0, 1, 2, 3]), ("Number", []), ("Object", [0, 1, 2, 3])])
def test_types_are_told_apart(world: Any, table: ee.FeatureCollection, kind: str, expected: list[int]) -> None:
    assert kept(world, table.filter(ee.Filter.hasType("t", kind))) == expected


def test_absent_values_have_no_type_and_unknown_types_are_refused(world: Any, table: ee.FeatureCollection) -> None:
    assert kept(world, table.filter(ee.Filter.hasType("n", "Number"))) == [0, 1, 2]
    with pytest.raises(EngineError, match="'Thing' is no type"):
        world.value(table.filter(ee.Filter.hasType("n", "Thing")))
