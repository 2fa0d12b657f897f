"""Samples: taking and thinning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from agrispec_tf.data.samples import Samples


def test_thinning_keeps_every_class_its_share_and_the_order(grown):
    samples = grown(300)
    rare = samples.take(np.flatnonzero((samples.labels != 2) | (np.arange(300) < 6)))
    thinned = rare.thinned(50, np.random.default_rng(0))
    assert len(thinned) == 50
    assert set(thinned.labels) == {0, 1, 2}
    share = np.bincount(thinned.labels) / 50
    np.testing.assert_allclose(share, np.bincount(rare.labels) / len(rare), atol=0.02)
    position = [np.flatnonzero(rare.ids == one)[0] for one in thinned.ids]
    assert position == sorted(position)


@given(seed=st.integers(0, 1000), limit=st.integers(3, 90))
def test_thinning_loses_no_class_while_the_limit_allows(grown, seed, limit):
    assert set(grown(80).thinned(limit, np.random.default_rng(seed)).labels) == {0, 1, 2}


def test_labels_that_do_not_fit_their_series_are_refused(grown):
    samples = grown(9)
    with pytest.raises(DataError, match="9 series come with labels of shape"):
        Samples(series=samples.series, labels=samples.labels[:8], cells=samples.cells, ids=samples.ids)


def test_joined_samples_are_those_of_both_in_their_order(grown):
    one, other = grown(12, seed=1), grown(9, seed=2, place="W")
    both = one.joined(other)
    assert len(both) == 21
    np.testing.assert_array_equal(both.labels, np.concatenate([one.labels, other.labels]))
    np.testing.assert_array_equal(both.series.values[12:], other.series.values)
    np.testing.assert_array_equal(both.cells[:12], one.cells)
