"""The cubes of a run's samples, exported: begun, gone on with after an interruption, and put in place when all is here.

An export that is not finished is `RUN/exporting/`: `samples.parquet` as it was drawn, `ledger.sqlite`, and the shards
that have come. `shards/` and `samples.parquet` of the run are replaced only by a finished one.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import DEFAULT_PRIORITY, Engine, Expression, TableExport
from agrispec.errors import ConfigError, DataError, RunError, SchemaMismatch, StorageError, TaskFailed
from agrispec.formats.atomic import storage_error, take_place, temporary_name, write_files
from agrispec.grid import Cell
from agrispec.season import Season
from exports import manifest, planning, samples, shards, storage
from exports.export import budget, declared, running
from exports.export.budget import Budget, Estimate
from exports.export.ledger import Entry, Ledger, State, spent
from exports.export.routes import Batch, Interactive
from exports.planning import Shard
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


SPENT = ("tasks", "eecu_seconds", "elapsed_s")
"""What `finish` tells of an export that an export of gaps adds to."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def scene_counts(self, spec: CubeSpec, season: Season, cell: Cell) -> Expression: ...

    def cubes(self, spec: CubeSpec, season: Season, cell: Cell, at: Iterable[tuple[int, float, float]], *,
              bucket: str, prefix: str, description: str, request_id: str, priority: int) -> TableExport: ...

    def parcel_cubes(self, spec: CubeSpec, season: Season, cell: Cell, table: str, key: str, inward_m: float,
                     at: Iterable[tuple[int, str]], *, bucket: str, prefix: str, description: str, request_id: str,
                     priority: int) -> TableExport: ...


def ledger_of(run: Run) -> Path:
    """The ledger of a run's unfinished export; not there where there is none."""
    return run.exporting / "ledger.sqlite"


def drawn(run: Run) -> Path:
    """The samples of a run's unfinished export."""
    return run.exporting / "samples.parquet"


def begin(run: Run, config: Config, engine: Engine, graphs: Graphs, table: pd.DataFrame, progress: Progress, *,
          interactive: bool = False) -> Ledger:
    """Plan the export of drawn samples; an unfinished one is dropped.

    Args:
        table: the samples, as `exports.export.places.draw` gives them.
        interactive: no bucket will be needed.

    Raises:
        StorageError: the bucket cannot be used, which is asked before anything is computed.
        DataError: a source season has no scene, or there are too many samples.
    """
    content, said = samples.encode(table), about(run, config, engine, {})
    if not interactive:
        storage.open(engine, config.engine.bucket).check()
    counted = scenes(config, engine, graphs, table, progress)
    for year in config.season.source:
        if not counted.get(str(year), {}).get("scenes"):
            raise DataError(f"no scene of {config.spec.collection} touches the area in the season {year}",
                            mend="check [season] source, [area], and [clear] max_cloud_cover")
    clear(run)
    write_files({drawn(run): content})
    (run.exporting / "shards").mkdir()
    return Ledger.create(ledger_of(run), {**said, "scenes": counted},
                         planning.shards(table, config.samples.per_task))


def clear(run: Run) -> None:
    """Remove what is kept of an export; a kill leaves all of it or nothing under its name."""
    if run.exporting.exists():
        old = temporary_name(run.exporting)
        run.exporting.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def about(run: Run, config: Config, engine: Engine, counted: Mapping[str, Any]) -> dict[str, Any]:
    """What a new ledger says of an export, of `counted` scenes: whose it is, of what, and where its objects lie.

    Raises:
        ConfigError: samples are medians of parcels, and no table of these is named; or as `exports.export.declared`.
    """
    medians = declared.medians(run, config)
    if medians and not config.labels.parcels:
        raise ConfigError("samples are medians of parcels that Earth Engine does not know",
                          mend="upload them with `agrispec-gee labels upload`, and name the table in [labels] parcels")
    token, path = uuid.uuid4().hex[:8], run.path.resolve()
    return {"token": token, "run": str(path), "below": f"exports/{path.name}/{token}/", "scenes": counted,
            "seeds": {"samples": config.samples.seed, "split": config.split.seed}, **_whose(engine),
            "bucket": config.engine.bucket, "medians": medians, "places": declared.digest(run, config),
            **_what(config)}


