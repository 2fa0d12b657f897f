"""No cell teaches and is judged, and every sample is judged once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from agrispec_tf.protocols import folds


@st.composite
def placed(draw):
    """Labels (N,) of two or three classes and cells (N,), 5 to 12 of them."""
    cells, classes = draw(st.integers(5, 12)), draw(st.integers(2, 3))
    home = [*range(cells), *draw(st.lists(st.integers(0, cells - 1), min_size=25, max_size=60))]
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=len(home), max_size=len(home)))
    return np.array(labels), np.array([f"c{number:02d}" for number in home])


@given(placed=placed(), seed=st.integers(0, 3))
def test_no_cell_is_on_both_sides_and_every_sample_is_judged_once(placed, seed):
    labels, cells = placed
    judged = np.zeros(len(labels), int)
    for teaching, held_out in folds.of_cells(labels, cells, seed=seed):
        assert not set(cells[teaching]) & set(cells[held_out])
        assert len(teaching) + len(held_out) == len(labels)
        judged[held_out] += 1
    assert (judged == 1).all()


@given(placed=placed())
def test_cells_that_choose_teach_nothing_and_no_class_is_lost(placed):
    labels, cells = placed
    classes = len(np.unique(labels))
    try:
        found = list(folds.choosing(labels, cells, classes))
    except DataError:
        whole = folds.of_cells(labels, cells, seed=1)
        assert all(len(np.unique(labels[learning])) < classes for learning, _ in whole)
        return
    for learning, choosing in found:
        assert not set(cells[learning]) & set(cells[choosing])
        assert len(np.unique(labels[learning])) == classes
        assert len(choosing)


def test_fewer_cells_than_folds_are_refused():
    with pytest.raises(DataError, match="lie in 4 cells, which are not enough for 5 folds of whole cells; label"):
        list(folds.of_cells(np.arange(40) % 2, np.array(["a", "b", "c", "d"] * 10)))


def test_fewer_samples_of_every_class_than_folds_are_refused():
    with pytest.raises(DataError, match="no class has more than 3 samples"):
        list(folds.of_cells(np.arange(6) % 2, np.array(list("abcdef"))))


def test_a_network_with_one_cell_has_none_to_choose_its_epoch_on():
    with pytest.raises(DataError, match="all samples that teach lie in one cell"):
        next(folds.choosing(np.arange(20) % 2, np.array(["a"] * 20), 2))


def test_a_class_that_grows_in_one_cell_of_two_has_nothing_left_to_teach_it():
    labels = np.array([0] * 8 + [1] * 8)
    with pytest.raises(DataError, match="a class loses all samples that could teach it"):
        next(folds.choosing(labels, np.where(labels == 0, "a", "b"), 2))
