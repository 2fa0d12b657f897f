"""TFRecord files of tf.train.Example as columns, one array per feature, without TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError, SchemaMismatch
from agrispec.formats import tfrecord
from agrispec.formats.layout import Kind, Layout, NotAnExample, encode, parse, varint_sizes
from agrispec.kernels.gathering import Tiles

Columns = dict[str, NDArray[Any]]

_ABSENT: dict[Kind, Any] = {"float": np.nan, "int64": np.iinfo(np.int64).min, "bytes": b""}
_DTYPES: dict[Kind, Any] = {"float": np.float32, "int64": np.int64, "bytes": object}
_LAYOUTS_PER_LENGTH = 16  # beyond, records are parsed one by one: comparing would cost more than it saves
_LAYOUTS_KEPT = 512
_CHUNK_BYTES, _LARGE_CHUNK_BYTES = 4 << 20, 64 << 20
_AHEAD_BYTES = 32 << 20  # of patches that are read ahead: four, whose checksums are made side by side
# How many records a file holds is a guess from the blocks before: a little more room stays untouched memory, but
# blocks of fill values compress so well that the guess may be far too high.
_HEADROOM, _GROWTH = 1.1, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What every record of a file must hold under one name.

    length is the number of values in each record. A feature that is not required reads, where a record lacks it,
    as NaN (float), the smallest int64 (int64) or no bytes (bytes).
    """

    kind: Kind
    length: int = 1
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One feature of a file: its kinds and numbers of values, ascending, and the share of records that have it."""

    kinds: tuple[Kind, ...]
    lengths: tuple[int, ...]
    present: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a file holds; features in the order in which they were met."""

    records: int
    features: Mapping[str, Described]


def read(path: str | Path, features: Mapping[str, Feature] | None = None) -> Columns:
    """All records of a file: name -> (N, length) float32, int64 or object (of bytes).

    Features not asked for are skipped. Without `features`, the first record says what all must hold; of a file
    without records nothing is known then, and the answer is empty.

    Raises:
        SchemaMismatch: a record lacks a feature, or holds it with another kind or number of values.
        CorruptRecord, StorageError: as `tfrecord.blocks`.
    """
    columns = _empty(features or {}, 0)
    held = room = 0
    for piece, share in _pieces(Path(path), features):
        count = _records(piece)
        if held == 0:  # mostly that is all, and needs no copy
            columns, held, room = piece, count, count
            continue
        if held + count > room:
            room = int((held + count) * min(_HEADROOM / share, _GROWTH)) + 1
            columns = {name: _moved(columns.get(name, column)[:held], room) for name, column in piece.items()}
        for name, column in piece.items():
            columns[name][held : held + count] = column
        held += count
    return {name: column[:held] for name, column in columns.items()}


def iterate(path: str | Path, features: Mapping[str, Feature] | None, batch: int) -> Iterator[Columns]:
    """The same in batches of `batch` records, the last one with what is left. Memory holds a few batches."""
    if batch < 1:
        raise ValueError(f"a batch of {batch} records")
    pieces: list[Columns] = []
    held = 0
    for piece, _ in _pieces(Path(path), features):
        pieces.append(piece)
        held += _records(piece)
        if held >= batch:
            joined = _joined(pieces)
            whole = held - held % batch
            for start in range(0, whole, batch):
                yield {name: column[start : start + batch] for name, column in joined.items()}
            pieces = [{name: column[whole:].copy() for name, column in joined.items()}]
            held -= whole
    if held:
        yield _joined(pieces)


