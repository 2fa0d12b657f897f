"""Folds that do not leak unless asked to, and samples left out in fair shares."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.errors import DataError
from agrispec_tf.cropglobe.folds import folds, split, thinned
from agrispec_tf.data.augmentation import V3
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation


def test_a_fifth_of_each_class_chooses_the_epoch_and_teaches_nothing(france):
    training, validation = folds(france.labels, 82)
    assert not np.intersect1d(training, validation).size
    np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(240))
    np.testing.assert_array_equal(np.bincount(france.labels[validation])[[0, 1, 3, 6]], [12, 12, 12, 12])


def test_folds_follow_from_the_seed(france):
    (_, one), (_, again), (_, other) = (folds(france.labels, seed) for seed in (82, 82, 83))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_of_few_samples_teaches():
    training, _ = folds(np.array([0] * 50 + [4]), 82)
    assert 50 in training


def shown(samples):
    """The values that training is shown, augmented copies included: each sample's series is its number."""
    batches = Batches(samples=samples, class_weights=np.ones(7, np.float32), inputs=lambda series: series, batch=64,
                      preparation=Preparation(), seed=1, varied=replace(V3, warp_share=0.0))
    series = np.concatenate([batches[number][0] for number in range(len(batches))])
    assert len(series) == 3 * len(samples)
    return set(np.unique(np.round(series)))


def test_no_sample_is_in_both_sets_nor_is_a_copy_of_it(of_codes):
    table = of_codes([0, 1, 2] * 20)
    training, validation = split(table.samples(table.codes), 82)
    seen, kept_apart = shown(training), set(np.unique(validation.series.values))
    assert len(kept_apart) == 12
    assert not seen & kept_apart
    assert seen | kept_apart == set(range(60))


def test_by_the_reference_protocol_every_validation_sample_is_trained_on(of_codes):
    table = of_codes([0, 1, 2] * 20)
    training, validation = split(table.samples(table.codes), 82, reference=True)
    assert set(np.unique(validation.series.values)) == shown(training) == set(range(60))


def test_a_limit_keeps_each_class_in_its_share(france):
    thin = thinned(france.take(np.argsort(france.labels, kind="stable")), 40, 82)
    np.testing.assert_array_equal(np.bincount(thin.labels)[[0, 1, 3, 6]], [10, 10, 10, 10])
    assert thinned(france, None, 82) is thinned(france, 500, 82) is france


def test_samples_too_few_to_choose_an_epoch_by_are_told():
    with pytest.raises(DataError, match="the 8 samples of the source are fewer than five of each class"):
        folds(np.array([0, 1] * 4), 82)
