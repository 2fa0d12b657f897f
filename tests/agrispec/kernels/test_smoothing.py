"""Smoothing equals its twins, and what it promises of lone pixels, borders and gaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agrispec.kernels import smoothing

seeds = st.integers(0, 2**32 - 1)
MISSING = 255


@given(seed=seeds, rows=st.integers(1, 12), columns=st.integers(1, 12), classes=st.integers(1, 5))
def test_the_majority_equals_its_twin_and_a_count_by_hand(seed, rows, columns, classes):
    generator = np.random.default_rng(seed)
    image = generator.integers(0, classes, (rows, columns)).astype(np.uint8)
    image[generator.random(image.shape) < 0.2] = MISSING
    found = smoothing.majority(image, MISSING)
    np.testing.assert_array_equal(found, smoothing.majority_numpy(image, MISSING))
    for row, column in np.ndindex(image.shape):
        around = image[max(row - 1, 0):row + 2, max(column - 1, 0):column + 2].ravel()
        counts = np.bincount(around[around != MISSING], minlength=1)
        expected = image[row, column]
        if expected != MISSING and (counts == counts.max()).sum() == 1:
            expected = counts.argmax()
        assert found[row, column] == expected


def test_a_lone_pixel_goes_and_a_tie_leaves_its_own():
    image = np.zeros((5, 5), np.uint8)
    image[2, 2] = 1
    assert (smoothing.majority(image, MISSING) == 0).all()
    halves = np.array([[0, 1]], np.uint8)
    np.testing.assert_array_equal(smoothing.majority(halves, MISSING), halves)


@given(seed=seeds, rows=st.integers(1, 10), columns=st.integers(1, 10))
def test_bayes_equals_its_twin(seed, rows, columns):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 4, (rows, columns, 3)).astype(np.float32)
    logits[generator.random((rows, columns)) < 0.2] = np.nan
    found = smoothing.bayesian(logits)
    np.testing.assert_allclose(found, smoothing.bayesian_numpy(logits), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(logits))


def test_bayes_is_the_papers_formula_at_a_pixel():
    logits = np.random.default_rng(3).normal(0, 4, (9, 9, 2)).astype(np.float32)
    around = np.sort(logits[1:8, 1:8, 1].astype(float).ravel())[::-1][:25]
    mean, variance = around.mean(), around.var(ddof=1)
    expected = (variance * logits[4, 4, 1] + 10 * mean) / (variance + 10)
    np.testing.assert_allclose(smoothing.bayesian(logits)[4, 4, 1], expected, rtol=1e-5)


def test_bayes_corrects_a_lone_pixel_and_keeps_a_border():
    logits = np.zeros((9, 20, 2), np.float32)
    logits[..., 0], logits[..., 1] = 3, -3
    logits[:, 10:] *= -1
    lone = logits.copy()
    lone[4, 4] *= -0.5
    classes = smoothing.bayesian(lone).argmax(axis=-1)
    np.testing.assert_array_equal(classes, logits.argmax(axis=-1))


def test_a_pixel_alone_in_sight_keeps_its_own():
    logits = np.full((3, 3, 2), np.nan, np.float32)
    logits[1, 1] = 1, -1
    np.testing.assert_array_equal(smoothing.bayesian(logits)[1, 1], [1, -1])
