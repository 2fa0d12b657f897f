"""Serialised expressions as typed nodes.

The format is the `Expression` of Earth Engine's REST API: `{"result": key, "values": {key: ValueNode}}`.
Source: https://developers.google.com/earth-engine/reference/rest/v1/Expression
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agrispec.errors import EngineError


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A number, string, bool, None, or lists and dictionaries of them."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class ArrayNode:
    """A list of nodes."""

    items: tuple[ValueNode, ...]
    free: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DictNode:
    """A dictionary of nodes."""

    items: Mapping[str, ValueNode]
    free: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ArgRef:
    """The value of an argument of an enclosing function definition."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class FunctionDef:
    """A function: names of its arguments and its body."""

    names: tuple[str, ...]
    body: ValueNode
    free: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Invocation:
    """A call of an algorithm by name, or of a function that another node gives.

    `free` names the arguments of enclosing functions it depends on: with the same values of them it has the
    same value, so one that has none is computed once, even inside of a `map`.
    """

    function: str | ValueNode
    arguments: Mapping[str, ValueNode]
    free: tuple[str, ...]


ValueNode = Constant | ArrayNode | DictNode | ArgRef | FunctionDef | Invocation


def parse(expression: Any) -> ValueNode:
    """The node that is the result of an expression.

    Raises:
        EngineError: it is malformed: an unknown kind of node, a key that is not there, or a cycle.
    """
    if not isinstance(expression, Mapping) or not isinstance(expression.get("values"), Mapping):
        raise _malformed("it is not an object with `result` and `values`")
    try:
        return _Parser(expression["values"]).at(str(expression.get("result")))
    except RecursionError as error:
        raise EngineError("Expression: it is nested too deeply",
                          mend="build long chains as collections and map over them") from error


@dataclass(slots=True)
class _Parser:
    values: Mapping[str, Any]
    parsed: dict[str, ValueNode] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)

    def at(self, key: str) -> ValueNode:
        if key not in self.parsed:
            if key not in self.values:
                raise _malformed(f"value {key!r} is referred to and not there")
            if key in self.opened:
                raise _malformed(f"value {key!r} refers to itself")
            self.opened.add(key)
            self.parsed[key] = self.node(self.values[key])
        return self.parsed[key]

    def node(self, raw: Any) -> ValueNode:
        if not isinstance(raw, Mapping) or len(raw) != 1:
            raise _malformed(f"a value must be an object of one field, not {str(raw)[:80]}")
        (kind, content), = raw.items()
        try:
            return self.of_kind(kind, content)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise _malformed(f"{kind} cannot hold {str(content)[:80]}") from error

    def of_kind(self, kind: str, content: Any) -> ValueNode:
        match kind:
            case "constantValue" | "nullValue":
                return Constant(None if kind == "nullValue" else content)
            case "integerValue":
                return Constant(int(content))
            case "bytesValue":
                return Constant(base64.b64decode(content))
            case "valueReference":
                return self.at(content)
            case "argumentReference":
                return ArgRef(_name(content))
            case "arrayValue":
                items = tuple(self.node(item) for item in content.get("values", ()))
                return ArrayNode(items, _free_of(items))
            case "dictionaryValue":
                named = {name: self.node(item) for name, item in content.get("values", {}).items()}
                return DictNode(named, _free_of(named.values()))
            case "functionDefinitionValue":
                names, body = tuple(map(_name, content["argumentNames"])), self.at(content["body"])
                return FunctionDef(names, body, tuple(name for name in _free(body) if name not in names))
            case "functionInvocationValue":
                arguments = {name: self.node(item) for name, item in content.get("arguments", {}).items()}
                function: str | ValueNode
                if "functionName" in content:
                    function = _name(content["functionName"])
                    depends = [*arguments.values()]
                else:
                    function = self.at(content["functionReference"])
                    depends = [*arguments.values(), function]
                return Invocation(function, arguments, _free_of(depends))
        raise _malformed(f"{kind!r} is no kind of value")


def _name(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError(content)
    return content


def _free(node: ValueNode) -> tuple[str, ...]:
    match node:
        case ArgRef(name):
            return (name,)
        case Invocation() | FunctionDef() | ArrayNode() | DictNode():
            return node.free
    return ()


def _free_of(nodes: Iterable[ValueNode]) -> tuple[str, ...]:
    return tuple(sorted({name for node in nodes for name in _free(node)}))


def _malformed(what: str) -> EngineError:
    return EngineError(f"Expression: {what}", mend="send what the ee client's serializer writes")
