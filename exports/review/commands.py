"""A run's queue and verdicts, written to a file and read back from one."""

from __future__ import annotations

from pathlib import Path

from exports.review import exchange, queue
from exports.review.log import Log
from exports.runs import Run


def write_out(run: Run, path: Path) -> int:
    """Write a run's queue and what stands of its verdicts; how many rows. Raises as `queue.read`, `exchange.write`."""
    waiting, log = queue.read(run), Log(run.review, run.config.taxonomy.names)
    return exchange.write(path, waiting, queue.predicted(run, waiting.key), log.read())


def take_in(run: Run, path: Path) -> tuple[int, int]:
    """Add a file's verdicts to a run's; how many are new, and how many rows were passed over.

    Raises:
        as `queue.read` and `exchange.read`.
    """
    waiting, names = queue.read(run), run.config.taxonomy.names
    log = Log(run.review, names)
    found, passed = exchange.read(path, waiting, queue.predicted(run, waiting.key), names, log.read())
    if found:
        log.append(found)
    return len(found), passed
