"""Every function without images, masked and empty: nulls and empty values are answered or refused in words.

`test_two_projections.py` does the same for projections, `every_image_function` for images.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import shapely

from agrispec.errors import AgrispecError, AssetMissing, EngineError
from gee_scripts.engine.local import algorithms  # noqa: F401 (they register)
from gee_scripts.engine.local.language.encode import as_json, encode
from gee_scripts.engine.local.language.promotion import promoted
from gee_scripts.engine.local.language.registry import IMPLEMENTED, Argument, invoke, signatures
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.raster import PixelType
from gee_scripts.engine.local.values import (
    Closure,
    Collection,
    ConfusionMatrix,
    Date,
    DateRange,
    Feature,
    Filter,
    Geometry,
    Join,
    Kernel,
    hashable,
)

LISTED = json.loads((Path(ee.__file__).parent / "tests" / "algorithms.json").read_bytes())["algorithms"]
RETURNS = {entry["name"].removeprefix("algorithms/"): entry["returnType"] for entry in LISTED}


def plain(kind: str) -> str:
    return kind.partition("<")[0]


def of_images(name: str) -> bool:
    kinds = [RETURNS[name], *(argument.type for argument in signatures()[name])]
    return any(plain(kind) in ("Image", "ImageCollection", "Reducer") for kind in kinds)


NAMES = [name for name in sorted(IMPLEMENTED) if not of_images(name)]

# -- arguments

AREA, OTHER = Geometry(shapely.box(2.0, 48.0, 2.01, 48.01)), Geometry(shapely.box(2.005, 48.005, 2.02, 48.02))
LINE = Geometry(shapely.LineString([(2.0, 48.0), (2.005, 48.005), (2.01, 48.0)]))
NOWHERE = [Geometry(shape) for shape in (AREA.shape.intersection(shapely.box(9, 9, 10, 10)), shapely.MultiPolygon(),
                                         shapely.GeometryCollection(), shapely.Point(), shapely.LineString())]


def feature(number: int, shape: Geometry | None = AREA, **properties: Any) -> Feature:
    return Feature(geometry=shape, properties={"system:index": str(number), "system:time_start": 1.6e12 + number,
                                               "n": number, "s": "text", "l": [1, 2], **properties})


TABLE = Collection((feature(0), feature(1, OTHER), feature(2)))
BARE = Feature(properties={"system:index": "9"})
UNKNOWN = Feature(geometry=None, properties={"n": None, "s": None, "l": None})
ODD = Feature(properties={"n": np.array([1, 2]), "s": 3, "l": "x", "system:time_start": math.nan})
HOLES = Collection((feature(0), BARE, UNKNOWN, feature(1, NOWHERE[1], n=math.nan), feature(2, n="text"), ODD))
RING = [[2.0, 48.0], [2.1, 48.0], [2.1, 48.1], [2.0, 48.0]]
TREE = "1) root 9999 9999 9999\n2) n<=1.5 9999 9999 1 *\n3) n>1.5 9999 9999 2 *"
ALWAYS = Filter(accepts=lambda a, b: True)
WHOLE = np.array([[4, 1], [1, 3]])


class Assets:
    """One table."""

    def table(self, asset_id: str) -> Collection:
        if asset_id != "table":
            raise AssetMissing(f"asset '{asset_id}' not found", mend="ask for 'table'")
        return TABLE

    image = collection = table


def called(name: str, **arguments: Any) -> Any:
    return invoke(name, arguments, Assets())


# What an argument of a declared type holds where nothing else is said; the first three tables, in this order.
BY_FUNCTION: dict[str, dict[str, Any]] = {
    "Array.cut": {"position": [0, 1]}, "Array.get": {"position": [0, 1]}, "Array.pad": {"lengths": [3, 3]},
    "Array.dotProduct": {"array1": np.array([1, 2]), "array2": np.array([3, 4])}, "Array.project": {"axes": [0, 1]},
    "Array.mask": {"mask": np.array([[1], [0]])}, "Array.sort": {"keys": np.array([[1], [0]])},
    "Array.matrixToDiag": {"input": np.array([[1.0], [2.0]])}, "Array.reshape": {"shape": [4]},
    "Collection.distinct": {"properties": "n"}, "Collection.flatten": {"collection": Collection((TABLE, TABLE))},
    "ConfusionMatrix": {"array": [[1, 2], [3, 4]]},
    "Date": {"value": "2020-01-01"}, "Date.fromYMD": {"year": 2020, "month": 1, "day": 1},
    "Date.parse": {"format": "YYYY-MM-dd", "date": "2020-01-01"}, "DateRange": {"start": 0, "end": 5},
    "DateRange.contains": {"other": Date(5)}, "Dictionary": {"input": {"a": 1}},
    "Dictionary.fromLists": {"values": [1, 2]}, "Dictionary.getArray": {"dictionary": {"a": [1, 2]}},
    "Dictionary.getGeometry": {"dictionary": {"a": AREA}}, "Dictionary.getString": {"dictionary": {"a": "text"}},
    "Dictionary.rename": {"from": ["a"], "to": ["c"]},
    "Element.copyProperties": {"destination": feature(0), "source": feature(1)}, "Element.getArray": {"property": "l"},
    "Element.getString": {"property": "s"}, "Feature.cutLines": {"feature": feature(0, LINE)},
    "Feature.select": {"propertySelectors": ["n"]}, "Feature.toArray": {"properties": ["n"]},
    "Filter.expression": {"expression": "n < 2"}, "Filter.hasType": {"leftField": "n", "rightValue": "number"},
    "Geometry.coveringGrid": {"scale": 500.0}, "Geometry.cutLines": {"geometry": LINE},
    "Geometry.length": {"geometry": LINE}, "GeometryConstructors.MultiPolygon": {"coordinates": [[RING]]},
    "GeometryConstructors.Point": {"coordinates": [2.0, 48.0]}, "GeometryConstructors.Polygon": {"coordinates": [RING]},
    "Image.copyProperties": {"destination": feature(0), "source": feature(1)},
    "Image.parseExpression": {"expression": "a + b", "argName": "img"}, "Kernel.fixed": {"weights": [[1, 2], [3, 4]]},
    "List.getArray": {"list": [[1], [2]]}, "List.getGeometry": {"list": [AREA, OTHER]},
    "List.getString": {"list": ["a", "b"]}, "List.sequence": {"end": 5},
    "List.unzip": {"list": [[1, 2], [3, 4]]}, "Number.expression": {"expression": "a + b", "vars": {"a": 1, "b": 2}},
    "Number.format": {"pattern": "%d"}, "Number.parse": {"input": "12"},
    "PixelType": {"precision": "int", "minValue": 0, "maxValue": 9}, "Projection": {"crs": "EPSG:32631"},
    "String.decodeJSON": {"string": '{"a": 1}'},
}
BY_NAME: dict[str, Any] = {
    "actual": "n", "columnName": "n", "coordinates": RING, "denominator": "hour", "filter": ALWAYS, "inUnit": "year",
    "key": "a", "lookupIn": [0, 1, 2], "lookupOut": [5, 6, 7], "mode": "REGRESSION", "numerator": "day",
    "predicted": "n", "property": "n", "regex": "[b-c]+", "tableId": "table", "treeString": TREE,
    "treeStrings": [TREE], "unit": "day", "vars": ["a", "b"],
}
BY_TYPE: dict[str, Any] = {
    "Algorithm": Closure(("x",), lambda values: values[0]), "Array": WHOLE, "Boolean": True,
    "Classifier": called("Classifier.decisionTree", treeString=TREE),
    "ConfusionMatrix": ConfusionMatrix(np.array([[3, 1], [1, 4]]), (0, 1)), "Date": Date(1_600_000_000_000),
    "DateRange": DateRange(0, 1000), "Dictionary<Object>": {"a": 1, "b": 2}, "Element": feature(0),
    "ErrorMargin": 1.0, "Feature": feature(0), "FeatureCollection": TABLE, "Filter": ALWAYS, "Float": 3.0,
    "Geometry": AREA, "Integer": 1, "Join": Join(kind="simple"), "Kernel": Kernel(kind="circle", radius=2),
    "List<Array>": [np.array([1]), np.array([2])], "List<Element>": [feature(0)], "List<Filter>": [ALWAYS],
    "List<Float>": [1.0, 2.0], "List<Geometry>": [AREA, OTHER], "List<Integer>": [0], "List<Number>": [2, 48],
    "List<Object>": [3, 1, 2], "List<String>": ["a", "b"], "Long": 1, "Number": 3, "Object": 3,
    "PixelType": PixelType.of(np.uint8), "Projection": Projection("EPSG:32631"), "String": "abc",
}
SPATIAL = ("Filter.contains", "Filter.disjoint", "Filter.intersects", "Filter.isContained", "Filter.withinDistance")


def sample(name: str) -> dict[str, Any]:
    """Arguments that the function answers."""
    own = dict(BY_FUNCTION.get(name, {}))
    if name.startswith("Filter."):
        own |= {} if "leftField" in own else {"leftField": "n", "rightValue": OTHER if name in SPATIAL else 1}
    if name.startswith("Kernel."):
        own |= {"units": "pixels"}
    found = {}
    for argument in signatures()[name]:
        if argument.name in own:
            found[argument.name] = own[argument.name]
        elif not argument.optional:
            found[argument.name] = BY_NAME.get(argument.name, BY_TYPE[argument.type])
    return found


# What stands for nothing in a type, and what holds nulls or numbers that are none.
EMPTY: dict[str, list[Any]] = {
    "Array": [np.zeros(shape) for shape in ((0,), (0, 0), (0, 2), (2, 0))], "DateRange": [DateRange(5, 5)],
    "ConfusionMatrix": [ConfusionMatrix(np.zeros((size, size), int), tuple(range(size))) for size in (0, 2)],
    "Dictionary": [{}], "Element": [Feature(), *(feature(0, shape) for shape in NOWHERE), Collection(())],
    "Feature": [Feature()], "Geometry": NOWHERE, "List": [[], [[]]], "String": [""],
    "FeatureCollection": [Collection(()), Collection((Feature(),)), Collection((feature(0, NOWHERE[0]),)),
                          Collection((Collection(()),))],
    "Object": ["", [], {}, np.zeros(0), Collection(()), Feature(), NOWHERE[0]],
}
STRANGE = [math.nan, math.inf, -math.inf, 10**400]
NULLS: dict[str, list[Any]] = {
    "Array": [np.array([[math.nan, 1.0], [2.0, math.inf]]), np.array([math.nan])], "Element": [BARE, UNKNOWN, ODD],
    "DateRange": [DateRange(-math.inf, math.inf)], "Dictionary": [{"a": None}, {"a": 1, "b": None}],
    "Feature": [BARE, UNKNOWN], "FeatureCollection": [HOLES], "Float": STRANGE, "Integer": STRANGE, "Long": STRANGE,
    "List": [[None], [3, None, 1], ["a", None], [[1, None]]], "Number": STRANGE,
    "Object": [[None], {"a": None}, math.nan, BARE],
}
# Of these there is neither: a value of them is whole, or none was made.
WHOLES = {"Algorithm", "Boolean", "Classifier", "Date", "ErrorMargin", "Filter", "Join", "Kernel", "PixelType",
          "Projection"}


def with_others(name: str, table: dict[str, list[Any]]) -> Iterator[tuple[Argument, dict[str, Any]]]:
    """The function's sample with one argument at a time from a table."""
    for argument in signatures()[name]:
        for value in table.get(plain(argument.type), []):
            yield argument, {**sample(name), argument.name: value}


