"""Where the values lie within a serialised tf.train.Example.

Records written by one program mostly differ in their values only. So one record is parsed, and a whole block of
records is then compared with it and read (or written) column by column.

Sources: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto
and https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["float", "int64", "bytes"]
_KINDS: dict[int, Kind] = {1: "bytes", 2: "float", 3: "int64"}  # field numbers of Feature
_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_VARINT, _EIGHT_BYTES, _SPAN, _FOUR_BYTES = 0, 1, 2, 5  # wire types


class NotAnExample(Exception):
    """The bytes are not a tf.train.Example; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Where the values of one feature lie: value i in bytes starts[i] ... stops[i] - 1, both (length,)."""

    kind: Kind
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def packed(self) -> bool:
        """Whether they are floats side by side."""
        return self.kind == "float" and _adjacent(self.starts, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The features of one record and all bytes that a record of the same layout must share with it.

    A feature that is present without a list of values is left out, as TensorFlow's parsers do.
    """

    features: Mapping[str, Values]
    columns: NDArray[np.int64] | slice  # the bytes to compare: some, or all where picking them would cost more
    bits: NDArray[np.uint8]  # which of their bits: all, none in a float or string, the continuation bit in an integer
    expected: NDArray[np.uint8]

    def matches(self, rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of the records (N, length) have this layout, as (N,)."""
        different = (rows[:, self.columns] ^ self.expected) & self.bits
        return np.asarray(~different.any(axis=1))

    def get(self, rows: NDArray[np.uint8], name: str) -> NDArray[Any]:
        """The values of a feature in records (N, length) of this layout, as a new (N, values) array: float32,
        int64 or object (of bytes)."""
        values = self.features[name]
        if values.kind == "float":
            return _gathered(rows, values.starts, 4).view("<f4").astype(np.float32, copy=False)
        if values.kind == "bytes":
            return _strings(rows, values)
        integers = np.zeros((len(rows), len(values)), np.uint64)
        sizes = values.stops - values.starts
        for size in np.unique(sizes).tolist():
            column = np.flatnonzero(sizes == size)
            for byte in range(size):
                digits = rows[:, values.starts[column] + byte].astype(np.uint64) & np.uint64(127)
                integers[:, column] |= digits << np.uint64(7 * byte)
        return integers.view(np.int64)

    def put(self, rows: NDArray[np.uint8], name: str, content: NDArray[Any]) -> None:
        """Write `content` (N, values) into records (N, length) of this layout: the inverse of `get`. Integers and
        strings must be as long as those of the layout."""
        values = self.features[name]
        if values.kind == "float":
            _scatter(rows, values.starts, 4, np.ascontiguousarray(content, "<f4").view(np.uint8))
            return
        sizes = values.stops - values.starts
        for size in np.unique(sizes).tolist():
            column = np.flatnonzero(sizes == size)
            if values.kind == "bytes":
                source = np.frombuffer(b"".join(content[:, column].ravel()), np.uint8)
            else:
                shifts = np.arange(0, 7 * size, 7, dtype=np.uint64)
                source = (content[:, column, None].view(np.uint64) >> shifts & np.uint64(127)).astype(np.uint8)
                source[..., :-1] |= 128
            _scatter(rows, values.starts[column], size, source.reshape(len(rows), -1))


def parse(record: bytes) -> Layout:
    """The layout of one record.

    Follows protobuf where TensorFlow's readers do not agree: of two features with one name the last counts,
    lists that are split are joined, unknown fields are skipped.

    Raises:
        NotAnExample: the bytes are no tf.train.Example.
    """
    features: dict[str, Values] = {}
    for start, stop in _messages(record, 0, len(record), 1):
        for entry in _messages(record, start, stop, 1):
            name = ""
            for key in _messages(record, *entry, 1):
                try:
                    name = record[slice(*key)].decode()
                except UnicodeDecodeError:
                    raise NotAnExample(f"a feature's name is not UTF-8: {record[slice(*key)]!r}") from None
            values = _values(record, _messages(record, *entry, 2))
            if values is None:
                features.pop(name, None)
            else:
                features[name] = values
    template = np.frombuffer(record, np.uint8)
    bits = np.full(template.size, 255, np.uint8)
    for values in features.values():
        if not len(values):
            continue
        first, end = values.starts[0], values.stops[-1]
        if values.packed:
            bits[first:end] = 0
        else:
            edges = np.zeros(end - first + 1, np.int8)
            edges[values.starts - first] += 1
            edges[values.stops - first] -= 1
            bits[first:end][np.cumsum(edges[:-1]) > 0] = 128 if values.kind == "int64" else 0
    shared = np.flatnonzero(bits != 0)
    columns = slice(None) if 8 * shared.size > bits.size else shared
    return Layout(features=features, columns=columns, bits=bits[columns], expected=template[columns])


def encode(row: Mapping[str, tuple[Kind, Iterable[Any]]]) -> bytes:
    """One tf.train.Example of the given features in their order, lists packed: name -> kind, values (floats,
    integers of 64 bits, or bytes)."""
    # Sizes first, then one join: a patch has megabytes, which spans within spans would copy again and again.
    pieces: list[bytes] = []
    size = 0
    for name, (kind, values) in row.items():
        content, head = b"", b""
        if kind == "bytes":
            content = b"".join(_span(1, value) for value in values)
        elif kind == "float":
            content = np.asarray(values, "<f4").tobytes()
            head = _head(1, len(content))
        else:
            content = b"".join(_varint(int(value) % 2**64) for value in values)
            head = _head(1, len(content))
        head = _head(_NUMBERS[kind], len(head) + len(content)) + head
        head = _span(1, name.encode()) + _head(2, len(head) + len(content)) + head
        head = _head(1, len(head) + len(content)) + head
        pieces += head, content
        size += len(head) + len(content)
    return b"".join([_head(1, size), *pieces])


def varint_sizes(integers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bytes each integer takes; a negative one takes ten. Same shape."""
    thresholds = 2 ** np.arange(7, 64, 7, dtype=np.uint64)
    return np.searchsorted(thresholds, integers.view(np.uint64), side="right") + 1


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _span(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, length: int) -> bytes:
    """What stands before the content of a message or string."""
    return _varint(number << 3 | _SPAN) + _varint(length)


def _read_varint(record: bytes, start: int, stop: int) -> tuple[int, int]:
    number = 0
    for position in range(start, min(stop, start + 10)):
        byte = record[position]
        number |= (byte & 127) << 7 * (position - start)
        if byte < 128:
            return number, position + 1
    raise NotAnExample("a number does not end")


def _fields(record: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, start and stop of every field of a message."""
    while start < stop:
        tag, start = _read_varint(record, start, stop)
        number, wire = tag >> 3, tag & 7
        if wire == _SPAN:
            size, start = _read_varint(record, start, stop)
            end = start + size
        elif wire == _VARINT:
            end = _read_varint(record, start, stop)[1]
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            end = start + (8 if wire == _EIGHT_BYTES else 4)
        else:
            raise NotAnExample(f"wire type {wire} has no place in it")
        if number == 0 or end > stop:
            raise NotAnExample("a field does not lie within its message")
        yield number, wire, start, end
        start = end


def _messages(record: bytes, start: int, stop: int, number: int) -> Iterator[tuple[int, int]]:
    """Start and stop of every message or string with this field number."""
    for found, wire, first, end in _fields(record, start, stop):
        if found == number and wire == _SPAN:
            yield first, end


def _values(record: bytes, features: Iterable[tuple[int, int]]) -> Values | None:
    kind: Kind | None = None
    starts: list[NDArray[np.int64]] = []
    stops: list[NDArray[np.int64]] = []
    for feature in features:
        for number, wire, start, stop in _fields(record, *feature):
            if wire != _SPAN or number not in _KINDS:
                continue
            if _KINDS[number] != kind:
                kind, starts, stops = _KINDS[number], [], []
            for found, how, first, end in _fields(record, start, stop):
                if found != 1:
                    continue
                spans = _items(record, kind, how, first, end)
                starts.append(spans[0])
                stops.append(spans[1])
    if kind is None:
        return None
    nothing = [np.empty(0, np.int64)]
    return Values(kind=kind, starts=np.concatenate(starts or nothing), stops=np.concatenate(stops or nothing))


def _items(record: bytes, kind: Kind, wire: int, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and stops of the values in one field of a list: one value, or several packed into a span."""
    if kind == "float" and wire == _SPAN:
        if (stop - start) % 4:
            raise NotAnExample("a list of floats is not a multiple of four bytes")
        starts = np.arange(start, stop, 4)
        return starts, starts + 4
    if kind == "int64" and wire == _SPAN:
        stops = np.flatnonzero(np.frombuffer(record, np.uint8, stop - start, start) < 128) + start + 1
        starts = np.append(start, stops)
        if starts[-1] != stop or (np.diff(starts) > 10).any():
            raise NotAnExample("a number does not end")
        return starts[:-1], stops
    single = {"float": _FOUR_BYTES, "int64": _VARINT, "bytes": _SPAN}[kind]
    count = 1 if wire == single else 0  # any other wire type is an unknown field
    return np.full(count, start), np.full(count, stop)


def _gathered(rows: NDArray[np.uint8], starts: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Items of `size` bytes from (N, length), side by side: a new (N, items * size) array."""
    if _adjacent(starts, size):
        return rows[:, starts[0] : starts[0] + starts.size * size].copy()
    return rows[:, (starts[:, None] + np.arange(size)).reshape(-1)]


def _scatter(rows: NDArray[np.uint8], starts: NDArray[np.int64], size: int, source: NDArray[np.uint8]) -> None:
    if _adjacent(starts, size):
        rows[:, starts[0] : starts[0] + starts.size * size] = source
    else:
        rows[:, (starts[:, None] + np.arange(size)).reshape(-1)] = source


def _adjacent(starts: NDArray[np.int64], size: int) -> bool:
    """Whether items of `size` bytes, which are ascending and never overlap, leave nothing between them."""
    return starts.size > 0 and bool(starts[-1] - starts[0] == size * (starts.size - 1))


def _strings(rows: NDArray[np.uint8], values: Values) -> NDArray[Any]:
    strings = np.empty((len(rows), len(values)), object)
    for i, (start, stop) in enumerate(zip(values.starts.tolist(), values.stops.tolist(), strict=True)):
        if stop == start:
            strings[:, i] = b""
        else:  # void, because numpy's fixed strings lose zero bytes at their end
            strings[:, i] = np.ascontiguousarray(rows[:, start:stop]).view(f"V{stop - start}")[:, 0].tolist()
    return strings