def _whose(engine: Engine) -> dict[str, Any]:
    return {"engine": engine.name, "project": engine.project}


def _what(config: Config) -> dict[str, Any]:
    return {"cube": config.spec.digest, "first day": config.season.first_day,
            "classes": [[crop.name, list(crop.codes)] for crop in config.taxonomy]}


def need_own(run: Run, engine: Engine, known: Mapping[str, Any]) -> None:
    """Nothing, if what a ledger says of its export is of this engine and project.

    Raises:
        RunError: it is another's.
    """
    for name, now in _whose(engine).items():
        if known[name] != now:
            raise RunError(f"the unfinished export in {run.exporting} is of {name} {known[name]!r}, the configuration"
                           f" names {now!r}", mend="restore the configuration, or remove that folder to drop the export"
                                                   " and leave its tasks alone")


def go_on(run: Run, config: Config, engine: Engine, *, reopen: bool) -> Ledger:
    """The ledger of a run's unfinished export.

    Args:
        reopen: let what was given up wait again.

    Raises:
        RunError: it is another engine's, project's or bucket's.
        SchemaMismatch: the configuration asks for another cube, other seasons or other classes by now.
    """
    ledger = Ledger(ledger_of(run))
    known = ledger.about
    need_own(run, engine, known)
    anew = f"restore the configuration, or drop the export with: agrispec-gee cancel {run.path} --drop"
    if known["bucket"] != config.engine.bucket:
        raise RunError(f"the unfinished export in {run.exporting} is of bucket {known['bucket']!r}, the configuration"
                       f" names {config.engine.bucket!r}", mend=anew)
    for name, now in _what(config).items():
        if known[name] != now:
            was = f"{known[name]}, the configuration asks for {now}" if isinstance(now, str) else \
                "another one than the configuration has"
            raise SchemaMismatch(f"the unfinished export in {run.exporting} is of {name} {was}", mend=anew)
    _need_one(run, known)
    ledger.note(run=str(run.path.resolve()))
    if not known.get("finished"):
        _recheck(run, ledger)
        if reopen:
            ledger.reopen()
    return ledger


def _need_one(run: Run, known: Mapping[str, Any]) -> None:
    """Nothing, if the export is this run's alone: copies would ask for the same shards, and delete each other's."""
    other = Run(Path(known["run"]))
    if other.path != run.path.resolve() and ledger_of(other).exists():
        with Ledger(ledger_of(other)) as its:
            if its.about["token"] == known["token"]:
                raise RunError(f"{run.path} is a copy of {other.path}, whose export is not finished",
                               mend=f"go on with that one, or remove {run.exporting}")


def _recheck(run: Run, ledger: Ledger) -> int:
    """Let shards that had come and are gone, or are not as they were, come again; how many they are."""
    gone = []
    for entry in ledger.entries(State.RECEIVED):
        path = run.exporting / "shards" / f"{entry.shard.name}.tfrecord.gz"
        if len(entry.shard.rows) and not (path.is_file() and path.stat().st_size == entry.bytes):
            gone.append(replace(entry, state=State.EXPORTED if entry.operation else State.WAITING,
                                reason="its file was gone"))
    ledger.record(*gone)
    return len(gone)