def answered(name: str, arguments: dict[str, Any]) -> Any:
    """What is sent for a call; None where it is refused in words. Filters and joins are applied."""
    try:
        found = called(name, **arguments)
        for made in applied(found):
            as_json(encode(made))
        return found
    except AgrispecError as error:
        if "report a fault" in error.mend:
            pytest.fail(f"{name}({arguments}) fell over: {error.__cause__!r}")
        return None


def applied(found: Any) -> Iterator[Any]:
    if isinstance(found, Filter):
        yield called("Collection.filter", collection=HOLES, filter=found)
        found = called("Join.apply", join=Join(kind="simple"), primary=HOLES, secondary=HOLES, condition=found)
    if isinstance(found, Join):
        near = called("Filter.maxDifference", difference=1, leftField="n", rightField="n")
        found = called("Join.apply", join=found, primary=HOLES, secondary=HOLES, condition=near)
    if type(found).__name__ != "Classifier":
        yield found


# -- properties

@pytest.mark.parametrize("name", NAMES)
def test_an_answer_has_the_declared_type(name: str) -> None:
    found = called(name, **sample(name))
    assert found is not None
    if plain(RETURNS[name]) not in ("<any>", "Object", "Classifier", ""):
        promoted(found, RETURNS[name], Assets())


@pytest.mark.parametrize("name", [name for name in NAMES if signatures()[name]])
def test_a_null_argument_is_refused_by_name_or_is_its_default(name: str) -> None:
    given = sample(name)
    for argument in signatures()[name]:
        if not argument.optional:
            with pytest.raises(EngineError, match=f"^{name}: Parameter '{argument.name}' is required"):
                called(name, **{**given, argument.name: None})
        else:
            left_out = {other: value for other, value in given.items() if other != argument.name}
            null, default = (answered(name, {**left_out, argument.name: value}) for value in (None, argument.default))
            assert (null is None) == (default is None)
            if type(null).__name__ not in ("Filter", "Closure", "Classifier", "NoneType"):
                assert encode(null) == encode(default)