def tiles(paths: Iterable[Path], names: Sequence[str], pixels: int, most: int) -> Iterator[Tiles]:
    """The records of files in order as tiles, up to `most` at a time; good until the next ones are asked for.

    A thread decompresses the next ones meanwhile, and nothing is copied where records are alike, as patches are.

    Args:
        paths: the files.
        names: features of `pixels` floats, the images of a tile.

    Raises:
        SchemaMismatch, CorruptRecord, StorageError: as `read`.
    """
    features = {name: Feature(kind="float", length=pixels) for name in names}
    known = _Layouts()
    for block in tfrecord.blocks_ahead(paths, block_bytes=_AHEAD_BYTES):
        found = _tiles(block, known, features, pixels)
        for first in range(0, len(found), most):
            yield replace(found, starts=found.starts[first : first + most])


def framed_bytes(lengths: Mapping[str, int]) -> int:
    """Bytes that one record of float features takes in a file without compression: name -> number of values."""
    record, _ = _of_floats(tuple(lengths.items()))
    return tfrecord.HEADER + len(record) + tfrecord.FOOTER


def describe(path: str | Path) -> Description:
    """Kinds, numbers of values and presence of every feature. Raises as `read`."""
    counts: dict[str, Counter[tuple[Kind, int]]] = {}
    records = 0
    known = _Layouts()
    for block in tfrecord.blocks(path):
        records += len(block)
        for members, _, layout in known.groups(block):
            for name, values in layout.features.items():
                counts.setdefault(name, Counter())[values.kind, len(values)] += len(members)
    return Description(records=records, features={
        name: Described(kinds=tuple(sorted({kind for kind, _ in seen})),
                        lengths=tuple(sorted({length for _, length in seen})),
                        present=seen.total() / records)
        for name, seen in counts.items()})


def write(path: str | Path, columns: Mapping[str, Any], *, gzip: bool = True) -> None:
    """One record per row. See `write_batches`."""
    write_batches(path, [columns], gzip=gzip)


