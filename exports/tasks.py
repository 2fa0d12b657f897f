"""Start tasks, wait for them, and end them all if one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from agrispec.engine import Engine, Operation, PatchExport, State, TableExport
from agrispec.errors import TaskFailed

_POLL_S = (0.1, 10.0)
"""First and longest pause between two looks at a running task."""


def export(engine: Engine, requests: Iterable[TableExport | PatchExport],
           progress: Callable[[Operation], None]) -> list[Operation]:
    """Submit exports and wait until all have succeeded.

    Args:
        engine: who runs them.
        requests: what to export; a generator is drawn from as tasks are submitted.
        progress: told of each task that has succeeded.

    Returns:
        The finished operations, in the order of `requests`.

    Raises:
        TaskFailed: a task failed or was cancelled; the others were asked to stop.
    """
    started: list[Operation] = []
    try:
        for request in requests:
            started.append(engine.export(request))
        return [wait(engine, operation, progress) for operation in started]
    except BaseException:
        for operation in started:
            if not engine.operation(operation.name).done:
                engine.cancel(operation.name)
        raise


def wait(engine: Engine, operation: Operation, progress: Callable[[Operation], None]) -> Operation:
    """The operation once it has succeeded.

    Raises:
        TaskFailed: it failed or was cancelled; the message holds the engine's words.
    """
    pause, longest = _POLL_S
    while not operation.done:
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
        operation = engine.operation(operation.name)
    if operation.state is not State.SUCCEEDED:
        reason = operation.error.rstrip(".") or f"it was {operation.state.lower()}"
        raise TaskFailed(f"the task {operation.description!r} did not succeed: {reason}",
                         mend="mend what it names, then run the command again")
    progress(operation)
    return operation
