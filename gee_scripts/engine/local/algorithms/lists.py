"""Lists."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gee_scripts.engine.local.algorithms.elements import same, typed
from gee_scripts.engine.local.language.registry import MOST_ITEMS, AlgorithmError, algorithm
from gee_scripts.engine.local.type_names import type_names
from gee_scripts.engine.local.values import Closure, Feature, Filter, hashable


@algorithm("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[float]:
    """Numbers from `start` to `end`, both included, by `step`, or `count` of them."""
    if count is not None:
        if end is not None:
            step = (end - start) / (count - 1) if count > 1 else 0
    elif end is None:
        raise AlgorithmError("At least one of 'end' or 'count' must be specified", mend="give `end` or `count`")
    elif step == 0:
        raise AlgorithmError("The step must not be 0", mend="give another step")
    else:
        if not all(map(math.isfinite, (start, end, step))):
            raise AlgorithmError(f"'start', 'end' and 'step' must be finite. Got {start}, {end} and {step}",
                                 mend="give numbers, or `count` in place of `end`")
        # A billionth absorbs steps that binary cannot hold, such as 0.1.
        count = max(math.floor((end - start) / step + 1e-9) + 1, 0)
    _check_length(count)
    whole = float(start).is_integer() and float(step).is_integer()
    return [int(start) + i * int(step) if whole else start + i * step for i in range(count)]


@algorithm("List.map")
def mapped(items: list[Any], function: Closure, drop_nulls: bool) -> list[Any]:
    """The function's value for every element."""
    values = [function(item) for item in items]
    return [value for value in values if value is not None] if drop_nulls else values


@algorithm("List.iterate")
def iterated(items: list[Any], function: Closure, first: Any) -> Any:
    """The function of each element and of its own last value, from `first` on."""
    value = first
    for item in items:
        value = function(item, value)
    return value


@algorithm("List.get")
def get(items: list[Any], index: int) -> Any:
    """The element at a place; negative ones count from the end."""
    if not -len(items) <= index < len(items):
        raise AlgorithmError(f"List index must be between 0 and {len(items) - 1}, or -1 and {-len(items)}. "
                             f"Found {index}", mend="ask for an element that is there")
    return items[index]


def _getter(kind: str) -> Callable[[list[Any], int], Any]:
    return lambda items, index: typed(get(items, index), kind, f"Element {index}")


for _kind in ("Number", "String", "Array", "Geometry"):
    algorithm(f"List.get{_kind}")(_getter(_kind))


@algorithm("List.size", "List.length")
def size(items: list[Any]) -> int:
    """Number of elements."""
    return len(items)


@algorithm("List.add")
def added(items: list[Any], element: Any) -> list[Any]:
    """The list and the element after it."""
    return [*items, element]


@algorithm("List.cat")
def cat(items: list[Any], other: list[Any]) -> list[Any]:
    """Both lists, one after the other."""
    return [*items, *other]


@algorithm("List.contains")
def contains(items: list[Any], element: Any) -> bool:
    """Whether the element is in the list."""
    return _find(items, element) >= 0


@algorithm("List.containsAll")
def contains_all(items: list[Any], other: list[Any]) -> bool:
    """Whether every element of `other` is in the list."""
    return set(map(hashable, other)) <= set(map(hashable, items))


@algorithm("List.indexOf")
def _find(items: list[Any], element: Any) -> int:
    key = hashable(element)
    return next((place for place, item in enumerate(items) if hashable(item) == key), -1)


@algorithm("List.distinct")
def distinct(items: list[Any]) -> list[Any]:
    """The list without repetitions."""
    first: dict[Any, Any] = {}
    for item in items:
        first.setdefault(same(item), item)
    return list(first.values())


@algorithm("List.equals")
def equals(items: list[Any], other: list[Any]) -> bool:
    """Whether both hold the same, in the same order."""
    return bool(hashable(items) == hashable(other))


