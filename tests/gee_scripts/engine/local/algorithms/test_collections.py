"""Collections, filters, joins and aggregates against plain Python."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agrispec.errors import EngineError
from gee_scripts.engine.local.values import Filter

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
VALUES = st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=8)


def features(values: list[int | None], name: str = "v") -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, {"n": number} | ({} if value is None else {name: value}))
                                 for number, value in enumerate(values)])


def column(world: Any, graph: Any, name: str = "n") -> list[Any]:
    return [element.properties.get(name) for element in world.value(graph).items]


@given(values=VALUES, limit=st.integers(-3, 3))
@FEW
def test_a_comparison_keeps_what_holds_and_never_what_is_missing(world: Any, values: list[Any], limit: int) -> None:
    for name, holds in [("eq", lambda v: v == limit), ("lt", lambda v: v < limit), ("gt", lambda v: v > limit)]:
        found = column(world, features(values).filter(getattr(ee.Filter, name)("v", limit)))
        assert found == [n for n, v in enumerate(values) if v is not None and holds(v)]
    # The client writes these as the negation of the others, which holds of what is missing too.
    for name, holds in [("neq", lambda v: v != limit), ("lte", lambda v: v <= limit), ("gte", lambda v: v >= limit)]:
        found = column(world, features(values).filter(getattr(ee.Filter, name)("v", limit)))
        assert found == [n for n, v in enumerate(values) if v is None or holds(v)]


def test_random_columns_tell_dates_and_shapes_apart(world: Any) -> None:
    rows = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([n, 0]), {
        "d": ee.Date(n), "l": [ee.Date(n), 1], "g": ee.Geometry.Point([n, 1])}) for n in range(5)])
    for key in ("d", "l", "g"):
        assert len(set(column(world, rows.randomColumn("r", 3, "uniform", [key]), "r"))) == 5


@given(values=VALUES)
@FEW
def test_filters_are_combined(world: Any, values: list[Any]) -> None:
    some, two = ee.Filter.inList("v", [1, 2]), ee.Filter.eq("v", 2)
    for condition, holds in [(some, lambda v: v in (1, 2)), (ee.Filter.Not(some), lambda v: v not in (1, 2)),
                             (ee.Filter.And(some, two), lambda v: v == 2),
                             (ee.Filter.Or(two, some), lambda v: v in (1, 2)),
                             (ee.Filter.notNull(["v"]), lambda v: v is not None),
                             (ee.Filter.maxDifference(1, "v", 0), lambda v: v is not None and abs(v) <= 1)]:
        assert column(world, features(values).filter(condition)) == [n for n, v in enumerate(values) if holds(v)]


def test_a_range_of_dates_holds_its_start_and_not_its_end(world: Any) -> None:
    days = [f"2023-01-{day:02d}" for day in range(1, 6)]
    collection = ee.ImageCollection([ee.Image(0).set("system:time_start", ee.Date(day).millis(), "n", number)
                                     for number, day in enumerate(days)])
    assert column(world, collection.filterDate("2023-01-02", "2023-01-04")) == [1, 2]
    assert column(world, collection.filterDate(ee.Date("2023-01-05"))) == [4]
    assert column(world, collection.filter(ee.Filter.calendarRange(3, 4, "day_of_month"))) == [2, 3]


def test_bounds_keep_what_touches_and_images_without_limits(world: Any) -> None:
    boxes = [shapely.box(x, 0, x + 1, 1) for x in range(4)]
    fields = ee.FeatureCollection([ee.Feature(ee.Geometry.Rectangle(list(box.bounds), "EPSG:4326", False), {"n": n})
                                   for n, box in enumerate(boxes)] + [ee.Feature(None, {"n": 9})])
    area = ee.Geometry.Rectangle([1.5, 0.2, 2.5, 0.8], "EPSG:4326", False)
    assert column(world, fields.filterBounds(area)) == [1, 2]
    assert len(world.value(ee.ImageCollection([ee.Image(1)]).filterBounds(area)).items) == 1


def test_filtering_opens_no_pixels(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.images.loading import ArrayBand

    monkeypatch.setattr(ArrayBand, "compute", lambda *rest: pytest.fail("pixels were read"))
    world.add_collection("c", [world.make({"b": np.ones((20, 24))}, {"system:index": str(n), "system:time_start": n})
                               for n in range(5)])
    images = ee.ImageCollection("c").filterDate(1, 4).filterBounds(ee.Geometry.Point([3.001, 48.7518]))
    assert world.value(images.size()) == 3


KEYS = st.lists(st.integers(0, 4), max_size=7)


@given(first=KEYS, second=KEYS)
@FEW
def test_joins_equal_loops_over_all_pairs(world: Any, first: list[int], second: list[int]) -> None:
    one, other = features(first, "k"), features(second, "k")
    same = ee.Filter.equals(leftField="k", rightField="k")
    near = ee.Filter.maxDifference(1, "k", None, "k")
    for condition, holds in [(same, lambda a, b: a == b), (near, lambda a, b: abs(a - b) <= 1)]:
        matches = [[j for j, b in enumerate(second) if holds(a, b)] for a in first]
        assert column(world, ee.Join.simple().apply(one, other, condition)) == [i for i, m in enumerate(matches) if m]
        assert column(world, ee.Join.inverted().apply(one, other, condition)) == [
            i for i, m in enumerate(matches) if not m]
        joined = world.value(ee.Join.saveAll("m", "n", ascending=False).apply(one, other, condition)).items
        found = [[match.properties["n"] for match in feature.properties["m"]] for feature in joined]
        assert found == [m[::-1] for m in matches if m]
        joined = world.value(ee.Join.saveFirst("m", outer=True).apply(one, other, condition)).items
        assert [f.properties["m"].properties["n"] if "m" in f.properties else None for f in joined] == [
            m[0] if m else None for m in matches]
        joined = world.value(ee.Join.inner().apply(one, other, condition)).items
        pairs = [tuple(f.properties[side].properties["n"] for side in ("primary", "secondary")) for f in joined]
        assert pairs == [(i, j) for i, m in enumerate(matches) for j in m]


def test_a_join_by_equal_properties_tries_only_what_is_equal(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.algorithms import joins
    from gee_scripts.engine.local.values import Collection, Feature

    tried = []
    condition = Filter(accepts=lambda a, b: tried.append(1) is None, equal=("k", "k"))
    many = Collection(tuple(Feature(properties={"k": number}) for number in range(500)))
    assert len(joins.apply(joins.Join(kind="simple"), many, many, condition).items) == 500
    assert len(tried) == 500


def test_the_best_match_is_the_nearest_one(world: Any) -> None:
    one, other = features([0, 10], "k"), features([3, 9, 12], "k")
    best = ee.Join.saveBest("m", "d").apply(one, other, ee.Filter.maxDifference(4, "k", None, "k"))
    matches = [feature.properties["m"].properties for feature in world.value(best).items]
    assert [(match["k"], match["d"]) for match in matches] == [(3, 3), (9, 1)]


def test_linked_bands_come_from_the_image_of_the_same_index_or_are_masked_with_null_properties(world: Any) -> None:
    shape = world.grid.shape
    world.add_collection("a", [world.make({"x": np.ones(shape, np.uint8)}, {"system:index": n, "q": "old"})
                               for n in ("i", "j")])
    world.add_collection("b", [world.make({"cs": np.full(shape, 0.5, np.float32), "cs_cdf": np.ones(shape)},
                                          {"system:index": "i", "q": 7})])
    linked = ee.ImageCollection("a").linkCollection(ee.ImageCollection("b"), ["cs"], ["q"])
    first, second = world.value(linked).items
    assert first.names == second.names == ["x", "cs"]
    assert (first.properties["q"], second.properties.get("q")) == (7, None)
    assert (world.pixels(linked.toList(1).get(0))["cs"] == 0.5).all()
    found = world.pixels(ee.Image(linked.toList(1, 1).get(0)))
    assert found["cs"].mask.all()
    assert not found["x"].mask.any()


def test_indexes_tell_where_elements_come_from(world: Any) -> None:
    one, two = features([1, 2]), features([3])
    assert column(world, one.merge(two), "system:index") == ["1_0", "1_1", "2_0"]
    nested = ee.FeatureCollection([one.set("system:index", "a"), two.set("system:index", "b")]).flatten()
    assert column(world, nested, "system:index") == ["a_0", "a_1", "b_0"]
    assert column(world, one.map(lambda f: ee.Feature(None, {"v": 1})), "system:index") == ["0", "1"]
    assert column(world, ee.ImageCollection([ee.Image(1), ee.Image(2)]), "system:index") == ["0", "1"]


def test_order_limits_and_lists(world: Any) -> None:
    collection = features([3, 1, None, 2])
    assert column(world, collection.sort("v")) == [1, 3, 0, 2]
    assert column(world, collection.sort("v", False)) == [0, 3, 1, 2]
    assert column(world, collection.limit(2, "v")) == [1, 3]
    assert [f.properties["n"] for f in world.value(collection.toList(2, 1))] == [1, 2]
    assert world.value(collection.first().get("n")) == 0
    assert world.value(features([]).first()) is None
    assert column(world, features([1, 1, 2]).distinct("v")) == [0, 2]
    assert world.value(collection.iterate(lambda f, total: ee.Number(total).add(f.get("n")), 0)) == 6


def test_a_mapped_null_is_refused_unless_it_is_dropped(world: Any) -> None:
    def keep(feature: ee.Feature) -> Any:
        return ee.Algorithms.If(ee.Number(feature.get("n")).gt(0), feature, None)

    assert column(world, features([1, 2]).map(keep, True)) == [1]
    with pytest.raises(EngineError, match=r"Collection\.map: A mapped algorithm returned null"):
        world.value(features([1, 2]).map(keep))


def test_random_columns_depend_on_seed_and_index_alone_and_are_uniform(world: Any) -> None:
    many = features(list(range(3))).merge(ee.FeatureCollection(ee.List.sequence(0, 1999).map(
        lambda n: ee.Feature(None, {"n": n}))))
    found = column(world, many.randomColumn("r", 3), "r")
    assert column(world, many.filter(ee.Filter.gt("n", 50)).randomColumn("r", 3), "r") == found[3 + 51:]
    assert column(world, many.randomColumn("r", 4), "r") != found
    counts, _ = np.histogram(found, 10, (0, 1))
    assert counts.min() > 140
    normal = np.array(column(world, many.randomColumn("r", 3, "normal"), "r"))
    assert abs(normal.mean()) < 0.1
    assert abs(normal.std() - 1) < 0.1


@given(values=VALUES)
@FEW
def test_aggregates_pass_over_what_is_missing(world: Any, values: list[Any]) -> None:
    collection, there = features(values), [v for v in values if v is not None]
    assert world.value(collection.aggregate_array("v")) == there
    assert world.value(collection.aggregate_count("v")) == len(there)
    assert world.value(collection.aggregate_sum("v")) == sum(there)
    assert world.value(collection.aggregate_max("v")) == max(there, default=None)
    assert world.value(collection.aggregate_histogram("v")) == {str(v): there.count(v) for v in there}
    if len(there) > 1:
        np.testing.assert_allclose(world.value(collection.aggregate_sample_sd("v")), np.std(there, ddof=1))


def test_properties_are_set_copied_and_listed(world: Any) -> None:
    source = ee.Image(1).set("a", 1, "b", "x", "system:time_start", 5)
    assert world.value(ee.Image(2).copyProperties(source)).properties == {"a": 1, "b": "x"}
    assert world.value(ee.Image(2).copyProperties(source, ["system:time_start"])).properties == {"system:time_start": 5}
    assert world.value(ee.Image(2).copyProperties(source, exclude=["a"])).properties == {"b": "x"}
    assert world.value(source.set("a", None).get("a")) is None
    assert world.value(source.toDictionary()) == {"a": 1, "b": "x"}
    assert world.value(source.getNumber("a").add(1)) == 2
    assert world.value(source.date().millis()) == 5