@pytest.mark.parametrize("name", NAMES)
def test_nulls_within_arguments_are_answered_or_refused_in_words(name: str) -> None:
    for _, arguments in with_others(name, NULLS):
        answered(name, arguments)


@pytest.mark.parametrize("name", NAMES)
def test_empty_arguments_are_answered_or_refused_in_words(name: str) -> None:
    for _, arguments in with_others(name, EMPTY):
        answered(name, arguments)


def test_every_function_is_tested_or_has_nothing_that_can_be_null_or_empty() -> None:
    for name in NAMES:
        kinds = {plain(argument.type) for argument in signatures()[name]}
        assert kinds <= set(NULLS) | set(EMPTY) | WHOLES, f"{name} takes a type without a null or empty value here"
    assert not (set(BY_FUNCTION) - set(NAMES)), "a table names what is not implemented"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("AggregateFeatureCollection.")])
def test_aggregates_do_not_count_features_without_the_property(name: str) -> None:
    with_nulls = Collection((BARE, feature(3), UNKNOWN, feature(1), feature(3)))
    without = Collection((feature(3), feature(1), feature(3)))
    found, expected = (called(name, collection=items, property="n") for items in (with_nulls, without))
    if name.endswith(".stats"):
        assert (found.pop("total_count"), expected.pop("total_count")) == (5, 3)
    assert found == expected
    nothing = called(name, collection=Collection((BARE, UNKNOWN)), property="n")
    of_none = called(name, collection=Collection(()), property="n")
    if name.endswith(".stats"):
        assert (nothing.pop("total_count"), of_none.pop("total_count")) == (2, 0)
    assert nothing == of_none


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("Filter.") and any(
    argument.name == "leftField" for argument in signatures()[name])] + ["Filter.rangeContains"])
