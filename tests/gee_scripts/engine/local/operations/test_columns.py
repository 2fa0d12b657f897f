"""Columns of tables are numbers where their cells are, and nothing is rounded for it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.errors import DataError
from gee_scripts.engine.local.operations.columns import typed


@pytest.mark.parametrize(("texts", "expected"), [
    (["1", "-2", "+3"], [1, -2, 3]),
    (["1.5", ".5", "2.", "3"], [1.5, 0.5, 2.0, 3.0]),
    (["1e5", "2E-1"], [1e5, 0.2]),
    ([" 7 ", "", "  "], [7, None, None]),
    (["", ""], [None, None]),
    (["9007199254740993", "-9223372036854775808"], [2**53 + 1, -(2**63)]),
    (["0", "-0", "0.10"], [0.0, 0.0, 0.1])])
def test_cells_that_are_decimal_numbers_are_numbers(texts, expected):
    found = typed(texts, None, detect=True)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("texts", [
    ["2023_1"], ["1", "2023_1"], ["nan"], ["NaN", "1"], ["inf"], ["-Infinity"], ["1e999"], ["007"], ["-01"],
    ["9223372036854775808"], ["-9223372036854775809"], ["1" * 5000], ["9007199254740993", "0.5"], ["1" * 401, "0.5"],
    ["0x1F"], ["1,5"], ["1 000"], ["\u0661\u0662"], ["\uff11"], ["1d"], ["1e"], ["."], ["+"], ["--5"], ["1.2.3"],
    ["2024-05-01"], [" x ", "1"]])
def test_cells_that_numbers_would_change_are_text(texts):
    assert typed(texts, None, detect=True) == texts


@settings(max_examples=100)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_of_64_bits_come_back(integers):
    assert typed([str(integer) for integer in integers], None, detect=True) == integers


@settings(max_examples=100)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_come_back(floats):
    assert typed([repr(value) for value in floats], None, detect=True) == floats


@settings(max_examples=200)
@given(st.text("0123456789._eE+-naif \u0661"))
def test_whatever_a_cell_says_is_kept_or_blank(text):
    found, = typed([text], None, detect=True)
    if isinstance(found, str):
        assert found == text
    elif found is None:
        assert not text.strip()
    else:
        assert math.isfinite(found)
        assert "_" not in text
        assert found == float(text)


@pytest.mark.parametrize(("kind", "values", "expected"), [
    ("COLUMN_DATA_TYPE_STRING", ["2023_1", "7", " ", ""], ["2023_1", "7", " ", None]),
    ("COLUMN_DATA_TYPE_NUMERIC", ["7", "1e3", "", " "], [7.0, 1000.0, None, None]),
    ("COLUMN_DATA_TYPE_LONG", ["007", "9007199254740993", ""], [7, 2**53 + 1, None]),
    ("COLUMN_DATA_TYPE_LONG", [7.0, True, None], [7, 1, None])])
def test_a_type_that_is_asked_for_is_had(kind, values, expected):
    found = typed(values, kind, detect=True)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(("kind", "value"), [
    ("COLUMN_DATA_TYPE_NUMERIC", "2023_1"), ("COLUMN_DATA_TYPE_NUMERIC", "nan"), ("COLUMN_DATA_TYPE_NUMERIC", "1e999"),
    ("COLUMN_DATA_TYPE_NUMERIC", "x"), ("COLUMN_DATA_TYPE_NUMERIC", [1.0, 2.0]), ("COLUMN_DATA_TYPE_LONG", "2023_1"),
    ("COLUMN_DATA_TYPE_LONG", "7.0"), ("COLUMN_DATA_TYPE_LONG", 7.5), ("COLUMN_DATA_TYPE_LONG", math.inf),
    ("COLUMN_DATA_TYPE_LONG", "9223372036854775808"), ("COLUMN_DATA_TYPE_LONG", "1" * 5000)])
def test_what_is_not_of_the_type_that_is_asked_for_is_refused(kind, value):
    with pytest.raises(DataError, match=f"not of the type {kind}: "):
        typed([value], kind, detect=True)


def test_what_has_a_type_keeps_it():
    assert typed(["7", "", None], None, detect=False) == ["7", None, None]
    assert typed([1, 2.5, True, [1.0]], None, detect=False) == [1, 2.5, True, [1.0]]
    assert typed([2**63, None], None, detect=False) == [str(2**63), None]
