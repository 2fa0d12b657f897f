"""Shapefiles to geometries and attributes.

ESRI Shapefile Technical Description, July 1998:
https://www.esri.com/content/dam/esrisites/sitecore-archive/Files/Pdfs/library/whitepapers/pdfs/shapefile.pdf.
Attributes stand in a dBASE III file: https://www.clicketyclick.dk/databases/xbase/format/dbf.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from agrispec.errors import CorruptRecord

_HEADER = 100
_CODE = 9994
# Types with heights (+10) and measures (+20) hold x and y in the same places.
_POINT, _LINE, _POLYGON, _MULTIPOINT = 1, 3, 5, 8


def shapes(content: bytes, name: str) -> list[shapely.Geometry | None]:
    """The geometries of a .shp file, in its own coordinates; None where there is none.

    Raises:
        CorruptRecord: it is cut off, or of a kind that has no place on a map.
    """
    if len(content) < _HEADER or struct.unpack_from(">i", content)[0] != _CODE:
        raise CorruptRecord(f"{name} is not a shapefile", mend="upload the .shp file again")
    found: list[shapely.Geometry | None] = []
    place = _HEADER
    try:
        while place < len(content):
            length = 2 * struct.unpack_from(">i", content, place + 4)[0]
            record = content[place + 8:place + 8 + length]
            if length < 4 or len(record) < length:
                raise ValueError("it is cut off")
            found.append(_shape(record))
            place += 8 + length
    except (struct.error, ValueError, shapely.GEOSException) as error:
        raise CorruptRecord(f"{name}, record {len(found) + 1}: {error}", mend="upload the .shp file again") from error
    return found


def _shape(record: bytes) -> shapely.Geometry | None:
    number, = struct.unpack_from("<i", record)
    if number == 0:
        return None
    kind = number % 10 if 0 < number < 30 else number
    if kind == _POINT:
        return shapely.Point(*struct.unpack_from("<2d", record, 4))
    if kind == _MULTIPOINT:
        return shapely.MultiPoint(_points(record, 40, struct.unpack_from("<i", record, 36)[0]))
    if kind not in (_LINE, _POLYGON):
        raise ValueError(f"shapes of type {number} are not read")
    parts, points = struct.unpack_from("<2i", record, 36)
    if parts < 0 or points < 0:
        raise ValueError("it has a negative number of points")
    starts = struct.unpack_from(f"<{parts}i", record, 44)
    pieces = np.split(_points(record, 44 + 4 * parts, points), starts[1:])
    if kind == _LINE:
        lines = [shapely.LineString(piece) for piece in pieces]
        return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
    return _polygon(pieces)


def _points(record: bytes, place: int, number: int) -> NDArray[np.float64]:
    """(number, 2) x and y."""
    return np.frombuffer(record, "<f8", 2 * number, place).reshape(number, 2)


def _polygon(rings: Sequence[NDArray[np.float64]]) -> shapely.Geometry:
    """Rings that run clockwise are outer ones; the others are holes of the smallest that holds them."""
    clockwise = [not shapely.is_ccw(shapely.LinearRing(ring)) for ring in rings]
    outer = [ring for ring, out in zip(rings, clockwise, strict=True) if out]
    inner = [ring for ring, out in zip(rings, clockwise, strict=True) if not out]
    if not outer:
        outer, inner = inner, []
    holes: list[list[NDArray[np.float64]]] = [[] for _ in outer]
    shells = [shapely.Polygon(ring) for ring in outer]
    for ring in inner:
        hole = shapely.Polygon(ring)
        around = [number for number, shell in enumerate(shells) if shell.covers(hole)]
        if not around:
            raise ValueError("a hole lies in no ring")
        holes[min(around, key=lambda number: shells[number].area)].append(ring)
    polygons = [shapely.Polygon(ring, within) for ring, within in zip(outer, holes, strict=True)]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def attributes(content: bytes, name: str, charset: str) -> tuple[list[str], list[dict[str, Any] | None]]:
    """Names of the columns of a .dbf file, and its rows: numbers, strings, True or False; None where empty.

    A row that was deleted, whose shape the .shp file still has, is None.

    Raises:
        CorruptRecord: it is cut off, or a value is not of its column's type.
    """
    try:
        rows, header, size = struct.unpack_from("<IHH", content, 4)
        fields = [(raw[:11].split(b"\0")[0].decode(charset), chr(raw[11]), raw[16])
                  for raw in _descriptors(content, header)]
        found: list[dict[str, Any] | None] = []
        for number in range(rows):
            record = content[header + number * size:header + (number + 1) * size]
            if len(record) < size:
                raise ValueError(f"it is cut off after {number} of {rows} rows")
            if record[:1] == b"*":
                found.append(None)
                continue
            row: dict[str, Any] = {}
            place = 1
            for column, kind, width in fields:
                row[column] = _value(record[place:place + width], kind, charset)
                place += width
            found.append(row)
    except (struct.error, ValueError, IndexError) as error:
        raise CorruptRecord(f"{name} cannot be read: {error}", mend="upload the .dbf file again") from error
    return [column for column, _, _ in fields], found


def _descriptors(content: bytes, header: int) -> Iterator[bytes]:
    place = 32
    while place + 32 <= header and content[place] != 0x0D:
        yield content[place:place + 32]
        place += 32


def _value(raw: bytes, kind: str, charset: str) -> str | int | float | bool | None:
    if kind == "I":
        return int(struct.unpack("<i", raw)[0])
    text = raw.decode(charset).strip(" \0")
    if not text or text.strip("*") == "":
        return None
    if kind in "NF":
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    if kind == "L":
        return None if text == "?" else text in "YyTt"
    if kind in "CD":
        return text
    raise ValueError(f"columns of type {kind} are not read")
