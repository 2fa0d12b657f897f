"""Declarations to a harmonised file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from agrispec.class_sets import ClassSet
from agrispec.errors import ConfigError, DataError
from agrispec.formats.atomic import remove_parts, storage_error
from agrispec.grid import Bounds
from labels import declarations, harmonised, overlaps, preparation
from labels.declarations import Batch, Declarations
from labels.harmonise import STATUSES, Report
from labels.harmonised import GEOMETRY, INSIDE, About
from labels.mapping_tables import MappingTable
from labels.parts import Parts, number_for
from labels.preparation import BITS, DUPLICATE, FLAGS, OFF, OVERLAPS, ROW, Asked, Prepared, prepared

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """What harmonising made.

    Attributes:
        parcels: outlines in the file.
        crops: rows in the file.
        flagged: parcels by flag, and those that are small.
        left_out: rows of the declarations that are not in the file, by reason.
    """

    parcels: int
    crops: int
    flagged: dict[str, int]
    left_out: dict[str, int]


def run_harmonise(paths: Sequence[Path], table: MappingTable, class_set: ClassSet, asked: Asked, out: Path,
                  *, others: Sequence[Path] = (), reported: Callable[[Report], None] = lambda report: None,
                  progress: Callable[[str], None] = lambda done: None) -> Did:
    """Write declarations in the classes of a class set.

    Memory holds some batches of rows, or one part of the parcels (`labels.parts`), and a few numbers for each row.
    What waits on disk meanwhile is beside `out`, about as large as it.

    Args:
        paths: files of declared parcels, of one country and year.
        table: what their codes mean.
        class_set: the classes.
        asked: how they are read.
        out: the harmonised file.
        others: harmonised files of other years, whose outlines are looked for among these.
        reported: told what became of the codes, before anything is written or refused.
        progress: told how far it is.

    Raises:
        ConfigError: what is asked for does not fit together.
        DataError: a file cannot be read, an id is not unique, codes have no class, or no parcel has an outline.
        StorageError: there is no room.
    """
    files = [declarations.find(path, layer=asked.layer, crs=asked.crs, encoding=asked.encoding) for path in paths]
    if len({path.name for path in paths}) < len(paths):
        raise ConfigError("two files have the same name, which tells their parcels apart", mend="rename one")
    years = [harmonised.about(path).year for path in others]
    rows, threads = sum(file.rows for file in files), min(os.cpu_count() or 1, 4)
    seen = _Seen(bits=np.zeros(rows, np.int64))
    remove_parts(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as folder:
            waiting = Parts(Path(folder), number_for(rows), preparation.SCHEMA)
            prepare = partial(_prepare, table=table, class_set=class_set, asked=asked, several=len(files) > 1)
            with waiting:
                for made in _in_order(prepare, _batches(files, asked.columns), threads):
                    waiting.add(made.rows, made.bounds)
                    seen.add(made)
                    progress(f"{seen.read:,} of {rows:,} parcels")
            report = seen.checked(asked)
            reported(report)
            if not asked.leave_out:
                report.check(table)
            numbers = range(len(waiting))
            for overlapping, twice in _in_order(partial(_among, waiting), numbers, threads):
                seen.bits[overlapping] |= OVERLAPS
                seen.bits[twice] |= DUPLICATE
            for place, path in enumerate(others):
                beside = _of_other_year(path, Path(folder) / str(place), len(waiting))
                for again in _in_order(partial(_between, waiting, beside), numbers, threads):
                    seen.bits[again] |= 1 << len(FLAGS) + place
            about = About(
                class_set=class_set.name, country=asked.country, year=asked.year, mapping_table=table.name,
                mapping_digest=table.digest, sources={file.path.name: _digest(file.path) for file in files},
                crs={file.path.name: file.crs for file in files}, inward_m=asked.inward_m,
                counts={status: report.total(status).declarations for status in STATUSES},
                left_out=dict(seen.left_out))
            flagged: Counter[str] = Counter()
            with harmonised.writing(out, about, seen.bounds, seen.kinds) as file:
                for part in waiting.home():
                    if len(part):
                        file.add(_flagged(part, seen.bits, (*FLAGS, *(f"same outline in {year}" for year in years)),
                                          flagged))
    except OSError as error:
        raise storage_error(out, error) from error
    return Did(parcels=seen.parcels, crops=report.total().declarations, flagged=dict(flagged),
               left_out=dict(seen.left_out))


def _batches(files: Sequence[Declarations], columns: Sequence[str]) -> Iterator[tuple[Declarations, int, Batch]]:
    """Batches of all files, each with its file and how many rows the files before have."""
    before = 0
    for file in files:
        for batch in file.batches(columns, declarations.ROWS):
            yield file, before, batch
        before += file.rows


def _in_order(work: Callable[[_Item], _Made], items: Iterable[_Item], threads: int) -> Iterator[_Made]:
    """What threads make of items, in their order; few more items than threads are held at a time."""
    with ThreadPoolExecutor(threads) as pool:
        working: deque[Future[_Made]] = deque()
        for item in items:
            working.append(pool.submit(work, item))
            if len(working) > threads:
                yield working.popleft().result()
        while working:
            yield working.popleft().result()


def _prepare(item: tuple[Declarations, int, Batch], *, table: MappingTable, class_set: ClassSet, asked: Asked,
             several: bool) -> Prepared:
    file, before, batch = item
    return prepared(file, before, batch, table=table, class_set=class_set, asked=asked, several=several)


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is known of all declarations while they are read.

    Attributes:
        bits: (N,) flags of each row of the declarations that other parcels tell.
        read: rows so far.
        parcels: those that are kept.
        left_out: rows that are not kept, by reason.
        report: what became of the codes.
        kinds: geometry types by column.
        bounds: of all outlines.
        ids: hash of each parcel's id, and of the ids of its crops, in pieces.
        id_rows: its row, in pieces.
    """

    bits: NDArray[np.int64]
    read: int = 0
    parcels: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    report: Report | None = None
    kinds: dict[str, set[str]] = field(default_factory=lambda: {GEOMETRY: set(), INSIDE: set()})
    bounds: Bounds = (180.0, 90.0, -180.0, -90.0)
    ids: list[NDArray[np.uint64]] = field(default_factory=list)
    id_rows: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, made: Prepared) -> None:
        """A batch."""
        self.read += made.read
        self.parcels += made.parcels
        self.left_out += made.left_out
        self.report = made.report if self.report is None else self.report + made.report
        for name, kinds in made.kinds.items():
            self.kinds[name] |= kinds
        if len(made.bounds):
            west, south = np.minimum(made.bounds[:, :2].min(axis=0), self.bounds[:2]).tolist()
            east, north = np.maximum(made.bounds[:, 2:].max(axis=0), self.bounds[2:]).tolist()
            self.bounds = west, south, east, north
        self.ids.append(made.ids)
        self.id_rows.append(made.id_rows)
        if not self.parcels and made.left_out[OFF]:
            raise DataError(f"none of the first {self.read:,} parcels has an outline on the globe",
                            mend="name the CRS that the coordinates are in with --crs")

    def checked(self, asked: Asked) -> Report:
        """What became of the codes.

        Raises:
            DataError: nothing is left, or two parcels have one id.
        """
        if self.report is None or not self.parcels:
            why = ", ".join(f"{count:,} are {reason}" for reason, count in self.left_out.items())
            raise DataError(f"none of the {self.read:,} rows has an outline and a code: {why}",
                            mend="look at the file and the columns that are named")
        ids, rows = np.concatenate(self.ids), np.concatenate(self.id_rows)
        order = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(ids[order][1:] == ids[order][:-1])
        if len(twice):
            one, other = sorted(rows[order][twice[0]:twice[0] + 2].tolist())
            raise DataError(f"{asked.id!r} does not tell parcels apart: {len(twice):,} have the id of another, or of a"
                            f" crop of it, as rows {one} and {other}, counted from 0",
                            mend="leave out --id: parcels are then named by the number of their row")
        return self.report


