"""Filters: predicates on elements, and on pairs of them in joins."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gee_scripts.engine.local import times
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import (
    TIME_START,
    Collection,
    Date,
    DateRange,
    Feature,
    Filter,
    Image,
    get,
    hashable,
)

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float), "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list | tuple), "dictionary": lambda value: isinstance(value, dict),
    "date": lambda value: isinstance(value, Date), "daterange": lambda value: isinstance(value, DateRange),
    "geometry": lambda value: isinstance(value, Geometry), "image": lambda value: isinstance(value, Image),
    "feature": lambda value: isinstance(value, Feature), "array": lambda value: isinstance(value, np.ndarray),
    "element": lambda value: isinstance(value, Feature | Image | Collection), "object": lambda value: True,
}
Operand = Callable[[Any, Any], Any]


def _plain(value: Any) -> Any:
    return value.milliseconds if isinstance(value, Date) else value


def _operands(left_field: str | None, right_value: Any, right_field: str | None,
              left_value: Any) -> tuple[Operand, Operand]:
    """How to get both operands of a pair: a field of the left element is the primary's; a field of the right one
    is the secondary's, or the only element's where there is one."""
    if left_field is None and right_field is None:
        raise AlgorithmError("a filter needs a field", mend="give leftField or rightField")

    def of(field: str | None, value: Any, right: bool) -> Operand:
        if field is None:
            constant = _plain(value)
            return lambda primary, secondary: constant

        def field_of(primary: Any, secondary: Any) -> Any:
            return _plain(get(secondary if right and secondary is not None else primary, field))

        return field_of

    return of(left_field, left_value, False), of(right_field, right_value, True)


def _comparison(holds: Callable[[Any, Any], bool], equality: bool = False) -> Callable[..., Filter]:
    def made(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
        left, right = _operands(left_field, right_value, right_field, left_value)

        def accepts(primary: Any, secondary: Any) -> bool:
            a, b = left(primary, secondary), right(primary, secondary)
            return a is not None and b is not None and holds(a, b)

        fields = (left_field, right_field) if equality and left_field and right_field else None
        return Filter(accepts=accepts, equal=fields)

    return made


algorithm("Filter.equals", "Filter.eq")(_comparison(lambda a, b: hashable(a) == hashable(b), equality=True))
algorithm("Filter.notEquals", "Filter.neq")(_comparison(lambda a, b: hashable(a) != hashable(b)))


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Of two numbers or two texts; other values have no order."""
    return lambda a, b: any(isinstance(a, kind) and isinstance(b, kind) for kind in (int | float, str)) and holds(a, b)


