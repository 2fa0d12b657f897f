"""Expressions are parsed once, refused when malformed, and evaluated lazily."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ee
import pytest

from agrispec.errors import EngineError
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.language.graph import Invocation, parse
from gee_scripts.engine.local.language.registry import IMPLEMENTED, signatures


def test_what_a_node_depends_on_are_the_arguments_of_the_functions_around_it(
        client: None, graph_of: Callable[[Any], Any]) -> None:
    outer = ee.List([1, 2]).map(lambda i: ee.List([3, 4]).map(lambda j: ee.Number(i).add(j)))
    node = parse(graph_of(outer))
    assert isinstance(node, Invocation)
    assert node.free == ()
    inner = node.arguments["baseAlgorithm"]
    assert inner.free == ()
    assert inner.body.free == inner.names


@pytest.mark.parametrize("expression", [
    None, {}, {"result": "0"}, {"result": "1", "values": {"0": {"constantValue": 1}}},
    {"result": "0", "values": {"0": {"valueReference": "0"}}},
    {"result": "0", "values": {"0": {"constantValue": 1, "integerValue": "2"}}},
    {"result": "0", "values": {"0": {"strangeValue": 1}}},
    {"result": "0", "values": {"0": {"functionDefinitionValue": {"body": "0"}}}},
    {"result": "0", "values": {"0": {"arrayValue": 3}}},
    {"result": "0", "values": {"0": {"integerValue": "x"}}},
    {"result": "0", "values": {"0": {"argumentReference": "nobody"}}},
])
def test_a_malformed_expression_is_refused_with_a_sentence(expression: Any, world: Any) -> None:
    with pytest.raises(EngineError, match=r"^Expression: "):
        evaluate(expression, world)


def test_every_kind_of_constant_is_understood(world: Any) -> None:
    values = {"0": {"dictionaryValue": {"values": {
        "n": {"constantValue": None}, "i": {"integerValue": "12345678901234567"}, "b": {"bytesValue": "aGk="},
        "l": {"arrayValue": {"values": [{"constantValue": 1.5}, {"valueReference": "1"}]}}}}},
        "1": {"functionInvocationValue": {"functionReference": "2", "arguments": {"x": {"constantValue": 5}}}},
        "2": {"functionDefinitionValue": {"argumentNames": ["x"], "body": "3"}},
        "3": {"functionInvocationValue": {"functionName": "Number.add", "arguments": {
            "left": {"argumentReference": "x"}, "right": {"constantValue": 2}}}}}
    assert evaluate({"result": "0", "values": values}, world) == {
        "n": None, "i": 12345678901234567, "b": b"hi", "l": [1.5, 7]}


def test_an_invocation_is_computed_once_even_inside_of_a_map(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local import algorithms  # noqa: F401 - they register themselves

    calls = []
    monkeypatch.setitem(IMPLEMENTED, "Number.sqrt", replace(
        IMPLEMENTED["Number.sqrt"], function=lambda value: calls.append(value) or value**0.5))
    fixed = ee.Number(16).sqrt()
    assert world.value(ee.List.sequence(1, 50).map(lambda i: ee.Number(i).multiply(fixed)))[-1] == 200
    assert calls == [16]


def test_if_evaluates_the_case_it_takes_alone(world: Any) -> None:
    lost = ee.Image("nowhere")
    for condition, expected in [(True, "yes"), (0, "no"), ("", "no"), (ee.List([]), "no"), (None, "no"), ("0", "yes"),
                                (ee.Dictionary({}), "no")]:
        assert world.value(ee.Algorithms.If(condition, "yes" if expected == "yes" else lost,
                                            "no" if expected == "no" else lost)) == expected


def test_what_is_not_implemented_is_named_with_what_is_near(world: Any) -> None:
    with pytest.raises(EngineError, match=r"^local engine: function 'Image\.glcmTexture' is not implemented"):
        world.value(ee.Image(1).glcmTexture())
    with pytest.raises(EngineError, match=r"Unknown algorithm 'Image\.nonsense'"):
        evaluate({"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": "Image.nonsense", "arguments": {}}}}}, world)


def test_arguments_are_checked_against_the_signature(world: Any) -> None:
    def call(name: str, **arguments: Any) -> Any:
        given = {key: {"constantValue": value} for key, value in arguments.items()}
        return evaluate({"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": name, "arguments": given}}}}, world)

    assert call("Number.add", left=1, right=True) == 2
    with pytest.raises(EngineError, match=r"Number\.add: Parameter 'right' is required and may not be null"):
        call("Number.add", left=1)
    with pytest.raises(EngineError, match=r"Number\.add, argument 'right': Invalid type.*Actual type: String"):
        call("Number.add", left=1, right="two")
    with pytest.raises(EngineError, match=r"Number\.add: Unexpected arguments: middle"):
        call("Number.add", left=1, right=2, middle=3)
    with pytest.raises(EngineError, match=r"List\.get: List index must be between 0 and 0"):
        call("List.get", list=[1], index=1)


def test_every_implementation_is_of_an_algorithm_that_exists_and_takes_its_arguments() -> None:
    import inspect

    import gee_scripts.engine.local.algorithms  # noqa: F401

    assert set(IMPLEMENTED) <= set(signatures())
    for name, entry in IMPLEMENTED.items():
        try:
            signature = inspect.signature(entry.function)
        except ValueError:  # some of math and str tell no signature
            continue
        signature.bind(*range(len(signatures()[name]) + entry.catalog))


def test_a_chain_that_is_too_long_ends_in_a_sentence(world: Any) -> None:
    number = ee.Number(0)
    values: dict[str, Any] = {"0": {"constantValue": 0}}
    for place in range(1, 6000):
        values[str(place)] = {"functionInvocationValue": {"functionName": "Number.add", "arguments": {
            "left": {"valueReference": str(place - 1)}, "right": {"constantValue": 1}}}}
    with pytest.raises(EngineError, match="nested too deeply"):
        evaluate({"result": "5999", "values": values}, world)
    assert world.value(number) == 0
