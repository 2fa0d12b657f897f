"""Tables as text: for a terminal, and for Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator

Table = list[list[str]]
"""Cells by row; the first row are the headings."""


def aligned(table: Table, words: Collection[str] = ()) -> Iterator[str]:
    """The lines of a table for a terminal: the first column and those headed by `words` to the left, numbers to the
    right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = [cell.ljust(width) if not column or table[0][column] in words else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()


def piped(table: Table, numbers: Collection[int] = ()) -> Iterator[str]:
    """The lines of a table of Markdown; columns with these places are aligned to the right."""
    head, *rows = table
    yield f"| {' | '.join(head)} |"
    yield "|" + "".join("---:|" if column in numbers else "---|" for column in range(len(head)))
    for row in rows:
        yield f"| {' | '.join(row)} |"
