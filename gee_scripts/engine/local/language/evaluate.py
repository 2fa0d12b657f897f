"""Graphs to values: lazy where the language is (`If`, pixels), every invocation once where its inputs are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agrispec.errors import EngineError
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language.graph import (
    ArgRef,
    ArrayNode,
    Constant,
    DictNode,
    FunctionDef,
    Invocation,
    ValueNode,
    parse,
)
from gee_scripts.engine.local.language.registry import MOST_ITEMS, invoke
from gee_scripts.engine.local.rasters.raster import GO_ON, check_bands
from gee_scripts.engine.local.values import Closure, Image


def evaluate(expression: Any, catalog: Catalog) -> Any:
    """The value of a serialised expression.

    Args:
        expression: `{"result": key, "values": {key: ValueNode}}`, decoded JSON.
        catalog: where assets are.

    Returns:
        One of `values`, a number, string, bool, list, dictionary or None. Pixels are not read, except by
        algorithms whose value they are (samples, statistics).

    Raises:
        EngineError: the graph is malformed, calls what is not implemented, or an algorithm refuses.
        AssetMissing: it loads an asset that is not there.
    """
    try:
        return _Evaluation(catalog).value(parse(expression), {})
    except RecursionError as error:
        raise EngineError("Expression: it is nested too deeply",
                          mend="build long chains as collections and map over them") from error


def truth(value: Any) -> bool:
    """Whether `If` takes a value for true: not 0, NaN, null, or an empty string, list or dictionary."""
    if value is None or (isinstance(value, float) and value != value):
        return False
    return bool(value) if isinstance(value, bool | int | float | str | list | dict) else True


class _Evaluation:
    """One request: what was computed is kept by invocation and by the values of the arguments it depends on."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        # The values depended on are kept with the result: a key holds their ids, which must not be used again.
        self.known: dict[tuple[int, ...], tuple[Any, list[Any]]] = {}
        self.weights: dict[int, tuple[Any, int]] = {}

    def value(self, node: ValueNode, scope: Mapping[str, Any]) -> Any:
        if isinstance(node, Invocation | ArrayNode | DictNode):
            free = [self.argument(name, scope) for name in node.free]
            key = (id(node), *map(id, free))
            found = self.known.get(key)
            if found is None:
                found = self.made(node, scope), free
                self.known[key] = found
            return found[0]
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, ArgRef):
            return self.argument(node.name, scope)
        return self.closure(node, scope)

    def made(self, node: Invocation | ArrayNode | DictNode, scope: Mapping[str, Any]) -> Any:
        if isinstance(node, Invocation):
            return self.called(node, scope)
        found: Any = [self.value(item, scope) for item in node.items] if isinstance(node, ArrayNode) else \
            {name: self.value(item, scope) for name, item in node.items.items()}
        self.weight(found)
        return found

    def weight(self, value: list[Any] | dict[str, Any]) -> int:
        """Elements of a list or dictionary and of those within; one that stands in several places counts in each,
        as whoever sorts, flattens or sends it goes through them all."""
        kept = self.weights.get(id(value))
        if kept is None:
            items = value.values() if isinstance(value, dict) else value
            total = 1 + len(items)
            if not {list, dict}.isdisjoint(map(type, items)):
                total += sum(self.weight(item) - 1 for item in items if isinstance(item, list | dict))
            if total > MOST_ITEMS:
                raise EngineError("User memory limit exceeded.", mend="make shorter lists, or map over collections")
            kept = self.weights[id(value)] = value, total
        return kept[1]

    def argument(self, name: str, scope: Mapping[str, Any]) -> Any:
        if name not in scope:
            raise EngineError(f"Expression: argument {name!r} is used outside of its function",
                              mend="do not carry a mapped function's argument out of it")
        return scope[name]

    def closure(self, node: FunctionDef, scope: Mapping[str, Any]) -> Closure:
        def call(values: Sequence[Any]) -> Any:
            if len(values) < len(node.names):
                raise EngineError(f"Expression: a function of {len(node.names)} arguments was given {len(values)}",
                                  mend="map a function of one argument, iterate one of two")
            return self.value(node.body, {**scope, **dict(zip(node.names, values, strict=False))})

        return Closure(node.names, call)

    def called(self, node: Invocation, scope: Mapping[str, Any]) -> Any:
        GO_ON.get()()
        if node.function == "If":
            holds = truth(self.value(node.arguments.get("condition", Constant(None)), scope))
            return self.value(node.arguments.get("trueCase" if holds else "falseCase", Constant(None)), scope)
        arguments = {name: self.value(item, scope) for name, item in node.arguments.items()}
        if isinstance(node.function, str):
            found = invoke(node.function, arguments, self.catalog)
            if isinstance(found, str) and len(found) > MOST_ITEMS:
                raise EngineError("User memory limit exceeded.", mend="make shorter strings")
            if isinstance(found, list | dict):
                self.weight(found)
            if isinstance(found, Image):
                check_bands(len(found.bands))
            return found
        function = self.value(node.function, scope)
        if not isinstance(function, Closure):
            raise EngineError("Expression: a value that is no function was called", mend="call a function")
        return function(*(arguments.get(name) for name in function.names))
