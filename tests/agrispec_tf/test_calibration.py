"""A known temperature is found again, classes stay, and the calibration error is what a loop over bins finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import log_softmax, softmax

from agrispec_tf import calibration
from agrispec_tf.calibration import Reliability

probability = st.floats(0, 1, width=32)
rows = arrays.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(2, 6)), elements=probability).map(
    lambda values: (values + np.float32(1e-9)) / (values + np.float32(1e-9)).sum(axis=1, keepdims=True))
temperatures = st.floats(calibration.LOWEST, calibration.HIGHEST)


def drawn(logits, seed=0):
    """A class of each row of logits, drawn as likely as they say."""
    cumulative = softmax(logits, axis=1).cumsum(axis=1)
    return (np.random.default_rng(seed).random((len(logits), 1)) > cumulative[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("known", [0.3, 0.8, 1.0, 1.7, 4.0])
def test_the_temperature_that_labels_were_drawn_with_is_found(known):
    logits = np.random.default_rng(1).normal(0, 2, (40_000, 5))
    labels = drawn(logits)
    assert calibration.temperature(softmax(known * logits, axis=1), labels) == pytest.approx(known, rel=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_no_temperature_of_a_grid_makes_the_labels_likelier(seed):
    logits = np.random.default_rng(seed).normal(0, 3, (60, 4))
    labels = drawn(logits / 2, seed)

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(60), labels].mean()

    ours = calibration.temperature(softmax(logits, axis=1), labels)
    assert loss(ours) <= min(map(loss, np.geomspace(calibration.LOWEST, calibration.HIGHEST, 400))) + 1e-6


@given(found=rows, temperature=temperatures, pseudocount=st.sampled_from([calibration.TINY, calibration.VOTES]))
def test_a_temperature_leaves_the_likeliest_class_and_sums_of_one(found, temperature, pseudocount):
    changed = calibration.tempered(found, temperature, pseudocount)
    np.testing.assert_array_equal(changed.argmax(axis=1), found.argmax(axis=1))
    np.testing.assert_allclose(changed.sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(changed).all()


def test_classes_that_a_temperature_makes_equal_stay_in_order():
    found = np.float32([[0.45, np.nextafter(np.float32(0.45), np.float32(1)), 0.1]])
    assert calibration.tempered(found, 20.0).argmax() == 1


@given(found=rows, temperature=temperatures, pseudocount=st.sampled_from([calibration.TINY, calibration.VOTES]))
def test_tempered_probabilities_are_the_softmax_of_divided_logarithms(found, temperature, pseudocount):
    expected = softmax(np.log(found.astype(float) + pseudocount) / temperature, axis=1)
    np.testing.assert_allclose(calibration.tempered(found, temperature, pseudocount), expected, atol=1e-6)


def test_a_true_class_that_nobody_voted_for_cannot_ruin_the_rest():
    votes = np.tile(np.float32([0.9, 0.1, 0.0]), (100, 1))
    labels = np.repeat([0, 1, 2], (90, 9, 1))
    assert 0.7 < calibration.temperature(votes, labels, calibration.VOTES) < 1.5
    assert calibration.temperature(votes, labels) > 3, "one sample of a hundred would set the temperature"


def test_what_is_never_wrong_or_is_nothing_stays_as_it_is():
    found = np.float32([[0.6, 0.4], [0.3, 0.7]])
    assert calibration.temperature(found, np.array([0, 1])) == 1
    assert calibration.temperature(found[:0], np.array([], int)) == 1


def test_what_is_always_wrong_gets_the_highest_temperature():
    found = np.float32([[0.9, 0.1], [0.2, 0.8]])
    assert calibration.temperature(found, np.array([1, 0])) == pytest.approx(calibration.HIGHEST, rel=1e-3)


def slow_ece(found, labels, bins):
    """The definition, one bin after the other."""
    confidence, right = found.max(axis=1).astype(float), found.argmax(axis=1) == labels
    error = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


@given(found=rows, bins=st.sampled_from([1, 7, 15]), seed=st.integers(0, 9))
def test_the_calibration_error_is_that_of_a_loop_over_bins(found, bins, seed):
    labels = np.random.default_rng(seed).integers(0, found.shape[1], len(found))
    found = np.minimum(found, np.float32(1))
    ours = Reliability.of(found, labels, bins)
    assert ours.ece == pytest.approx(slow_ece(found, labels, bins), abs=1e-9)
    assert ours.counts.sum() == len(found)


@given(one=rows, other=rows, seed=st.integers(0, 9))
def test_counts_of_two_shards_add_up_to_those_of_both(one, other, seed):
    other = np.resize(other, (len(other), one.shape[1]))
    labels = np.random.default_rng(seed).integers(0, one.shape[1], len(one) + len(other))
    together = Reliability.of(np.concatenate([one, other]), labels)
    added = Reliability.of(one, labels[:len(one)]) + Reliability.of(other, labels[len(one):])
    for name in ("counts", "confidence", "hits"):
        np.testing.assert_allclose(getattr(added, name), getattr(together, name))


def test_a_curve_gives_the_bins_that_hold_samples():
    found = np.float32([[0.9, 0.1], [0.92, 0.08], [0.45, 0.55]])
    confidence, accuracy, samples = Reliability.of(found, np.array([0, 1, 1]), 10).curve
    np.testing.assert_allclose(confidence, [0.55, 0.9, 0.92], rtol=1e-6)
    np.testing.assert_array_equal(accuracy, [1, 1, 0])
    np.testing.assert_array_equal(samples, [1, 1, 1])


def test_a_confidence_on_the_edge_of_two_bins_is_in_the_lower_one():
    found = np.float32([[0.5, 0.5], [1, 0]])
    np.testing.assert_array_equal(Reliability.of(found, np.array([0, 0]), 2).counts, [1, 1])
    np.testing.assert_array_equal(Reliability.of(found, np.array([0, 0]), 4).counts, [0, 1, 0, 1])


def test_no_samples_have_no_error():
    assert Reliability.of(np.empty((0, 3), np.float32), np.array([], int)).ece == 0
