"""Sets hold the true class as often as exchangeable samples promise, to the exact distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from agrispec_tf import conformal
from agrispec_tf.conformal import Coverage


def drawn(count, seed, classes=4):
    """Probabilities and classes; the probabilities are not those that the classes are drawn with."""
    generator = np.random.default_rng(seed)
    found = generator.dirichlet(np.full(classes, 0.5), count)
    logs = np.log(found) / 2 + generator.gumbel(0, 1, found.shape)
    return found.astype(np.float32), logs.argmax(axis=1)


@given(count=st.integers(0, 60), seed=st.integers(0, 99), coverage=st.sampled_from([0.5, 0.75, 0.9, 0.95]))
def test_the_threshold_is_the_quantile_of_the_scores_by_its_definition(count, seed, coverage):
    found, labels = drawn(count, seed)
    # Angelopoulos and Bates 2021, https://arxiv.org/abs/2107.07511, section 1: scores s = 1 - p of the true class.
    scores = sorted(1 - found[number, labels[number]].astype(float) for number in range(count))
    rank = next(k for k in range(1, count + 2) if k >= (count + 1) * coverage - 1e-9)
    others, _ = drawn(50, seed + 1)
    highest = scores[rank - 1] if rank <= count else 1.0
    expected = 1 - others.astype(float) <= highest
    np.testing.assert_array_equal(conformal.sets(others, conformal.threshold(found, labels, coverage)), expected)


@pytest.mark.parametrize(("count", "rank"), [(9, 1), (99, 10), (500, 50)])
def test_coverage_of_exchangeable_samples_is_beta_binomial(count, rank):
    new, repeats = 300, 400
    covered = []
    for seed in range(repeats):
        found, labels = drawn(count + new, seed)
        least = conformal.threshold(found[:count], labels[:count])
        covered.append(int(Coverage.of(conformal.sets(found[count:], least), labels[count:]).covered.sum()))
    exact = betabinom(new, count + 1 - rank, rank)
    assert exact.mean() / new >= 0.9 - 1e-12
    spread = exact.std() / np.sqrt(repeats)
    assert np.mean(covered) == pytest.approx(exact.mean(), abs=4 * spread)
    shares = [np.mean(np.array(covered) <= exact.ppf(level)) for level in (0.05, 0.5, 0.95)]
    np.testing.assert_allclose(shares, exact.cdf([exact.ppf(level) for level in (0.05, 0.5, 0.95)]), atol=0.09)


@pytest.mark.parametrize("count", [0, 1, 8])
def test_samples_too_few_for_a_promise_put_every_class_in_every_set(count):
    assert conformal.sets(np.float32([[1, 0]]), conformal.threshold(*drawn(count, 0))).all()


def test_coverage_and_sizes_are_counted_by_class():
    found = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1]], bool)
    counts = Coverage.of(found, np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(counts.by_class, [0.5, 0.5, 0])
    np.testing.assert_array_equal(counts.sizes, [1, 1, 2, 0])
    assert (counts.coverage, counts.mean_size) == (0.5, 1.25)
    assert counts.table(("wheat", "maize", "beet")) == {
        "coverage": 0.5, "mean_size": 1.25, "sets_by_size": [1, 1, 2, 0], "by_class": {"wheat": 0.5, "maize": 0.5}}


@given(seed=st.integers(0, 99), cut=st.integers(0, 40), least=st.floats(0, 1))
def test_counts_of_two_shards_add_up_to_those_of_both(seed, cut, least):
    found, labels = drawn(40, seed)
    sets = conformal.sets(found, least)
    together, added = Coverage.of(sets, labels), Coverage.of(sets[:cut], labels[:cut]) + Coverage.of(
        sets[cut:], labels[cut:])
    for name in ("support", "covered", "sizes"):
        np.testing.assert_array_equal(getattr(added, name), getattr(together, name))


def test_no_samples_cover_nothing():
    counts = Coverage.of(np.empty((0, 3), bool), np.array([], int))
    assert (counts.coverage, counts.mean_size) == (0, 0)
