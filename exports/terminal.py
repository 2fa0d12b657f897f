"""What the commands of all stages share: the run that they name, what opens it, and lines that tell how far it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agrispec.config import Config
    from agrispec.engine import Engine
    from agrispec.formats.markdown import Table
    from agrispec.health import Finding
    from exports.runs import Run


class GivenPath(click.Path):
    """A path that is not empty: "" is a variable of a shell that nobody has set, and would stand for this folder."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(path_type=Path, file_okay=file_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty; name one, or write . for this folder", param, ctx)
        return super().convert(value, param, ctx)


RUN = click.argument("run", type=GivenPath(file_okay=False))

_STYLES = {"pass": "green", "warning": "yellow", "fail": "red"}


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
    from rich.text import Text
    console, started = Console(stderr=True), time.monotonic()
    with console.status(what) as status:
        # As it is: what is told may hold brackets, which are markup elsewhere.
        yield lambda done: status.update(Text(f"{what}: {done}"))
    console.print(f"[dim]{what}: {time.monotonic() - started:.1f} s[/dim]")


def tell(findings: Iterable[Finding]) -> None:
    """Findings on standard output: a table on a terminal, else a line each, which other programs can read."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
    found, console = list(findings), Console()
    if not console.is_terminal:
        width = max(len(each.name) for each in found)
        for each in found:
            click.echo(f"{each.state:<7}  {each.name:<{width}}  {each}")
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for each in found:
        # As text: "[engine]" in a cell would be read as markup.
        table.add_row(each.state, each.name, Text(str(each)), style=_STYLES[each.state])
    console.print(table)


def warn(doubt: str) -> None:
    """Says on standard error what should be known and stops nothing."""
    click.echo(f"agrispec-gee: {doubt}", err=True)


def aligned(table: Table, words: Collection[str] = ()) -> Iterator[str]:
    """The lines of a table: the first column and those headed by `words` to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = [cell.ljust(width) if not column or table[0][column] in words else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()
