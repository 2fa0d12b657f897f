"""Vectors of features depend on clear looks within the window, and on nothing else."""

import numpy as np
import pytest

from agrispec_tf.baselines.features import Coefficients, Medians
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series

KINDS = (Medians(), Medians(smoothing=2.0), Coefficients())


@pytest.mark.parametrize("features", KINDS, ids=str)
def test_a_vector_has_a_name_for_each_entry_and_is_finite(features, grown):
    series = grown(20).series
    found = features.of(series)
    assert found.shape == (20, len(features.names(series.cube)))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize("features", KINDS, ids=str)
def test_what_was_not_seen_and_what_lies_outside_of_the_window_is_never_read(features, grown):
    series = grown(20).series
    window = series.cube.window
    hidden = series.counts == 0
    hidden[:, :window.start] = hidden[:, window.stop:] = True
    other = Series(cube=series.cube, values=np.where(hidden[..., None], np.nan, series.values).astype(np.float32),
                   counts=np.where(hidden, 0, series.counts).astype(np.float32))
    np.testing.assert_array_equal(features.of(other), features.of(series))
    view = Series(cube=series.cube.view(), values=series.values[:, window.start:window.stop],
                  counts=series.counts[:, window.start:window.stop])
    np.testing.assert_array_equal(features.of(view), features.of(series))


@pytest.mark.parametrize("features", KINDS, ids=str)
def test_a_series_that_was_never_seen_is_all_0(features, grown):
    series = grown(3).series
    blind = Series(cube=series.cube, values=series.values, counts=np.zeros_like(series.counts))
    np.testing.assert_array_equal(features.of(blind), 0)


def test_medians_stand_under_their_names(grown):
    series = grown(4).series
    found = Medians().of(series)
    prepared = Preparation().apply(series)
    names = Medians().names(series.cube)
    assert names[:4] == ("06_B4", "06_B8", "06_B11", "07_B4")
    np.testing.assert_array_equal(found[:, names.index("08_B8")], prepared[:, 2, 1])
