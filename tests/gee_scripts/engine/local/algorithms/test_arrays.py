"""Arrays against the examples of their documentation and against NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from gee_scripts.engine.local.language.evaluate import evaluate

CUBE = [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
LATER = [[[10, 11], [12, 13]], [[14, 15], [16, 17]]]


def empty() -> Any:
    return ee.Array([], ee.PixelType.int8())


# https://developers.google.com/earth-engine/apidocs/ee-array and the pages of each function
EXAMPLES: dict[str, tuple[Callable[[], Any], Any]] = {
    "empty": (empty, []),
    "empty rows": (lambda: ee.Array([[], []], ee.PixelType.float()), [[], []]),
    "of numbers": (lambda: ee.Array([ee.Number(123).toUint8()]), [123]),
    "of a list": (lambda: ee.Array(ee.List.sequence(0, 10, 2)), [0, 2, 4, 6, 8, 10]),
    "accum": (lambda: ee.Array([-2, 1, 9]).accum(0), [-2, -1, 8]),
    "accum 0": (lambda: ee.Array([[1, 3], [5, 7]]).accum(0), [[1, 3], [6, 10]]),
    "accum 1": (lambda: ee.Array([[1, 3], [5, 7]]).accum(1), [[1, 4], [5, 12]]),
    "accum max": (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.max()), [2, 2, 3, 3]),
    "accum mean": (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.mean()), [2, 0, 1, 1]),
    "accum min": (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.min()), [2, -2, -2, -2]),
    "accum product": (lambda: ee.Array([2, -2, 3]).accum(0, ee.Reducer.product()), [2, -4, -12]),
    "argmax of nothing": (lambda: empty().argmax(), None),
    "argmax": (lambda: ee.Array([[3, 4, 2], [6, 5, 7]]).argmax(), [1, 2]),
    "first argmax": (lambda: ee.Array([1, 1, 1, 9, 9, 9]).argmax(), [3]),
    "cat empty": (lambda: ee.Array.cat([empty(), ee.Array([1])]), [1]),
    "cat 0": (lambda: ee.Array.cat([ee.Array([0, 1, 2]), ee.Array([3, 4, 5])]), [0, 1, 2, 3, 4, 5]),
    "cat 1": (lambda: ee.Array.cat([ee.Array([0, 1, 2]), ee.Array([3, 4, 5])], 1), [[0, 3], [1, 4], [2, 5]]),
    "cat 2": (lambda: ee.Array.cat([ee.Array([[0], [1]]), ee.Array([[3], [4]])], 2), [[[0, 3]], [[1, 4]]]),
    "cat 3": (lambda: ee.Array.cat([ee.Array(CUBE), ee.Array(LATER)], 3),
              [[[[0, 10], [1, 11]], [[2, 12], [3, 13]]], [[[4, 14], [5, 15]], [[6, 16], [7, 17]]]]),
    "cut": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).cut([-1, 0]), [[0], [3]]),
    "cut a row": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).cut([1, -1]), [[3, 4, 5]]),
    "get": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).get([1, 2]), 5),
    "slice": (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 2), [3, 4, 5, 6]),
    "slice none": (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 6), []),
    "slice to": (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 0, -3), [1, 2, 3]),
    "slice from": (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, -2, 6), [5, 6]),
    "slice by 4": (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 0, 6, 4), [1, 5]),
    "slice rows": (lambda: ee.Array([[1, 2], [3, 4], [5, 6]]).slice(0, 0, 3, 2), [[1, 2], [5, 6]]),
    "slice columns": (lambda: ee.Array([[1, 2], [3, 4], [5, 6]]).slice(1, 1), [[2], [4], [6]]),
    "slice nothing": (lambda: empty().slice(), []),
    "mask": (lambda: ee.Array([0, 1, 2, 3]).mask([0, 4, -1, 1.2]), [1, 2, 3]),
    "mask columns": (lambda: ee.Array([[1, 2, 3, 4]]).mask([[1, 0, 1, 1]]), [[1, 3, 4]]),
    "mask all columns": (lambda: ee.Array([[1, 2, 3, 4]]).mask([[0, 0, 0, 0]]), [[]]),
    "mask rows": (lambda: ee.Array([[1], [2], [3], [4]]).mask([[1], [0], [1], [1]]), [[1], [3], [4]]),
    "mask nothing": (lambda: empty().mask(empty()), []),
    "add a number": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).add(1), [[1, 2, 3], [4, 5, 6]]),
    "add nothing": (lambda: empty().add(empty()), []),
    "divide by 0": (lambda: ee.Array(2).divide(0), 0),
    "divide a number": (lambda: ee.Array(2).divide([1]), [2]),
    "divide": (lambda: ee.Array([3, 4]).divide([2, 4]), [1.5, 1]),
    "mod": (lambda: ee.Array([-1, -7, -8, -9]).mod(ee.Array([8, 8, 8, 8])), [-1, -7, 0, -1]),
    "mod by negatives": (lambda: ee.Array([8, 8, 8, 8]).mod(ee.Array([-1, -7, -8, -9])), [0, 1, 0, 8]),
    "mod of fractions": (lambda: ee.Array([2.5]).mod(ee.Array([1.2])), [0.10000000000000009]),
    "pow": (lambda: ee.Array([10, 10, 10, 10, 10, 10]).pow([-2, -1, 0, 1, 2, 3]),
            [0.009999999776482582, 0.10000000149011612, 1, 10, 100, 1000]),
    "dot product": (lambda: ee.Array([1.5, 2.5]).dotProduct(ee.Array([3, 4])), 14.5),
    "byte": (lambda: ee.Array([-0.1, 0.1, 0.5, 127.1, 255.1, 255.9]).byte(), [0, 0, 1, 127, 255, 255]),
    "other integers": (lambda: ee.Array([-1.5, -0.6, 0.49, 1.5, 1e9]).toInt16(), [-1, -1, 0, 2, 32767]),
    "byte of more": (lambda: ee.Array([-1, 255, 256]).byte(), [0, 255, 255]),
    "bits": (lambda: ee.Array.bitsToArray(5), [1, 0, 1]),
    "bits of 0": (lambda: ee.Array.bitsToArray(0), [0]),
    "bits of -1": (lambda: ee.Array.bitsToArray(-1).toInt8(), [1] * 64),
    "bit count": (lambda: ee.Array([[0, 1], [6, 13]]).bitCount(), [[0, 1], [2, 3]]),
    "bit count of -2": (lambda: ee.Array([-2], ee.PixelType.int8()).bitCount(), [63]),
    "bitwise not": (lambda: ee.Array([0, 1, 0xFF, -3]).bitwiseNot(), [-1, -2, -256, 2]),
    "bitwise and": (lambda: ee.Array([6, 6, -1]).bitwiseAnd(ee.Array([1, 11, 0xFF])), [0, 2, 255]),
    "identity": (lambda: ee.Array.identity(2), [[1, 0], [0, 1]]),
    "pad": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).pad([3, 5], 9),
            [[0, 1, 2, 9, 9], [3, 4, 5, 9, 9], [9, 9, 9, 9, 9]]),
    "pad less": (lambda: ee.Array([1, 2, 3]).pad([2]), [1, 2, 3]),
    "repeat": (lambda: ee.Array([0, 1, 2]).repeat(1, 3), [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
    "sort by keys": (lambda: ee.Array([[0, 10], [4, 7], [2, 9]]).sort(ee.Array([[2], [1], [0]])),
                     [[2, 9], [4, 7], [0, 10]]),
    "length": (lambda: ee.Array([[1, 2, 3]]).length(), [1, 3]),
    "to list": (lambda: ee.Array([[1, 2], [3, 4]]).toList().get(1), [3, 4]),
    "not": (lambda: ee.Array([0, 2]).Not(), [1, 0]),
    "gt": (lambda: ee.Array([1, 2, 3]).gt([2, 2, 2]), [0, 0, 1]),
    "first non-zero": (lambda: ee.Array([0, 1]).firstNonZero([5, 6]), [5, 1]),
    "reduce rows": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).reduce(ee.Reducer.sum(), [0]), [[3, 5, 7]]),
    "reduce both": (lambda: ee.Array([[0, 1, 2], [3, 4, 5]]).reduce(ee.Reducer.sum(), [0, 1]), [[15]]),
    "reduce to fields": (lambda: ee.Array([[[0], [1], [2]], [[3], [4], [5]]]).reduce(ee.Reducer.minMax(), [0], 2),
                         [[[0, 3], [1, 4], [2, 5]]]),
    "project": (lambda: ee.Array([[0], [1], [2]]).project([0]), [0, 1, 2]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_arrays_are_as_the_documentation_shows(world: Any, name: str) -> None:
    make, expected = EXAMPLES[name]
    assert world.info(make()) == expected


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ee.Array([]), "'pixelType' is required"),
    (lambda: ee.Array([[1, 2], [3]]), "is no array"),
    (lambda: ee.Array(["a"]), "is no array"),
    (lambda: ee.Array([1, 2]).add([1, 2, 3]), "same shape"),
    (lambda: ee.Array([1]).get([1]), "must be between 0 and 0"),
    (lambda: ee.Array([1]).get([0, 0]), "one number an axis"),
    (lambda: ee.Array([1]).cut([3]), "must be between -1 and 0"),
    (lambda: ee.Array([1, 2]).slice(1), "Axis must be between 0 and 0"),
    (lambda: ee.Array([1, 2]).slice(0, 0, 1, 0), "must be positive"),
    (lambda: ee.Array([[1, 2], [3, 4]]).project([0]), "must be at most length 1"),
    (lambda: ee.Array([1, 2, 3]).reshape([2, -1]), "cannot have the shape"),
    (lambda: ee.Array([1, 2, 3]).reshape([-1, -1]), "more than one -1"),
    (lambda: ee.Array([1, 2, 3]).mask([1, 0]), "does not fit"),
    (lambda: ee.Array([[1, 2], [3, 4]]).sort(), "one axis only"),
    (lambda: ee.Array.cat([ee.Array([1]), ee.Array([[1]])]), "same number of dimensions"),
    (lambda: ee.Array.cat([ee.Array([[1, 2]]), ee.Array([[1]])]), "must match on all axes"),
    (lambda: ee.Array([1, 2]).reduce(ee.Reducer.minMax(), [0]), "'fieldAxis' is required"),
    (lambda: ee.Array([1, 2]).repeat(0, -1), "must not be negative"),
    (lambda: ee.Array([1, 2]).dotProduct([1]), "same length"),
    (lambda: ee.Array([1.5]).bitwiseAnd([1]), "integer only"),
    (lambda: ee.Array.identity(0), "must be positive"),
])
def test_arrays_that_do_not_fit_are_refused_in_words(world: Any, make: Callable[[], Any], message: str) -> None:
    with pytest.raises(EngineError, match=message) as refused:
        world.value(make())
    assert refused.value.message.startswith("Array")
    assert refused.value.mend


def test_numbers_of_an_array_are_held_by_its_type(world: Any) -> None:
    assert world.value(ee.Array([1, 2])).dtype == np.int32
    assert world.value(ee.Array([2**40])).dtype == np.int64
    assert world.value(ee.Array([1, 2.5])).dtype == np.float64
    assert world.value(ee.Array([300.0], ee.PixelType.uint8())).tolist() == [255]
    assert world.value(ee.Array([2**31 - 1]).add(1)).tolist() == [2**31]
    assert math.isnan(world.value(ee.Array([-1]).sqrt()).item())


@pytest.mark.parametrize("make", [
    lambda: ee.Array([1, 2]).repeat(0, 10**9), lambda: ee.Array([1]).pad([10**9]), lambda: ee.Array.identity(10**6),
    lambda: ee.Array([1]).repeat(0, 10**6).repeat(1, 1).matrixToDiag(),
    lambda: ee.Image(1).toArray().arrayPad([10**6]), lambda: ee.Image(1).toArray().arrayRepeat(0, 10**8),
    lambda: ee.List.sequence(1, 60).iterate(lambda _, array: ee.Array.cat([array, array]), ee.Array([1])),
])
def test_arrays_that_no_memory_holds_are_refused(world: Any, make: Callable[[], Any]) -> None:
    graph = make()
    compute = world.value
    if isinstance(graph, ee.Image):
        world.images["x"] = world.make({"x": np.ones((20, 24))})
        compute, graph = world.pixels, graph.add(ee.Image("x"))
    with pytest.raises(EngineError, match="User memory limit exceeded"):
        compute(graph)


def test_lists_are_arrays_where_a_graph_gives_them_so(world: Any) -> None:
    """A graph may hold plain lists: the client wraps what it knows to be arrays, and functions need not."""
    def product(right: list[list[int]]) -> Any:
        call = {"functionName": "Array.matrixMultiply", "arguments": {
            "left": {"constantValue": [[1, 2], [3, 4]]}, "right": {"constantValue": right}}}
        return evaluate({"result": "0", "values": {"0": {"functionInvocationValue": call}}}, world)

    assert product([[1], [1]]).tolist() == [[3], [7]]
    with pytest.raises(EngineError, match="Expected type: Array. Actual type: List"):
        product([[1], [1, 2]])
