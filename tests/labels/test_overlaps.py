"""Overlaps and outlines that stand twice are found, whatever the tree of boxes prunes."""

import itertools

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from labels import overlaps

squares = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)).map(
    lambda box: shapely.box(box[0], box[1], box[0] + box[2], box[1] + box[3]))
rows = st.lists(squares, min_size=0, max_size=12).map(lambda found: np.array(found, dtype=object))


def by_hand(one, other):
    shared = one.intersection(other).area
    if shared <= overlaps.OVERLAP_SHARE * min(one.area, other.area):
        return None
    return shared >= overlaps.SAME_SHARE * one.union(other).area


@given(outlines=rows)
def test_every_pair_is_found_once(outlines):
    found = overlaps.among(outlines)
    expected = {(i, j): by_hand(outlines[i], outlines[j]) for i, j in itertools.combinations(range(len(outlines)), 2)}
    assert dict(zip(zip(found.one.tolist(), found.other.tolist(), strict=True), found.same.tolist(), strict=True)) == {
        pair: same for pair, same in expected.items() if same is not None}
    assert len(set(zip(found.one.tolist(), found.other.tolist(), strict=True))) == len(found.one)


@given(outlines=rows, others=rows)
def test_pairs_between_two_files_are_all_found(outlines, others):
    found = overlaps.between(outlines, others)
    expected = {(i, j): by_hand(one, other) for i, one in enumerate(outlines) for j, other in enumerate(others)}
    assert dict(zip(zip(found.one.tolist(), found.other.tolist(), strict=True), found.same.tolist(), strict=True)) == {
        pair: same for pair, same in expected.items() if same is not None}


def test_neighbours_that_share_an_edge_or_a_sliver_do_not_overlap():
    outlines = np.array([shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10), shapely.box(19.95, 0, 30, 10)])
    assert len(overlaps.among(outlines).one) == 0


def test_an_outline_is_the_same_up_to_rounding_and_wherever_it_begins():
    ring = np.array([(0, 0), (10, 0), (12, 5), (10, 10), (0, 10)]) / 1e4
    again = np.roll(ring, 2, axis=0)[::-1] + 1e-9
    found = overlaps.among(np.array([shapely.Polygon(ring), shapely.Polygon(again)]))
    assert found.same.tolist() == [True]
