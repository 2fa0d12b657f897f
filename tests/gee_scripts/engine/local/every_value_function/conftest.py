"""Arguments that every function without images answers, and what is null or empty of each type.

What is masked of images is null of values. `every_image_function` does the same for functions of images.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ee
import numpy as np
import pytest
import shapely

from agrispec.errors import AgrispecError, AssetMissing
from gee_scripts.engine.local import algorithms  # noqa: F401 (they register)
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.encode import as_json, encode
from gee_scripts.engine.local.language.registry import IMPLEMENTED, invoke, signatures
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
    Join,
    Kernel,
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
APART = Geometry(shapely.Polygon([(2.02, 48.02), (2.03, 48.02), (2.03, 48.03)]))
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
    "Geometry.coveringGrid": {"proj": Projection("EPSG:32631", (500.0, 0.0, 0.0, 0.0, -500.0, 0.0))},
    "Geometry.cutLines": {"geometry": LINE},
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
        elif argument.name == "right" and argument.type in ("Element", "Geometry"):
            shape = APART if "closest" in name else OTHER
            found["right"] = shape if argument.type == "Geometry" else feature(1, shape)
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


def with_others(name: str, table: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The function's sample with one argument at a time from a table."""
    for argument in signatures()[name]:
        for value in table.get(plain(argument.type), []):
            yield {**sample(name), argument.name: value}


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


PLACES = {"Geometry", "Feature", "Element", "FeatureCollection", "Projection", "ErrorMargin", "List<Geometry>",
          "List<Element>"}
GROUPS = {
    "named": lambda name, kinds: True,
    "taker": lambda name, kinds: bool(kinds),
    "placed": lambda name, kinds: bool(kinds & PLACES),
    "aggregate": lambda name, kinds: name.startswith("AggregateFeatureCollection."),
    "condition": lambda name, kinds: name.startswith("Filter.") and "leftField" in {
        argument.name for argument in signatures()[name]},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `named`, a `taker`, … is run for every function of that group."""
    for group, belongs in GROUPS.items():
        if group in metafunc.fixturenames:
            metafunc.parametrize(group, [name for name in NAMES if belongs(
                name, {argument.type for argument in signatures()[name]})])


@pytest.fixture(scope="session")
def every() -> ModuleType:
    """The functions and tables of this module, which tests cannot import."""
    return sys.modules[__name__]
