"""Texts to instants and back by the patterns of Joda-Time, which the service reads and writes dates with.

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
            "h": "half hour", "K": "half hour", "m": "minute", "s": "second", "S": "fraction", "w": "week",
            "e": "day of week"}
_TOKENS = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z'])")
_FIRST_SHORT_YEAR = 1946
"""Years of two digits are within a hundred years from here: Joda takes those around thirty years ago."""


def read_date(pattern: str, text: str, zone: str | None) -> int:
    """Milliseconds since 1970 of a text by a pattern such as YYYY-MM-dd. What the pattern does not name is as on
    1970-01-01 at midnight, in 2000 where it names a month or a day without a year.

    Raises:
        AlgorithmError: the text is not written so, or the pattern has a letter that is not read here.
    """
    tokens = _TOKENS.findall(pattern)
    expression, letters = "", []
    for place, (quoted, letter_run, _, other) in enumerate(tokens):
        if not letter_run:
            expression += re.escape(_literal(quoted, other))
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
        raise AlgorithmError(f"'{text}' by the pattern '{pattern}' is no date",
                             mend="give a day, a time and a time zone that exist") from error


def _literal(quoted: str, other: str) -> str:
    return quoted.replace("''", "'") or other or "'"


def write_date(pattern: str, moment: datetime, zone: str | None) -> str:
    """A moment by a pattern; month, day of the week and half of the day in English.

    Args:
        moment: in the zone that it is shown in.
        zone: the name of that zone; None for UTC.

    Raises:
        AlgorithmError: a letter stands for nothing, or for the full name of a time zone, which is not known here.
    """
    return "".join(_written(run, moment, zone) if run else _literal(quoted, other)
                   for quoted, run, _, other in _TOKENS.findall(pattern))


def _written(run: str, moment: datetime, zone: str | None) -> str:
    letter, width = run[0], len(run)
    week_year, week, weekday = moment.isocalendar()
    texts = {"G": "AD", "a": "AM" if moment.hour < 12 else "PM",
             "S": f"{moment.microsecond:06d}"[:width].ljust(width, "0")}
    if letter in texts:
        return texts[letter]
    if letter == "E" or (letter == "M" and width > 2):
        name = _DAYS[weekday - 1] if letter == "E" else _MONTHS[moment.month - 1]
        return name if width > 3 else name[:3]
    if letter == "Z":
        offset = moment.strftime("%z")[:5]
        return (zone or "UTC") if width > 2 else offset if width == 1 else f"{offset[:3]}:{offset[3:]}"
    if letter == "z" and width < 4:
        return moment.tzname() or ""
    numbers = {"Y": moment.year, "y": moment.year, "x": week_year, "C": moment.year // 100, "w": week, "e": weekday,
               "M": moment.month, "d": moment.day, "D": times.day_of_year(moment), "H": moment.hour,
               "k": moment.hour or 24, "K": moment.hour % 12, "h": moment.hour % 12 or 12, "m": moment.minute,
               "s": moment.second}
    if letter not in numbers:
        raise AlgorithmError(f"Illegal pattern component: {run}", mend="use G, C, Y, x, w, e, E, y, D, M, d, a, K, h, "
                             "H, k, m, s, S, z or Z, and put other letters between single quotes")
    return f"{numbers[letter] % 100:02d}" if letter in "Yyx" and width == 2 else f"{numbers[letter]:0{width}d}"


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
        raise AlgorithmError(f"Illegal pattern component: {run}", mend="use Y, y, x, w, e, E, D, M, d, a, K, h, H, k, "
                             "m, s, S or Z, and put other letters between single quotes")
    # Digits that run on into the next number are counted by the pattern.
    if following in _NUMBERS and following:
        return rf"\d{{{width}}}"
    return r"\d{1,9}" if letter in "YyxS" else r"\d{1,3}"


def _instant(fields: dict[str, str], zone: str | None) -> int:
    known: dict[str, int] = {}
    where: tzinfo = times.zone_of(zone)
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
    dated = {"month", "day", "ordinal", "week", "day of week"} & set(known)
    year = known.get("year", 2000 if dated else 1970)
    moment = datetime(year, known.get("month", 1), known.get("day", 1), hour % 24 if "k" in str(fields) else hour,
                      known.get("minute", 0), known.get("second", 0), microsecond, tzinfo=where)
    if "week" in known or "day of week" in known:
        monday = datetime.fromisocalendar(year, known.get("week", 1), known.get("day of week", 1))
        moment = moment.replace(year=monday.year, month=monday.month, day=monday.day)
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
