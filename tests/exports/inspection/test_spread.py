"""A spread is that of all values, whatever the pieces they come in."""


import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from exports.inspection.spread import Spread

numbers = arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)),
                 elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False))


@given(first=numbers, second=numbers)
def test_a_spread_is_that_of_all_pieces(first, second):
    whole = np.concatenate([first, second])
    found = Spread.of(first) + Spread.of(second)
    np.testing.assert_array_equal(found.least, whole.min(axis=0))
    np.testing.assert_array_equal(found.greatest, whole.max(axis=0))
    ranked = np.sort(whole.astype(np.float64), axis=0)
    low, high = ranked[(len(whole) - 1) // 2], ranked[len(whole) // 2]
    # Two values in the middle may nearly cancel: what is right to 0.1 % is each of them.
    assert (np.abs(found.median - (low + high) / 2) <= 1e-3 * (np.abs(low) + np.abs(high)) / 2 + 1e-37).all()


def test_a_spread_of_nothing_and_of_what_is_no_number():
    found = Spread.of(np.array([[np.nan], [np.inf], [2]], np.float32)) + Spread.of(np.empty((0, 1), np.float32))
    assert (found.strange, found.least[0], found.greatest[0]) == (2, 2, 2)
    assert found.median[0] == 2
    assert np.isnan(Spread.of(np.empty((0, 1), np.float32)).median[0])
