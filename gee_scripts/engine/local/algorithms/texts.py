"""Strings and dictionaries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gee_scripts.engine.local.algorithms.arrays import stacked
from gee_scripts.engine.local.language.promotion import Mismatch, constant_bands, type_name
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Closure, Image


@algorithm("String")
def text(value: Any) -> str:
    """A value as a string; strings and computed strings as they are."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    raise AlgorithmError(f"a {type(value).__name__} is no string", mend="format it first, e.g. with format()")


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
algorithm("String.encodeJSON")(lambda value: json.dumps(value, separators=(",", ":")))
algorithm("String.decodeJSON")(json.loads)


def _flags(flags: str) -> re.RegexFlag:
    return re.RegexFlag(0) | (re.IGNORECASE if "i" in flags else 0)


@algorithm("String.split")
def split(string: str, regex: str, flags: str) -> list[str]:
    """The parts between matches."""
    return re.split(regex, string, flags=_flags(flags)) if regex else list(string)


@algorithm("String.replace")
def replaced(string: str, regex: str, replacement: str, flags: str) -> str:
    """The string with its first match replaced, or all of them with flag g."""
    return re.sub(regex, re.sub(r"\$(\d)", r"\\\1", replacement), string, count=0 if "g" in flags else 1,
                  flags=_flags(flags))


@algorithm("String.match")
def matched(string: str, regex: str, flags: str) -> list[str]:
    """The first match and its groups, or all matches with flag g."""
    if "g" in flags:
        return [found[0] for found in re.finditer(regex, string, _flags(flags))]
    found = re.search(regex, string, _flags(flags))
    return [] if found is None else [found[0], *(group for group in found.groups() if group is not None)]


@algorithm("Dictionary")
def dictionary(value: Any) -> Mapping[str, Any]:
    """A dictionary, also of a list of keys and values in turn."""
    if value is None:
        return {}
    if isinstance(value, list):
        return dict(zip(value[::2], value[1::2], strict=True))
    if isinstance(value, dict):
        return value
    raise AlgorithmError(f"a {type(value).__name__} is no dictionary", mend="give a dictionary, or keys and values")


@algorithm("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """Keys with the values at their places."""
    if len(keys) != len(values):
        raise AlgorithmError(f"{len(keys)} keys and {len(values)} values", mend="give as many of one as of the other")
    return dict(zip(keys, values, strict=True))


@algorithm("Dictionary.get", "Dictionary.getNumber", "Dictionary.getString", "Dictionary.getArray",
           "Dictionary.getGeometry")
def get(items: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value of a key, or the default."""
    if key in items:
        return items[key]
    if default is None:
        raise AlgorithmError(f"Dictionary does not contain key: '{key}'", mend=f"its keys are {sorted(items)}")
    return default


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
    rest = {key: value for key, value in items.items() if key not in old}
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
        matches = [selector] if selector in items else [key for key in items if re.fullmatch(selector, key)]
        if not matches and not ignore_missing:
            raise AlgorithmError(f"Dictionary does not contain key: '{selector}'", mend=f"its keys are {sorted(items)}")
        found += matches
    return found


@algorithm("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether two values are the same."""
    return bool(left == right)


@algorithm("ObjectType")
def object_type(value: Any) -> str:
    """Earth Engine's name of the value's type."""
    return type_name(value)
