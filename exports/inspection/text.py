"""Lines in columns, and the numbers in them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exports.amounts import counted, size

_NAME = 12
"""Characters of an entry's name."""

_WIDTH = 120
"""Characters of a line that is wrapped."""


def entry(name: str, *lines: str) -> Iterator[str]:
    """What is said of `name`, a line or several, beside it."""
    for number, line in enumerate(lines):
        yield f"{'' if number else name:<{_NAME}}{line}"


def listed(words: Iterable[str]) -> list[str]:
    """Words with commas between them, in as many lines as they take; paths and commands do not belong there."""
    return textwrap.wrap(", ".join(words), _WIDTH - _NAME, break_long_words=False, break_on_hyphens=False)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows under their head, where an entry's lines stand: words from the left, numbers from the right."""
    words = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *words, strict=True)]
    numeric = [all(not row[place][:1].isalpha() for row in words) and place > 0 for place in range(len(head))]
    for row in (head, *words):
        cells = (f"{cell:>{width}}" if right else f"{cell:<{width}}"
                 for cell, width, right in zip(row, widths, numeric, strict=True))
        yield " " * _NAME + "  ".join(cells).rstrip()


def number(value: float) -> str:
    """Four digits that count; "-" for NaN."""
    return "-" if value != value else f"{value:.4g}"


def share(part: float, whole: float) -> str:
    """A part as a percentage of the whole; "-" where there is no whole."""
    return f"{part / whole:.1%}" if whole else "-"


def on_disk(paths: Iterable[Path]) -> str:
    """Number of files and their bytes together."""
    found = list(paths)
    return f"{counted(len(found), 'file')}, {size(sum(path.stat().st_size for path in found))}"
