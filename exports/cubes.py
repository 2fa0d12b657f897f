"""The cubes of a run's samples, exported: begun, gone on with after an interruption, and put in place when all is here.

An export that is not finished is `RUN/exporting/`: `samples.parquet` as it was drawn, `ledger.sqlite`, and the shards
that have come. `shards/` and `samples.parquet` of the run are replaced only by a finished one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import DEFAULT_PRIORITY, Engine, Expression, TableExport
from agrispec.errors import DataError, RunError, SchemaMismatch, TaskFailed
from agrispec.formats.atomic import storage_error, write_files
from agrispec.grid import Cell
from agrispec.season import Season
from exports import budget, manifest, planning, running, samples, shards, storage
from exports.budget import Budget, Estimate
from exports.ledger import Entry, Ledger, State
from exports.planning import Shard
from exports.routes import Batch, Interactive
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def scene_counts(self, spec: CubeSpec, season: Season, cell: Cell) -> Expression: ...

    def cubes(self, spec: CubeSpec, season: Season, cell: Cell, at: Iterable[tuple[int, float, float]], *,
              bucket: str, prefix: str, description: str, request_id: str, priority: int) -> TableExport: ...


def ledger_of(run: Run) -> Path:
    """The ledger of a run's unfinished export; not there where there is none."""
    return run.exporting / "ledger.sqlite"


def drawn(run: Run) -> Path:
    """The samples of a run's unfinished export."""
    return run.exporting / "samples.parquet"


def begin(run: Run, config: Config, engine: Engine, graphs: Graphs, table: pd.DataFrame, progress: Progress) -> Ledger:
    """Plan the export of drawn samples; an unfinished one is dropped.

    Args:
        table: the samples, as `exports.places.draw` gives them.

    Raises:
        StorageError: the bucket cannot be used, which is asked before anything is computed.
        DataError: a source season has no scene, or there are too many samples.
    """
    content = samples.encode(table)
    storage.open(engine, config.engine.bucket).check()
    scenes = _scenes(config, engine, graphs, table, progress)
    for year in config.season.source:
        if not scenes.get(str(year), {}).get("scenes"):
            raise DataError(f"no scene of {config.spec.collection} touches the area in the season {year}",
                            mend="check [season] source, [area], and [clear] max_cloud_cover")
    shutil.rmtree(run.exporting, ignore_errors=True)
    write_files({drawn(run): content})
    (run.exporting / "shards").mkdir()
    seeds = {"samples": config.samples.seed, "split": config.split.seed}
    return Ledger.create(ledger_of(run), {**about(run, config, engine), "scenes": scenes, "seeds": seeds},
                         planning.shards(table, config.samples.per_task))


def about(run: Run, config: Config, engine: Engine) -> dict[str, Any]:
    """What a new ledger says of an export: whose it is, of what, and where its objects lie."""
    token = uuid.uuid4().hex[:8]
    return {"token": token, "below": f"exports/{run.path.resolve().name}/{token}/", "bucket": config.engine.bucket,
            "engine": engine.name, "project": engine.project, "cube": config.spec.digest,
            "classes": [[crop.name, list(crop.codes)] for crop in config.taxonomy]}


def go_on(run: Run, config: Config, engine: Engine) -> Ledger:
    """The ledger of a run's unfinished export, what was given up waiting again.

    Raises:
        RunError: there is none, or it is another engine's or project's.
        SchemaMismatch: the configuration asks for another cube or other classes by now.
    """
    if not ledger_of(run).exists():
        raise RunError(f"{run.path} has no unfinished export", mend=f"begin one with: agrispec-gee export {run.path}")
    ledger = Ledger(ledger_of(run))
    known = ledger.about
    anew = f"restore the configuration, or drop the export with: agrispec-gee cancel {run.path} --drop"
    if known["cube"] != config.spec.digest:
        raise SchemaMismatch(f"the unfinished export in {run.exporting} is of cube {known['cube']}, the configuration"
                             f" asks for {config.spec.digest}", mend=anew)
    if known["classes"] != [[crop.name, list(crop.codes)] for crop in config.taxonomy]:
        raise SchemaMismatch(f"the samples in {run.exporting} were labelled with other [[classes]] than the"
                             " configuration has", mend=anew)
    for name, now in (("engine", engine.name), ("project", engine.project), ("bucket", config.engine.bucket)):
        if known[name] != now:
            raise RunError(f"the unfinished export in {run.exporting} is of {name} {known[name]!r}, the configuration"
                           f" names {now!r}", mend=anew)
    if not known.get("finished"):
        ledger.reopen()
    return ledger


