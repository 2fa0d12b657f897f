"""Dates and ranges of dates."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from gee_scripts.engine.local import times
from gee_scripts.engine.local.language.date_patterns import read_date, write_date
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Date, DateRange


@algorithm("Date")
def date(value: Any, zone: str | None) -> Date:
    """The instant of a number or a string."""
    return Date(_instant(value, zone))


def _instant(value: Any, zone: str | None) -> int:
    try:
        return times.milliseconds(value, zone)
    except (TypeError, ValueError) as error:
        raise AlgorithmError(f"'{value}' is no date",
                             mend="give milliseconds since 1970, or e.g. 2023-05-01") from error


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, zone: str | None) -> Date:
    """The first instant of a day."""
    return date(f"{year:04d}-{month:02d}-{day:02d}", zone)


@algorithm("Date.millis")
def millis(when: Date) -> int:
    """Milliseconds since 1970-01-01T00:00:00Z."""
    return when.milliseconds


@algorithm("Date.advance")
def advance(when: Date, delta: float, unit: str, zone: str | None) -> Date:
    """The date `delta` units later."""
    return Date(times.advanced(when.milliseconds, delta, unit, zone))


@algorithm("Date.difference")
def difference(when: Date, start: Date, unit: str) -> float:
    """Units from `start` to the date."""
    return times.difference(when.milliseconds, start.milliseconds, unit)


@algorithm("Date.get")
def get(when: Date, unit: str, zone: str | None) -> int:
    """A field of the calendar: year, month (1-12), week, day (of the month), hour, minute, second."""
    moment, plain = times.moment(when.milliseconds, zone), times.unit(unit)
    return moment.isocalendar().week if plain == "week" else int(getattr(moment, plain))


@algorithm("Date.getRelative")
def get_relative(when: Date, unit: str, within: str, zone: str | None) -> int:
    """How many `unit` have passed in the date's `within`: day in year counts from 0."""
    moment, outer, inner = times.moment(when.milliseconds, zone), times.unit(within), times.unit(unit)
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    start = start.replace(month=1, day=1) if outer == "year" else start.replace(day=1) if outer == "month" else start
    if outer == "week":
        start -= timedelta(days=moment.weekday())
    if inner == "month" and outer == "year":
        return moment.month - 1
    # By the zone's clock: a day of summer time begins 23 hours after a whole number of winter days.
    return int(times.difference(_shown(moment), _shown(start), inner))


def _shown(moment: datetime) -> int:
    return times.milliseconds_of(moment.replace(tzinfo=UTC))


@algorithm("Date.getFraction")
def get_fraction(when: Date, unit: str, zone: str | None) -> float:
    """The share of the calendar unit that has passed, from 0 to below 1."""
    # A second is the finest unit of the calendar here, and of one length.
    span = get_range(when, unit, zone)
    return (when.milliseconds - span.start) / (span.end - span.start)