def _outlines(rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """The different parcels of rows, by the number of their row, and their outlines."""
    numbers, first = np.unique(rows[ROW].to_numpy(), return_index=True)
    return numbers, shapely.from_wkb(rows[GEOMETRY].to_numpy()[first])


def _among(waiting: Parts, part: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parcels of a part that overlap others, and those whose outline stands twice, by the number of their row."""
    numbers, outlines = _outlines(waiting.all(part, [ROW, GEOMETRY]))
    pairs = overlaps.among(outlines)
    over, twice = ~pairs.same, pairs.same
    return (numbers[np.concatenate([pairs.one[over], pairs.other[over]])],
            numbers[np.concatenate([pairs.one[twice], pairs.other[twice]])])


def _of_other_year(path: Path, folder: Path, number: int) -> Parts:
    """The outlines of a harmonised file, in as many parts."""
    folder.mkdir()
    parts = Parts(folder, number, pa.schema([(GEOMETRY, pa.binary())]))
    with parts:
        for rows in harmonised.read(path, [GEOMETRY]):
            parts.add(rows.cast(parts.schema), shapely.bounds(shapely.from_wkb(rows[GEOMETRY].to_numpy())))
    return parts


def _between(waiting: Parts, beside: Parts, part: int) -> NDArray[np.int64]:
    """Parcels of a part whose outline stands in another year's too, by the number of their row."""
    numbers, outlines = _outlines(waiting.all(part, [ROW, GEOMETRY]))
    others = shapely.from_wkb(beside.all(part, [GEOMETRY])[GEOMETRY].to_numpy())
    pairs = overlaps.between(outlines, others)
    return numbers[pairs.one[pairs.same]]


def _flagged(rows: pa.Table, bits: NDArray[np.int64], names: Sequence[str], count: Counter[str]) -> pa.Table:
    """Rows with their flags; the parcels of each flag, and those that are small, are added to `count`."""
    every, which = np.unique(rows[BITS].to_numpy() | bits[rows[ROW].to_numpy()], return_inverse=True)
    held = [[name for place, name in enumerate(names) if each >> place & 1] for each in every.tolist()]
    # A parcel has a row for each of its crops.
    parcels = np.unique(rows[ROW].to_numpy(), return_index=True)[1]
    count["small"] += int(rows["small"].to_numpy()[parcels].sum())
    for flags, number in zip(held, np.bincount(which[parcels], minlength=len(held)).tolist(), strict=True):
        count.update(dict.fromkeys(flags, number))
    return rows.append_column("flags", pa.array([",".join(flags) for flags in held], pa.string()).take(pa.array(which)))


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a shapefile, of its outlines and then its table."""
    digest = hashlib.sha256()
    for part in (path, path.with_suffix(".dbf")) if path.suffix.lower() == ".shp" else (path,):
        if part.exists():
            with open(part, "rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
    return digest.hexdigest()


def refuse_overwriting(inputs: Iterable[Path], out: Path) -> None:
    """That a file to write is none of those that are read.

    Args:
        inputs: files, and folders whose files are read.
        out: file to write.

    Raises:
        ConfigError: it is one of them, under whatever name.
    """
    for path in inputs:
        read = path / out.name if path.is_dir() else path
        if out.exists() and read.exists() and out.samefile(read):
            raise ConfigError(f"--out {out} would overwrite {read}, which is read", mend="name another file with --out")


def tables(maps: Sequence[Path], asked: Asked) -> MappingTable:
    """The mapping tables of a country and year as one, the first before the others.

    Raises:
        DataError: one holds nothing of that country and year.
        CorruptRecord: one cannot be read.
    """
    return reduce(MappingTable.before, [MappingTable.read(path, asked.country, asked.year) for path in maps])
