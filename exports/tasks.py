"""Start tasks, wait for them, and end them all if one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from agrispec.engine import Engine, ImageExport, Operation, PatchExport, State, TableExport
from agrispec.errors import AgrispecError, EngineUnreachable, TaskFailed

_POLL_S = (0.1, 10.0)
"""First and longest pause between two looks at the running tasks."""

_PATIENCE_S = 300.0
"""How long an engine may not answer: an export runs for hours, and networks come back within minutes."""


def export(engine: Engine, requests: Iterable[TableExport | PatchExport | ImageExport],
           progress: Callable[[Operation], None]) -> list[Operation]:
    """Submit exports and wait until all have succeeded.

    Args:
        engine: who runs them.
        requests: what to export; a generator is drawn from as tasks are submitted.
        progress: told of each task that has succeeded, as they do.

    Returns:
        The finished operations, in the order of `requests`.

    Raises:
        TaskFailed: a task failed or was cancelled; the others were asked to stop.
        EngineUnreachable: the engine did not answer for minutes; the tasks were asked to stop, if it hears.
    """
    known: dict[str, Operation] = {}
    names: list[str] = []
    try:
        for request in requests:
            started = engine.export(request)
            names.append(started.name)
            known[started.name] = started
        _follow(engine, known, progress)
    except BaseException as error:
        _cancel(engine, [operation for operation in known.values() if not operation.done], error)
        raise
    return [known[name] for name in names]


def wait(engine: Engine, operation: Operation, progress: Callable[[Operation], None]) -> Operation:
    """The operation once it has succeeded.

    Raises:
        TaskFailed: it failed or was cancelled; the message holds the engine's words.
        EngineUnreachable: the engine did not answer for minutes; the task goes on.
    """
    known = {operation.name: operation}
    _follow(engine, known, progress)
    return known[operation.name]


def _follow(engine: Engine, known: dict[str, Operation], progress: Callable[[Operation], None]) -> None:
    """Look at all running tasks in rounds until all have succeeded; `known` holds what was last seen of each."""
    running = list(known)
    pause, longest = _POLL_S
    answered = time.monotonic()
    while True:
        running = [name for name in running if not _succeeded(known[name], progress)]
        if not running:
            return
        time.sleep(pause)
        # A twentieth more each time: the last look is late by at most a twentieth of what the tasks took.
        pause = min(pause * 1.05, longest)
        for name in running:
            try:
                known[name] = engine.operation(name)
            except EngineUnreachable as error:
                silent_s = time.monotonic() - answered
                if silent_s > _PATIENCE_S:
                    raise _given_up(error, silent_s, [known[name] for name in running]) from error
                pause = longest
                break
            answered = time.monotonic()


def _succeeded(operation: Operation, progress: Callable[[Operation], None]) -> bool:
    """Whether a task has ended, and well; `TaskFailed` where it ended otherwise."""
    if not operation.done:
        return False
    if operation.state is not State.SUCCEEDED:
        reason = operation.error.rstrip(".") or f"it was {operation.state.lower()}"
        raise TaskFailed(f"the task {operation.description!r} did not succeed: {reason}",
                         mend="mend what it names, then run the command again")
    progress(operation)
    return True


def _given_up(error: EngineUnreachable, silent_s: float, running: list[Operation]) -> EngineUnreachable:
    others = f" and {len(running) - 1} more" if len(running) > 1 else ""
    return EngineUnreachable(
        f"{error.message}, for {silent_s / 60:.0f} minutes; the task {running[0].description!r}"
        f" ({running[0].name}){others} had not ended when it was last seen",
        mend="when the network is back, look it up at https://code.earthengine.google.com/tasks, then run the"
             " command again")


def _cancel(engine: Engine, running: list[Operation], error: BaseException) -> None:
    """Ask tasks to stop after `error`, which gets a note of those that could not be asked."""
    until = time.monotonic() + _PATIENCE_S
    left: list[Operation] = []
    for operation in running:
        # A client asks several times before it gives up: hundreds of tasks must not wait for a network each.
        if left and time.monotonic() > until:
            left.append(operation)
            continue
        try:
            engine.cancel(operation.name)
        except EngineUnreachable:
            left.append(operation)
        except AgrispecError:
            # It has ended since it was last seen.
            continue
    if left:
        error.add_note(f"{len(left)} tasks could not be asked to stop and may be running: "
                       + ", ".join(operation.name for operation in left))
