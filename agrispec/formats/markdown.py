"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

Table = Sequence[Sequence[str]]
"""Cells by row; the first row are the headings."""


def piped(table: Table, numbers: Collection[int] = ()) -> Iterator[str]:
    """The lines of a table: headings, their rule, a line a row. What separates cells is escaped in them.

    Args:
        numbers: places of the columns that are aligned to the right.

    Source: https://github.github.com/gfm/#tables-extension-
    """
    head, *rows = ([cell.replace("|", "\\|") for cell in row] for row in table)
    yield f"| {' | '.join(head)} |"
    yield "|" + "".join("---:|" if column in numbers else "---|" for column in range(len(head)))
    for row in rows:
        yield f"| {' | '.join(row)} |"
