"""A cell's quota falls on its most frequent classes first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exports.export import places

drawn = st.lists(st.integers(0, 4), max_size=60).map(lambda labels: np.array(labels, np.int64))


@given(labels=drawn, most=st.integers(1, 70), seed=st.integers(0, 3))
def test_a_quota_is_used_up_and_no_class_gives_more_than_a_more_frequent_one_keeps(labels, most, seed):
    kept = places.within_quota(labels, most, (seed,))
    assert len(kept) == min(most, len(labels))
    assert (np.diff(kept) > 0).all()
    had, has = np.bincount(labels, minlength=5), np.bincount(labels[kept], minlength=5)
    losing = has < had
    # Whoever lost places keeps as many as any other class, but for the last place that is dealt out.
    assert not losing.any() or has[losing].min() >= has.max() - 1
    np.testing.assert_array_equal(places.within_quota(labels, most, (seed,)), kept)


def test_which_places_are_kept_is_drawn_by_the_seed():
    labels = np.zeros(1000, np.int64)
    first, other = (places.within_quota(labels, 100, (seed,)) for seed in (1, 2))
    assert first.tolist() != other.tolist()
    # Not the first ones: places come in the engine's own order.
    assert 400 < first.mean() < 600
