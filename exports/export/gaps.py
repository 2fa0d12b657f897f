"""What a finished export lacks by now, as an export of its own: whole shards are kept, the rest is asked for again."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import Engine
from agrispec.errors import DataError, RecordError, SchemaMismatch
from agrispec.formats.atomic import storage_error, write_files
from agrispec.grid import Cell
from exports import manifest, planning, samples, shards
from exports.export import cubes
from exports.export.ledger import Entry, Ledger, State
from exports.planning import Shard
from exports.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Lacking:
    """What a finished export has and lacks.

    Attributes:
        table: its samples.
        kept: the files of whole shards.
        asked: the samples that are in none of them.
    """

    table: pd.DataFrame
    kept: dict[Path, Shard]
    asked: pd.DataFrame


def lacking(run: Run, config: Config) -> Lacking:
    """The samples of a run that have no cube.

    A file that is damaged, or holds a sample that another one holds too, counts as not there.

    Raises:
        RunError: the run is not exported.
        SchemaMismatch: its cubes are of another cube, other samples or other classes.
        DataError: nothing is missing.
    """
    table = samples.read(run.need(run.samples, "export"))
    shards.require(run.need(run.shards, "export"), config.spec)
    if shards.sampling_of(run.shards) != shards.Sampling.of(manifest.digest(run.samples), config.taxonomy):
        raise SchemaMismatch(f"the cubes in {run.shards} belong to other samples or classes than those of the run",
                             mend=f"export again with: agrispec-gee export {run.path}")
    kept = _kept(run.shards, table, config.spec)
    here = np.concatenate([np.empty(0, np.int64), *(shard.rows for shard in kept.values())])
    asked = table[~table["row"].isin(here)]
    if asked.empty and len(kept) == len(list(run.shards.rglob("*.tfrecord.gz"))):
        raise DataError(f"{run.path} lacks no cube", mend=f"look at it with: agrispec-gee audit {run.path}")
    return Lacking(table, kept, asked)


def begin(run: Run, config: Config, engine: Engine, graphs: cubes.Graphs, progress: cubes.Progress) -> Ledger:
    """The ledger of an export of what a run lacks; it ends as any other.

    Raises:
        RunError, SchemaMismatch, DataError: as `lacking`; or the seasons begin on another day by now.
    """
    found = lacking(run, config)
    earlier = manifest.read(run.path)["stages"].get("export", {})
    if (first := earlier.get("first_day", config.season.first_day)) != config.season.first_day:
        raise SchemaMismatch(f"the cubes in {run.shards} are of seasons that begin on {first}, not on"
                             f" {config.season.first_day}", mend="restore [season] first_day, or export again")
    about = cubes.about(run, config, engine, {})
    if "medians" in earlier and about["medians"] != earlier["medians"]:
        said = "medians of other parcels, or of pixels," if earlier["medians"] else "pixels"
        raise SchemaMismatch(f"the cubes in {run.shards} are {said} and not of what is drawn now",
                             mend="draw the places again as they were, or export again")
    if earlier.get("places", about["places"]) != about["places"]:
        raise SchemaMismatch(f"the cubes in {run.shards} are of other places than those that are drawn now",
                             mend="draw the places again as they were, or export again")
    # No name that any shard of an earlier export has, or may get.
    earlier_gaps = [int(name) for shard in found.kept.values()
                    for name in re.findall(r"-g(\d+)", shard.name)]
    number = 1 + max(earlier_gaps, default=0)
    asked = [replace(shard, name=f"{shard.name}-g{number}") for shard in
             planning.shards(found.asked, config.samples.per_task)]
    counted = cubes.scenes(config, engine, graphs, found.table, progress)
    content = run.samples.read_bytes()
    cubes.clear(run)
    write_files({cubes.drawn(run): content})
    for path, shard in found.kept.items():
        _link(path, run.exporting / "shards" / f"{shard.name}.tfrecord.gz")
    done = [Entry(shard=shard, state=State.RECEIVED, bytes=path.stat().st_size) for path, shard in found.kept.items()]
    # What was spent on the cubes that are kept is told with the rest.
    before = {name: earlier[name] for name in cubes.SPENT if name in earlier}
    return Ledger.create(cubes.ledger_of(run), {**about, "scenes": counted, "before": before}, asked, done)


def _kept(folder: Path, table: pd.DataFrame, spec: CubeSpec) -> dict[Path, Shard]:
    """The files that hold samples of the table and no others, each once."""
    expected = table["row"].to_numpy(np.int64)
    cells = table.set_index("row")[["season", "cell"]]
    known: dict[Path, Shard] = {}
    seen = np.empty(0, np.int64)
    for path in sorted(folder.rglob("*.tfrecord.gz")):
        try:
            rows = np.sort(shards.rows_of(path, spec))
        except RecordError:
            continue
        if len(rows) and np.isin(rows, expected).all() and (np.diff(rows) > 0).all() and not np.isin(rows, seen).any():
            season, cell = cells.loc[rows[0]]
            known[path] = Shard(name=path.relative_to(folder).as_posix().removesuffix(".tfrecord.gz"),
                                season=int(season), cell=Cell.parse(cell), rows=rows)
            seen = np.concatenate([seen, rows])
    return known


def _link(path: Path, to: Path) -> None:
    """The same file under another name, or a copy where the file system knows no second names."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, to)
        except OSError:
            shutil.copyfile(path, to)
    except OSError as error:
        raise storage_error(to, error) from error
