"""What a report says, before it is a page of some format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

_NUMBER = re.compile(r"-$|[+-]?\d[\d,.]*(?!\w)")
"""A cell that holds nothing or begins with a number, which a digest does not."""


@dataclass(frozen=True, slots=True)
class Code:
    """A command, a path or a key, to be shown as it is typed."""

    text: str


Said: TypeAlias = "tuple[str | Code, ...]"
"""Words, some of them code. Nothing in them is markup: `<b>` stands for itself."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences.

    Attributes:
        said: the words.
        quiet: smaller, for what explains; else for what tells.
    """

    said: Said
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not there, and the command that makes it.

    Attributes:
        what: is not there, as a sentence.
        command: that makes it, as it is typed.
    """

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """Short statements that stand beside each other."""

    items: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what they are.

    Attributes:
        pairs: (name, value).
        large: few numbers that matter most, to be seen first.
    """

    pairs: tuple[tuple[str, Said], ...]
    large: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under their heads; a column in which every cell is a number, or "-", is set to the right.

    Attributes:
        caption: what the rows are.
        head: C names of columns.
        rows: of C cells each.
        shades: by (row, column), 0 to 1, how strongly a cell stands out, by colour, beside what it says.
        colours: `#rrggbb` of the rows' first cells, as legends have them; empty for none.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shades: tuple[tuple[float, ...], ...] = ()
    colours: tuple[str, ...] = ()

    @property
    def numeric(self) -> tuple[bool, ...]:
        """(C,) which columns hold numbers; the first never does, for it names the row."""
        return tuple(place > 0 and all(_NUMBER.match(row[place]) for row in self.rows)
                     for place in range(len(self.head)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture.

    Attributes:
        name: of its file, without suffix.
        content: an SVG element, or the bytes of a PNG.
        alt: what it shows, for those who do not see it.
        caption: what it is, and what to look at.
    """

    name: str
    content: str | bytes
    alt: str
    caption: str

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.{'png' if isinstance(self.content, bytes) else 'svg'}"


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a part of a section."""

    text: str


Block: TypeAlias = "Paragraph | Missing | Bullets | Facts | Table | Figure | Heading"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report under a title.

    Attributes:
        id: what links to it use, lower-case letters.
        title: a short phrase.
        blocks: in their order.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report.

    Attributes:
        title: of the run.
        subtitle: what it is, in a sentence.
        simulated: whether its scenes were, which every page and figure says.
        opening: before the first section.
        sections: in their order.
    """

    title: str
    subtitle: str
    simulated: bool
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]


SIMULATED = "Simulated: made of simulated scenes. No number here is a statement about real fields."
"""What a report of simulated scenes says first."""


def captioned(figure: Figure, simulated: bool) -> str:
    """A figure's caption, which says where its data are simulated."""
    return f"{figure.caption} Simulated data." if simulated else figure.caption
