import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.kernels.gap_filling import linear, linear_numpy


def series(seed, clear, count=25, steps=17, features=3):
    """Series with NaN where unseen, and a window for each."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, steps, features)).astype(np.float32)
    seen = rng.random((count, steps)) < clear
    values[~seen] = np.nan
    start = rng.integers(0, steps, count)
    return values, seen, start, rng.integers(start, steps) + 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), clear=st.floats(0, 1))
def test_filled_steps_equal_numpys_interp_over_the_seen_steps_of_the_window(seed, clear):
    values, seen, start, stop = series(seed, clear)
    filled = linear(values, seen, start, stop)
    for n in range(len(values)):
        inside = np.arange(start[n], stop[n])
        known = inside[seen[n, inside]]
        expected = np.zeros(values.shape[1:])
        if len(known):
            for feature in range(values.shape[2]):
                expected[inside, feature] = np.interp(inside, known, values[n, known, feature])
        np.testing.assert_allclose(filled[n], expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), clear=st.floats(0, 1))
def test_kernel_and_twin_fill_equally(seed, clear):
    arguments = series(seed, clear)
    np.testing.assert_array_equal(linear(*arguments), linear_numpy(*arguments))


def test_a_filled_window_equals_the_fill_of_the_window_cut_out():
    values, seen, *_ = series(1, 0.4)
    whole = linear(values, seen, 4, 13)
    np.testing.assert_array_equal(whole[:, 4:13], linear(values[:, 4:13], seen[:, 4:13], 0, 9))
    assert (whole[:, :4] == 0).all()
    assert (whole[:, 13:] == 0).all()


def test_seen_steps_stay_as_they_are():
    values, seen, *_ = series(2, 0.4)
    np.testing.assert_array_equal(linear(values, seen, 0, 17)[seen], values[seen])


def test_a_series_never_seen_in_its_window_is_zero():
    values, seen, *_ = series(3, 0.4)
    seen[:, 5:9] = False
    assert (linear(values, seen, 5, 9) == 0).all()


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (-1, 4), (0, 18)])
def test_a_window_outside_of_the_series_is_refused(start, stop):
    values, seen, *_ = series(4, 0.4)
    with pytest.raises(ValueError, match="window"):
        linear(values, seen, start, stop)


def test_a_mask_of_another_shape_is_refused():
    values, seen, *_ = series(5, 0.4)
    with pytest.raises(ValueError, match="seen"):
        linear(values, seen[:, 1:], 0, 16)
