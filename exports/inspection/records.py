"""Record files of cubes: which samples they are of, how often their steps were seen, and what their features hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import GDD, CubeSpec
from agrispec.formats import example
from exports import days, manifest, samples, schema, shards
from exports.amounts import counted, size
from exports.inspection import cube
from exports.inspection.spread import Spread
from exports.inspection.text import entry, number, on_disk, table
from exports.looks import Looks

_BATCH = 4096
"""Cubes read at a time: 13 MB of the widest preset."""

_ENDING = ".tfrecord.gz"
"""Of the record files of an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Record files and the folder whose `cube.toml` says what they hold.

    Attributes:
        folder: of the `cube.toml`.
        files: some or all of the record files below it, in order.
    """

    folder: Path
    files: tuple[Path, ...]

    @property
    def spec(self) -> CubeSpec:
        """Their cube. Raises as `exports.shards.cube_of`."""
        return shards.cube_of(self.folder)

    @property
    def whole(self) -> bool:
        """Whether these are all the record files of the folder."""
        return self.files == _files(self.folder)

    @property
    def samples(self) -> Path | None:
        """The table that the cubes were drawn by, beside their folder; None where it is another or not there."""
        beside = self.folder.parent / "samples.parquet"
        wanted = shards.sampling_of(self.folder).samples
        return beside if beside.is_file() and manifest.digest(beside) == wanted else None

    def season_of(self, file: Path) -> str:
        """The name of the season's folder that a file stands in; "" where it stands in none."""
        return file.parent.name if file.parent != self.folder else ""

    def batches(self, file: Path) -> Iterator[tuple[NDArray[np.int64], schema.Unpacked]]:
        """Rows and columns of a file, some thousand cubes at a time.

        Raises:
            SchemaMismatch: it is of another cube.
            CorruptRecord: it is damaged.
        """
        spec = self.spec
        for columns in example.iterate(file, schema.table_features(spec), _BATCH):
            yield columns[schema.ROW][:, 0].astype(np.int64), schema.unpack(columns[schema.CUBE], spec)

    def rows(self, file: Path) -> NDArray[np.int64]:
        """Row numbers of a file. Raises as `batches`."""
        known = {schema.ROW: schema.table_features(self.spec)[schema.ROW]}
        return np.asarray(example.read(file, known)[schema.ROW][:, 0], np.int64)


def find(path: Path) -> Records | None:
    """The records of a folder of shards, of a season's folder in it, or of one file; None where no `cube.toml` says
    what is there."""
    for folder in (path, path.parent, path.parent.parent):
        if (folder / shards.DESCRIPTION).is_file():
            files = (path,) if path.is_file() else _files(path)
            return Records(folder=folder, files=files) if files or folder == path else None
    return None


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.rglob(f"*{_ENDING}")))


def describe_folder(found: Records) -> Iterator[str]:
    """Files, cube, samples, gaps and features of a folder of cubes.

    Raises:
        CorruptRecord: a file is damaged, or its `cube.toml` is.
        SchemaMismatch: a file is of another cube.
    """
    yield from entry("shards", f"{on_disk(found.files)}, in {found.folder}")
    yield from _contents(found)


def describe_file(path: Path) -> Iterator[str]:
    """What every record of a file holds, features that are alike on one line; then as `describe_folder`, where a
    `cube.toml` says that they are cubes."""
    yield from entry("shard", f"{path}, {size(path.stat().st_size)}, SHA-256 {manifest.digest(path)}")
    layout = example.describe(path)
    alike: dict[example.Described, list[str]] = {}
    for name, feature in layout.features.items():
        alike.setdefault(feature, []).append(name)
    yield from entry("layout", f"{counted(layout.records, 'record')} of {counted(len(layout.features), 'feature')}", *(
        f"{names[0]}{f' ... {names[-1]} ({len(names)} of them)' if len(names) > 1 else ''}:"
        f" {'/'.join(feature.kinds)} of {', '.join(f'{length:,}' for length in feature.lengths)} values,"
        f" in {feature.present:.1%} of the records" for feature, names in alike.items()))
    found = find(path)
    if found and not shards.holds_patches(found.folder):
        yield from _contents(found)