def write_batches(path: str | Path, batches: Iterable[Mapping[str, Any] | int], *, gzip: bool = True) -> None:
    """One record per row of each batch, in order; features in the order of the columns. A number stands for a batch of
    as many records without features.

    A column is (N,) or (N, values): float32 becomes a float_list, an integer type an int64_list, strings and
    bytes (as a list or an array of objects) a bytes_list. Earth Engine itself writes every number as float_list,
    every table with GZIP, and strings as bytes_list. Batches may differ in their columns.

    Raises:
        DataError: a column is of another type, or columns of one batch differ in their rows.
        StorageError: the file cannot be written; nothing stands under its name then.
    """
    with tfrecord.writing(path, gzip=gzip) as sink:
        for batch in batches:
            if isinstance(batch, int):
                empty = np.empty((batch, tfrecord.HEADER + tfrecord.FOOTER), np.uint8)
                tfrecord.frame_rows(empty)
                sink.write(empty.data)
                continue
            columns = {name: _column(name, values) for name, values in batch.items()}
            rows = {name: len(values) for name, (_, values) in columns.items()}
            if len(set(rows.values())) > 1:
                raise DataError("the columns differ in their rows: "
                                + ", ".join(f"{name} has {count}" for name, count in rows.items()),
                                mend="give every column one row per record")
            count = max(rows.values(), default=0)
            row_bytes = sum(8 * values.size // max(count, 1) for _, values in columns.values())
            # Records of megabytes come by fours: as many checksums are made side by side.
            step = max(1, _CHUNK_BYTES // max(row_bytes, 1), min(4, _LARGE_CHUNK_BYTES // max(row_bytes, 1)))
            for start in range(0, count, step):
                sink.write(_frames({name: (kind, values[start : start + step])
                                    for name, (kind, values) in columns.items()}).data)


def _tiles(block: tfrecord.Block, known: _Layouts, features: Mapping[str, Feature], pixels: int) -> Tiles:
    """The records of a block: where they lie, if they are alike, and else as they are put together."""
    groups = list(known.groups(block))
    for records, _, layout in groups:
        _check(block, int(records[0]), layout, features)
    if len(groups) == 1:
        found = [groups[0][2].features[name] for name in features]
        if all(values.packed for values in found):
            return Tiles(buffer=block.buffer, starts=block.starts, pixels=pixels,
                         offsets=np.array([values.starts[0] for values in found]))
    images = np.empty((len(block), len(features), pixels), np.float32)
    for records, rows, layout in groups:
        for number, name in enumerate(features):
            images[records, number] = layout.get(rows, name)
    return Tiles.of(images)


def _pieces(path: Path, features: Mapping[str, Feature] | None) -> Iterator[tuple[Columns, float]]:
    """The records of one block at a time, and the share of the file that was read by then."""
    known = _Layouts()
    for block in tfrecord.blocks(path):
        if features is None:
            first = _parsed(block, 0, block.rows(np.arange(1))[0])
            features = {name: Feature(kind=values.kind, length=len(values))
                        for name, values in first.features.items()}
        piece: Columns = {}
        for records, rows, layout in known.groups(block):
            _check(block, int(records[0]), layout, features)
            found = {name: layout.get(rows, name) for name in features if name in layout.features}
            if len(records) == len(block) and len(found) == len(features):
                piece = found
                break
            piece = piece or _empty(features, len(block))
            for name, column in found.items():
                piece[name][records] = column
        yield piece, block.share


def _check(block: tfrecord.Block, record: int, layout: Layout, features: Mapping[str, Feature]) -> None:
    for name, feature in features.items():
        values = layout.features.get(name)
        if values is None and not feature.required:
            continue
        if values is None:
            found = f"lacks the feature {name!r}"
        elif values.kind != feature.kind:
            found = f"holds {name!r} as {values.kind}"
        elif len(values) != feature.length:
            found = f"holds {len(values)} values of {name!r}"
        else:
            continue
        raise SchemaMismatch(
            f"{block.path} record {block.first + record} {found}, expected {feature.length} of kind {feature.kind}",
            mend="give the files of this cube, or export them again for it")


def _parsed(block: tfrecord.Block, record: int, row: NDArray[np.uint8]) -> Layout:
    try:
        return parse(row.tobytes())
    except NotAnExample as error:
        raise SchemaMismatch(f"{block.path} record {block.first + record} is not a tf.train.Example: {error}",
                             mend="give a TFRecord file as Earth Engine exports it") from None


class _Layouts:
    """The layouts met so far in a file, by the length of their records."""

    def __init__(self) -> None:
        self._known: dict[int, list[Layout]] = {}

    def groups(self, block: tfrecord.Block) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], Layout]]:
        """Records of one layout: their numbers within the block (n,), ascending, their payloads (n, length) and
        that layout, until all records were given."""
        if sum(map(len, self._known.values())) > _LAYOUTS_KEPT:
            self._known.clear()
        order = np.argsort(block.lengths, kind="stable")
        for records in np.split(order, np.flatnonzero(np.diff(block.lengths[order])) + 1):
            yield from self._equally_long(block, records)

    def _equally_long(self, block: tfrecord.Block, records: NDArray[np.int64]
                      ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], Layout]]:
        rows = block.rows(records)
        known = self._known.setdefault(rows.shape[1], [])
        for number in range(_LAYOUTS_PER_LENGTH):
            if number == len(known):
                known.append(_parsed(block, int(records[0]), rows[0]))
            same = known[number].matches(rows)
            if same.all():
                yield records, rows, known[number]
                return
            if same.any():
                yield records[same], rows[same], known[number]
                records, rows = records[~same], rows[~same]
        for i in range(len(records)):
            yield records[i : i + 1], rows[i : i + 1], _parsed(block, int(records[i]), rows[i])


def _empty(features: Mapping[str, Feature], records: int) -> Columns:
    return {name: np.full((records, feature.length), _ABSENT[feature.kind], _DTYPES[feature.kind])
            for name, feature in features.items()}


def _records(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))


def _joined(pieces: list[Columns]) -> Columns:
    if len(pieces) == 1:
        return pieces[0]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _moved(column: NDArray[Any], room: int) -> NDArray[Any]:
    """The rows of `column`, with room for `room` rows in all."""
    moved = np.empty((room, column.shape[1]), column.dtype)
    moved[: len(column)] = column
    return moved