def test_no_filter_of_a_field_passes_a_feature_without_it(name: str) -> None:
    given = sample(name) | ({"field": "n"} if name == "Filter.rangeContains" else {})
    made = called(name, **given)
    assert not any(made.accepts(element, None) for element in (BARE, UNKNOWN, Feature()))
    if name != "Filter.rangeContains":
        pairs = called(name, **{key: value for key, value in given.items() if key != "rightValue"}, rightField="n") \
            if name not in (*SPATIAL, "Filter.hasType") else made
        assert not any(pairs.accepts(one, other) for one, other in itertools.product((BARE, UNKNOWN), TABLE.items))


@pytest.mark.parametrize(("name", "kept"), [("simple", []), ("inverted", ["9", "8"]), ("inner", []), ("saveAll", []),
                                            ("saveFirst", []), ("saveBest", [])])
def test_null_fields_match_nothing_in_a_join(name: str, kept: list[str]) -> None:
    nulls = Collection((BARE, Feature(properties={"system:index": "8", "n": None})))
    join = called(f"Join.{name}", **{argument.name: "m" for argument in signatures()[f"Join.{name}"]
                                     if not argument.optional})
    for made in ("equals", "maxDifference"):
        if (name, made) == ("saveBest", "equals"):
            continue
        more = {"difference": 5} if made == "maxDifference" else {}
        condition = called(f"Filter.{made}", leftField="n", rightField="n", **more)
        for secondary in (nulls, TABLE, Collection(())):
            found = called("Join.apply", join=join, primary=nulls, secondary=secondary, condition=condition)
            assert [item.properties["system:index"] for item in found.items] == kept


@pytest.mark.parametrize(("name", "keys"), [("Element.get", ("object", "property")),
                                            ("Dictionary.get", ("dictionary", "key")), ("List.get", ("list", "index"))])
def test_a_value_of_another_type_is_refused_where_one_type_is_asked_for(name: str, keys: tuple[str, str]) -> None:
    held = {"Number": 3, "String": "text", "Array": [1, 2], "Geometry": AREA}
    places = {kind: place if name == "List.get" else kind for place, kind in enumerate(held)}
    whole = {"Element.get": Feature(properties=held), "Dictionary.get": held, "List.get": list(held.values())}[name]
    for wanted, kind in itertools.product(held, repeat=2):
        if f"{name}{wanted}" not in IMPLEMENTED or (wanted, kind) == ("Array", "Number"):  # a number is an array
            continue
        if wanted == kind:
            assert called(f"{name}{wanted}", **dict(zip(keys, (whole, places[kind]), strict=True))) is not None
        else:
            with pytest.raises(EngineError, match=f"is no {wanted}"):
                called(f"{name}{wanted}", **dict(zip(keys, (whole, places[kind]), strict=True)))


def test_arrays_and_geometries_are_told_apart_by_what_they_hold() -> None:
    arrays = [np.array([1, 2]), np.array([1.0, 2.0]), np.array([[1, 2]]), np.array([2, 1]), [1, 2]]
    table = Collection(tuple(Feature(properties={"n": array}) for array in arrays))
    distinct = called("Collection.distinct", collection=table, properties="n")
    assert [item.properties["n"] is arrays[place] for item, place in zip(distinct.items, (0, 2, 3, 4), strict=True)]
    assert len(called("List.distinct", list=[AREA, Geometry(shapely.from_wkb(AREA.shape.wkb)), OTHER])) == 2
    assert called("IsEqual", left=np.array([1, 2]), right=np.array([1, 2])) is True
    assert hashable(np.array([1, 2])) != hashable(np.array([[1], [2]]))
