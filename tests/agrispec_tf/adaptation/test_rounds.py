"""Rounds are halves of source and target; classes come alike, whatever their number; all follows from the seed."""

import numpy as np
import pytest

from agrispec.errors import ConfigError
from agrispec_tf.adaptation import rounds
from agrispec_tf.adaptation.rounds import Course

HOW = Course(rounds=2, updates=3, batch=8)


@pytest.fixture(scope="module")
def target(grown):
    return grown(50, seed=5, place="T").series


def test_each_batch_is_half_source_and_half_target(knowing, source, target):
    drawn = rounds.drawn(knowing, source[0], target, HOW, 0, 0)
    halves = drawn.source.reshape(3, 2, 8)
    assert halves[:, 0].all()
    assert not halves[:, 1].any()
    shown = drawn.inputs.reshape(3, 2, 8, *drawn.inputs.shape[1:])
    expected = knowing.options.inputs(knowing.preparation.apply(target.take(drawn.series)))
    np.testing.assert_array_equal(shown[:, 1].reshape(expected.shape), expected)


def test_labels_are_those_of_the_series_that_are_shown(knowing, source, target):
    drawn = rounds.drawn(knowing, source[0], target, HOW, 0, 0)
    prepared = knowing.options.inputs(knowing.preparation.apply(source[0].series))
    for shown, label in zip(drawn.inputs[drawn.source], drawn.labels[drawn.source], strict=True):
        same = (prepared == shown).all(axis=(1, 2))
        assert set(source[0].labels[same]) == {label}


def test_rare_classes_are_drawn_as_often_as_frequent_ones(knowing, source, target):
    training = source[0]
    rare = training.take((training.labels != 2) | (np.arange(len(training)) < 6))
    drawn = rounds.drawn(knowing, rare, target, Course(updates=100, batch=30), 0, 0)
    shares = np.bincount(drawn.labels[drawn.source]) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.03)


def test_every_series_of_the_target_comes_before_one_comes_again(knowing, source, target):
    drawn = rounds.drawn(knowing, source[0], target, Course(updates=10, batch=10), 0, 0)
    assert np.bincount(drawn.series, minlength=50).tolist() == [2] * 50


def test_a_round_follows_from_its_number_and_the_seed(knowing, source, target):
    first, again, other = (rounds.drawn(knowing, source[0], target, HOW, 3, number) for number in (1, 1, 0))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert (first.series != other.series).any()


def test_source_samples_are_moved_to_a_calendar_that_runs_ahead(knowing, source, target):
    here, ahead = (rounds.drawn(knowing, source[0], target, HOW, 0, 0, days) for days in (0.0, 16.0))
    np.testing.assert_array_equal(here.inputs[~here.source], ahead.inputs[~ahead.source])
    one, other = (drawn.inputs[drawn.source] for drawn in (here, ahead))
    # A step of 16 days: what was shown at a step is shown at the one before; gaps are filled within what is shown.
    assert np.median(np.abs(other[:, 1:-2] - one[:, 2:-1])) < 1e-6


def test_a_course_that_adapts_nothing_is_refused():
    with pytest.raises(ConfigError, match="adapt nothing"):
        Course(rounds=0)
