"""Columns of tables that are ingested: which type the values of one have.

The service detects numeric columns by itself, and lets manifests override that; how it detects them it does not say:
https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType. Read here as CSV readers do: a
column is of numbers where each of its cells is a finite decimal number or blank. Nothing is rounded for it: a column
stays text where a number would lose what its cell says, as codes with leading zeros or more digits than a number has.
Words such as "nan" and "inf" are text, and so is 2023_1, which Python would take for a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agrispec.errors import DataError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)
_LIMIT = 2**63
# Python reads no longer integers, and no float is as large.
_DIGITS = 400


def number(value: Any) -> float:
    """A number, or the one that a text is.

    Raises:
        ValueError: it is none, or not finite.
        TypeError: it is neither.
    """
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise ValueError(f"{value!r} is not a number")
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is not a finite number")
    return found


def typed(values: Sequence[Any], kind: str | None, *, detect: bool) -> list[Any]:
    """A column of the type that is asked for, else of the type that its values have; None where there is none.

    Args:
        values: text, or what has a type already.
        kind: a ColumnDataType of the service; None and others ask for none.
        detect: text may be numbers, as the file knows no types.

    Raises:
        DataError: a value is not of the type that is asked for.
    """
    if kind in _TYPES:
        try:
            return [None if _empty(value, kind) else _TYPES[kind](value) for value in values]
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"a value is not of the type {kind}: {error}",
                            mend="correct the column, or leave its type out") from error
    if detect:
        texts = [value.strip() for value in values]
        found = _numbers([text for text in texts if text])
        if found is not None:
            numbers = iter(found)
            return [next(numbers) if text else None for text in texts]
    # Columns hold integers of 64 bits; files may have longer ones.
    elif any(isinstance(value, int) and not -_LIMIT <= value < _LIMIT for value in values):
        return [None if value is None else str(value) for value in values]
    return [None if value == "" else value for value in values]


def _empty(value: Any, kind: str | None) -> bool:
    """Whether there is no value; text may consist of blanks, a number may not."""
    return value is None or value == "" or (
        isinstance(value, str) and kind != "COLUMN_DATA_TYPE_STRING" and not value.strip())


def _numbers(texts: Sequence[str]) -> list[int] | list[float] | None:
    """What texts are as numbers of one type, None where that would not say what they do."""
    if not all(_NUMBER.fullmatch(text) for text in texts):
        return None
    whole = [_INTEGER.fullmatch(text) is not None for text in texts]
    if all(whole):
        if any(_CODE.fullmatch(text) for text in texts):
            return None
        integers = [_integer(text) for text in texts]
        return integers if all(-_LIMIT <= integer < _LIMIT for integer in integers) else None
    found = [float(text) for text in texts]
    exact = all(number == _integer(text) for number, text, each in zip(found, texts, whole, strict=True) if each)
    return found if exact and all(map(math.isfinite, found)) else None


def _integer(text: str) -> int:
    """The integer of a text, or one that is as far out of range."""
    return int(text) if len(text) <= _DIGITS else 10**_DIGITS


def _long(value: Any) -> int:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value.strip()):
            raise ValueError(f"{value!r} is not an integer")
        found = _integer(value.strip())
    else:
        found = int(value)
        if found != value:
            raise ValueError(f"{value!r} is not an integer")
    if not -_LIMIT <= found < _LIMIT:
        raise ValueError(f"{str(value)[:80]} has more than 64 bits")
    return found


_TYPES: Mapping[str | None, Callable[[Any], Any]] = {
    "COLUMN_DATA_TYPE_STRING": str, "COLUMN_DATA_TYPE_NUMERIC": number, "COLUMN_DATA_TYPE_LONG": _long}
