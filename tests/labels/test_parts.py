"""Parcels whose boxes overlap meet in a part, and each parcel is at home in one."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import parts
from labels.parts import Parts

boxes = st.tuples(st.floats(-180, 179.5), st.floats(-90, 89.5), st.floats(0, 0.5), st.floats(0, 0.5)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))
near = st.tuples(st.floats(4, 4.4), st.floats(-0.2, 0.2), st.floats(0, 0.3), st.floats(0, 0.3)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))


@given(bounds=st.lists(boxes | near, min_size=1, max_size=12).map(np.array), number=st.integers(1, 9))
def test_boxes_that_overlap_are_in_one_part_together(bounds, number):
    row, part, home = parts._placed(bounds, number)
    of = [set(part[row == each].tolist()) for each in range(len(bounds))]
    for i, one in enumerate(bounds):
        for j, other in enumerate(bounds):
            if (one[:2] <= other[2:]).all() and (other[:2] <= one[2:]).all():
                assert of[i] & of[j]
    assert np.bincount(row[home], minlength=len(bounds)).tolist() == [1] * len(bounds)
    assert len(set(zip(row.tolist(), part.tolist(), strict=True))) == len(row)


@given(bounds=st.lists(near, min_size=1, max_size=12).map(np.array), number=st.integers(1, 5), cut=st.integers(1, 12))
def test_every_row_comes_back_once_whatever_batches_it_came_in(bounds, number, cut, tmp_path_factory):
    kept = Parts(tmp_path_factory.mktemp("parts"), number, pa.schema([("row", pa.int64()), ("text", pa.string())]))
    numbers = np.arange(len(bounds))
    with kept:
        for start in range(0, len(bounds), cut):
            rows = numbers[start:start + cut]
            kept.add(pa.table({"row": rows, "text": rows.astype(str)}), bounds[start:start + cut])
    back = pa.concat_tables(kept.home()).to_pydict()
    assert sorted(back["row"]) == numbers.tolist()
    assert back["text"] == [str(row) for row in back["row"]]
    assert set(back) == {"row", "text"}


def test_a_box_around_the_world_is_in_every_part():
    _, part, home = parts._placed(np.array([[-180.0, -90.0, 180.0, 90.0]]), 7)
    assert sorted(part.tolist()) == list(range(7))
    assert home.sum() == 1


def test_parts_are_alike_in_size_where_parcels_are_many():
    rng = np.random.default_rng(0)
    corner = rng.uniform([0, 45], [3, 48], (200_000, 2))
    part = parts._placed(np.hstack([corner, corner + 0.001]), 20)[1]
    assert np.bincount(part, minlength=20).max() < 1.3 * 200_000 / 20


@pytest.mark.parametrize(("rows", "number"), [(0, 1), (1, 1), (65536, 1), (65537, 2), (5_000_000, 77), (10**9, 100)])
def test_a_part_holds_about_so_many_rows(rows, number):
    assert parts.number_for(rows) == number
