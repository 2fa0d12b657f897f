"""Intervals over cells are those of cells drawn one by one."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from agrispec_tf import intervals
from agrispec_tf.metrics import Confusion

RANDOM = np.random.default_rng(1)
LABELS = RANDOM.integers(0, 3, 90)
CELLS = np.array([f"c{number:02d}" for number in np.arange(90) % 9])
GOOD, POOR = (np.where(RANDOM.random((2, 90)) < wrong, (LABELS + 1) % 3, LABELS) for wrong in (0.2, 0.35))


def by_cell(predicted):
    return [intervals.by_cell(LABELS, CELLS, one, 3) for one in predicted]


def drawn_by_hand(predicted, score):
    """The seeds' mean score of the samples, and of 2000 draws of cells, sample by sample."""
    draws = np.random.default_rng(0).multinomial(9, np.full(9, 1 / 9), intervals.DRAWS)
    names = np.unique(CELLS)
    rows = [np.concatenate([np.flatnonzero(name == CELLS) for name, times in zip(names, draw, strict=True)
                            for _ in range(times)]) for draw in draws]
    return np.array([np.mean([score(LABELS[chosen], one[chosen]) for one in predicted])
                     for chosen in (np.arange(90), *rows)])


def macro_f1(truth, predicted):
    return f1_score(truth, predicted, average="macro", labels=np.unique(truth), zero_division=0.0)


@pytest.mark.parametrize(("name", "score"), [("macro_f1", macro_f1), ("accuracy", accuracy_score)])
def test_intervals_are_those_of_cells_drawn_by_hand_and_scored_by_scikit_learn(monkeypatch, name, score):
    monkeypatch.setattr(intervals, "DRAWS", 60)
    ours, theirs = drawn_by_hand(GOOD, score), drawn_by_hand(POOR, score)
    alone, gain = intervals.of(by_cell(GOOD))[name], intervals.differences(by_cell(GOOD), by_cell(POOR))[name]
    for found, expected in ((alone, ours), (gain, ours - theirs)):
        np.testing.assert_allclose(found, (expected[0], *np.quantile(expected[1:], (0.025, 0.975))), atol=1e-12)


def test_counts_by_cell_add_up_to_those_of_all_samples_in_the_order_of_the_cells():
    [first, _] = by_cell(GOOD)
    np.testing.assert_array_equal(first.sum(axis=0), Confusion.of(LABELS, GOOD[0], 3).counts)
    inside = CELLS == "c04"
    np.testing.assert_array_equal(first[4], Confusion.of(LABELS[inside], GOOD[0, inside], 3).counts)


def test_a_method_is_no_better_than_itself_and_a_perfect_one_is():
    perfect, poor = by_cell([LABELS]), by_cell([POOR[0]])
    assert intervals.differences([*poor, *poor], poor)["macro_f1"] == (0.0, 0.0, 0.0)
    gain, low, high = intervals.differences(perfect, poor)["accuracy"]
    assert gain == pytest.approx((POOR[0] != LABELS).mean())
    assert 0 < low < gain < high


def test_scores_of_many_matrices_are_those_of_each():
    counts = np.random.default_rng(0).integers(0, 9, (20, 4, 4))
    counts[:, 2] = 0
    found = intervals._scores(counts)
    np.testing.assert_allclose(found["macro_f1"], [Confusion(one).macro_f1 for one in counts])
    np.testing.assert_allclose(found["accuracy"], [Confusion(one).accuracy for one in counts])
