import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.kernels.median import (
    median,
    step_medians,
    step_medians_numpy,
    tabulated_median,
    tabulated_median_numpy,
)

DTYPES = ["uint8", "uint16", "int16", "int32", "float32", "float64"]


def stack(seed, dates, dtype, pixels=37, bands=2, clear=0.5):
    """Few distinct values, so that ties occur, and the largest of the type among them."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, (dates, bands, pixels)).astype(dtype)
    if np.dtype(dtype).kind != "f":
        values[rng.random(values.shape) < 0.1] = np.iinfo(dtype).max
    return values, rng.random((dates, pixels)) < clear


def oracle(values, valid):
    seen = np.where(valid[:, None], values.astype(np.float32), np.float32(np.nan))
    unseen = ~valid.any(axis=0)
    seen[:, :, unseen] = 0
    return np.nanmedian(seen, axis=0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dates=st.integers(1, 40), dtype=st.sampled_from(DTYPES))
def test_the_median_equals_numpys_nanmedian_for_any_number_of_dates(seed, dates, dtype):
    values, valid = stack(seed, dates, dtype)
    got, count = median(values, valid)
    assert got.dtype == np.float32
    assert count.dtype == np.uint16
    np.testing.assert_array_equal(got, oracle(values, valid))
    np.testing.assert_array_equal(count, valid.sum(axis=0))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 12), min_size=1, max_size=8),
       dtype=st.sampled_from(DTYPES))
def test_kernel_and_twin_give_equal_steps(seed, cuts, dtype):
    values, valid = stack(seed, 12, dtype)
    first = np.array([*sorted(cuts), 12])
    unseen = np.dtype(dtype).type(np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max)
    for got, twin in zip(step_medians(values, valid, first), step_medians_numpy(values, valid, first, unseen),
                         strict=True):
        np.testing.assert_array_equal(got, twin)


def test_every_step_is_the_median_of_its_own_dates():
    # More pixels than one block of the kernel, and not a multiple of it.
    values, valid = stack(1, 20, "uint16", pixels=2500)
    first = [2, 2, 3, 9, 20]
    medians, counts = step_medians(values, valid, first)
    assert (medians[0] == 0).all()
    assert (counts[0] == 0).all()
    for step in range(1, 4):
        dates = slice(first[step], first[step + 1])
        np.testing.assert_array_equal(medians[step], oracle(values[dates], valid[dates]))
        np.testing.assert_array_equal(counts[step], valid[dates].sum(axis=0))


@settings(max_examples=20, deadline=None)
@given(cloud=st.floats(allow_nan=True, allow_infinity=True, width=32))
def test_the_median_never_reads_a_masked_value(cloud):
    values, valid = stack(2, 9, "float32")
    hidden = np.where(valid[:, None], values, np.float32(cloud))
    np.testing.assert_array_equal(median(hidden, valid)[0], median(values, valid)[0])


def test_the_median_does_not_depend_on_the_order_of_the_dates():
    values, valid = stack(3, 11, "uint16")
    order = np.random.default_rng(0).permutation(11)
    np.testing.assert_array_equal(median(values[order], valid[order])[0], median(values, valid)[0])


def test_validity_of_every_value_on_its_own_is_accepted_beside_validity_shared_by_the_bands():
    values, valid = stack(4, 7, "uint16")
    shared, _ = median(values.reshape(7, 2, 1, 37), valid.reshape(7, 1, 37))
    own, count = median(values, np.repeat(valid[:, None], 2, axis=1))
    assert shared.shape == (2, 1, 37)
    np.testing.assert_array_equal(own, shared[:, 0])
    assert count.shape == (2, 37)


def test_a_reversed_or_strided_stack_gives_the_same_medians():
    values, valid = stack(5, 8, "float32")
    wide = np.repeat(values, 2, axis=2)[:, :, ::2]
    np.testing.assert_array_equal(step_medians(wide, valid, [0, 3, 8])[0], step_medians(values, valid, [0, 3, 8])[0])


@pytest.mark.parametrize("first", [[0], [0, 9], [3, 2], [-1, 2]])
def test_steps_that_are_not_ascending_dates_are_refused(first):
    with pytest.raises(ValueError, match="steps start"):
        step_medians(*stack(6, 8, "float32"), first)


def test_stacks_of_different_sizes_are_refused():
    values, valid = stack(7, 8, "float32")
    with pytest.raises(ValueError, match="differ"):
        median(values[1:], valid)
    with pytest.raises(ValueError, match="are not"):
        step_medians(values, valid[:, 1:], [0, 8])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dates=st.integers(1, 20), pixels=st.sampled_from([1, 37, 1024, 1500]),
       dtype=st.sampled_from(["uint16", "int16"]))
def test_the_median_of_an_increasing_function_is_that_of_its_values(seed, dates, pixels, dtype):
    values, valid = stack(seed, dates, dtype, pixels=pixels, bands=1)
    every = np.arange(65536, dtype=np.uint16)
    table = np.empty(65536, np.float32)
    rising = np.sort(np.random.default_rng(seed).normal(size=len(every))).astype(np.float32)
    table[np.argsort(every.view(dtype))] = rising
    plain, counts = median(table[values[:, 0].view(np.uint16)], valid)
    expected = np.where(counts > 0, plain, np.float32(-9999))
    got = tabulated_median(values[:, 0], valid, table, -9999)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(
        tabulated_median_numpy(values[:, 0], valid, table, values.dtype.type(np.iinfo(dtype).max), np.float32(-9999)),
        expected)


def test_a_table_that_does_not_cover_the_type_is_refused():
    with pytest.raises(ValueError, match=r"uint8 with a table \(256,\)"):
        tabulated_median(np.zeros((1, 3), np.uint8), np.ones((1, 3), bool), np.zeros(256, np.float32), 0)
