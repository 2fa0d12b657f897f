import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.kernels.resampling import reached, reached_numpy, read, read_numpy, resize, resize_numpy, stretched


@pytest.mark.parametrize(("length", "head", "last"), [
    (44, [0.0116, 1.0349, 2.0581], 42.9884),
    (37, [0.0, 0.7907, 1.6512], 36.0),
    (59, [0.1860, 1.5581, 2.9302], 57.8140),
])
def test_a_ramp_resized_to_43_steps_has_the_published_values(length, head, last):
    ramp = np.arange(length, dtype=np.float32)[None, :, None]
    resized = resize(ramp, 0, length, 43)
    assert resized.shape == (1, 43, 1)
    np.testing.assert_allclose(resized[0, [0, 1, 2, -1], 0], [*head, last], atol=5e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 60))
def test_a_resized_slice_equals_numpys_interp_at_half_step_centres(seed, steps):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(9, 30, 2)).astype(np.float32)
    start = rng.integers(0, 30, 9)
    stop = rng.integers(start, 30) + 1
    resized = resize(values, start, stop, steps)
    np.testing.assert_array_equal(resized, resize_numpy(values, start, stop, steps))
    for n in range(9):
        length = stop[n] - start[n]
        centres = (np.arange(steps) + 0.5) / steps * length - 0.5
        for feature in range(2):
            expected = np.interp(centres, np.arange(length), values[n, start[n]:stop[n], feature])
            np.testing.assert_allclose(resized[n, :, feature], expected, rtol=1e-5, atol=1e-5)


def test_a_slice_of_the_asked_length_is_returned_as_it_is():
    values = np.random.default_rng(0).random((3, 73, 4)).astype(np.float32)
    np.testing.assert_array_equal(resize(values, 24, 67, 43), values[:, 24:67])


@pytest.mark.parametrize("steps", [3, 10, 25])
def test_nothing_outside_of_a_slice_is_read(steps):
    values = np.full((2, 30, 3), np.nan, np.float32)
    values[:, 7:17] = np.random.default_rng(1).random((2, 10, 3))
    assert np.isfinite(resize(values, 7, 17, steps)).all()


@pytest.mark.parametrize(("start", "stop", "steps"), [(0, 31, 43), (5, 5, 43), (0, 30, 0)])
def test_a_slice_outside_of_the_series_and_an_empty_result_are_refused(start, stop, steps):
    with pytest.raises(ValueError, match="steps"):
        resize(np.zeros((2, 30, 1), np.float32), start, stop, steps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 30), asked=st.integers(0, 40))
def test_a_series_read_at_positions_equals_numpys_interp(seed, steps, asked):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(5, steps, 2)).astype(np.float32)
    positions = rng.uniform(-3, steps + 2, (5, asked))
    found = read(values, positions)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, read_numpy(values, positions))
    for n in range(5):
        for feature in range(2):
            expected = np.interp(positions[n], np.arange(steps), values[n, :, feature])
            np.testing.assert_allclose(found[n, :, feature], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reader", [read, read_numpy])
def test_whole_positions_give_the_steps_themselves_and_look_at_no_other(reader):
    values = np.full((2, 9, 3), np.nan, np.float32)
    values[:, 2:5] = np.random.default_rng(2).random((2, 3, 3))
    np.testing.assert_array_equal(reader(values, np.array([[4.0, 2.0, 3.0]] * 2)), values[:, [4, 2, 3]])
    assert np.isfinite(reader(values, np.array([[2.0, 2.5, 3.999]] * 2))).all()


@pytest.mark.parametrize(("shape", "positions"), [
    ((2, 5, 1), [[0.0]]), ((2, 5), [[0.0], [1.0]]), ((1, 0, 1), [[0.0]]), ((1, 5, 1), [[float("nan")]]),
    ((1, 5, 1), [0.0]),
])
def test_positions_that_are_none_of_the_series_are_refused(shape, positions):
    with pytest.raises(ValueError, match="position"):
        read(np.zeros(shape, np.float32), np.array(positions))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 60))
def test_reading_at_stretched_positions_is_resizing(seed, steps):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(9, 30, 2)).astype(np.float32)
    start = rng.integers(0, 30, 9)
    stop = rng.integers(start, 30) + 1
    np.testing.assert_allclose(read(values, stretched(start, stop, steps)), resize(values, start, stop, steps),
                               rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 30), asked=st.integers(0, 40))
def test_where_a_rising_curve_reaches_a_level_is_numpys_interp_of_the_inverse(seed, steps, asked):
    rng = np.random.default_rng(seed)
    curves = np.cumsum(rng.uniform(0.01, 5, (7, steps)), axis=1)
    levels = rng.uniform(-2, curves[:, -1:] + 3, (7, asked))
    levels[:, :2] = curves[:, :2][:, :levels[:, :2].shape[1]] if steps > 1 else levels[:, :2]
    start = rng.integers(0, steps, 7)
    stop = rng.integers(start, steps) + 1
    found = reached(curves, levels, start, stop)
    np.testing.assert_allclose(found, reached_numpy(curves, levels, start, stop), rtol=1e-12)
    for n in range(7):
        inside = np.arange(start[n], stop[n])
        np.testing.assert_allclose(found[n], np.interp(levels[n], curves[n, inside], inside), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("curves", "levels"), [((2, 5), (1, 3)), ((2, 5, 1), (2, 3)), ((2, 5), (2,))])
def test_levels_of_other_curves_are_refused(curves, levels):
    with pytest.raises(ValueError, match="curves"):
        reached(np.zeros(curves), np.zeros(levels), 0, 5)
