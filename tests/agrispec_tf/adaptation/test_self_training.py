"""A network teaches itself a season that runs ahead; what it is not sure of teaches nothing."""

import numpy as np
import pytest

from agrispec_tf.adaptation import self_training
from agrispec_tf.adaptation.rounds import Course

HOW = Course(rounds=8, updates=8, batch=16, learning_rate=1e-3)


@pytest.fixture(scope="module")
def early(grown):
    return grown(240, seed=5, place="T", delay=-20 / (23 * 16))


@pytest.fixture(scope="module")
def taught(knowing, source, early):
    return self_training.fit(knowing, source[0], early.series, how=HOW, seed=0)


def right(classifier, samples):
    return (classifier.probabilities(samples.series).argmax(axis=1) == samples.labels).mean()


def test_a_season_that_runs_ahead_is_learnt_without_a_label(knowing, taught, early):
    assert right(taught, early) > right(knowing, early) + 0.05
    assert right(taught, early) > 0.95


def test_the_shift_is_found_and_written_down(taught):
    made = taught.training["adaptation"]["self-training"]
    assert made["shift_days"] == pytest.approx(20, abs=2)
    assert made["target_series"] == 240
    assert len(made["sure"]) == 8


def test_a_teacher_that_is_never_sure_labels_nothing(knowing, source, early):
    mostly = early.take((early.labels == 0) | (np.arange(240) % 4 == 1))
    found = self_training.fit(knowing, source[0], mostly.series, how=HOW, seed=0, threshold=1.1)
    made = found.training["adaptation"]["self-training"]
    assert made["sure"] == [0.0] * 8
    np.testing.assert_allclose(made["learnt_shares"], 1 / 3, atol=0.05)


def test_what_is_learnt_follows_from_the_seed_to_the_bit(knowing, source, early):
    one, other = (self_training.fit(knowing, source[0], early.series, how=Course(rounds=2, updates=2, batch=8), seed=7)
                  for _ in range(2))
    for ours, theirs in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_network_that_begins_to_teach_keeps_its_weights(knowing, source, early):
    before = [np.array(weight) for weight in knowing.model.get_weights()]
    self_training.fit(knowing, source[0], early.series, how=Course(rounds=1, updates=2, batch=8), seed=7)
    for kept, now in zip(before, knowing.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    assert "adaptation" not in knowing.training


def test_what_was_learnt_is_half_the_source_and_what_the_teacher_was_sure_of(taught, knowing, source, early):
    shares = taught.training["adaptation"]["self-training"]["learnt_shares"]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.05)
    mostly = early.take((early.labels == 0) | (np.arange(240) % 4 == 1))
    found = self_training.fit(knowing, source[0], mostly.series, how=HOW, seed=0)
    assert found.training["adaptation"]["self-training"]["learnt_shares"][0] > 0.45
