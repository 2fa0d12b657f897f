"""The conditions that listAssets and listFeatures take.

`startTime >= "2024-01-01T00:00:00Z" AND (properties.tile="31UFQ" OR NOT properties.tile:*)
AND intersects("{'type': 'Point', …}")`

https://google.aip.dev/160, where OR binds closer than AND, without its search for bare words: what is not
understood is refused, never ignored. A comparison of what is not there does not hold.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import shapely

from agrispec.formats.asset_tree import Asset
from agrispec.formats.stac import footprint
from gee_scripts.engine.local.refusals import Refusal

Lookup = Callable[[str], Any]
"""Name of a field -> its value, None where there is none; a time is a datetime."""
Outline = Callable[[], shapely.Geometry]
Condition = Callable[[Lookup, Outline], bool]

_TOKEN = re.compile(r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>>=|<=|!=|=|<|>|\(|\))|"""
                    r"""(?P<word>[^\s"'()<>=!]+))""")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, "=": operator.eq, "<": operator.lt, ">": operator.gt}
_FIELDS = {"startTime": "system:time_start", "endTime": "system:time_end"}


def parse(text: str) -> Condition:
    """The condition that a text writes; the empty one always holds.

    Raises:
        Refusal: it is not understood.
    """
    if not text.strip():
        return lambda lookup, outline: True
    parser = _Parser(text)
    try:
        found = parser.expression()
    except RecursionError as error:
        raise Refusal(400, "Invalid filter: it is nested too deeply.") from error
    if parser.place < len(parser.tokens):
        raise parser.refusal()
    return found


def accepts(condition: Condition, asset: Asset) -> bool:
    """Whether an asset fulfils a condition.

    Raises:
        Refusal: a field is compared with what it cannot be compared with.
    """
    def lookup(name: str) -> Any:
        if name in _FIELDS:
            value = asset.properties.get(_FIELDS[name])
            if name == "endTime" and value is None:
                value = asset.time_start
            return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int | float) else None
        if name == "updateTime":
            return datetime.fromisoformat(asset.updated) if asset.updated else None
        known = {"name": asset.id, "id": asset.id, "type": asset.type.value}
        return known[name] if name in known else asset.properties.get(name.removeprefix("properties."))

    return condition(lookup, lambda: _outline(asset))


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.place = 0
        position, end = 0, len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None:
                raise Refusal(400, f"Invalid filter: the local engine does not understand '{text[position:][:80]}'.")
            kind = found.lastgroup or ""
            word = found[kind]
            self.tokens.append((kind, re.sub(r"\\(.)", r"\1", word[1:-1]) if kind == "text" else word))
            position = found.end()

    def refusal(self) -> Refusal:
        rest = " ".join(word for _, word in self.tokens[self.place:])
        return Refusal(400, f"Invalid filter: the local engine does not understand '{rest[:80]}'.")

    def at(self, *words: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place][0] != "text" \
            and self.tokens[self.place][1] in words

    def take(self, *kinds: str) -> str:
        if self.place >= len(self.tokens) or self.tokens[self.place][0] not in kinds:
            raise self.refusal()
        self.place += 1
        return self.tokens[self.place - 1][1]

    def expression(self) -> Condition:
        parts = [self.factor()]
        while self.place < len(self.tokens) and not self.at(")"):
            if self.at("AND"):
                self.place += 1
            parts.append(self.factor())
        return lambda lookup, outline: all(part(lookup, outline) for part in parts)

    def factor(self) -> Condition:
        parts = [self.term()]
        while self.at("OR"):
            self.place += 1
            parts.append(self.term())
        return lambda lookup, outline: any(part(lookup, outline) for part in parts)

    def term(self) -> Condition:
        if self.at("NOT", "-"):
            self.place += 1
            part = self.term()
            return lambda lookup, outline: not part(lookup, outline)
        if self.at("("):
            self.place += 1
            inner = self.expression()
            if not self.at(")"):
                raise self.refusal()
            self.place += 1
            return inner
        return self.restriction()

    def restriction(self) -> Condition:
        start = self.place
        name = self.take("word")
        if name == "intersects" and self.at("("):
            self.place += 1
            shape = region(self.take("text"))
            if not self.at(")"):
                raise self.refusal()
            self.place += 1
            return lambda lookup, outline: bool(shape.intersects(outline()))
        against = name.startswith("-")
        name = name.removeprefix("-")
        if self.at(*_COMPARISONS):
            sign = self.take("sign")
            wanted = self.take("text", "word")
            found: Condition = lambda lookup, outline: _compared(lookup(name), sign, wanted)  # noqa: E731
        elif ":" in name:
            name, _, wanted = name.rpartition(":")
            if not wanted:
                wanted = self.take("text", "word")
            found = lambda lookup, outline: _has(lookup(name), wanted)  # noqa: E731
        else:
            self.place = start
            raise self.refusal()
        return (lambda lookup, outline: not found(lookup, outline)) if against else found


def _compared(actual: Any, sign: str, wanted: str) -> bool:
    if actual is None:
        return False
    compare = _COMPARISONS[sign]
    if isinstance(actual, datetime):
        try:
            moment = datetime.fromisoformat(wanted)
        except ValueError as error:
            raise Refusal(400, f"Invalid filter: '{wanted}' is not a time.") from error
        return compare(actual if actual.tzinfo else actual.replace(tzinfo=UTC),
                       moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if isinstance(actual, int | float):
        try:
            return compare(actual, float(wanted))
        except ValueError:
            return sign == "!="
    text = str(actual)
    if sign in ("=", "!=") and "*" in (wanted[:1], wanted[-1:]):
        return _fits(wanted.split("*"), text) == (sign == "=")
    return compare(text, wanted)


def _fits(pieces: list[str], text: str) -> bool:
    """Whether a text is these pieces with anything between them."""
    first, *middle, last = pieces
    place, end = len(first), len(text) - len(last)
    if place > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in middle:
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True


def _has(actual: Any, wanted: str) -> bool:
    if actual is None or wanted == "*":
        return actual is not None
    values = actual if isinstance(actual, list | tuple) else [actual]
    return any(_compared(value, "=", wanted) for value in values)


def region(text: str) -> shapely.Geometry:
    """A geometry in degrees, written as GeoJSON or WKT.

    Raises:
        Refusal: it is neither.
    """
    try:
        # The client writes GeoJSON with single quotes inside the filter's double ones.
        return shapely.from_geojson(json.dumps(json.loads(text.replace("'", '"')))) if "{" in text else \
            shapely.from_wkt(text)
    except (ValueError, RecursionError, shapely.GEOSException) as error:
        raise Refusal(400, f"Invalid filter: '{text[:80]}' is not a geometry.") from error


def _outline(asset: Asset) -> shapely.Geometry:
    if asset.grid is not None:
        return shapely.Polygon(footprint(asset.grid))
    return shapely.box(*asset.bounds) if asset.bounds else shapely.Point()
