"""Markdown tables say what their cells say."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agrispec.formats import markdown

cells = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=5).filter(
    lambda cell: "\\" not in cell)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1))


def read(line):
    """The cells of a line: what stands between pipes that no backslash escapes."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@given(table=tables)
def test_what_is_read_between_the_pipes_is_what_was_written(table):
    head, rule, *rows = markdown.piped(table)
    assert [read(head), *map(read, rows)] == table
    assert read(rule) == ["---"] * len(table[0])
