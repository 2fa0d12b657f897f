"""The class mix of a season is found from predictions, and corrected by what is added to logits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import norm

from agrispec_tf.adaptation import prior_shift

CENTRES = np.array([-2.0, 0.0, 2.5])


def posteriors(values, shares):
    """Of Gaussian classes, exactly."""
    joint = norm.pdf(np.asarray(values)[:, None], CENTRES) * shares
    return joint / joint.sum(axis=1, keepdims=True)


@given(mix=st.tuples(*[st.floats(0.05, 1)] * 3), learnt=st.tuples(*[st.floats(0.1, 1)] * 3), seed=st.integers(0, 99))
def test_a_known_mix_is_recovered_from_exact_posteriors_of_another_one(mix, learnt, seed):
    true, prior = (np.array(one) / np.sum(one) for one in (mix, learnt))
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, 4000, p=true)
    values = generator.normal(CENTRES[labels])
    found = prior_shift.found(posteriors(values, prior), prior)
    np.testing.assert_allclose(found, true, atol=0.05)


def test_the_mix_that_is_found_is_the_likeliest_of_all():
    generator = np.random.default_rng(1)
    values = generator.normal(CENTRES[generator.choice(3, 500, p=[0.7, 0.2, 0.1])])
    prior = np.full(3, 1 / 3)
    likely = posteriors(values, prior)
    found = prior_shift.found(likely, prior)

    def likelihood(shares):
        return np.log(likely / prior @ shares).mean()
    others = generator.dirichlet([1, 1, 1], 2000)
    assert likelihood(found) >= max(map(likelihood, others)) - 1e-9


def test_predictions_that_tell_nothing_leave_the_mix_of_the_training():
    prior = np.array([0.6, 0.3, 0.1])
    np.testing.assert_allclose(prior_shift.found(np.tile(prior, (50, 1)), prior), prior)
    np.testing.assert_allclose(prior_shift.found(np.empty((0, 3)), prior), prior)


def test_a_class_that_nothing_speaks_for_is_not_found():
    certain = np.eye(3)[[0, 1, 0, 1, 1]]
    np.testing.assert_allclose(prior_shift.found(certain, np.full(3, 1 / 3)), [0.4, 0.6, 0.0])


def test_logits_with_the_offset_are_posteriors_under_the_new_mix():
    prior, shares = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    values = np.linspace(-4, 4, 31)
    logits = np.log(posteriors(values, prior))
    found = softmax(logits + prior_shift.offset(shares, prior), axis=1)
    np.testing.assert_allclose(found, posteriors(values, shares), atol=1e-12)


def test_a_class_that_is_absent_stays_possible():
    corrected = log_softmax(prior_shift.offset(np.array([1.0, 0.0]), np.array([0.5, 0.5])))
    assert np.isfinite(corrected).all()
    assert corrected[1] < -5
