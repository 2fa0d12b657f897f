"""Long lists take time in proportion to their length, and not to its square."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.errors import EngineError
from gee_scripts.engine.local.language.registry import invoke
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.values import Collection, Feature

N = 50_000
COUNT = list(range(N))
KEYED = {f"key{number}": number for number in COUNT}


def table(values: list[Any]) -> Collection:
    return Collection(tuple(Feature(properties={"n": value}) for value in values))


def in_list(values: list[Any], listed: list[Any]) -> int:
    made = invoke("Filter.listContains", {"leftValue": listed, "rightField": "n"}, None)
    return len(invoke("Collection.filter", {"collection": table(values), "filter": made}, None).items)


# By the square, each of them would take a minute and more.
LONG = {
    "contains all": lambda call: call("List.containsAll", list=COUNT, other=COUNT[::-1]) is True,
    "remove all": lambda call: call("List.removeAll", list=COUNT, other=COUNT[:-1]) == [N - 1],
    "replace all": lambda call: call("List.replaceAll", list=[COUNT] * 20, oldval=COUNT, newval=0) == [0] * 20,
    "sublist": lambda call: call("List.indexOfSublist", list=[0] * N, target=[0] * (N // 2) + [1]) == -1,
    "last sublist": lambda call: call("List.lastIndexOfSubList", list=[0] * N, target=[0] * (N // 2)) == N - N // 2,
    "distinct arrays": lambda call: len(call("List.distinct", list=[np.array([1, n % 7]) for n in COUNT])) == 7,
    "rename": lambda call: call("Dictionary.rename", dictionary=KEYED, **{
        "from": list(KEYED), "to": [f"new{n}" for n in COUNT]})["new9"] == 9,
    "remove keys": lambda call: call("Dictionary.remove", dictionary=KEYED, selectors=list(KEYED)) == {},
    "filter by a list": lambda call: in_list(COUNT, COUNT[::2]) == N // 2,
    "distinct features": lambda call: len(call("Collection.distinct", collection=table(
        [np.array([n % 5]) for n in COUNT]), properties=["n"]).items) == 5,
}


@pytest.mark.parametrize("name", LONG)
def test_long_lists_take_no_quadratic_time(name: str) -> None:
    start = time.process_time()
    assert LONG[name](lambda function, **arguments: invoke(function, arguments, None))
    assert time.process_time() - start < 5


@settings(max_examples=200, deadline=None)
@given(items=st.lists(st.integers(0, 1), max_size=12), target=st.lists(st.integers(0, 1), max_size=4))
def test_a_sublist_is_found_where_it_begins(items: list[int], target: list[int]) -> None:
    places = [place for place in range(len(items) - len(target) + 1) if items[place:place + len(target)] == target]
    for name, expected in (("indexOfSublist", places[:1]), ("lastIndexOfSubList", places[-1:])):
        found = invoke(f"List.{name}", {"list": items, "target": target}, None)
        assert found == (expected[0] if expected else -1)


def test_classes_beyond_memory_are_refused_before_a_matrix_is_made() -> None:
    features = Collection((Feature(properties={"n": 10**9}),))
    with pytest.raises(EngineError, match="memory limit exceeded"):
        invoke("Collection.errorMatrix", {"collection": features, "actual": "n", "predicted": "n"},
               None)


@pytest.mark.parametrize(("name", "arguments"), [
    ("Collection.filter", {"collection": table(COUNT[:500])}),
    ("Join.apply", {"primary": table(COUNT[:500]), "secondary": table(COUNT[:500])}),
])
def test_a_request_without_time_stops_within_a_collection(name: str, arguments: dict[str, Any]) -> None:
    class Ended(BaseException):
        """No time is left."""

    steps = iter(range(100))

    def go_on() -> None:
        if next(steps, None) is None:
            raise Ended

    near = invoke("Filter.maxDifference", {"difference": -1, "leftField": "n", "rightField": "n"},
                  None)
    more = {"filter": near} if name == "Collection.filter" else {
        "condition": near, "join": invoke("Join.simple", {}, None)}
    token = GO_ON.set(go_on)
    try:
        with pytest.raises(Ended):
            invoke(name, {**arguments, **more}, None)
    finally:
        GO_ON.reset(token)


@pytest.mark.parametrize("line", ["2) n<=" + "1" * N, "2) n" + " " * N + "x 1", "2) n<=1 " + "(" * N, "1" * N,
                                  "2) n <= 1 5 0 1" + " " * N + "x", "2) " + "n<" * N])
def test_a_long_line_of_a_tree_is_read_or_refused_at_once(line: str) -> None:
    start = time.process_time()
    with pytest.raises(EngineError):
        invoke("Classifier.decisionTree", {"treeString": f"1) root 9 9 9\n{line}"}, None)
    assert time.process_time() - start < 1