@algorithm("List.filter")
def filtered(items: list[Any], condition: Filter) -> list[Any]:
    """The elements that pass, with `item` for the property."""
    return [item for item in items if condition.accepts(Feature(properties={"item": item}), None)]


@algorithm("List.flatten")
def flattened(items: list[Any]) -> list[Any]:
    """The elements of all lists within."""
    return list(itertools.chain.from_iterable(flattened(i) if isinstance(i, list) else [i] for i in items))


@algorithm("List.frequency")
def frequency(items: list[Any], element: Any) -> int:
    """How often the element is in the list."""
    key = hashable(element)
    return sum(hashable(item) == key for item in items)


@algorithm("List.join")
def joined(items: list[Any], separator: str) -> str:
    """The elements as one string."""
    texts = list(map(str, items))
    if sum(map(len, texts)) + len(texts) * len(separator) > MOST_ITEMS:
        raise AlgorithmError("User memory limit exceeded.", mend=f"a string has at most {MOST_ITEMS} characters here")
    return separator.join(texts)


@algorithm("List.remove")
def removed(items: list[Any], element: Any) -> list[Any]:
    """The list without the first occurrence of the element."""
    place = _find(items, element)
    return items if place < 0 else items[:place] + items[place + 1:]


@algorithm("List.removeAll")
def removed_all(items: list[Any], other: list[Any]) -> list[Any]:
    """The list without any element of `other`."""
    gone = set(map(hashable, other))
    return [item for item in items if hashable(item) not in gone]


def _check_length(count: int) -> None:
    if count > MOST_ITEMS:
        raise AlgorithmError("User memory limit exceeded.", mend=f"a list has at most {MOST_ITEMS} elements here")


@algorithm("List.repeat")
def repeated(value: Any, count: int) -> list[Any]:
    """The value, `count` times."""
    _check_length(count)
    return [value] * count


@algorithm("List.replaceAll")
def replaced(items: list[Any], old: Any, new: Any) -> list[Any]:
    """The list with `new` for every `old`."""
    key = hashable(old)
    return [new if hashable(item) == key else item for item in items]


@algorithm("List.replace")
def replaced_once(items: list[Any], old: Any, new: Any) -> list[Any]:
    """The list with `new` for the first `old`."""
    place = _find(items, old)
    return items if place < 0 else [*items[:place], new, *items[place + 1:]]


@algorithm("List.insert")
def inserted(items: list[Any], index: int, element: Any) -> list[Any]:
    """The list with an element before that of a place; negative places count from the end."""
    place = _place(items, index, len(items))
    return [*items[:place], element, *items[place:]]


def _place(items: list[Any], index: int, last: int) -> int:
    place = index + len(items) if index < 0 else index
    if not 0 <= place <= last:
        raise AlgorithmError(f"List index must be between {-len(items)} and {last}. Found {index}",
                             mend="give a place that the list has")
    return place


@algorithm("List.splice", differs="a count beyond the end of the list takes what is there")
def spliced(items: list[Any], start: int, count: int, other: list[Any] | None) -> list[Any]:
    """The list with another one in place of `count` elements from `start` on; negative starts count from the end."""
    if count < 0:
        raise AlgorithmError(f"'count' must not be negative. Got {count}", mend="give 0 or more")
    place = _place(items, start, len(items))
    return [*items[:place], *(other or []), *items[place + count:]]


@algorithm("List.swap")
def swapped(items: list[Any], first: int, second: int) -> list[Any]:
    """The list with two elements in each other's place; negative places count from the end."""
    one, other = _place(items, first, len(items) - 1), _place(items, second, len(items) - 1)
    changed_list = list(items)
    changed_list[one], changed_list[other] = items[other], items[one]
    return changed_list


@algorithm("List.rotate", differs="the last elements come first where the distance is positive, as in Java",
           source="https://docs.oracle.com/javase/8/docs/api/java/util/Collections.html")
