"""What the commands of the export stage do, between what is typed and what is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from agrispec.config import Config
from agrispec.engine import Engine
from agrispec.engine import State as TaskState
from agrispec.errors import AgrispecError, RunError
from exports import cubes, ledger, places, planning, samples, storage
from exports.budget import Budget, Estimate
from exports.ledger import Ledger, State
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


def outline(run: Run, config: Config) -> planning.Outline:
    """What an export of a run asks for: exactly, where its samples are drawn and still those of the configuration."""
    for path in (cubes.drawn(run), run.samples):
        if path.exists():
            found = planning.outline(samples.read(path), config)
            if set(found.sizes) <= set(planning.most(config).sizes):
                return found
    return planning.most(config)


def begun(run: Run, config: Config, engine: Engine, graphs: Any, *, resume: bool, tell: Progress) -> Ledger:
    """The ledger of a run's export: of a new one, or of the unfinished one with `resume`.

    Raises:
        RunError: there is an unfinished one, and it is not to be resumed.
        AgrispecError: as `exports.places.draw`, `exports.cubes.begin` and `exports.cubes.go_on`.
    """
    if cubes.ledger_of(run).exists():
        if resume:
            return cubes.go_on(run, config, engine)
        with Ledger(cubes.ledger_of(run)) as found:
            here = sum(len(entry.shard.rows) for entry in found.entries(State.RECEIVED))
        raise RunError(f"{run.path} has an unfinished export, {here} samples of which are here",
                       mend=f"go on with --resume, or drop it with: agrispec-gee cancel {run.path} --drop")
    table = places.draw(config, engine, graphs, tell)
    return cubes.begin(run, config, engine, graphs, table, tell)


def probe(run: Run, config: Config, engine: Engine, graphs: Any, found: Ledger, *, count: int, limit: Budget,
          priority: int, tell: Progress) -> Estimate:
    """Export `count` representative shards of a ledger, which are a part of the export, and estimate the whole."""
    waiting = [entry.shard for entry in found.entries(State.WAITING)]
    chosen = {shard.name for shard in planning.representative(waiting, count)} if waiting else set()
    if chosen:
        cubes.fill(run, config, engine, graphs, found, limit=limit, priority=priority, only=chosen, progress=tell)
    measured = cubes.estimate(found)
    if measured is None:
        raise RunError("none of the probed shards came",
                       mend=f"look at the reasons with: agrispec-gee status {run.path}")
    found.note(estimates=[*found.about.get("estimates", []), asdict(measured)])
    return measured


def stop(run: Run, engine: Engine) -> tuple[int, int]:
    """Ask the tasks of a run's unfinished export to stop.

    Returns:
        how many were asked, and how many had ended.
    """
    with Ledger(cubes.ledger_of(run)) as found:
        running = found.entries(State.SUBMITTED)
        known = engine.operations([entry.operation for entry in running])
        asked = 0
        for entry in running:
            operation = known.get(entry.operation)
            if operation is not None and not operation.done:
                try:
                    engine.cancel(operation.name)
                except AgrispecError:
                    # It has ended since.
                    continue
                asked += 1
            if operation is None or operation.state is not TaskState.SUCCEEDED:
                spent = operation.eecu_seconds if operation is not None else 0.0
                found.record(ledger.begun_again(entry, spent, "it was cancelled"))
    return asked, len(running) - asked


def drop(run: Run, engine: Engine) -> None:
    """Remove an unfinished export: its objects in the bucket, and what has come of it."""
    with Ledger(cubes.ledger_of(run)) as found:
        about = found.about
    storage.open(engine, about["bucket"]).delete(about["below"])
    shutil.rmtree(run.exporting)


def size(count: float) -> str:
    """Bytes in words."""
    units = iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while count >= 1000 and unit != "TB":
        count, unit = count / 1000, next(units)
    return f"{count:.3g} {unit}"
