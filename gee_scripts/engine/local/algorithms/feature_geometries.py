"""What is done to the geometries of features; the results keep the properties of the left one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from gee_scripts.engine.local.algorithms import geometries, measures  # noqa: F401 (they register first)
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import IMPLEMENTED, AlgorithmError, algorithm
from gee_scripts.engine.local.values import Feature, geometry_of, get

_NOTHING = Geometry(shapely.GeometryCollection())


def _shape(element: Any) -> Geometry:
    found = geometry_of(element)
    return _NOTHING if found is None else found


def _changed(function: Callable[..., Geometry]) -> Callable[..., Feature]:
    def change(element: Any, *arguments: Any) -> Feature:
        if geometry_of(element) is None:
            return Feature(properties=element.properties)
        return Feature(geometry=function(_shape(element), *arguments), properties=element.properties)

    return change


def _combined(function: Callable[..., Geometry]) -> Callable[..., Feature]:
    return lambda left, right, *arguments: Feature(geometry=function(_shape(left), _shape(right), *arguments),
                                                   properties=left.properties)


def _measured(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda element, *arguments: function(_shape(element), *arguments)


def _compared(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right, *arguments: function(_shape(left), _shape(right), *arguments)


for _way, _names in ((_changed, "buffer centroid bounds simplify transform convexHull dissolve cutLines"),
                     (_combined, "union intersection difference symmetricDifference"),
                     (_measured, "area length perimeter"),
                     (_compared, "contains containedIn intersects disjoint distance withinDistance closestPoint"
                                 " closestPoints")):
    for _name in _names.split():
        _entry = IMPLEMENTED[f"Geometry.{_name}"]
        algorithm(f"Feature.{_name}", lacks=_entry.lacks, differs=_entry.differs,
                  source=_entry.source)(_way(_entry.function))


@algorithm("Feature.toArray")
def to_array(feature: Any, names: list[str]) -> np.ndarray[Any, Any]:
    """Properties that are numbers, in order."""
    found = []
    for name in names:
        value = get(feature, name)
        if not isinstance(value, int | float):
            raise AlgorithmError(f"Property '{name}' is missing or no number", mend="name properties that are numbers")
        found.append(value)
    return np.array(found)
