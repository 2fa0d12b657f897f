"""What the commands of the export stage do, between what is typed and what is told."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from agrispec.config import Config
from agrispec.engine import Engine
from agrispec.engine import State as TaskState
from agrispec.errors import AgrispecError, BudgetExceeded, ConfigError, EngineError, RunError
from exports import cubes, gaps, ledger, manifest, places, planning, running, samples, storage
from exports.audit import audit, report
from exports.budget import Budget, Estimate, hours
from exports.ledger import Ledger, State
from exports.runs import Run
from exports.terminal import Opened

Told = Callable[[str], None]
"""Told in words: of each thing done, or of what should be known and stops nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is typed behind `agrispec-gee export RUN`.

    Attributes:
        probe: representative shards to export and to stop after; None exports all.
        budget: what the export may cost; None for what is left of the project's month.
        resume: go on with an unfinished export.
        gaps: export what a finished one lacks by now.
        accept_missing: leave out samples that could not be exported.
        route: "batch" or "interactive", as in `exports.routes`.
        priority: of the tasks.
    """

    probe: int | None
    budget: Budget | None
    resume: bool
    gaps: bool
    accept_missing: bool
    route: str
    priority: int

    def __post_init__(self) -> None:
        if self.route == "interactive" and (self.probe is not None or self.budget is not None):
            raise ConfigError("Earth Engine does not tell what interactive requests cost: there is nothing to probe and"
                              " no budget to keep", mend="leave --route, --probe and --budget-eecu-h out, or the first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found: the cost of the whole, and what it may cost."""

    estimate: Estimate
    limit: Budget


def outline(run: Run, config: Config) -> planning.Outline:
    """What an export of a run asks for: exactly, where its samples are drawn and still those of the configuration."""
    for path in (cubes.drawn(run), run.samples):
        if path.exists():
            found = planning.outline(samples.read(path), config)
            if set(found.sizes) <= set(planning.most(config).sizes):
                return found
    return planning.most(config)


def export(opened: Opened, asked: Asked, tell: Told, doubt: Told) -> dict[str, Any] | Probed | None:
    """Export a run's cubes; this process holds the run.

    Returns:
        what `exports.cubes.finish` did, or what a probe found; None where there is nothing to go on with.

    Raises:
        RunError: there is an unfinished export, and it is not to be resumed.
        BudgetExceeded: the export would cost more than it may.
        AgrispecError: as `exports.places.draw` and the parts of `exports.cubes`.
    """
    run, config, engine, graphs = opened.run, opened.config, opened.engine, opened.graphs
    if asked.resume and not asked.gaps and run.shards.exists() and not cubes.ledger_of(run).exists():
        return None
    with _begun(run, config, engine, graphs, asked, tell) as kept:
        limit = asked.budget or _left_of_the_month(config, engine, kept, asked.route, doubt)
        known = cubes.estimate(kept)
        if known is not None:
            limit.check(known)
        chosen: set[str] = set()
        if asked.probe is not None:
            waiting = [entry.shard for entry in kept.entries(State.WAITING)]
            chosen = {shard.name for shard in planning.representative(waiting, asked.probe)} if waiting else set()
        if asked.probe is None or chosen:
            cubes.fill(run, config, engine, graphs, kept, limit=limit, interactive=asked.route == "interactive",
                       priority=asked.priority, only=chosen, progress=tell)
        if asked.probe is None:
            planned, lost = samples.read(cubes.drawn(run)), cubes.missing(kept)
            did = cubes.finish(run, config, engine, kept, accept_missing=asked.accept_missing)
            found = audit(planned, run.shards, config.spec, config.taxonomy.names, tell, lost)
            report.write(found, run.report / "export", simulated=manifest.simulated(run.path))
            return did
        measured = cubes.estimate(kept)
        if measured is None:
            raise RunError("none of the probed shards came",
                           mend=f"look at the reasons with: agrispec-gee status {run.path}")
        kept.note(estimates=[*kept.about.get("estimates", []), asdict(measured)])
        return Probed(estimate=measured, limit=limit)


def _begun(run: Run, config: Config, engine: Engine, graphs: Any, asked: Asked, tell: Told) -> Ledger:
    """The ledger of a new export, of a run's gaps, or of the unfinished one."""
    if not cubes.ledger_of(run).exists():
        if asked.gaps:
            return gaps.begin(run, config, engine)
        return cubes.begin(run, config, engine, graphs, places.draw(config, engine, graphs, tell), tell)
    if asked.resume:
        return cubes.go_on(run, config, engine)
    with Ledger(cubes.ledger_of(run)) as found:
        here = sum(len(entry.shard.rows) for entry in found.entries(State.RECEIVED))
    raise RunError(f"{run.path} has an unfinished export, {here} samples of which are here",
                   mend=f"go on with --resume, or drop it with: agrispec-gee cancel {run.path} --drop")


def _left_of_the_month(config: Config, engine: Engine, kept: Ledger, route: str, doubt: Told) -> Budget:
    """What the project may still use this month, and what the export has used already."""
    month = Budget(config.engine.monthly_eecu_hours)
    if not month.limited:
        return month
    if route == "interactive":
        doubt(f"what interactive requests cost is not told: nothing stops at the {hours(month.seconds)} of the tier"
              f" {config.engine.tier!r}")
        return Budget(math.inf)
    try:
        used = engine.used_eecu_seconds() or 0.0
    except EngineError as error:
        doubt(f"{error.message}: the budget is the whole month of the tier {config.engine.tier!r}")
        used = 0.0
    if used >= month.seconds:
        raise BudgetExceeded(f"{hours(used)} are used this month, of {hours(month.seconds)} of the tier"
                             f" {config.engine.tier!r}",
                             mend="wait for the next month, set [engine] tier to what the project has, or give"
                                  " --budget-eecu-h for compute in restricted mode")
    done, lost = running.spent(kept.entries())
    return Budget((month.seconds - used + lost + sum(cost for _, cost in done)) / 3600)


def stop(run: Run, engine: Engine) -> tuple[int, int]:
    """Ask the tasks of a run's unfinished export to stop.

    Returns:
        how many were asked, and how many had ended.
    """
    with Ledger(cubes.ledger_of(run)) as kept:
        submitted = kept.entries(State.SUBMITTED)
        known = engine.operations([entry.operation for entry in submitted])
        asked = 0
        for entry in submitted:
            operation = known.get(entry.operation)
            if operation is not None and not operation.done:
                try:
                    engine.cancel(operation.name)
                except AgrispecError:
                    # It has ended since: the next run sees how.
                    continue
                asked += 1
            if operation is None or operation.state is not TaskState.SUCCEEDED:
                spent = operation.eecu_seconds if operation is not None else 0.0
                kept.record(ledger.begun_again(entry, spent, "it was cancelled"))
    return asked, len(submitted) - asked


def drop(run: Run, engine: Engine) -> None:
    """Remove an unfinished export: its objects in the bucket, and what has come of it."""
    with Ledger(cubes.ledger_of(run)) as kept:
        about = kept.about
    storage.open(engine, about["bucket"]).delete(about["below"])
    shutil.rmtree(run.exporting)
