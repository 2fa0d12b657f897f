"""Texts to instants by the patterns of Joda-Time, which the service reads dates with.

Source: https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from gee_scripts.engine.local import times
from gee_scripts.engine.local.language.matching import matches
from gee_scripts.engine.local.language.registry import AlgorithmError

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMBERS = {"Y": "year", "y": "year", "x": "year", "M": "month", "d": "day", "D": "ordinal", "H": "hour", "k": "hour",
            "h": "half hour", "K": "half hour", "m": "minute", "s": "second", "S": "fraction"}
_FIRST_SHORT_YEAR = 1946
"""Years of two digits are within a hundred years from here: Joda takes those around thirty years ago."""


def read_date(pattern: str, text: str, zone: str | None) -> int:
    """Milliseconds since 1970 of a text by a pattern such as YYYY-MM-dd. What the pattern does not name is as on
    1970-01-01 at midnight, in 2000 where it names a month or a day without a year.

    Raises:
        AlgorithmError: the text is not written so, or the pattern has a letter that is not read here.
    """
    tokens = re.findall(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z'])", pattern)
    expression, letters = "", []
    for place, (quoted, letter_run, _, other) in enumerate(tokens):
        if not letter_run:
            expression += re.escape(quoted.replace("''", "'") or other or "'")
            continue
        following = tokens[place + 1][2] if place + 1 < len(tokens) else ""
        expression += f"({_field(letter_run, following)})"
        letters.append(letter_run)
    found, = matches(expression, [text], ignore_case=True, whole=True)
    if not found:
        raise AlgorithmError(f"Invalid format: '{text}' is not of the pattern '{pattern}'",
                             mend="give a text as the pattern describes it, e.g. YYYY-MM-dd for 2023-05-01")
    try:
        fields = {run: part or "" for run, part in zip(letters, found[0].groups, strict=True)}
        return _instant(fields, zone)
    except (ValueError, OverflowError) as error:
        raise AlgorithmError(f"'{text}' is no date: {error}", mend="give a day and a time that exist") from error


def _field(run: str, following: str) -> str:
    letter, width = run[0], len(run)
    if letter == "M" and width > 2:
        return "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
    if letter == "E":
        return "|".join(f"{name}|{name[:3]}" for name in _DAYS)
    if letter == "a":
        return "AM|PM"
    if letter == "Z":
        return r"Z|[+-]\d\d:?\d\d" if width < 3 else r"[A-Za-z_]+(?:/[A-Za-z_+-]+)*"
    if letter not in _NUMBERS:
        raise AlgorithmError(f"Date format letter '{letter}' is not implemented",
                             mend="use Y, M, d, D, H, h, a, m, s, S, E or Z")
    # Digits that run on into the next number are counted by the pattern.
    if following in _NUMBERS and following:
        return rf"\d{{{width}}}"
    return r"\d{1,9}" if letter in "YyxS" else r"\d{1,3}"


def _instant(fields: dict[str, str], zone: str | None) -> int:
    known: dict[str, int] = {}
    where: tzinfo = ZoneInfo(zone or "UTC")
    afternoon, microsecond = False, 0
    for run, text in fields.items():
        letter = run[0]
        if letter == "M" and len(run) > 2:
            known["month"] = [name[:3].lower() for name in _MONTHS].index(text[:3].lower()) + 1
        elif letter == "Z":
            where = _zone(text)
        elif letter == "a":
            afternoon = text.upper() == "PM"
        elif letter == "S":
            microsecond = int(text.ljust(6, "0")[:6])
        elif letter != "E":
            known[_NUMBERS[letter]] = _year(text) if letter in "Yyx" and len(run) == 2 else int(text)
    hour = known.get("hour", known.get("half hour", 0) % 12 + 12 * afternoon)
    dated = {"month", "day", "ordinal"} & set(known)
    year = known.get("year", 2000 if dated else 1970)
    moment = datetime(year, known.get("month", 1), known.get("day", 1), hour % 24 if "k" in str(fields) else hour,
                      known.get("minute", 0), known.get("second", 0), microsecond, tzinfo=where)
    if "ordinal" in known:
        moment += timedelta(days=known["ordinal"] - 1)
        if known["ordinal"] < 1 or moment.year != year:
            raise ValueError(f"{year} has no day {known['ordinal']}")
    return times.milliseconds_of(moment)


def _year(text: str) -> int:
    if len(text) != 2:
        return int(text)
    return _FIRST_SHORT_YEAR + (int(text) - _FIRST_SHORT_YEAR) % 100


def _zone(text: str) -> tzinfo:
    if text.upper() == "Z":
        return ZoneInfo("UTC")
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if offset is None:
        try:
            return ZoneInfo(text)
        except KeyError as error:
            raise ValueError(f"'{text}' is no time zone") from error
    span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    return timezone(span if offset[1] == "+" else -span)
