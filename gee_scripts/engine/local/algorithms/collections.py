"""Collections of images and features."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import shapely

from gee_scripts.engine.local.algorithms.bands import add_bands
from gee_scripts.engine.local.algorithms.casting import cast_some
from gee_scripts.engine.local.algorithms.elements import ordered, same
from gee_scripts.engine.local.algorithms.filter_expressions import expression
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.geometry import Geometry, union
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.type_names import Named, type_name
from gee_scripts.engine.local.values import (
    SYSTEM_INDEX,
    Closure,
    Collection,
    Feature,
    Filter,
    Image,
    geometry_of,
    get,
    hashable,
    put,
)

MOST_MERGED = 1_000_000
"""Elements of two collections that are made one in memory."""


@algorithm("ImageCollection.load", catalog=True)
def load(catalog: Catalog, asset_id: str, version: int | None) -> Collection:
    """The images of a collection asset."""
    return catalog.collection(asset_id)


@algorithm("Collection.loadTable", catalog=True)
def load_table(catalog: Catalog, asset_id: str, column: str | None, version: int) -> Collection:
    """The features of a table asset."""
    return catalog.table(asset_id)


def _kind(items: list[Any] | tuple[Any, ...], otherwise: str) -> str:
    return ("Image" if isinstance(items[0], Image) else "Feature") if items else otherwise


@algorithm("Collection")
def of_features(features: list[Any]) -> Collection:
    """The features, numbered where they have no index."""
    return Collection(tuple(_indexed(features)), _kind(features, "Feature"))


@algorithm("ImageCollection.fromImages")
def from_images(images: list[Any]) -> Collection:
    """The images, numbered where they have no index."""
    return Collection(tuple(_indexed(images)), "Image")


def _indexed(elements: list[Any]) -> list[Any]:
    return [element if isinstance(element, Collection) or get(element, SYSTEM_INDEX) is not None
            else put(element, {SYSTEM_INDEX: str(place)}) for place, element in enumerate(elements)]


@algorithm("Collection.filter")
def filtered(collection: Collection, condition: Any) -> Collection:
    """The elements that pass."""
    if isinstance(condition, str):
        condition = expression(condition)
    if not isinstance(condition, Filter):
        raise AlgorithmError(f"a {type_name(condition)} is no filter", mend="give an ee.Filter")
    go_on, kept = GO_ON.get(), []
    for element in collection.items:
        go_on()
        if condition.accepts(element, None):
            kept.append(element)
    return collection.having(kept)


@algorithm("Collection.map")
def mapped(collection: Collection, function: Closure, drop_nulls: bool) -> Collection:
    """The function's value for every element, which keeps the element's index."""
    results = []
    for element in collection.items:
        value = function(element)
        if value is None:
            if drop_nulls:
                continue
            raise AlgorithmError("A mapped algorithm returned null", mend="map with dropNulls, or return an element")
        if not isinstance(value, Image | Feature | Collection):
            raise AlgorithmError(f"A mapped algorithm must return a Feature or Image, not a {type_name(value)}",
                                 mend="wrap the value in ee.Feature(None, {...})")
        if get(value, SYSTEM_INDEX) is None and get(element, SYSTEM_INDEX) is not None:
            value = put(value, {SYSTEM_INDEX: get(element, SYSTEM_INDEX)})
        results.append(value)
    return Collection(tuple(results), _kind(results, collection.kind), collection.properties)


@algorithm("Collection.iterate")
def iterated(collection: Collection, function: Closure, first: Any) -> Any:
    """The function of each element and of its own last value, from `first` on."""
    value = first
    for element in collection.items:
        value = function(element, value)
    return value


@algorithm("Collection.size")
def size(collection: Collection) -> int:
    """Number of elements."""
    return len(collection.items)


@algorithm("Collection.first")
def first(collection: Collection) -> Any:
    """The first element, null of none."""
    return collection.items[0] if collection.items else None


@algorithm("Collection.limit")
def limited(collection: Collection, limit: int | None, key: str | None, ascending: bool) -> Collection:
    """The first elements, after ordering by a property if one is given; those without it come last."""
    items = list(collection.items)
    if key is not None:
        items = ordered(items, key, ascending)
    return collection.having(items[:limit])


@algorithm("Collection.toList")
def to_list(collection: Collection, count: int, offset: int) -> list[Any]:
    """The elements as a list."""
    return list(collection.items[offset:offset + count])


@algorithm("Collection.distinct")
def distinct(collection: Collection, properties: Any) -> Collection:
    """The first element of each combination of properties."""
    names = properties if isinstance(properties, list) else [properties]
    if not names or not all(isinstance(name, str) for name in names):
        raise AlgorithmError(f"'{properties}' does not name properties", mend="give a name, or a list of names")
    kept: dict[Any, Any] = {}
    for element in collection.items:
        shape = geometry_of(element) if ".geo" in names else None
        key = tuple(shape.shape.wkb if name == ".geo" and shape else same(get(element, name)) for name in names)
        kept.setdefault(key, element)
    return collection.having(kept.values())


@algorithm("Collection.flatten")
def flattened(collection: Collection) -> Collection:
    """The elements of a collection of collections; indexes are joined by an underscore."""
    items: list[Any] = []
    for place, inner in enumerate(collection.items):
        if not isinstance(inner, Collection):
            raise AlgorithmError(f"element {place} is a {type_name(inner)}, not a collection",
                                 mend="map a function that returns collections before flatten()")
        prefix = get(inner, SYSTEM_INDEX) or str(place)
        items += [put(element, {SYSTEM_INDEX: f"{prefix}_{get(element, SYSTEM_INDEX) or number}"})
                  for number, element in enumerate(inner.items)]
    return Collection(tuple(items), _kind(items, "Feature"))


@algorithm("Collection.merge", "ImageCollection.merge")
def merged(first: Collection, second: Collection) -> Collection:
    """Both collections, one after the other; indexes get the prefixes 1_ and 2_."""
    if len(first.items) + len(second.items) > MOST_MERGED:
        raise AlgorithmError(f"User memory limit exceeded. A collection of {len(first.items) + len(second.items)} "
                             "elements was asked for", mend=f"merge collections of at most {MOST_MERGED} elements")
    items = [put(element, {SYSTEM_INDEX: f"{number}_{get(element, SYSTEM_INDEX) or place}"})
             for number, part in ((1, first), (2, second)) for place, element in enumerate(part.items)]
    return Collection(tuple(items), first.kind if first.items else second.kind, first.properties)


@algorithm("Collection.randomColumn")
def random_column(collection: Collection, name: str, seed: int, distribution: str, keys: list[str]) -> Collection:
    """A column of numbers that depend on the seed and an element's keys alone. They are this engine's own:
    the service's generator is not published."""
    if distribution not in ("uniform", "normal"):
        raise AlgorithmError(f"'{distribution}' is no distribution", mend="use uniform or normal")
    items = []
    for element in collection.items:
        text = repr((int(seed), [_exact(get(element, key)) for key in keys]))
        digest = hashlib.blake2b(text.encode(), digest_size=14).digest()
        uniform = (int.from_bytes(digest[:7], "little") >> 3) / 2**53
        if distribution == "normal":
            # Box and Muller's transform of two uniform numbers.
            other = (int.from_bytes(digest[7:], "little") >> 3) / 2**53
            uniform = math.sqrt(-2 * math.log1p(-uniform)) * math.cos(2 * math.pi * other)
        items.append(put(element, {name: uniform}))
    return collection.having(items)