def rotated(items: list[Any], distance: int) -> list[Any]:
    """The list with the element of place i at place i + distance, around its end."""
    if not items:
        return items
    start = -distance % len(items)
    return items[start:] + items[:start]


def _places_of(items: list[Any], target: list[Any]) -> list[int]:
    keys, wanted = [hashable(item) for item in items], [hashable(item) for item in target]
    if not wanted:
        return list(range(len(keys) + 1))
    # Knuth, Morris and Pratt: after a mismatch, go on with the longest start of the target that ends here.
    falls, found, length = [0], [], 0
    for key in wanted[1:]:
        while length and key != wanted[length]:
            length = falls[length - 1]
        length += key == wanted[length]
        falls.append(length)
    length = 0
    for place, key in enumerate(keys):
        while length and (length == len(wanted) or key != wanted[length]):
            length = falls[length - 1]
        length += key == wanted[length]
        if length == len(wanted):
            found.append(place + 1 - length)
    return found


@algorithm("List.indexOfSublist")
def index_of_sublist(items: list[Any], target: list[Any]) -> int:
    """Where the target begins for the first time, -1 where it does not."""
    return next(iter(_places_of(items, target)), -1)


@algorithm("List.lastIndexOfSubList")
def last_index_of_sublist(items: list[Any], target: list[Any]) -> int:
    """Where the target begins for the last time, -1 where it does not."""
    return next(reversed(_places_of(items, target)), -1)


@algorithm("List.reverse")
def backwards(items: list[Any]) -> list[Any]:
    """The list from its end."""
    return items[::-1]


@algorithm("List.set")
def changed(items: list[Any], index: int, element: Any) -> list[Any]:
    """The list with another element at a place."""
    get(items, index)
    return [element if place == index % len(items) else item for place, item in enumerate(items)]


@algorithm("List.shuffle")
def shuffled(items: list[Any], seed: Any) -> list[Any]:
    """The list in another order; the order is this engine's own."""
    if not isinstance(seed, int | float | None) or not math.isfinite(seed or 0):
        raise AlgorithmError(f"The seed '{seed}' is no number", mend="give a whole number, or none")
    order = np.random.default_rng(abs(int(seed or 0))).permutation(len(items))
    return [items[place] for place in order]


@algorithm("List.slice")
def sliced(items: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:
    """The elements from `start` to before `end`."""
    if step == 0:
        raise AlgorithmError("The step must not be 0", mend="give 1 or more")
    return items[start:end:step]


@algorithm("List.sort", differs="nulls come last; the service does not say where they come")
def ordered(items: list[Any], keys: list[Any] | None) -> list[Any]:
    """The elements in ascending order, or in that of their keys."""
    keys = items if keys is None else keys
    if len(keys) != len(items):
        raise AlgorithmError(f"There are {len(keys)} keys for {len(items)} elements", mend="give a key each")
    known = [place for place, key in enumerate(keys) if key is not None]
    try:
        known.sort(key=[hashable(key) for key in keys].__getitem__)
    except TypeError as error:
        raise AlgorithmError(f"The elements cannot be compared: they are of the types {type_names(keys)}",
                             mend="sort numbers, or texts, or give such keys") from error
    return [items[place] for place in known] + [item for item, key in zip(items, keys, strict=True) if key is None]


@algorithm("List.unzip")
def unzipped(items: list[list[Any]]) -> list[list[Any]]:
    """Columns of a list of rows."""
    if not all(isinstance(row, list) for row in items) or len({len(row) for row in items}) > 1:
        raise AlgorithmError("The elements are not lists of one length", mend="give a list of rows")
    return [list(column) for column in zip(*items, strict=True)]


@algorithm("List.zip")
def zipped(items: list[Any], other: list[Any]) -> list[list[Any]]:
    """Pairs of elements, as many as the shorter list has."""
    return [list(pair) for pair in zip(items, other, strict=False)]
