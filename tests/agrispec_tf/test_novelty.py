"""What is unlike the training samples is farther from them; of a crop nobody taught, and of another season."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from agrispec.errors import DataError
from agrispec_tf import novelty
from agrispec_tf.baselines.features import Medians
from agrispec_tf.novelty import Familiar


@pytest.fixture(scope="module")
def training(grown):
    return grown(120)


def test_the_distance_is_that_to_the_tenth_nearest_of_all_pairs(training, grown):
    new = grown(40, seed=5, place="T").series
    ours, theirs = (Medians().of(series).astype(float) for series in (new, training.series))
    mean, deviation = theirs.mean(axis=0), theirs.std(axis=0)
    pairs = cdist((ours - mean) / deviation, (theirs - mean) / deviation) / np.sqrt(ours.shape[1])
    found = Familiar.of(training, seed=0).distance(new)
    np.testing.assert_allclose(found, np.sort(pairs, axis=1)[:, 9], rtol=1e-4)


def test_distances_do_not_depend_on_the_batch(training, grown, monkeypatch):
    familiar, new = Familiar.of(training, seed=0), grown(40, seed=5).series
    whole = familiar.distance(new)
    monkeypatch.setattr(novelty, "_BATCH", 7)
    np.testing.assert_allclose(familiar.distance(new), whole, rtol=1e-5)


def test_more_samples_than_are_compared_with_are_drawn_by_the_seed(training, monkeypatch):
    monkeypatch.setattr(novelty, "MOST", 30)
    one, again, other = (Familiar.of(training, seed=seed).vectors for seed in (1, 1, 2))
    assert one.shape[0] == 30
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_crop_that_nobody_taught_is_farther_than_known_ones(training, grown):
    known = training.take(training.labels != 1)
    new = grown(300, seed=5, place="T")
    found = Familiar.of(known, seed=0).distance(new.series)
    assert roc_auc_score(new.labels == 1, found) > 0.95


def test_a_later_season_is_unusual_and_the_same_one_is_not(training, grown):
    familiar = Familiar.of(training, seed=0)
    usual, same, later = (familiar.distance(grown(300, seed=seed, delay=delay).series)
                          for seed, delay in ((5, 0), (6, 0), (7, 0.1)))
    assert novelty.unusual(usual, same) == pytest.approx(0.05, abs=0.04)
    # A third of it is later than any crop; the others look like the next one.
    assert novelty.unusual(usual, later) > 0.3


def test_a_value_that_never_varies_divides_by_nothing(training):
    values = training.series.values.copy()
    values[..., 0] = 0.25
    constant = replace(training, series=replace(training.series, values=values))
    assert np.isfinite(Familiar.of(constant, seed=0).distance(constant.series)).all()


def test_too_few_samples_to_compare_with_are_an_error(training):
    with pytest.raises(DataError, match="9 training samples are too few"):
        Familiar.of(training.take(np.arange(9)), seed=0)