def _contents(found: Records) -> Iterator[str]:
    yield from cube.describe(found.spec)
    if not found.files:
        return
    spec, rows, looks, spread, heat = _read(found)
    yield from entry("cubes", f"{sum(map(len, rows)):,}")
    yield from entry("samples", *_samples(found, np.concatenate(rows) if rows else np.empty(0, np.int64)))
    if looks:
        yield from _gaps(spec, looks)
        yield from _features(spec, spread, heat)


def _read(found: Records) -> tuple[CubeSpec, list[NDArray[np.int64]], dict[str, Looks], Spread, Spread]:
    """The cube, the rows of each batch, looks by season, and the spread of features and of degree days."""
    spec = found.spec
    rows: list[NDArray[np.int64]] = []
    looks: dict[str, Looks] = {}
    spreads = [Spread.of(np.empty((0, len(spec.features)), np.float32))]
    heats = [Spread.of(np.empty((0, 1), np.float32))]
    for file in found.files:
        season = found.season_of(file)
        for batch, columns in found.batches(file):
            rows.append(batch)
            more = Looks.of(columns.counts, spec)
            looks[season] = looks[season] + more if season in looks else more
            values, counts = (part[:, spec.inside] for part in (columns.values, columns.counts))
            spreads = [spreads[0] + Spread.of(values[counts > 0])]
            if columns.heat is not None:
                warm = columns.heat[:, spec.inside]
                heats = [heats[0] + Spread.of(warm[~np.isnan(warm)][:, None])]
    return spec, rows, looks, spreads[0], heats[0]


def _samples(found: Records, rows: NDArray[np.int64]) -> Iterator[str]:
    """Whose the rows are, and which are missing, twice or strange."""
    digest, beside = shards.sampling_of(found.folder).samples, found.folder.parent / "samples.parquet"
    present, times = np.unique(rows, return_counts=True)
    said = [_listed("twice or more", present[times > 1])]
    if found.samples:
        yield f"of {beside}, digest {digest}"
        asked = samples.read(beside)["row"].to_numpy()
        said.append(_listed("not in that table", np.setdiff1d(present, asked)))
        if found.whole:
            said.insert(0, _listed("missing", np.setdiff1d(asked, present)))
    else:
        there = f"has digest {manifest.digest(beside)}" if beside.is_file() else "is not there"
        yield f"of a table of digest {digest}, but {beside} {there}"
    yield f"rows {present.min()}-{present.max()}: {', '.join(said)}" if len(present) else ", ".join(said)


def _listed(what: str, rows: NDArray[np.int64]) -> str:
    """How many rows are so, and the first of them."""
    if not len(rows):
        return f"none {what}"
    first = ", ".join(str(row) for row in rows[:5])
    return f"{len(rows):,} {what} (row{'' if len(rows) == 1 else 's'} {first}{', ...' if len(rows) > 5 else ''})"


def _gaps(spec: CubeSpec, looks: dict[str, Looks]) -> Iterator[str]:
    yield from entry("gaps", "steps without a clear look; the worst step is the window's with the most")
    everything = reduce(add, looks.values())
    shown = [(season or "all", one) for season, one in looks.items()]
    rows = []
    for season, one in [*shown, *([("all", everything)] if len(shown) > 1 else [])]:
        step, worst = one.worst
        rows.append([season, f"{one.cubes:,}", f"{one.year:.1%}", f"{one.inside:.1%}",
                     f"{step}, days {days.spans([step], spec)}: {worst:.1%}", f"{one.a_step:.2f}",
                     f"{one.never:,}"])
    yield from table(["season", "cubes", "of all steps", "of the window", "worst step", "looks a step",
                      "cubes never seen"], rows)


def _features(spec: CubeSpec, spread: Spread, heat: Spread) -> Iterator[str]:
    yield from entry("features", "clear looks of the window; medians are right to 0.1 %")
    rows = list(zip(spec.features, spread.least, spread.median, spread.greatest, strict=True))
    if heat.counts.any():
        rows.append((f"{GDD}, °C day", heat.least[0], heat.median[0], heat.greatest[0]))
    yield from table(["", "least", "median", "greatest"],
                     ([name, number(least), number(median), number(most)] for name, least, median, most in rows))
    if spread.strange:
        yield from entry("", f"{spread.strange:,} values of clear looks are no finite numbers")
