"""Scores equal scikit-learn's, and counts of shards add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as sklearn

from agrispec_tf.metrics import Confusion, interval_of_share

C = 5
pairs = st.lists(st.tuples(st.integers(0, C - 1), st.integers(0, C - 1)), min_size=1, max_size=60).map(np.array)


def counted(found: np.ndarray) -> Confusion:
    return Confusion.of(found[:, 0], found[:, 1], C)


@given(found=pairs)
def test_scores_equal_scikit_learns(found):
    truth, predicted = found.T
    score = counted(found)
    labels = np.arange(C)
    np.testing.assert_array_equal(score.counts, sklearn.confusion_matrix(truth, predicted, labels=labels))
    precision, recall, f1, support = sklearn.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0)
    np.testing.assert_allclose(score.precision, precision)
    np.testing.assert_allclose(score.recall, recall)
    np.testing.assert_allclose(score.f1, f1)
    np.testing.assert_array_equal(score.support, support)
    assert score.accuracy == pytest.approx(sklearn.accuracy_score(truth, predicted))
    present = np.unique(truth)
    assert score.macro_f1 == pytest.approx(
        sklearn.f1_score(truth, predicted, labels=present, average="macro", zero_division=0))
    assert score.weighted_f1 == pytest.approx(
        sklearn.f1_score(truth, predicted, labels=labels, average="weighted", zero_division=0))


@given(one=pairs, other=pairs)
def test_counts_of_two_shards_add_up_to_those_of_both(one, other):
    together = counted(np.concatenate([one, other]))
    np.testing.assert_array_equal((counted(one) + counted(other)).counts, together.counts)


def test_a_class_absent_from_the_truth_does_not_enter_the_macro_f1():
    score = Confusion.of(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 4]), C)
    assert score.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_no_samples_score_nothing():
    score = Confusion.of(np.array([], int), np.array([], int), C)
    assert (score.accuracy, score.macro_f1, score.weighted_f1) == (0, 0, 0)


@pytest.mark.parametrize("number", [-1, C])
def test_a_number_that_is_no_class_is_refused(number):
    with pytest.raises(ValueError, match="are not 0"):
        Confusion.of(np.array([number]), np.array([0]), C)


@given(counts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=5))
def test_intervals_of_shares_are_scipys_exact_ones(counts):
    hits, trials = np.array([(hit, hit + miss) for hit, miss in counts]).T
    low, high = interval_of_share(hits, trials)
    for number, (hit, trial) in enumerate(zip(hits, trials, strict=True)):
        expected = binomtest(hit, trial).proportion_ci(0.95, "exact") if trial else (0, 1)
        np.testing.assert_allclose((low[number], high[number]), expected, atol=1e-9)
