"""What the commands of the export stage do, between what is typed and what is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from agrispec.config import Config
from agrispec.engine import DEFAULT_PRIORITY, Engine
from agrispec.engine import State as TaskState
from agrispec.errors import BudgetExceeded, ConfigError, EngineError, EngineUnreachable, RunError
from agrispec.formats.atomic import write_files
from exports import manifest, planning, samples
from exports import shards as shard_files
from exports.audit import audit, report
from exports.export import cubes, declared, gaps, ledger, places
from exports.export.budget import Budget, Estimate, hours
from exports.export.ledger import Ledger, State
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
        accept_missing: leave out samples that could not be exported, or that the budget does not reach.
        route: "batch" or "interactive", as in `exports.export.routes`.
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
                              " no budget to keep",
                              mend="leave out --route interactive, or --probe and --budget-eecu-h")
        if self.route == "interactive" and self.priority != DEFAULT_PRIORITY:
            raise ConfigError("interactive requests have no priority",
                              mend="leave out --priority, or --route interactive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found: the cost of the whole, and what it may cost."""

    estimate: Estimate
    limit: Budget


def outline(run: Run, config: Config, *, of_gaps: bool) -> planning.Outline:
    """What an export of a run asks for: exactly, where its samples are drawn and still those of the configuration.

    Args:
        of_gaps: of what a finished one lacks by now; raises as `exports.export.gaps.lacking`.
    """
    if of_gaps:
        return planning.outline(gaps.lacking(run, config).asked, config)
    for path in (cubes.drawn(run), run.samples):
        if path.exists():
            found = planning.outline(samples.read(path), config)
            if set(found.sizes) <= set(planning.most(config).sizes):
                return found
    if config.labels.places:
        return planning.outline(declared.draw(run, config), config)
    return planning.most(config)


def export(opened: Opened, asked: Asked, tell: Told, doubt: Told) -> dict[str, Any] | Probed | None:
    """Export a run's cubes; this process holds the run.

    Returns:
        what `exports.export.cubes.finish` did, or what a probe found; None where there is nothing to go on with.

    Raises:
        RunError: there is an unfinished export, and it is not to be resumed.
        BudgetExceeded: the export would cost more than it may.
        AgrispecError: as `exports.export.places.of_run` and the parts of `exports.export.cubes`.
    """
    run, config, engine, graphs = opened.run, opened.config, opened.engine, opened.graphs
    unfinished = cubes.ledger_of(run).exists()
    if asked.resume and not asked.gaps and not run.exporting.exists() and _is_exported(run, config):
        return None
    # Asked for before anything is, and not where nothing is left to be paid for.
    month_s = math.inf if asked.budget or unfinished else _left_of_the_month(config, engine, asked, doubt)
    with _begun(run, config, engine, graphs, asked, tell) as kept:
        waiting = kept.entries(State.WAITING)
        if unfinished and waiting and not asked.budget:
            month_s = _left_of_the_month(config, engine, asked, doubt)
        done, failed = ledger.spent(kept.entries())
        limit = asked.budget or Budget((month_s + failed + sum(cost for _, cost in done)) / 3600)
        known = cubes.estimate(kept)
        if known is not None and waiting and not asked.accept_missing:
            limit.check(known)
        chosen: set[str] = set()
        if asked.probe is not None:
            shards = [entry.shard for entry in waiting]
            chosen = {shard.name for shard in planning.representative(shards, asked.probe)} if shards else set()
        if asked.probe is None or chosen:
            try:
                cubes.fill(run, config, engine, graphs, kept, limit=limit, interactive=asked.route == "interactive",
                           priority=asked.priority, only=chosen, despair=not asked.accept_missing, progress=tell)
            except BudgetExceeded as error:
                if asked.probe is not None or not asked.accept_missing:
                    raise
                cubes.leave_out(kept, error.message)
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
        # JSON knows no infinity, which one shard leaves as an upper end.
        said = {name: value if math.isfinite(value) else None for name, value in asdict(measured).items()}
        kept.note(estimates=[*kept.about.get("estimates", []), said])
        return Probed(estimate=measured, limit=limit)


def _is_exported(run: Run, config: Config) -> bool:
    """Whether a run has shards of the cube that its configuration asks for."""
    return run.shards.exists() and run.samples.exists() and shard_files.cube_of(run.shards) == config.spec