def fill(run: Run, config: Config, engine: Engine, graphs: Graphs, ledger: Ledger, *, limit: Budget,
         interactive: bool = False, priority: int = DEFAULT_PRIORITY, only: Collection[str] = (),
         despair: bool = True, progress: Progress) -> None:
    """Bring the shards of a ledger, or those named, to `exporting/shards/`.

    Args:
        limit: what the whole export may cost.
        interactive: take `exports.export.routes.Interactive`.
        priority: of batch tasks.
        only: names of shards.
        despair: stop where shard after shard fails.

    Raises: as `exports.export.running.Runner.run`.
    """
    table, kept = samples.read(drawn(run)), ledger.about
    if interactive:
        ledger.note(interactive=True)

    def prefix(shard: Shard, attempt: int) -> str:
        return f"{kept['below']}{shard.name}.{attempt}"

    medians = kept.get("medians")

    def task(shard: Shard, attempt: int) -> TableExport:
        season = config.season_of(shard.season)
        asked: dict[str, Any] = {
            "bucket": config.engine.bucket, "prefix": prefix(shard, attempt), "priority": priority,
            "description": f"cubes {shard.name}".replace("/", " "),
            "request_id": planning.request_id(kept["token"], shard.name, str(attempt))}
        if medians:
            parcels = config.labels.parcels.format(season=medians["years"][str(shard.season)])
            return graphs.parcel_cubes(config.spec, season, shard.cell, parcels, config.labels.parcel_id,
                                       medians["inward_m"], planning.parcels_at(table, shard.rows), **asked)
        return graphs.cubes(config.spec, season, shard.cell, planning.at(table, shard.rows), **asked)

    route = Interactive(engine, config.spec, task) if interactive else \
        Batch(engine, storage.open(engine, config.engine.bucket), task,
              lambda shard, attempt: f"{prefix(shard, attempt)}.tfrecord.gz")
    running.Runner(ledger, engine, route, run.exporting / "shards", config.spec, limit, progress,
                   despair=despair).run(only)


def estimate(ledger: Ledger) -> Estimate | None:
    """What the export will cost, from the shards that have come; None before any has."""
    entries = ledger.entries()
    done, lost = spent(entries)
    left = sum(len(entry.shard.rows) for entry in entries if entry.state in (State.WAITING, State.SUBMITTED))
    if not done:
        return None
    found = budget.estimate([records for records, _ in done], [cost for _, cost in done], left)
    return Estimate(shards=found.shards, used=found.used + lost, total=found.total + lost, low=found.low + lost,
                    high=found.high + lost)


def leave_out(ledger: Ledger, reason: str) -> None:
    """Give up the shards that wait."""
    ledger.record(*(replace(entry, state=State.GIVEN_UP, reason=reason) for entry in ledger.entries(State.WAITING)))


def missing(ledger: Ledger) -> dict[int, str]:
    """Samples that could not be exported, by row number, with the reason."""
    return ledger.lost | {row: entry.reason for entry in ledger.entries(State.GIVEN_UP)
                          for row in entry.shard.rows.tolist()}


def finish(run: Run, config: Config, engine: Engine, ledger: Ledger, *, accept_missing: bool) -> dict[str, Any]:
    """Put a run's shards and samples in place of those of an earlier export; may be repeated after a kill.

    The shards name the samples they belong to, so that those of one export are never read with the cubes of another.

    Args:
        accept_missing: leave out the samples that were given up.

    Returns:
        what the manifest says: records, tasks, scenes (all, without Cloud Score+, with a derived one, simulated) and
        cells with and without samples, by season, what was missing and why, and EECU-seconds.

    Raises:
        TaskFailed: samples are missing, and are not to be left out; or files that had come are gone.
        DataError: none is left.
    """
    entries, known, lost = ledger.entries(), ledger.about, missing(ledger)
    table = samples.read(drawn(run))
    if lost and not (accept_missing or known.get("finished")):
        raise _incomplete(len(table), lost)
    if not known.get("finished") and (gone := _recheck(run, ledger)):
        raise TaskFailed(f"the files of {gone} shards that had come are gone from {run.exporting}",
                         mend="ask for them again with --resume")
    kept = table[~table["row"].isin(lost)]
    if kept.empty:
        raise DataError("no sample of the export came", mend="look at the reasons with: agrispec-gee status")
    content = samples.encode(kept)
    digest = hashlib.sha256(content).hexdigest()[:16]
    # From here on nothing is asked for any more: a next call goes on from here.
    ledger.note(finished=True)
    _put_in_place(run, config, entries, digest)
    write_files({run.samples: content})
    left = tidy(engine, known) if any(entry.operation for entry in entries) else ""
    before = known.get("before", {})
    found, area = estimate(ledger), {cell.id for cell in config.area.resolved}
    did = {"engine": engine.name, "project": engine.project, "cube": config.spec.digest, "records": len(kept),
           "tasks": sum(entry.attempt for entry in entries) + before.get("tasks", 0), "scenes": known["scenes"],
           "cells": {str(year): int(group["cell"].nunique()) for year, group in kept.groupby("season")},
           "empty_cells": {str(year): sorted(area - set(group["cell"])) for year, group in kept.groupby("season")},
           "samples": digest, "seeds": known["seeds"],
           "eecu_seconds": round((found.total if found else 0.0) + before.get("eecu_seconds", 0.0), 3),
           "interactive": known.get("interactive", False), "medians": known.get("medians"),
           "places": known.get("places", ""),
           "left_in_bucket": left, "first_day": config.season.first_day,
           "estimates": known.get("estimates", []),
           "elapsed_s": round(known.get("elapsed_s", 0.0) + before.get("elapsed_s", 0.0), 1),
           "missing": {"samples": len(lost), "reasons": sorted(set(lost.values())), "rows": sorted(lost)}}
    manifest.record(run.path, "export", did)
    ledger.close()
    clear(run)
    return did


