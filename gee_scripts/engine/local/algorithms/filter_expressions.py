"""Filters that are written as text."""

from __future__ import annotations

from typing import Any

from gee_scripts.engine.local.algorithms.filters import all_of, any_of, negated
from gee_scripts.engine.local.language.expressions import Call, Literal, Name, Term, parse
from gee_scripts.engine.local.language.registry import IMPLEMENTED, AlgorithmError, algorithm
from gee_scripts.engine.local.values import Filter, get

_SIGNS = {"eq": "Filter.equals", "neq": "Filter.notEquals", "lt": "Filter.lessThan", "lte": "Filter.lessThanOrEquals",
          "gt": "Filter.greaterThan", "gte": "Filter.greaterThanOrEquals"}
_MIRRORED = {"eq": "eq", "neq": "neq", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}


@algorithm("Filter.expression")
def expression(text: str) -> Filter:
    """The filter a text stands for: comparisons of properties with values, joined by !, && and ||."""
    return _filter_of(parse(text, of_filter=True), text)


def _filter_of(term: Term, text: str) -> Filter:
    if isinstance(term, Call):
        if term.function in ("and", "or", "not"):
            parts = [_filter_of(part, text) for part in term.arguments]
            if term.function == "not":
                return negated(parts[0])
            return all_of(parts) if term.function == "and" else any_of(parts)
        if term.function == "inList" and isinstance(term.arguments[0], Name):
            listed = term.arguments[1]
            if isinstance(listed, Call) and listed.function == "list":
                values = [_literal(item, text) for item in listed.arguments]
                within: Filter = IMPLEMENTED["Filter.inList"].function(None, None, term.arguments[0].name, values)
                return within
        if term.function in _SIGNS:
            left, right = term.arguments
            sign = term.function
            if not isinstance(left, Name):
                left, right, sign = right, left, _MIRRORED[sign]
            made = IMPLEMENTED[_SIGNS[sign]].function
            if isinstance(left, Name) and isinstance(right, Name):
                # Two properties of one element: the right one is not that of another element.
                def accepts(primary: Any, secondary: Any, one: str = left.name, other: str = right.name) -> bool:
                    value = get(primary, other)
                    found: Filter = made(one, value, None, None)
                    return value is not None and found.accepts(primary, None)

                return Filter(accepts=accepts)
            if isinstance(left, Name):
                made_of: Filter = made(left.name, _literal(right, text), None, None)
                return made_of
    raise AlgorithmError(f"'{text}' is no filter",
                         mend="compare properties with values, as in 'cloud < 10 && tile == \"T31\"'")


def _literal(term: Term, text: str) -> int | float | str:
    if isinstance(term, Literal):
        return term.value
    if isinstance(term, Call) and term.function in ("negated", "same") and isinstance(term.arguments[0], Literal):
        value = term.arguments[0].value
        if not isinstance(value, str):
            return -value if term.function == "negated" else value
    raise AlgorithmError(f"'{text}' compares a property with no plain value", mend="compare it with a number or a text")
