"""Penalised least squares over the clear looks equal SciPy's answer, series by series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import lstsq

from agrispec.kernels import harmonics

PENALTIES = np.array([1e-6, 0.1, 0.1])


def design(steps):
    angle = 2 * np.pi * (np.arange(steps) + 0.5) / steps
    return np.stack([np.ones(steps), np.cos(angle), np.sin(angle)], axis=1)


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_coefficients_equal_those_of_the_augmented_system(seed, share):
    random = np.random.default_rng(seed)
    values = random.normal(size=(5, 12, 2)).astype(np.float32)
    seen = random.random((5, 12)) < share
    found = harmonics.fit(np.where(seen[..., None], values, np.nan), seen, design(12), PENALTIES)
    for n in range(5):
        # The penalty is as many looks at 0, one a term.
        left = np.concatenate([design(12)[seen[n]], np.diag(np.sqrt(PENALTIES))])
        right = np.concatenate([values[n, seen[n]], np.zeros((3, 2))])
        np.testing.assert_allclose(found[n], lstsq(left, right)[0].T, rtol=2e-5, atol=1e-6)


def test_series_are_fitted_on_their_own_whatever_their_number(monkeypatch):
    random = np.random.default_rng(3)
    values, seen = random.normal(size=(50, 12, 2)).astype(np.float32), random.random((50, 12)) < 0.5
    whole = harmonics.fit(values, seen, design(12), PENALTIES)
    monkeypatch.setattr(harmonics, "_SERIES", 7)
    np.testing.assert_allclose(harmonics.fit(values, seen, design(12), PENALTIES), whole, rtol=1e-5, atol=1e-6)
    assert harmonics.fit(values[:0], seen[:0], design(12), PENALTIES).shape == (0, 2, 3)


def test_a_series_that_was_never_seen_has_no_coefficients():
    nothing = harmonics.fit(np.full((1, 12, 2), np.nan, np.float32), np.zeros((1, 12), bool), design(12), PENALTIES)
    np.testing.assert_array_equal(nothing, 0)


@pytest.mark.parametrize(("seen", "terms", "penalties"), [
    ((2, 11), 12, PENALTIES), ((2, 12), 11, PENALTIES), ((2, 12), 12, PENALTIES[:2]), ((2, 12), 12, [0, 1, 1])])
def test_shapes_that_do_not_belong_together_are_refused(seen, terms, penalties):
    with pytest.raises(ValueError, match="do not belong together"):
        harmonics.fit(np.zeros((2, 12, 1), np.float32), np.ones(seen, bool), design(terms), penalties)
