"""A report as Markdown, its figures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agrispec.formats.markdown import piped
from exports.report.document import (
    SIMULATED,
    Block,
    Bullets,
    Code,
    Document,
    Facts,
    Figure,
    Heading,
    Missing,
    Paragraph,
    Said,
    Table,
    captioned,
)


def markdown(document: Document, folder: str) -> str:
    """The text of a report.

    Args:
        document: the report.
        folder: of its figures, relative to the text.
    """
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle)]
    if document.simulated:
        parts.append(f"> **{SIMULATED}**")
    parts += [_block(block, document.simulated, folder) for block in document.opening]
    for section in document.sections:
        parts.append(f"## {_plain(section.title)}")
        parts += [_block(block, document.simulated, folder) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, simulated: bool, folder: str) -> str:
    match block:
        case Paragraph():
            return _said(block.said)
        case Missing():
            return f"*{_plain(block.what)}* Make it with: {_code(block.command)}"
        case Heading():
            return f"### {_plain(block.text)}"
        case Bullets():
            return "\n".join(f"- {_said(item)}" for item in block.items)
        case Facts():
            return "\n".join(f"- {_plain(name)}: {_said(value)}" for name, value in block.pairs)
        case Table():
            return "\n".join(_table(block))
        case Figure():
            caption = _plain(captioned(block, simulated))
            return f"![{_plain(block.alt)}]({folder}/{block.file})\n\n*{caption}*"


def _table(table: Table) -> Iterator[str]:
    numbers = [place for place, numeric in enumerate(table.numeric) if numeric]
    yield f"*{_plain(table.caption)}*"
    yield ""
    yield from piped([[_plain(cell) for cell in row] for row in (table.head, *table.rows)], numbers)


def _said(said: Said) -> str:
    return "".join(_code(part.text) if isinstance(part, Code) else _plain(part) for part in said)


def _plain(text: str) -> str:
    """Words in which nothing is markup, in one line."""
    return re.sub(r"([\\`*\[\]<>]|&(?=#?\w+;)|(?<!\w)_|_(?!\w))", r"\\\1", re.sub(r"\s+", " ", text))


def _code(text: str) -> str:
    """Code, which no mark of its own may end."""
    mark = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{mark} {text} {mark}" if len(mark) > 1 else f"`{text}`"