def fill(run: Run, config: Config, engine: Engine, graphs: Graphs, ledger: Ledger, *, limit: Budget,
         interactive: bool = False, priority: int = DEFAULT_PRIORITY, only: Collection[str] = (),
         progress: Progress) -> None:
    """Bring the shards of a ledger, or those named, to `exporting/shards/`.

    Args:
        limit: what the whole export may cost.
        interactive: take `exports.routes.Interactive`.
        priority: of batch tasks.
        only: names of shards.

    Raises: as `exports.running.Runner.run`.
    """
    table, kept = samples.read(drawn(run)), ledger.about
    objects = storage.open(engine, config.engine.bucket)

    def task(shard: Shard, attempt: int) -> TableExport:
        return graphs.cubes(
            config.spec, config.season_of(shard.season), shard.cell, planning.at(table, shard.rows),
            bucket=config.engine.bucket, prefix=f"{kept['below']}{shard.name}.{attempt}",
            description=f"cubes {shard.name}".replace("/", " "), priority=priority,
            request_id=planning.request_id(kept["token"], shard.name, str(attempt)))

    route = Interactive(engine, config.spec, task) if interactive else Batch(engine, objects, task)
    running.Runner(ledger, engine, route, run.exporting / "shards", config.spec, limit, progress).run(only)


def estimate(ledger: Ledger) -> Estimate | None:
    """What the export will cost, from the shards that have come; None before any has."""
    entries = ledger.entries()
    done, lost = running.spent(entries)
    left = sum(len(entry.shard.rows) for entry in entries if entry.state in (State.WAITING, State.SUBMITTED))
    if not done:
        return None
    found = budget.estimate([records for records, _ in done], [cost for _, cost in done], left)
    return Estimate(shards=found.shards, used=found.used + lost, total=found.total + lost, low=found.low + lost,
                    high=found.high + lost)


def missing(ledger: Ledger) -> dict[int, str]:
    """Samples that could not be exported, by row number, with the reason."""
    return ledger.lost | {row: entry.reason for entry in ledger.entries(State.GIVEN_UP)
                          for row in entry.shard.rows.tolist()}


def finish(run: Run, config: Config, engine: Engine, ledger: Ledger, *, accept_missing: bool) -> dict[str, Any]:
    """Put a run's shards and samples in place of those of an earlier export; may be repeated after a kill.

    The shards name the samples they belong to, so that those of one export are never read with the cubes of another.

    Args:
        accept_missing: leave out samples that were given up.

    Returns:
        what the manifest says: records, tasks, scenes (all, without Cloud Score+, with a derived one, simulated) and
        cells with and without samples, by season, what was missing and why, and EECU-seconds.

    Raises:
        TaskFailed: samples are missing, and are not to be left out.
        DataError: none is left.
    """
    entries, known, lost = ledger.entries(), ledger.about, missing(ledger)
    table = samples.read(drawn(run))
    if lost and not (accept_missing or known.get("finished")):
        raise _incomplete(len(table), lost)
    kept = table[~table["row"].isin(lost)]
    if kept.empty:
        raise DataError("no sample of the export came", mend="look at the reasons with: agrispec-gee status")
    content = samples.encode(kept)
    digest = hashlib.sha256(content).hexdigest()[:16]
    # From here on nothing is asked for any more: a next call goes on from here.
    ledger.note(finished=True)
    _put_in_place(run, config, entries, digest)
    write_files({run.samples: content})
    storage.open(engine, config.engine.bucket).delete(known["below"])
    found, area = estimate(ledger), {cell.id for cell in config.area.resolved}
    did = {"engine": engine.name, "project": engine.project, "cube": config.spec.digest, "records": len(kept),
           "tasks": sum(entry.attempt for entry in entries), "scenes": known["scenes"],
           "cells": {str(year): int(group["cell"].nunique()) for year, group in kept.groupby("season")},
           "empty_cells": {str(year): sorted(area - set(group["cell"])) for year, group in kept.groupby("season")},
           "samples": digest, "seeds": known["seeds"], "eecu_seconds": round(found.total, 3) if found else 0.0,
           "estimates": known.get("estimates", []), "elapsed_s": round(known.get("elapsed_s", 0.0), 1),
           "missing": {"samples": len(lost), "reasons": sorted(set(lost.values())), "rows": sorted(lost)}}
    manifest.record(run.path, "export", did)
    ledger.close()
    shutil.rmtree(run.exporting, ignore_errors=True)
    return did


def _put_in_place(run: Run, config: Config, entries: Collection[Entry], digest: str) -> None:
    folder, replaced = run.exporting / "shards", run.exporting / "replaced"
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
        if run.shards.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            run.shards.rename(replaced)
        os.replace(folder, run.shards)
    except OSError as error:
        raise storage_error(run.shards, error) from error


def _incomplete(planned: int, lost: dict[int, str]) -> TaskFailed:
    [(reason, count), *others] = Counter(lost.values()).most_common()
    more = f"; and {len(others)} other reasons" if others else ""
    return TaskFailed(f"{len(lost)} of {planned} samples are missing: {count} of them since {reason}{more}",
                      mend="ask for them again with --resume, or leave them out with --resume --accept-missing")


def _scenes(config: Config, engine: Engine, graphs: Graphs, table: pd.DataFrame,
            progress: Progress) -> dict[str, dict[str, int]]:
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
