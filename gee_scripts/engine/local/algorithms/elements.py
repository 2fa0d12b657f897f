"""Properties of images, features and collections."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gee_scripts.engine.local.geometry import EVERYWHERE, Geometry
from gee_scripts.engine.local.language.promotion import Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.type_names import type_names
from gee_scripts.engine.local.values import SYSTEM_INDEX, TIME_START, Date, Feature, Image, geometry_of, hashable, put
from gee_scripts.engine.local.values import get as property_of


def same(value: Any) -> Any:
    """A key that two values share where one repeats the other; NaN repeats NaN, as in Java."""
    # One object: dictionaries and tuples take it for equal to itself.
    return math.nan if isinstance(value, float) and math.isnan(value) else hashable(value)


def ordered(elements: Sequence[Any], name: str, ascending: bool) -> list[Any]:
    """Elements by a property; those without it come last.

    Raises:
        AlgorithmError: its values have no order.
    """
    values = {id(element): property_of(element, name) for element in elements}
    having = [element for element in elements if values[id(element)] is not None]
    try:
        having.sort(key=lambda element: hashable(values[id(element)]), reverse=not ascending)
    except TypeError as error:
        raise AlgorithmError(f"Property '{name}' holds values that cannot be compared: they are of the types "
                             f"{type_names(values.values())}",
                             mend="sort by a property of numbers, or of texts") from error
    return having + [element for element in elements if values[id(element)] is None]


@algorithm("Element.get")
def get(element: Any, name: str) -> Any:
    """A property, null where there is none."""
    return property_of(element, name)


def typed(value: Any, kind: str, what: str) -> Any:
    """A value as a type; null stays null.

    Raises:
        AlgorithmError: it is of another one.
    """
    try:
        return None if value is None else promoted(value, kind, None)  # type: ignore[arg-type]
    except Mismatch as error:
        raise AlgorithmError(f"{what} is no {kind}: it is of the type {error.found}",
                             mend="ask for it by get(), or cast it") from error


@algorithm("Element.getString")
def get_string(element: Any, name: str) -> Any:
    """A property that is a text, null where there is none."""
    return typed(property_of(element, name), "String", f"Property '{name}'")


@algorithm("Element.getArray")
def get_array(element: Any, name: str) -> Any:
    """A property that is an array, null where there is none."""
    return typed(property_of(element, name), "Array", f"Property '{name}'")


@algorithm("Element.getNumber")
def get_number(element: Any, name: str) -> Any:
    """A property that is a number; dates are milliseconds."""
    value = property_of(element, name)
    return value.milliseconds if isinstance(value, Date) else typed(value, "Number", f"Property '{name}'")


@algorithm("Element.set")
def set_(element: Any, name: str, value: Any) -> Any:
    """The element with a property set; null removes it."""
    return put(element, {name: value.milliseconds if isinstance(value, Date) else value})


@algorithm("Element.setMulti")
def set_all(element: Any, properties: Mapping[str, Any]) -> Any:
    """The element with properties set."""
    return put(element, properties)


@algorithm("Element.copyProperties", "Image.copyProperties")
def copy_properties(target: Any, source: Any, names: list[str] | None, exclude: list[str] | None) -> Any:
    """The target with properties of the source; without names all ordinary ones, not the system's."""
    if target is None or source is None:
        raise AlgorithmError("Parameters 'destination' and 'source' are required", mend="give both")
    if names is None:
        names = [name for name in source.properties if not name.startswith("system:") and name not in (exclude or ())]
    found = {name: property_of(source, name) for name in names}
    return put(target, {name: value for name, value in found.items() if value is not None})


@algorithm("Element.propertyNames")
def property_names(element: Any) -> list[str]:
    """Names of all properties."""
    extra = ["system:bands", "system:band_names"] if isinstance(element, Image) else []
    return [*element.properties, *extra]


@algorithm("Element.toDictionary")
def to_dictionary(element: Any, names: list[str] | None) -> dict[str, Any]:
    """Properties by name; without names all but the system's."""
    if names is None:
        names = [name for name in element.properties if not name.startswith("system:")]
    return {name: property_of(element, name) for name in names}


@algorithm("Feature.id", "Image.id")
def id_(element: Any) -> Any:
    """Its id within its collection."""
    return property_of(element, SYSTEM_INDEX)


@algorithm("Element.geometry", "Feature.geometry", "Image.geometry")
def geometry(element: Any, error: Any, projection: Projection | None, geodesics: bool | None) -> Geometry | None:
    """The geometry of a feature, the footprint of an image, in a projection if one is given."""
    found = geometry_of(element)
    if found is None and isinstance(element, Image):
        return EVERYWHERE
    if found is None or found.unbounded or (projection is None and geodesics is None):
        return found
    crs = projection.crs if projection else found.crs
    return Geometry(found.to(crs), crs, found.geodesic if geodesics is None else geodesics)


@algorithm("Image.date")
def date(image: Image) -> Date:
    """When the image was taken."""
    start = property_of(image, TIME_START)
    if start is None:
        raise AlgorithmError("the image has no property system:time_start", mend="set it, in milliseconds since 1970")
    return Date(int(start))


@algorithm("Feature")
def feature(shape: Geometry | None, properties: Mapping[str, Any], key: str | None) -> Feature:
    """A geometry with properties."""
    return Feature(geometry=shape, properties=dict(properties))


@algorithm("Feature.setGeometry")
def with_geometry(element: Feature, shape: Geometry | None) -> Feature:
    """The feature with another geometry."""
    return Feature(geometry=shape, properties=element.properties)


@algorithm("Feature.select")
def select(element: Any, selectors: list[str], new: list[str] | None, keep: bool) -> Any:
    """The feature with some of its properties, renamed if asked."""
    names = new or selectors
    if len(names) != len(selectors):
        raise AlgorithmError(f"{len(selectors)} properties and {len(names)} new names",
                             mend="give as many of one as of the other")
    found = {name: property_of(element, old) for old, name in zip(selectors, names, strict=True)}
    index = property_of(element, SYSTEM_INDEX)
    kept = {name: value for name, value in found.items() if value is not None}
    return Feature(geometry=geometry_of(element) if keep else None,
                   properties=kept | ({SYSTEM_INDEX: index} if index is not None else {}))
