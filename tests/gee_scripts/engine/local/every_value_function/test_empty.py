"""Nothing: an empty text, list, dictionary, array, range, geometry or collection."""

from typing import Any

import numpy as np
import pytest
import shapely

from agrispec.errors import EngineError
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import signatures
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.values import Collection, ConfusionMatrix, DateRange, Feature


def test_empty_arguments_are_answered_or_refused_in_words(every: Any, taker: str) -> None:
    for arguments in every.with_others(taker, every.EMPTY):
        every.answered(taker, arguments)


def test_every_function_is_tested_or_takes_nothing_that_can_be_null_or_empty(every: Any) -> None:
    known = set(every.NULLS) | set(every.EMPTY) | every.WHOLES
    for name in every.NAMES:
        kinds = {every.plain(argument.type) for argument in signatures()[name]}
        assert kinds <= known, f"{name} takes a type without a null or empty value in conftest.py"
    assert not set(every.BY_FUNCTION) - set(every.NAMES), "a table names what is not implemented"


EMPTY = shapely.GeometryCollection()
# What a function gives for an empty geometry, as shapely does; EMPTY stands for any empty geometry.
OF_NOWHERE = {
    **dict.fromkeys(("area", "length", "perimeter"), 0.0), "closestPoint": None, "closestPoints": {},
    **dict.fromkeys(("contains", "containedIn", "intersects", "withinDistance"), False), "disjoint": True,
    **dict.fromkeys(("bounds", "buffer", "centroid", "convexHull", "cutLines", "dissolve", "intersection", "simplify",
                     "transform"), EMPTY),
    "difference": EMPTY, "union": shapely.box(2.005, 48.005, 2.02, 48.02), "distance": EngineError,
    "symmetricDifference": shapely.box(2.005, 48.005, 2.02, 48.02),
}
MORE = {"buffer": {"distance": 5}, "cutLines": {"distances": [5]}, "simplify": {"maxError": 5},
        "withinDistance": {"distance": 1e9}}


@pytest.mark.parametrize("name", OF_NOWHERE)
@pytest.mark.parametrize("projection", [None, Projection("EPSG:4326")], ids=["geodesic", "planar"])
def test_an_empty_geometry_has_no_size_meets_nothing_and_stays_empty(every: Any, name: str,
                                                                     projection: Projection | None) -> None:
    expected = OF_NOWHERE[name]
    names = [argument.name for argument in signatures()[f"Geometry.{name}"]][:2]
    for nowhere in every.NOWHERE:
        arguments = {names[0]: nowhere, "proj": projection, **MORE.get(name, {})}
        arguments |= {"right": every.OTHER} if "right" in names else {}
        if expected is EngineError:
            with pytest.raises(EngineError, match="empty"):
                every.called(f"Geometry.{name}", **arguments)
            continue
        found = every.called(f"Geometry.{name}", **arguments)
        if isinstance(expected, shapely.Geometry):
            assert found.shape.is_empty if expected.is_empty else found.shape.equals(expected)
        else:
            assert found == expected


@pytest.mark.parametrize(("name", "arguments", "expected"), [
    ("Array.argmax", {"array": np.zeros(0)}, None), ("Array.toList", {"array": np.zeros((0, 2))}, []),
    ("Array.length", {"array": np.zeros((0, 2))}, [0, 2]),
    ("Array.add", {"left": np.zeros(0), "right": np.zeros(0)}, []),
    ("Array.matrixTrace", {"input": np.zeros((0, 0))}, 0), ("Array.matrixDeterminant", {"input": np.zeros((0, 0))}, 1),
    ("List.size", {"list": []}, 0), ("List.distinct", {"list": []}, []), ("List.sort", {"list": []}, []),
    ("List.join", {"list": []}, ""), ("List.indexOf", {"list": [], "element": 1}, -1),
    ("List.zip", {"list": [], "other": [1]}, []), ("List.flatten", {"list": [[], []]}, []),
    ("List.containsAll", {"list": [], "other": []}, True), ("List.indexOfSublist", {"list": [1], "target": []}, 0),
    ("String.length", {"string": ""}, 0), ("String.split", {"string": "", "regex": ","}, [""]),
    ("String.index", {"target": "", "pattern": "a"}, -1), ("String.compareTo", {"string1": "", "string2": "a"}, -1),
    ("Dictionary.keys", {"dictionary": {}}, []), ("Dictionary.values", {"dictionary": {}}, []),
    ("Dictionary.size", {"dictionary": {}}, 0), ("Dictionary.combine", {"first": {}, "second": {"a": 1}}, {"a": 1}),
    ("DateRange.isEmpty", {"dateRange": DateRange(5, 5)}, True),
    ("DateRange.contains", {"dateRange": DateRange(5, 5), "other": 5}, False),
    ("Collection.size", {"collection": Collection(())}, 0), ("Collection.first", {"collection": Collection(())}, None),
    ("Collection.toList", {"collection": Collection(()), "count": 3}, []),
    ("AggregateFeatureCollection.sum", {"collection": Collection(()), "property": "n"}, 0),
    ("AggregateFeatureCollection.mean", {"collection": Collection(()), "property": "n"}, None),
    ("AggregateFeatureCollection.array", {"collection": Collection(()), "property": "n"}, []),
    ("AggregateFeatureCollection.histogram", {"collection": Collection(()), "property": "n"}, {}),
    ("ConfusionMatrix.accuracy", {"confusionMatrix": ConfusionMatrix(np.zeros((2, 2), int), (0, 1))}, 0),
    ("Element.propertyNames", {"element": Feature()}, []), ("Feature.area", {"feature": Feature()}, 0),
    ("Geometry.geometries", {"geometry": Geometry(EMPTY)}, []), ("Geometry.coordinates", {
        "geometry": Geometry(shapely.MultiPolygon())}, []),
])
def test_of_nothing_there_is_nothing(every: Any, name: str, arguments: dict[str, Any], expected: Any) -> None:
    found = every.called(name, **arguments)
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected


def test_collections_without_geometries_have_an_empty_one(every: Any) -> None:
    for features in ((), (Feature(),), (Feature(geometry=every.NOWHERE[0]),)):
        collection = Collection(features)
        assert every.called("Collection.geometry", collection=collection).shape.is_empty
        assert every.called("Collection.bounds", collection=collection).shape.is_empty
        assert every.called("Collection.union", collection=collection).items[0].geometry.shape.is_empty
    grid = every.called("Geometry.coveringGrid", geometry=every.NOWHERE[1], proj=Projection("EPSG:32631"), scale=10)
    assert grid.items == ()