def tidy(engine: Engine, known: Mapping[str, Any]) -> str:
    """Delete an export's objects; why they are still there, "" where they are not: the cubes are here all the same."""
    try:
        storage.open(engine, known["bucket"]).delete(known["below"])
    except StorageError as error:
        return f"gs://{known['bucket']}/{known['below']} is left over: {error}"
    return ""


def _put_in_place(run: Run, config: Config, entries: Collection[Entry], digest: str) -> None:
    folder = run.exporting / "shards"
    if not folder.exists():
        # An earlier call came further than this.
        return
    whole = {folder / f"{entry.shard.name}.tfrecord.gz" for entry in entries
             if entry.state is State.RECEIVED and len(entry.shard.rows)}
    for path in folder.rglob("*"):
        # Of a download that was killed, or of a shard that was begun again under other names after a kill.
        if path.is_file() and path not in whole:
            path.unlink()
    shards.describe(folder, config.spec, sampling=shards.Sampling.of(digest, config.taxonomy))
    try:
        take_place(folder, run.shards)
    except OSError as error:
        raise storage_error(run.shards, error) from error


def _incomplete(planned: int, lost: dict[int, str]) -> TaskFailed:
    [(reason, count), *others] = Counter(lost.values()).most_common()
    more = f"; and {len(others)} other reasons" if others else ""
    return TaskFailed(f"{len(lost)} of {planned} samples are missing: {count} of them since {reason}{more}",
                      mend="ask for them again with --resume, or leave them out with --resume --accept-missing")


def scenes(config: Config, engine: Engine, graphs: Graphs, table: pd.DataFrame,
           progress: Progress) -> dict[str, dict[str, int]]:
    """Scenes of samples' cells by season: all, without Cloud Score+, with a derived one, simulated."""
    counts: dict[str, dict[str, int]] = {}
    for year, cell in table[["season", "cell"]].drop_duplicates().itertuples(index=False, name=None):
        found = engine.compute(graphs.scene_counts(config.spec, config.season_of(year), Cell.parse(cell)))
        progress(f"{cell}: {int(found[0])} scenes in the {year} season")
        entry = counts.setdefault(str(year), {"scenes": 0, "without_cloud_score": 0, "derived_cloud_score": 0,
                                               "simulated": 0})
        for name, count in zip(entry, found, strict=True):
            entry[name] += int(count)
    return counts


def export(run: Run, config: Config, engine: Engine, graphs: Graphs, table: pd.DataFrame,
           progress: Progress) -> dict[str, Any]:
    """The export of drawn samples from its beginning to its end, whatever it costs. Raises as its parts."""
    with begin(run, config, engine, graphs, table, progress) as ledger:
        fill(run, config, engine, graphs, ledger, limit=Budget(config.engine.monthly_eecu_hours), progress=progress)
        return finish(run, config, engine, ledger, accept_missing=False)
