"""The rule of review, and what it leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from agrispec_tf.triage import Standing, confident, ranking


def test_a_prediction_stands_from_a_probability_of_0_65():
    probability = np.array([0.0, 0.6499, 0.65, 0.66, 1.0], np.float32)
    np.testing.assert_array_equal(confident(probability, 0.65), [False, False, True, True, True])


def test_another_threshold_moves_the_line():
    np.testing.assert_array_equal(confident(np.array([0.5, 0.9], np.float32), 0.4), [True, True])


def drawn(count, seed=0):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.ones(3), count).astype(np.float32), generator.integers(0, 3, count)


@given(count=st.integers(0, 50), seed=st.integers(0, 99), threshold=st.floats(0, 1))
def test_precision_and_coverage_are_those_of_a_loop_over_samples(count, seed, threshold):
    found, labels = drawn(count, seed)
    stands = [(row.argmax() == label) for row, label in zip(found, labels, strict=True)
              if row.max() >= np.float32(threshold)]
    ours = Standing.of(found, labels, threshold)
    assert ours.precision == pytest.approx(sum(stands) / len(stands) if stands else 0)
    assert ours.coverage == pytest.approx(len(stands) / count if count else 0)


@given(cut=st.integers(0, 30), seed=st.integers(0, 99))
def test_counts_of_two_shards_add_up_to_those_of_both(cut, seed):
    found, labels = drawn(30, seed)
    assert Standing.of(found, labels, 0.65) == (
        Standing.of(found[:cut], labels[:cut], 0.65) + Standing.of(found[cut:], labels[cut:], 0.65))


def test_counts_of_two_thresholds_do_not_add_up():
    with pytest.raises(ValueError, match=r"0\.65 and 0\.7 do not add up"):
        Standing.of(*drawn(3), 0.65) + Standing.of(*drawn(3), 0.7)


@pytest.mark.parametrize(("right", "standing"), [(0, 0), (0, 7), (7, 7), (61, 70)])
def test_precision_and_queue_have_scipys_exact_intervals(right, standing):
    ours = Standing(threshold=0.65, samples=100, standing=standing, right=right)
    expected = binomtest(right, standing).proportion_ci(0.95, "exact") if standing else (0, 1)
    np.testing.assert_allclose(ours.precision_interval, expected, atol=1e-9)
    low, high = binomtest(100 - standing, 100).proportion_ci(0.95, "exact")
    assert ours.queue(10_000) == (100 * (100 - standing), round(low * 10_000), round(high * 10_000))


def test_without_samples_every_prediction_waits():
    assert Standing.of(*drawn(0), 0.65).queue(500) == (500, 0, 500)


@given(count=st.integers(0, 40), seed=st.integers(0, 99))
def test_a_ranking_is_that_of_a_loop_over_predictions(count, seed):
    generator = np.random.default_rng(seed)
    uncertainty, area = generator.random(count).round(1), generator.integers(1, 4, count).astype(float)
    kind = generator.integers(0, 2, (count, 3))
    order, scores = ranking(uncertainty, area, kind)
    assert sorted(order.tolist()) == list(range(count))
    assert (np.diff(scores) <= 0).all()
    seen: dict[tuple[int, ...], int] = {}
    expected = np.empty(count)
    for number in sorted(range(count), key=lambda each: -uncertainty[each] * area[each]):
        seen[tuple(kind[number])] = seen.get(tuple(kind[number]), 0) + 1
        expected[number] = uncertainty[number] * area[number] / seen[tuple(kind[number])]
    np.testing.assert_allclose(scores, expected[order])


def test_what_is_alone_of_its_kind_goes_before_repeats_and_larger_before_smaller():
    kind = np.array([[0, 1], [0, 1], [0, 1], [2, 1]])
    order, scores = ranking(np.full(4, 0.5), np.array([4.0, 3.0, 2.0, 2.0]), kind)
    np.testing.assert_array_equal(order, [0, 3, 1, 2])
    np.testing.assert_allclose(scores, [2, 1, 0.75, 1 / 3])
