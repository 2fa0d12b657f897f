"""Crops follow each other within a year, each with its months."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import ConfigError
from labels.crop_months import CropColumn, crops

YEAR = [CropColumn(column=str(month), first=month, last=month) for month in (*range(10, 13), *range(1, 10))]


def by_hand(declared, columns):
    """One parcel after the other, one column after the other."""
    found = []
    for parcel, codes in enumerate(declared):
        mine = []
        for place, (code, column) in enumerate(zip(codes, columns, strict=True)):
            follows = mine and mine[-1][3] == place - 1 and mine[-1][0] == code \
                and column.first == mine[-1][2] % 12 + 1
            if code < 0:
                continue
            if follows:
                mine[-1] = (code, mine[-1][1], column.last, place)
            else:
                mine.append((code, column.first, column.last, place))
        found += [(parcel, code, first, last, number, len(mine))
                  for number, (code, first, last, _) in enumerate(mine, start=1)]
    return found


@given(declared=st.lists(st.lists(st.integers(-1, 2), min_size=12, max_size=12), min_size=1, max_size=6))
def test_the_same_code_in_months_on_end_is_one_crop(declared):
    found = crops(np.array(declared), YEAR)
    rows = zip(found.parcel.tolist(), found.code.tolist(), found.first.tolist(), found.last.tolist(),
               found.order.tolist(), found.of.tolist(), strict=True)
    assert list(rows) == by_hand(declared, YEAR)


def test_a_crop_over_the_turn_of_the_year_is_one():
    codes = np.array([[-1, 3, 3, 3, 3, -1, 5, 5, 5, -1, -1, -1]])
    found = crops(codes, YEAR)
    assert (found.code.tolist(), found.first.tolist(), found.last.tolist()) == ([3, 5], [11, 4], [2, 6])


def test_seasons_that_do_not_follow_on_each_other_are_two_crops_of_one_code():
    columns = [CropColumn.parse("A=3-6"), CropColumn.parse("B=9-11")]
    found = crops(np.array([[1, 1], [1, -1], [-1, -1]]), columns)
    assert found.parcel.tolist() == [0, 0, 1]
    assert found.order.tolist() == [1, 2, 1]
    assert found.of.tolist() == [2, 2, 1]


def test_a_column_is_named_with_its_months():
    assert CropColumn.parse("Oct=2019=10") == CropColumn(column="Oct=2019", first=10, last=10)
    assert CropColumn.parse("CROP_2=9-2") == CropColumn(column="CROP_2", first=9, last=2)


@pytest.mark.parametrize("text", ["CROP", "CROP=", "CROP=0", "CROP=13", "CROP=3-13", "=3", "CROP=Mar"])
def test_a_column_without_months_is_refused(text):
    with pytest.raises(ConfigError, match="does not tell which months"):
        CropColumn.parse(text)