@algorithm("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """How many of the second unit the first one has; months and years in their mean length."""
    return times.length(numerator) / times.length(denominator)


@algorithm("Date.update", differs="the fraction of the second stays, unless a second with one is given")
def update(when: Date, year: int | None, month: int | None, day: int | None, hour: int | None, minute: int | None,
           second: float | None, zone: str | None) -> Date:
    """The date with some fields of the calendar set."""
    given: dict[str, int] = {name: number for name, number in (
        ("year", year), ("month", month), ("day", day), ("hour", hour), ("minute", minute)) if number is not None}
    if second is not None and not math.isfinite(second):
        raise AlgorithmError(f"The date cannot have the second {second}", mend="give a number from 0 to below 60")
    if second is not None:
        given["second"] = int(second)
        if second != int(second):
            given["microsecond"] = round((second - int(second)) * 1000) * 1000
    try:
        changed = times.moment(when.milliseconds, zone).replace(**given)  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:
        wanted = ", ".join(f"{name} {number}" for name, number in given.items())
        raise AlgorithmError(f"There is no {wanted} of {formatted(when, None, zone)}",
                             mend="give fields that the calendar has, and the day with the month") from error
    return Date(times.milliseconds_of(changed))


@algorithm("Date.parse", lacks="No eras, centuries or names of time zones (G, C, z).",
           differs="years of two digits are those from 1946 to 2045",
           source="https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html")
def parsed(pattern: str, text: str, zone: str | None) -> Date:
    """The instant of a text that is written by a Joda pattern."""
    return Date(read_date(pattern, text, zone))


@algorithm("Date.getRange")
def get_range(when: Date, unit: str, zone: str | None) -> DateRange:
    """The calendar unit that holds the date."""
    plain, moment = times.unit(unit), times.moment(when.milliseconds, zone)
    fields = ["year", "month", "day", "hour", "minute", "second"]
    first = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
    finer = fields[fields.index("day" if plain == "week" else plain) + 1:]
    start = moment.replace(microsecond=0, **{name: first[name] for name in finer})  # type: ignore[arg-type]
    if plain == "week":
        start -= timedelta(days=moment.weekday())
    opened = times.milliseconds_of(start)
    return DateRange(opened, times.advanced(opened, 1, plain, zone))


@algorithm("Date.format", lacks="No full names of time zones (zzzz).",
           differs="short names of time zones (z) are those of the IANA database",
           source="https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html")
def formatted(when: Date, pattern: str | None, zone: str | None) -> str:
    """The date by a Joda pattern, e.g. YYYY-MM-dd; ISO 8601 without one."""
    moment = times.moment(when.milliseconds, zone)
    if pattern is None:
        return moment.replace(tzinfo=None).isoformat(timespec="seconds" if not moment.microsecond else "milliseconds")
    return write_date(pattern, moment, zone)


@algorithm("DateRange")
def date_range(start: Any, end: Any, zone: str | None) -> DateRange:
    """From `start` to before `end`; a millisecond without an end."""
    opened = _instant(start, zone)
    return DateRange(opened, opened + 1 if end is None else _instant(end, zone))


@algorithm("DateRange.start")
def range_start(span: DateRange) -> Date:
    """The first instant."""
    return _end_of(span.start, "start")


@algorithm("DateRange.end")
def range_end(span: DateRange) -> Date:
    """The instant after the last."""
    return _end_of(span.end, "end")


def _end_of(instant: float, name: str) -> Date:
    if not math.isfinite(instant):
        raise AlgorithmError(f"The range has no {name}", mend="intersect it with a range first")
    return Date(int(instant))


@algorithm("DateRange.unbounded", differs="its ends are null in what is sent")
def unbounded() -> DateRange:
    """The range of all dates."""
    return DateRange(-math.inf, math.inf)


@algorithm("DateRange.isUnbounded")
def is_unbounded(span: DateRange) -> bool:
    """Whether all dates are in it."""
    return span == unbounded()


@algorithm("DateRange.isEmpty")
def is_empty(span: DateRange) -> bool:
    """Whether no date is in it."""
    return span.start >= span.end


@algorithm("DateRange.intersects")
def intersects(span: DateRange, other: DateRange) -> bool:
    """Whether a date is in both."""
    return not is_empty(intersection(span, other))


@algorithm("DateRange.intersection", differs="of ranges without a common date, an empty one at the later start")
def intersection(span: DateRange, other: DateRange) -> DateRange:
    """The dates that are in both."""
    start = max(span.start, other.start)
    return DateRange(start, max(start, min(span.end, other.end)))


@algorithm("DateRange.union", differs="of ranges that do not touch, the dates between are in it too")
def union(span: DateRange, other: DateRange) -> DateRange:
    """From the earlier start to the later end; an empty range adds nothing."""
    if is_empty(span) or is_empty(other):
        return other if is_empty(span) else span
    return DateRange(min(span.start, other.start), max(span.end, other.end))


@algorithm("DateRange.contains")
def range_contains(span: DateRange, other: Any) -> bool:
    """Whether a date, or all of a range, is in it."""
    if isinstance(other, DateRange):
        return span.start <= other.start and other.end <= span.end
    return _instant(other, None) in span
