"""A cell's fold follows from the place alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import ConfigError, DataError
from agrispec.grid import Cell, cells_in
from agrispec.splits import Split

cells = st.builds(Cell, st.integers(0, 3599), st.integers(0, 1799))


def test_folds_are_the_same_on_every_machine_and_in_every_release():
    found = [Cell.parse(text) for text in ("E0040N0484", "E0041N0484", "E0043N0484", "W0001S0001")]
    assert [Split(seed=72).fold(cell) for cell in found] == ["test", "train", "test", "train"]


@given(st.lists(cells, min_size=1, unique=True), st.integers(0, 99))
def test_more_cells_never_move_a_cell_to_another_fold(found, seed):
    split = Split(validation=0, test=0.5, seed=seed)
    alone = {cell: split.fold(cell) for cell in found}
    try:
        together = split.folds(found)
    except DataError:
        assert len(set(alone.values())) == 1
    else:
        assert together == alone


def test_shares_are_met_over_many_cells():
    found = cells_in((0.0, 40.0, 10.0, 50.0))
    folds = list(map(Split(validation=0.2, test=0.25, seed=3).fold, found))
    assert folds.count("test") / len(found) == pytest.approx(0.25, abs=0.01)
    assert folds.count("validation") / len(found) == pytest.approx(0.2, abs=0.01)


def test_neighbours_do_not_share_a_fold_more_often_than_chance():
    folds = [Split(seed=0).fold(cell) == "test" for cell in cells_in((0.0, 40.0, 20.0, 50.0))]
    both = sum(a and b for a, b in itertools.pairwise(folds)) / (len(folds) - 1)
    assert both == pytest.approx(0.25**2, abs=0.01)


def test_an_empty_fold_is_an_error_that_names_it():
    with pytest.raises(DataError, match="validation|test|train"):
        Split(validation=0.2, test=0.2).folds(cells_in((4.5, 48.7, 4.6, 48.8)))


def test_a_fold_that_is_not_asked_for_may_be_empty():
    found = cells_in((4.5, 48.7, 4.6, 48.8))
    assert Split(validation=0, test=0).folds(found) == {found[0]: "train"}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2), (0.9, 0.2)])
def test_shares_must_leave_something_to_train_on(shares):
    with pytest.raises(ConfigError):
        Split(validation=shares[0], test=shares[1])
