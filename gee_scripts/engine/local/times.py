"""Instants and calendar units, in milliseconds since 1970-01-01T00:00:00Z and UTC."""

from __future__ import annotations

import calendar
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agrispec.errors import EngineError
from gee_scripts.engine.local.values import Date

UNITS = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 7 * 86_400_000}
"""Milliseconds of the units that have a fixed length."""

# Seconds of the years that calendars are made for; more of any unit is beyond them.
_MOST = 400e9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(value: Any, zone: str | None = None) -> int:
    """The instant of a number (milliseconds), a Date, or a string such as 2023-05-01, 2023-121, 2023-05-01T08:00.

    Raises:
        TypeError, ValueError: it is no instant.
    """
    if isinstance(value, Date):
        return value.milliseconds
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(value)
        return int(value)
    if not isinstance(value, str):
        raise TypeError(value)
    # The service takes months and days of one digit: https://developers.google.com/earth-engine/apidocs/ee-date-update
    value = re.sub(r"(?<=-)(\d)(?=-|T|$)", r"0\1", value)
    ordinal = re.fullmatch(r"(\d{4})-(\d{3})", value)
    if ordinal:
        moment = datetime(int(ordinal[1]), 1, 1) + timedelta(days=int(ordinal[2]) - 1)
    elif re.fullmatch(r"\d{4}(-\d{2})?", value):
        moment = datetime.fromisoformat((value + "-01-01")[:10])
    else:
        moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(zone))
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(instant: int, zone: str | None = None) -> datetime:
    """The instant as a calendar time."""
    try:
        return (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone_of(zone))
    except OverflowError as error:
        raise _beyond(f"{instant} milliseconds") from error


def zone_of(name: str | None) -> tzinfo:
    """The time zone of a name, UTC without one.

    Raises:
        EngineError: there is none of that name.
    """
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EngineError(f"The datetime zone id '{name}' is not recognised",
                          mend="give a name such as Europe/Paris") from error


def _beyond(what: str) -> EngineError:
    return EngineError(f"A date of {what} is out of range", mend="give dates of the years 1 to 9999")


def unit(name: str) -> str:
    """The singular, lower-case name of a unit.

    Raises:
        EngineError: there is no such unit.
    """
    plain = name.lower().removesuffix("s")
    if plain not in UNITS and plain not in ("month", "year"):
        raise EngineError(f"'{name}' is no unit of time", mend="use second, minute, hour, day, week, month or year")
    return plain


def advanced(instant: int, amount: float, of: str, zone: str | None = None) -> int:
    """The instant `amount` units later. Days and longer units keep the zone's time of day, whatever its clocks do
    in between; months and years keep the day, or take the month's last one."""
    plain = unit(of)
    if not abs(amount) < _MOST:
        raise _beyond(f"{amount} {plain}s more")
    if plain in UNITS and (zone is None or plain not in ("day", "week")):
        return instant + round(amount * UNITS[plain])
    if plain in UNITS:
        days = amount * (7 if plain == "week" else 1)
        before, full = moment(instant, zone), int(days // 1)
        return _local(before + timedelta(days=full), before) + round((days - full) * UNITS["day"])
    months = amount * (12 if plain == "year" else 1)
    whole = int(months // 1)
    start = moment(instant, zone)
    count = start.year * 12 + start.month - 1 + whole
    year, month = count // 12, count % 12 + 1
    if not 1 <= year <= 9999:
        raise _beyond(f"the year {year}")
    last = calendar.monthrange(year, month)[1]
    moved = _local(start.replace(year=year, month=month, day=min(start.day, last)), start)
    if months == whole:
        return moved
    return moved + round((months - whole) * (advanced(moved, 1, "month", zone) - moved))


def _local(wall: datetime, before: datetime) -> int:
    """The instant of a zone's local time; one that clocks show twice is that of the offset `before` had, one that
    they skip is later by what they skip. As Joda-Time, which the service computes with."""
    kept = milliseconds_of(wall.replace(tzinfo=timezone(before.utcoffset() or timedelta())))
    same = (_EPOCH + timedelta(milliseconds=kept)).astimezone(wall.tzinfo).utcoffset() == before.utcoffset()
    return kept if same else milliseconds_of(wall.replace(fold=0))


def milliseconds_of(when: datetime) -> int:
    """The instant of a calendar time with a zone."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def difference(end: int, start: int, of: str) -> float:
    """Units from `start` to `end`; months and years in their mean length of the Gregorian calendar."""
    return (end - start) / length(of)


def length(of: str) -> float:
    """Milliseconds of a unit; of months and years in their mean length of the Gregorian calendar."""
    plain = unit(of)
    # 146,097 days are 400 years.
    year = 146_097 / 400 * UNITS["day"]
    return UNITS.get(plain) or (year if plain == "year" else year / 12)


def day_of_year(when: date) -> int:
    """1 for 1 January."""
    return when.timetuple().tm_yday


def timestamp(moment: datetime) -> str:
    """A moment as the client parses it: UTC, 'Z' at the end, six digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
