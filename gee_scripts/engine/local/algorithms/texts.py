"""Strings and dictionaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gee_scripts.engine.local.algorithms.array_axes import stacked
from gee_scripts.engine.local.algorithms.elements import typed
from gee_scripts.engine.local.language import matching
from gee_scripts.engine.local.language.encode import as_json, encode
from gee_scripts.engine.local.language.json_text import decoded
from gee_scripts.engine.local.language.promotion import Mismatch, constant_bands
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Closure, Image, hashable


@algorithm("String")
def text(value: Any) -> str:
    """A value as a string; strings and computed strings as they are."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    raise AlgorithmError(f"a {type_name(value)} is no string", mend="format it first, e.g. with format()")


algorithm("String.cat")(lambda first, second: first + second)
algorithm("String.length")(len)
algorithm("String.toLowerCase")(str.lower)
algorithm("String.toUpperCase")(str.upper)
algorithm("String.trim")(str.strip)
algorithm("String.index")(lambda target, pattern: target.find(pattern))
algorithm("String.rindex")(lambda target, pattern: target.rfind(pattern))
algorithm("String.slice")(lambda string, start, end: string[start:end])
algorithm("String.equals")(lambda reference, target: reference == target)
algorithm("String.compareTo")(lambda first, second: (first > second) - (first < second))


@algorithm("String.encodeJSON")
def to_json(value: Any) -> str:
    """The value as JSON, as getInfo() gives it."""
    return json.dumps(json.loads(as_json(encode(value))), separators=(",", ":"))


@algorithm("String.decodeJSON")
def of_json(string: str) -> Any:
    """The value that a JSON text holds."""
    try:
        return decoded(string)
    except ValueError as error:
        raise AlgorithmError(f"'{string[:80]}' is no JSON. {error}", mend="quote names and texts") from error


_PYTHONS = "the expression is Python's, which agrees with Java's but for rare forms"


@algorithm("String.split", differs=_PYTHONS)
def split(string: str, regex: str, flags: str) -> list[str]:
    """The parts between matches; the characters, if the expression is empty."""
    if not regex:
        return list(string)
    found, = matching.matches(regex, [string], ignore_case="i" in flags)
    starts, ends = [0, *(match.end for match in found)], [*(match.start for match in found), len(string)]
    return [string[start:end] for start, end in zip(starts, ends, strict=True)]


@algorithm("String.replace", differs=_PYTHONS)
def replaced(string: str, regex: str, replacement: str, flags: str) -> str:
    """The string with its first match replaced, or all of them with flag g."""
    return matching.replaced([string], regex, replacement, ignore_case="i" in flags, every="g" in flags)[0]


@algorithm("String.match", differs=_PYTHONS)
def matched(string: str, regex: str, flags: str) -> list[str]:
    """The first match and its groups, or all matches with flag g."""
    every = "g" in flags
    found, = matching.matches(regex, [string], ignore_case="i" in flags, most=0 if every else 1)
    groups = [] if every else [group for match in found for group in match.groups if group is not None]
    return [string[match.start:match.end] for match in found] + groups


@algorithm("Dictionary")
def dictionary(value: Any) -> Mapping[str, Any]:
    """A dictionary, also of a list of keys and values in turn."""
    if value is None:
        return {}
    if isinstance(value, list):
        if len(value) % 2 or not all(isinstance(key, str) for key in value[::2]):
            raise AlgorithmError("The list does not hold keys and values in turn",
                                 mend="give as many texts as values, each before its value")
        return dict(zip(value[::2], value[1::2], strict=True))
    if isinstance(value, dict):
        return value
    raise AlgorithmError(f"a {type_name(value)} is no dictionary", mend="give a dictionary, or keys and values")