def _column(name: str, values: Any) -> tuple[Kind, NDArray[Any]]:
    """Kind and (N, values) array of a column: float32, int64 or object (of bytes)."""
    array = values if isinstance(values, np.ndarray) else np.array(values, object)
    kind: Kind
    if array.dtype == np.float32:
        kind = "float"
    elif array.dtype.kind in "iu" and array.dtype != np.uint64:
        kind, array = "int64", array.astype(np.int64, copy=False)
    elif array.dtype.kind in "OSU" and all(isinstance(value, bytes | str) for value in array.flat):
        strings = np.empty(array.size, object)
        strings[:] = [value.encode() if isinstance(value, str) else value for value in array.flat]
        kind, array = "bytes", strings.reshape(array.shape)
    else:
        raise DataError(f"the column {name!r} holds {array.dtype}",
                        mend="give float32, an integer type, or strings: cast it where that loses nothing you need")
    if array.ndim not in (1, 2):
        raise DataError(f"the column {name!r} has the shape {array.shape}", mend="give (N,) or (N, values)")
    return kind, array[:, None] if array.ndim == 1 else array


def _frames(columns: Mapping[str, tuple[Kind, NDArray[Any]]]) -> NDArray[np.uint8]:
    """The framed records of all rows.

    Rows whose integers and strings are equally long have one layout: one of them is encoded, the others are
    written over copies of it.
    """
    count = len(next(iter(columns.values()))[1])
    sizes: list[NDArray[np.int64]] = [np.empty((count, 0), np.int64)]
    for kind, values in columns.values():
        if kind == "int64":
            sizes.append(varint_sizes(values))
        elif kind == "bytes":
            sizes.append(np.array([len(value) for value in values.flat]).reshape(values.shape))
    groups = _equal_rows(np.concatenate(sizes, axis=1))
    framed = []
    for rows in groups:
        chosen = {name: (kind, values if len(rows) == count else values[rows])
                  for name, (kind, values) in columns.items()}
        if all(kind == "float" for kind, _ in chosen.values()):
            record, layout = _of_floats(tuple((name, values.shape[1]) for name, (_, values) in chosen.items()))
        else:
            record = encode({name: (kind, values[0]) for name, (kind, values) in chosen.items()})
            layout = parse(record)
        frames = np.empty((len(rows), tfrecord.HEADER + len(record) + tfrecord.FOOTER), np.uint8)
        payloads = frames[:, tfrecord.HEADER : -tfrecord.FOOTER]
        payloads[:] = np.frombuffer(record, np.uint8)
        for name, (_, values) in chosen.items():
            layout.put(payloads, name, values)
        tfrecord.frame_rows(frames)
        framed.append(frames)
    if len(groups) == 1:
        return framed[0].reshape(-1)
    lengths = np.empty(count, np.int64)
    for rows, frames in zip(groups, framed, strict=True):
        lengths[rows] = frames.shape[1]
    starts = np.cumsum(lengths) - lengths
    together = np.empty(int(lengths.sum()), np.uint8)
    for rows, frames in zip(groups, framed, strict=True):
        together[starts[rows][:, None] + np.arange(frames.shape[1])] = frames
    return together


@lru_cache(maxsize=16)
def _of_floats(lengths: tuple[tuple[str, int], ...]) -> tuple[bytes, Layout]:
    """A record of that many zeros under each name, and where they stand: patches of one image differ in them alone."""
    record = encode({name: ("float", np.zeros(length, "<f4")) for name, length in lengths})
    return record, parse(record)


def _equal_rows(sizes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The numbers of equal rows of (N, K), one array per distinct row."""
    if not sizes.size or (sizes == sizes[0]).all():
        return [np.arange(len(sizes))]
    _, group = np.unique(sizes, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