def _begun(run: Run, config: Config, engine: Engine, graphs: Any, asked: Asked, tell: Told) -> Ledger:
    """The ledger of a new export, of a run's gaps, or of the unfinished one."""
    if not cubes.ledger_of(run).exists():
        # A run whose export was killed before it was planned is known by this.
        begun = run.exporting / "begun"
        of_gaps = asked.gaps or (begun.is_file() and begun.read_text(encoding="utf-8") == "gaps")
        if of_gaps:
            run.need(run.samples, "export")
        write_files({begun: b"gaps" if of_gaps else b"export"})
        if of_gaps:
            return gaps.begin(run, config, engine, graphs, tell)
        table = places.of_run(run, config, engine, graphs, tell)
        return cubes.begin(run, config, engine, graphs, table, tell, interactive=asked.route == "interactive")
    if asked.resume:
        return cubes.go_on(run, config, engine, reopen=not asked.accept_missing)
    with Ledger(cubes.ledger_of(run)) as found:
        here = sum(len(entry.shard.rows) for entry in found.entries(State.RECEIVED))
    raise RunError(f"{run.path} has an unfinished export, {here} samples of which are here",
                   mend=f"go on with --resume, or drop it with: agrispec-gee cancel {run.path} --drop")


def _left_of_the_month(config: Config, engine: Engine, asked: Asked, doubt: Told) -> float:
    """EECU-seconds that the project may still use this month."""
    month = Budget(config.engine.monthly_eecu_hours)
    if not month.limited:
        return math.inf
    if asked.route == "interactive":
        doubt(f"what interactive requests cost is not told: nothing stops at the {hours(month.seconds)} of the tier"
              f" {config.engine.tier!r}")
        return math.inf
    try:
        used = engine.used_eecu_seconds() or 0.0
    except EngineUnreachable:
        raise
    except EngineError as error:
        doubt(f"{error.message}: the budget is the whole month of the tier {config.engine.tier!r}")
        used = 0.0
    if used >= month.seconds and not asked.accept_missing:
        raise BudgetExceeded(f"{hours(used)} are used this month, of {hours(month.seconds)} of the tier"
                             f" {config.engine.tier!r}",
                             mend="wait for the next month, set [engine] tier to what the project has, or give"
                                  " --budget-eecu-h for compute in restricted mode")
    return max(month.seconds - used, 0.0)


def stop(run: Run, engine: Engine) -> tuple[int, int]:
    """Ask the tasks of a run's unfinished export to stop.

    Returns:
        how many were asked, and how many had ended.

    Raises:
        RunError: there is none, or it is another engine's or project's.
        EngineError: the engine refuses, or does not answer; the others were asked before it.
    """
    if not cubes.ledger_of(run).exists():
        raise RunError(f"{run.path} has no unfinished export", mend="there is nothing to cancel")
    with Ledger(cubes.ledger_of(run)) as kept:
        cubes.need_own(run, engine, kept.about)
        submitted = kept.entries(State.SUBMITTED)
        known = engine.operations([entry.operation for entry in submitted])
        asked = 0
        for entry in submitted:
            operation = known.get(entry.operation)
            if operation is None or not operation.done:
                try:
                    engine.cancel(entry.operation)
                    asked += 1
                except EngineUnreachable:
                    raise
                except EngineError:
                    operation = engine.operations([entry.operation]).get(entry.operation)
                    if operation is not None and not operation.done:
                        raise
            if operation is None or operation.state is not TaskState.SUCCEEDED:
                spent = operation.eecu_seconds if operation is not None else 0.0
                kept.record(ledger.begun_again(entry, spent, "it was cancelled"))
    return asked, len(submitted) - asked


def drop(run: Run, engine: Engine) -> str:
    """Remove an unfinished export: what has come of it, and its objects; why these are still there, else "".

    Raises:
        RunError: all of it is here, and only to be put in place.
    """
    with Ledger(cubes.ledger_of(run)) as kept:
        known = kept.about
    if known.get("finished"):
        raise RunError(f"the export in {run.exporting} is finished and only to be put in place",
                       mend=f"do so with: agrispec-gee export {run.path} --resume")
    cubes.clear(run)
    return cubes.tidy(engine, known)
