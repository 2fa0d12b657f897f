"""Filters by where elements lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gee_scripts.engine.local.algorithms.measures import area as area_of
from gee_scripts.engine.local.algorithms.measures import distance
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Collection, Feature, Filter, Image, geometry_of, get


@algorithm("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Whether an element has a geometry."""
    return Filter(accepts=lambda a, b: geometry_of(a) is not None)


def _spatial(relation: Callable[[Any, Any], bool], unlimited: bool) -> Callable[..., Filter]:
    def made(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any,
             error: Any) -> Filter:
        other = _fixed(left_field, right_value, right_field, left_value)
        # Scenes of one tile share a footprint: it is compared once.
        known: dict[tuple[int, int], tuple[bool, Any]] = {}

        def accepts(primary: Any, secondary: Any) -> bool:
            mine, theirs = _geometry(primary, left_field), other or _geometry(secondary, right_field)
            if mine is None or theirs is None:
                return unlimited and isinstance(primary if mine is None else secondary, Image)
            key = id(mine), id(theirs)
            if key not in known:
                known[key] = bool(relation(mine.to(theirs.crs), theirs.planar)), (mine, theirs)
            return known[key][0]

        return Filter(accepts=accepts)

    return made


def _geometry(element: Any, field: str | None) -> Geometry | None:
    """What a field holds; .geo, .all and no field stand for the geometry of the element."""
    found = element if field is None or field.startswith(".") or element is None else get(element, field)
    return geometry_of(found) if isinstance(found, Geometry | Feature | Image | Collection) else None


def _fixed(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Geometry | None:
    """The geometry that all elements are compared with; None in a join."""
    fixed = right_value if right_value is not None else left_value
    if fixed is None and (left_field is None or right_field is None):
        raise AlgorithmError("a filter needs a value, or a field of each side", mend="give rightValue or rightField")
    return None if fixed is None else _shape_of(fixed)


def _shape_of(value: Any) -> Geometry:
    found = geometry_of(value) if isinstance(value, Geometry | Feature | Image | Collection) else None
    if found is None:
        raise AlgorithmError(f"a {type_name(value)} has no geometry", mend="give a geometry, or a feature with one")
    return found


algorithm("Filter.intersects")(_spatial(lambda a, b: a.intersects(b), unlimited=True))
algorithm("Filter.disjoint")(_spatial(lambda a, b: a.disjoint(b), unlimited=False))
algorithm("Filter.contains")(_spatial(lambda a, b: a.contains(b), unlimited=True))
algorithm("Filter.isContained")(_spatial(lambda a, b: a.within(b), unlimited=False))


@algorithm("Filter.withinDistance")
def within_distance(limit: float, left_field: str | None, right_value: Any, right_field: str | None,
                    left_value: Any, error: Any) -> Filter:
    """Whether two geometries are no further apart than metres."""
    other = _fixed(left_field, right_value, right_field, left_value)

    def measure(primary: Any, secondary: Any) -> float:
        mine, theirs = _geometry(primary, left_field), other or _geometry(secondary, right_field)
        if mine is None or theirs is None:
            return float("inf")
        return distance(mine, theirs, None, None, True)

    return Filter(accepts=lambda a, b: measure(a, b) <= limit, measure=measure)


@algorithm("Filter.area")
def area(low: float, high: float, error: Any, selector: str | None) -> Filter:
    """Whether the geometry's area lies between two limits in square metres, both included."""

    def accepts(primary: Any, secondary: Any) -> bool:
        shape = geometry_of(primary) if selector in (None, "", ".geo") else get(primary, str(selector))
        return isinstance(shape, Geometry) and low <= area_of(shape, error, None) <= high

    return Filter(accepts=accepts)
