"""Joins of two collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gee_scripts.engine.local.algorithms.elements import ordered
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.values import Collection, Feature, Filter, Join, get, hashable, put

algorithm("Join.simple")(lambda: Join(kind="simple"))
algorithm("Join.inverted")(lambda: Join(kind="inverted"))
algorithm("Join.saveFirst")(lambda key, ordering, ascending, measure, outer: Join(
    kind="first", key=key, ordering=ordering, ascending=ascending, measure_key=measure, outer=outer))
algorithm("Join.saveAll")(lambda key, ordering, ascending, measure, outer: Join(
    kind="all", key=key, ordering=ordering, ascending=ascending, measure_key=measure, outer=outer))
algorithm("Join.saveBest")(lambda key, measure, outer: Join(kind="best", key=key, measure_key=measure, outer=outer))
algorithm("Join.inner")(lambda first, second, measure: Join(kind="inner", key=first, secondary_key=second,
                                                            measure_key=measure))


@algorithm("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Filter) -> Collection:
    """The primary collection's elements with, or by, their matches in the secondary one."""
    matches = matcher(secondary, condition)
    if join.kind in ("simple", "inverted"):
        wanted = join.kind == "simple"
        return primary.having(element for element in primary.items if bool(matches(element)) is wanted)
    if (join.measure_key or join.kind == "best") and condition.measure is None:
        raise AlgorithmError("The join condition has no measure", mend="join by maxDifference or withinDistance")
    joined: list[Any] = []
    for element in primary.items:
        found = matches(element)
        if join.ordering is not None:
            found = ordered(found, join.ordering, join.ascending)
        if condition.measure is not None and (join.measure_key or join.kind == "best"):
            measured = [(condition.measure(element, match), match) for match in found]
            if join.kind == "best":
                measured.sort(key=lambda pair: pair[0])
            found = [put(match, {join.measure_key: distance}) if join.measure_key else match
                     for distance, match in measured]
        if join.kind == "inner":
            joined += [Feature(properties={join.key: element, join.secondary_key: match}) for match in found]
        elif found or join.outer:
            value = found if join.kind == "all" else found[0] if found else None
            joined.append(put(element, {join.key: value}))
    return Collection(tuple(joined)) if join.kind == "inner" else primary.having(joined)


def matcher(secondary: Collection, condition: Filter) -> Callable[[Any], list[Any]]:
    """Element of the primary collection -> its matches, in the secondary one's order. Equal properties are
    looked up; only other conditions try all pairs."""
    go_on = GO_ON.get()
    if condition.equal is None:

        def tried(element: Any) -> list[Any]:
            go_on()
            return [other for other in secondary.items if condition.accepts(element, other)]

        return tried
    left, right = condition.equal
    positions = secondary.positions(right)

    def find(element: Any) -> list[Any]:
        go_on()
        value = get(element, left)
        candidates = [] if value is None else positions.get(hashable(value), [])
        return [secondary.items[place] for place in candidates
                if condition.accepts(element, secondary.items[place])]

    return find
