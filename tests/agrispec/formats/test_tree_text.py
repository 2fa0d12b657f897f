"""Trees written as text go the way their arrays go, whatever precision they are read in."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from agrispec.formats import tree_text
from agrispec.kernels.trees import Trees, joined


def one(limit=0.5, value=2, depth=1):
    """A chain of `depth` splits to the right."""
    inner = [True, False] * depth + [False]
    count = len(inner)
    at = np.arange(count)
    return joined([{"inputs": np.where(inner, 0, -1), "limits": np.where(inner, limit, 0.0),
                    "left": np.where(inner, at + 1, -1), "right": np.where(inner, at + 2, -1),
                    "values": np.where(inner, 0, value)}])


def test_a_tree_is_written_as_r_prints_it():
    tree = joined([{"inputs": [0, 1, -1, -1, -1], "limits": [0.25, -1.5, 0, 0, 0], "left": [1, 2, -1, -1, -1],
                    "right": [4, 3, -1, -1, -1], "values": [0, 0, 3, 1, 2]}, {"inputs": [-1], "limits": [0],
                    "left": [-1], "right": [-1], "values": [4]}])
    assert tree_text.write(tree, ["B4", "B8"]) == [
        "1) root 1 0 0\n"
        "  2) B4 <= 0.25 1 0 0\n"
        "    4) B8 <= -1.5 1 0 3 *\n"
        "    5) B8 > -1.5 1 0 1 *\n"
        "  3) B4 > 0.25 1 0 2 *\n",
        "1) root 1 0 4 *\n"]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=True).filter(
    lambda number: abs(number) < 3e38))
def test_a_limit_tells_the_same_single_numbers_apart_in_single_and_in_double_precision(limit):
    text = tree_text.decimal(limit)
    assert "e" not in text.lower()
    assert np.float32(text) == np.float32(limit)
    above = np.nextafter(np.float32(limit), np.float32(np.inf))
    for read in (float(text), float(np.float32(text))):
        assert float(np.float32(limit)) <= read < float(above)
    # Nine digits tell all single numbers apart.
    assert len(Decimal(text).normalize().as_tuple().digits) <= 9


def test_a_limit_is_as_short_as_it_can_be():
    assert [tree_text.decimal(float(np.float32(number))) for number in (0.0, 0.5, 1000.0, 3.0, -2.0)] == [
        "0", "0.5", "1000", "3", "-2"]


@pytest.mark.parametrize("name", ["B 4", "a<b", "", "B4)\n2"])
def test_names_that_would_break_a_line_are_refused(name):
    with pytest.raises(DataError, match="cannot be written"):
        tree_text.write(one(), [name])


def test_trees_that_the_text_cannot_hold_are_refused():
    tree_text.write(one(depth=30), ["B4"])
    for tree, words in ((one(limit=0.1), "single precision"), (one(value=0.5), "say no classes"),
                        (one(depth=31), "more than 30 splits")):
        with pytest.raises(DataError, match=words):
            tree_text.write(tree, ["B4"])


@pytest.mark.parametrize(("name", "value"), [("left", 0), ("right", 3), ("left", -1)])
def test_arrays_that_are_no_trees_are_refused(name, value):
    arrays = {key: array.copy() for key, array in one().arrays().items()}
    arrays[name][0] = value
    with pytest.raises(ValueError, match="child that is none"):
        Trees.from_arrays(arrays)
    with pytest.raises(ValueError, match="do not belong together"):
        Trees.from_arrays({**one().arrays(), "limits": np.zeros(2)})