def _of_texts(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: isinstance(a, str) and isinstance(b, str) and holds(a, b)


algorithm("Filter.lessThan", "Filter.lt")(_comparison(_ordered(operator.lt)))
algorithm("Filter.lessThanOrEquals", "Filter.lte")(_comparison(_ordered(operator.le)))
algorithm("Filter.greaterThan", "Filter.gt")(_comparison(_ordered(operator.gt)))
algorithm("Filter.greaterThanOrEquals", "Filter.gte")(_comparison(_ordered(operator.ge)))
algorithm("Filter.stringContains")(_comparison(_of_texts(lambda a, b: b in a)))
algorithm("Filter.stringStartsWith")(_comparison(_of_texts(str.startswith)))
algorithm("Filter.stringEndsWith")(_comparison(_of_texts(str.endswith)))
algorithm("Filter.dateRangeContains")(
    _comparison(lambda a, b: isinstance(a, DateRange) and isinstance(b, int | float) and b in a))


@algorithm("Filter.inList", "Filter.listContains")
def in_list(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Whether the left value, a list, holds the right one."""
    # A list that is the same for all elements is looked through once.
    last: list[tuple[Any, set[Any]]] = []

    def holds(a: Any, b: Any) -> bool:
        if not isinstance(a, list):
            return False
        known = last[0] if last else None
        if known is None or known[0] is not a:
            known = a, set(map(hashable, a))
            last[:] = [known]
        return hashable(b) in known[1]

    return _comparison(holds)(left_field, right_value, right_field, left_value)


@algorithm("Filter.rangeContains")
def range_contains(field: str, low: Any, high: Any) -> Filter:
    """Whether a property lies between two values, both included."""
    above, below = _ordered(operator.ge), _ordered(operator.le)
    return _comparison(lambda value, ends: above(value, ends[0]) and below(value, ends[1]))(
        field, (_plain(low), _plain(high)), None, None)


@algorithm("Filter.notNull")
def not_null(names: list[str]) -> Filter:
    """Whether an element has all of the properties."""
    return Filter(accepts=lambda a, b: all(get(a, name) is not None for name in names))


algorithm("Filter.always")(lambda: Filter(accepts=lambda a, b: True))
algorithm("Filter.never")(lambda: Filter(accepts=lambda a, b: False))


@algorithm("Filter.and")
def all_of(filters: list[Filter]) -> Filter:
    """Whether all hold."""
    checks = [part.accepts for part in filters]
    return Filter(accepts=lambda a, b: all(check(a, b) for check in checks),
                  equal=next((part.equal for part in filters if part.equal), None),
                  measure=next((part.measure for part in filters if part.measure), None))


@algorithm("Filter.or")
def any_of(filters: list[Filter]) -> Filter:
    """Whether one holds."""
    checks = [part.accepts for part in filters]
    return Filter(accepts=lambda a, b: any(check(a, b) for check in checks))


@algorithm("Filter.not")
def negated(condition: Filter) -> Filter:
    """Whether it does not hold."""
    return Filter(accepts=lambda a, b: not condition.accepts(a, b))


@algorithm("Filter.maxDifference")
def max_difference(limit: float, left_field: str | None, right_value: Any, right_field: str | None,
                   left_value: Any) -> Filter:
    """Whether two numbers differ by no more than `limit`."""
    left, right = _operands(left_field, right_value, right_field, left_value)

    def measure(primary: Any, secondary: Any) -> float:
        a, b = left(primary, secondary), right(primary, secondary)
        numbers = isinstance(a, int | float) and isinstance(b, int | float)
        return abs(a - b) if numbers else float("inf")

    return Filter(accepts=lambda a, b: measure(a, b) <= limit, measure=measure)


@algorithm("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> Filter:
    """Whether a field of the start time's calendar lies between two values, both included; it may wrap."""
    fields: dict[str, Callable[[Any], int]] = {
        "day_of_year": times.day_of_year, "day_of_month": lambda when: when.day, "month": lambda when: when.month,
        "year": lambda when: when.year, "hour": lambda when: when.hour, "minute": lambda when: when.minute,
        "day_of_week": lambda when: when.isoweekday(), "week_of_year": lambda when: when.isocalendar().week}
    if field not in fields:
        raise AlgorithmError(f"'{field}' is no field of a calendar", mend=f"use one of {', '.join(fields)}")
    last = start if end is None else end

    def accepts(primary: Any, secondary: Any) -> bool:
        instant = get(primary, TIME_START)
        if not isinstance(instant, int | float) or not math.isfinite(instant):
            return False
        value = fields[field](times.moment(int(instant)))
        return start <= value <= last if start <= last else value >= start or value <= last

    return Filter(accepts=accepts)


@algorithm("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Whether the start time's day of the year lies in [start, end)."""
    return calendar_range(start, end - 1, "day_of_year")


@algorithm("Filter.hasType", differs="the names of types are those of the client's classes; Object takes all values")
def has_type(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Whether a value is of a type named by another."""
    left, right = _operands(left_field, right_value, right_field, left_value)
    if right_field is None and str(right_value).lower() not in _TYPES:
        raise AlgorithmError(f"'{right_value}' is no type", mend=f"use one of {', '.join(map(str.title, _TYPES))}")

    def accepts(primary: Any, secondary: Any) -> bool:
        value, wanted = left(primary, secondary), right(primary, secondary)
        check = _TYPES.get(str(wanted).lower())
        return value is not None and check is not None and check(value)

    return Filter(accepts=accepts)
