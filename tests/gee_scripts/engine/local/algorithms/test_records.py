"""Reducers of records: their weights, groups, and lists of them."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError


def test_weights_select_and_scale_the_rows_of_a_table(world: Any) -> None:
    rows = ee.FeatureCollection([ee.Feature(None, {"v": v, "w": w}) for v, w in [(1, 2), (5, 0), (4, 6.5)]])
    assert world.value(rows.reduceColumns(ee.Reducer.mean(), ["v"], ["w"]))["mean"] == pytest.approx(28 / 8.5)
    split = ee.Reducer.mean().splitWeights()
    assert world.value(rows.reduceColumns(split, ["v", "w"]))["mean"] == pytest.approx(28 / 8.5)
    both = split.combine(ee.Reducer.count().repeat(2), "", True)
    assert world.value(rows.reduceColumns(both, ["v", "w"]))["count"] == [3, 3]
    with pytest.raises(EngineError, match="weightSelectors"):
        world.value(rows.reduceColumns(ee.Reducer.mean(), ["v"], ["w", "w"]))


def test_groups_reduce_the_records_of_each_key(world: Any, stack: Any) -> None:
    keys = np.arange(480).reshape(20, 24) % 3
    world.images["g"] = world.make({"x": stack.x[0], "key": keys.astype(np.uint8)})
    region = stack.region()
    grouped = ee.Reducer.mean().unweighted().group(1, "class")
    found = world.value(ee.Image("g").reduceRegion(grouped, region, 10))["groups"]
    assert [item["class"] for item in found] == [0, 1, 2]
    np.testing.assert_allclose([item["mean"] for item in found], [stack.x[0][keys == key].mean() for key in range(3)])
    rows = ee.FeatureCollection([ee.Feature(None, properties) for properties in (
        {"v": 1, "w": 10, "k": "b"}, {"v": 3, "w": 20, "k": "b"}, {"v": 5, "w": 30, "k": "a"}, {"v": 6, "w": 1})])
    reducer = ee.Reducer.sum().repeat(2).group(2, "k")
    assert world.value(rows.reduceColumns(reducer, ["v", "w", "k"])) == {
        "groups": [{"k": "a", "sum": [5.0, 30.0]}, {"k": "b", "sum": [4.0, 30.0]}]}
    nested = ee.Reducer.count().group(1, "k").group(1, "v")
    assert world.value(rows.reduceColumns(nested, ["w", "v", "k"]))["groups"][0] == {
        "v": 1, "groups": [{"k": "b", "count": 1}]}
    assert world.value(rows.limit(0).reduceColumns(reducer, ["v", "w", "k"])) == {"groups": []}


def test_lists_and_collections_of_records(world: Any) -> None:
    rows = ee.FeatureCollection([ee.Feature(None, {"a": 1, "b": "x"}), ee.Feature(None, {"a": 2}),
                                 ee.Feature(None, {"b": "z"})])
    for reducer, expected in [(ee.Reducer.toList(2), [[1, "x"]]), (ee.Reducer.toList(2, 1), [[1, "x"], [2, None]])]:
        assert world.value(rows.reduceColumns(reducer, ["a", "b"]))["list"] == expected
    assert world.value(rows.reduceColumns(ee.Reducer.toList(), ["b"]))["list"] == ["x", "z"]
    made = world.value(rows.reduceColumns(ee.Reducer.toCollection(["p", "q"], 1), ["a", "b"]))["features"]
    assert [(item.properties["p"], item.properties.get("q")) for item in made.items] == [(1, "x"), (2, None)]
    assert world.value(rows.reduceColumns(ee.Reducer.countEvery(), ["b"]))["count"] == 3
    assert world.value(rows.reduceColumns(ee.Reducer.frequencyHistogram(), ["b"]))["histogram"] == {"x": 1, "z": 1}
    with pytest.raises(EngineError, match="takes numbers, not texts"):
        world.value(rows.reduceColumns(ee.Reducer.mean(), ["b"]))
    with pytest.raises(EngineError, match=r"Need 2 input\(s\) for the reducer, got 1"):
        world.value(rows.reduceColumns(ee.Reducer.linearFit(), ["a"]))
