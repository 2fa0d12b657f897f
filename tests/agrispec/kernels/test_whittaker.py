import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solveh_banded

from agrispec.kernels.whittaker import smooth, smooth_numpy


def series(seed, clear=0.5, count=12, steps=43, features=4):
    """Noisy series of reflectance with weights 0 ... 3, at least two of them positive."""
    rng = np.random.default_rng(seed)
    values = rng.random((count, steps, features)).astype(np.float32)
    weights = np.where(rng.random((count, steps)) < clear, rng.integers(1, 4, (count, steps)), 0)
    weights[:, [1, -2]] = 1
    return values, weights.astype(np.float32)


def penalty(steps, lam):
    second = np.diff(np.eye(steps), 2, axis=0)
    return lam * second.T @ second


def scipy_smooth(values, weights, lam):
    """The same system in SciPy's banded Cholesky, one series at a time."""
    steps = values.shape[1]
    rough = penalty(steps, lam)
    banded = np.zeros((3, steps))
    for k in range(3):
        banded[2 - k, k:] = np.diagonal(rough, k)
    expected = np.empty(values.shape)
    for n, weight in enumerate(weights.astype(float)):
        system = banded.copy()
        system[2] += weight
        expected[n] = solveh_banded(system, weight[:, None] * values[n])
    return expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.sampled_from([4, 5, 23, 43, 73]), power=st.integers(-2, 4))
def test_smoothing_equals_scipy_in_double_precision(seed, steps, power):
    values, weights = series(seed, steps=steps)
    expected = scipy_smooth(values, weights, 10.0**power)
    np.testing.assert_allclose(smooth(values, weights, 10.0**power), expected, rtol=1e-5, atol=1e-5)


def test_three_steps_are_enough():
    values, weights = series(1, steps=3)
    expected = np.linalg.solve(np.diag(weights[0].astype(float)) + penalty(3, 2.0), weights[0, :, None] * values[0])
    np.testing.assert_allclose(smooth(values, weights, 2.0)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("support", [0, 1, 2, 20])
def test_kernel_and_twin_smooth_equally(support):
    values, weights = series(2)
    weights[:] = 0
    weights[:, 3:3 + support] = 1.5
    rough = penalty(43, 7.0)
    twin = smooth_numpy(values, weights, np.diagonal(rough), np.diagonal(rough, 1), 7.0)
    np.testing.assert_allclose(smooth(values, weights, 7.0), twin, rtol=1e-6, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(slope=st.floats(-1, 1), level=st.floats(-1, 1), power=st.integers(-2, 4))
def test_a_straight_line_passes_unchanged_through_any_smoothing(slope, level, power):
    _, weights = series(3)
    line = np.float32(level + slope * np.linspace(0, 1, 43))
    values = np.broadcast_to(line[:, None], (12, 43, 2))
    np.testing.assert_allclose(smooth(values, weights, 10.0**power), values, atol=2e-6)


def test_weights_of_zero_outside_of_a_window_give_the_smoothed_window():
    values, weights = series(4)
    weights[:, :10] = weights[:, 33:] = 0
    weights[:, [11, 31]] = 1
    np.testing.assert_allclose(smooth(values, weights, 10.0)[:, 10:33],
                               smooth(values[:, 10:33], weights[:, 10:33], 10.0), rtol=1e-5, atol=1e-6)


def test_what_has_no_weight_is_never_read():
    values, weights = series(5)
    hidden = np.where(weights[:, :, None] > 0, values, np.float32(np.nan))
    np.testing.assert_array_equal(smooth(hidden, weights, 10.0), smooth(values, weights, 10.0))


def test_one_weighted_step_gives_a_constant_and_none_gives_zero():
    values, weights = series(6)
    weights[:] = 0
    weights[0, 8] = 2
    smoothed = smooth(values, weights, 10.0)
    np.testing.assert_array_equal(smoothed[0], np.broadcast_to(values[0, 8], (43, 4)))
    assert (smoothed[1:] == 0).all()


@pytest.mark.parametrize("lam", [0.0, -1.0, np.nan, np.inf])
def test_a_lam_that_is_not_positive_is_refused(lam):
    with pytest.raises(ValueError, match="lam"):
        smooth(*series(7), lam)


@pytest.mark.parametrize("weight", [-1.0, np.nan])
def test_negative_and_undefined_weights_are_refused(weight):
    values, weights = series(8)
    weights[3, 3] = weight
    with pytest.raises(ValueError, match="weights"):
        smooth(values, weights, 10.0)


def test_two_steps_and_unequal_shapes_are_refused():
    values, weights = series(9)
    with pytest.raises(ValueError, match="second difference"):
        smooth(values[:, :2], weights[:, :2], 10.0)
    with pytest.raises(ValueError, match="weights"):
        smooth(values, weights[:, 1:], 10.0)