@algorithm("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """Keys with the values at their places."""
    if len(keys) != len(values):
        raise AlgorithmError(f"{len(keys)} keys and {len(values)} values", mend="give as many of one as of the other")
    return dict(zip(keys, values, strict=True))


@algorithm("Dictionary.get")
def get(items: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value of a key, or the default."""
    if key in items:
        return items[key]
    if default is None:
        raise AlgorithmError(f"Dictionary does not contain key: '{key}'", mend=f"its keys are {sorted(items)}")
    return default


def _getter(kind: str) -> Callable[[Mapping[str, Any], str], Any]:
    return lambda items, key: typed(get(items, key), kind, f"The value of '{key}'")


for _kind in ("Number", "String", "Array", "Geometry"):
    algorithm(f"Dictionary.get{_kind}")(_getter(_kind))
algorithm("Dictionary.set")(lambda items, key, value: {**items, key: value})
algorithm("Dictionary.size")(len)
algorithm("Dictionary.keys")(sorted)
algorithm("Dictionary.contains")(lambda items, key: key in items)
algorithm("Dictionary.combine")(lambda first, second, overwrite: {**first, **second} if overwrite
                                else {**second, **first})


@algorithm("Dictionary.values")
def values(items: Mapping[str, Any], keys: list[str] | None) -> list[Any]:
    """The values of keys, or of all in alphabetical order."""
    return [get(items, key) for key in (keys if keys is not None else sorted(items))]


@algorithm("Dictionary.map")
def mapped(items: Mapping[str, Any], function: Closure) -> dict[str, Any]:
    """The function of every key and value, by key."""
    return {key: function(key, items[key]) for key in sorted(items)}


@algorithm("Dictionary.select")
def selected(items: Mapping[str, Any], selectors: list[str], ignore_missing: bool) -> dict[str, Any]:
    """The keys that match a name or a pattern."""
    return {key: items[key] for key in _matching(items, selectors, ignore_missing)}


@algorithm("Dictionary.remove")
def removed(items: Mapping[str, Any], selectors: list[str], ignore_missing: bool) -> dict[str, Any]:
    """All but the keys that match a name or a pattern."""
    gone = set(_matching(items, selectors, ignore_missing))
    return {key: value for key, value in items.items() if key not in gone}


@algorithm("Dictionary.rename")
def renamed(items: Mapping[str, Any], old: list[str], new: list[str], overwrite: bool) -> dict[str, Any]:
    """The dictionary with other names for some keys."""
    if len(old) != len(new):
        raise AlgorithmError(f"{len(old)} keys and {len(new)} new names", mend="give as many of one as of the other")
    values = {name: get(items, key) for key, name in zip(old, new, strict=True)}
    gone = set(old)
    rest = {key: value for key, value in items.items() if key not in gone}
    taken = sorted(set(rest) & set(values))
    if len(values) < len(new) or (taken and not overwrite):
        raise AlgorithmError(f"Two values would have the same key: {', '.join(taken) or 'names are repeated'}",
                             mend="give other names, or set overwrite")
    return {**rest, **values}


@algorithm("Dictionary.toArray")
def to_array(items: Mapping[str, Any], keys: list[str] | None, axis: int) -> Any:
    """The numbers of keys, or of all in alphabetical order, as a vector along an axis; arrays one after the other."""
    return stacked(values(items, keys), axis)


@algorithm("Dictionary.toImage")
def to_image(items: Mapping[str, Any], names: list[str] | None) -> Image:
    """A constant image with a band for every name, or for every key in alphabetical order."""
    names = sorted(items) if names is None else names
    try:
        bands = [constant_bands(get(items, name))[0].renamed(name) for name in names]
    except (Mismatch, IndexError) as error:
        raise AlgorithmError("The dictionary holds values that are no numbers", mend="name the numbers") from error
    return Image(bands=tuple(bands))


def _matching(items: Mapping[str, Any], selectors: list[str], ignore_missing: bool) -> list[str]:
    found: list[str] = []
    for selector in selectors:
        matches = [selector]
        if selector not in items:
            fits = matching.matches(selector, list(items), whole=True)
            matches = [key for key, fit in zip(items, fits, strict=True) if fit]
        if not matches and not ignore_missing:
            raise AlgorithmError(f"Dictionary does not contain key: '{selector}'", mend=f"its keys are {sorted(items)}")
        found += matches
    return found


@algorithm("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether two values are the same."""
    return bool(hashable(left) == hashable(right))


@algorithm("ObjectType")
def object_type(value: Any) -> str:
    """Earth Engine's name of the value's type."""
    return type_name(value)
