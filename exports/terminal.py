"""What the commands of all stages share: the run that they name, what opens it, and lines that tell how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agrispec.config import Config
    from agrispec.engine import Engine
    from exports.runs import Run

RUN = click.argument("run", type=click.Path(path_type=Path, file_okay=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A run with what computes its graphs.

    Attributes:
        run: an existing one.
        config: its configuration.
        engine: what that names.
        graphs: what builds graphs; each stage's `Graphs` says which it asks for.
    """

    run: Run
    config: Config
    engine: Engine
    graphs: Any


Opening = Callable[[Path], AbstractContextManager[Opened]]
"""What opens a run for a command and closes its engine afterwards; `cli.py` hands it over as click's `obj`."""


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; each thing told replaces the last."""
    import time

    from rich.console import Console
    console, started = Console(stderr=True), time.monotonic()
    with console.status(what) as status:
        yield lambda done: status.update(f"{what}: {done}")
    console.print(f"[dim]{what}: {time.monotonic() - started:.1f} s[/dim]")


def warn(doubt: str) -> None:
    """Says on standard error what should be known and stops nothing."""
    click.echo(f"agrispec-gee: {doubt}", err=True)
