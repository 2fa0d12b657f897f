"""A table knows which of its columns are numbers."""

import pytest

from exports.report.document import Table


@pytest.mark.parametrize(("cells", "numeric"), [
    (("1", "2,000"), True), (("-", "0.5"), True), (("12.3 to 15.7", "-"), True), (("3,714 series", "1 patch"), True),
    (("98.4% (95.4% to 100.0%)",), True), (("2026-11-29 11:33:56",), True), (("+0.1", "-0.2"), True),
    (("436ecaa383b84f0e", "0123"), False), (("7a",), False), (("", "1"), False), (("winter wheat",), False),
    (("-x",), False)])
def test_numbers_are_told_from_words_and_digests(cells, numeric):
    table = Table(caption="", head=("name", "value"), rows=tuple(("1", cell) for cell in cells))
    assert table.numeric == (False, numeric)
