"""Counts and bytes are said as one reads them."""

import pytest

from exports import amounts


@pytest.mark.parametrize(("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"),
                                             (999_499, "999.5 kB"), (999_500, "1.0 MB"), (3_731_257, "3.7 MB"),
                                             (2 * 10**12, "2.0 TB")])
def test_bytes_are_said_in_the_unit_that_fits(count, said):
    assert amounts.size(count) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 files"), (1, "1 file"), (2000, "2,000 files")])
def test_one_of_a_thing_has_no_s(count, said):
    assert amounts.counted(count, "file") == said