def _exact(value: Any) -> Any:
    """What the text of a value tells apart from all others."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return hashable(value) if isinstance(value, Named) else value


@algorithm("Collection.remap")
def remapped(collection: Collection, lookup: list[Any], out: list[int], name: str) -> Collection:
    """A property's values replaced; elements with other values are dropped."""
    if len(lookup) != len(out):
        raise AlgorithmError(f"{len(lookup)} values and {len(out)} new ones",
                             mend="give as many of one as of the other")
    table = {hashable(old): new for old, new in zip(lookup, out, strict=True)}
    return collection.having(put(element, {name: table[hashable(get(element, name))]})
                             for element in collection.items if hashable(get(element, name)) in table)




@algorithm("Collection.union")
def united(collection: Collection, error: Any) -> Collection:
    """One feature of all geometries together, named union_result."""
    shapes = [shape for shape in map(geometry_of, collection.items) if shape is not None]
    whole = union(shapes) if shapes else Geometry(shapely.GeometryCollection())
    return Collection((Feature(geometry=whole, properties={SYSTEM_INDEX: "union_result"}),))


@algorithm("ImageCollection.cast")
def cast(collection: Collection, types: dict[str, Any], order: list[str]) -> Collection:
    """Every image with its bands in these types and this order; bands that are not there are masked."""
    if set(order) != set(types):
        raise AlgorithmError("bandOrder does not match the keys of bandTypes", mend="list the same bands in both")
    for image in collection.items:
        unknown = [name for name in image.names if name not in types]
        if unknown:
            raise AlgorithmError(f"band '{unknown[0]}' is not in bandTypes", mend="name every band of every image")
    return collection.having(cast_some(image, types, order) for image in collection.items)


@algorithm("ImageCollection.combine")
def combined(primary: Collection, secondary: Collection, overwrite: bool) -> Collection:
    """The images of the first collection with the bands of the image of the same index in the second."""
    places = secondary.positions(SYSTEM_INDEX)
    found = []
    for image in primary.items:
        at = places.get(hashable(get(image, SYSTEM_INDEX)))
        if at:
            found.append(add_bands(image, secondary.items[at[0]], None, overwrite))
    return primary.having(found)
