"""A run's queue and verdicts, written to a file and read back from one."""

from __future__ import annotations

from pathlib import Path

from exports.review import exchange, queue, verdicts
from exports.review.verdicts import Log
from exports.runs import Run


def write_out(run: Run, path: Path) -> int:
    """Write a run's queue and what stands of it; how many rows. Raises as `queue.read` and `exchange.write`."""
    waiting, log = queue.read(run), Log(run.review, run.config.taxonomy.names)
    return exchange.write(path, waiting, verdicts.standing(log.read(), int(waiting.about["season"])))


def take_in(run: Run, path: Path) -> int:
    """Add a file's verdicts to a run's; how many are new. Raises as `queue.read` and `exchange.read`."""
    waiting, names = queue.read(run), run.config.taxonomy.names
    log = Log(run.review, names)
    table = queue.predicted(run, waiting.key)
    found = exchange.read(path, dict(zip(table[waiting.key], table["class_name"], strict=True)), names,
                          verdicts.standing(log.read(), int(waiting.about["season"])), waiting.about)
    if found:
        log.append(found)
    return len(found)
