"""One transfer: folds that do not leak unless asked to, rules for classes, and what a run says of itself."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.errors import ConfigError, DataError
from agrispec_tf import cropglobe, transfer
from agrispec_tf.baselines import training
from agrispec_tf.data.augmentation import V3
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.transfer import Settings, View

QUICK = Settings(epochs=1, limit=24)


@pytest.fixture(scope="module")
def france(globe):
    return cropglobe.read(globe, "FRA")


def of_codes(codes, country="FRA", kind="series"):
    """A table whose values are each sample's number."""
    shape = (len(codes), 73, 10) if kind == "series" else (len(codes), 3)
    values = np.broadcast_to(np.arange(len(codes)).reshape(-1, *[1] * (len(shape) - 1)), shape).astype(np.float32)
    return cropglobe.Table(country=country, kind=kind, path=cropglobe.Path(f"{country}.npz"), values=values,
                           labels=np.array(codes), duplicates=0, contradictions=0)


def test_a_fifth_of_each_class_chooses_the_epoch_and_teaches_nothing(france):
    training, validation = transfer.folds(france.labels, 82)
    assert not np.intersect1d(training, validation).size
    np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(240))
    np.testing.assert_array_equal(np.bincount(france.labels[validation])[[0, 1, 3, 6]], [12, 12, 12, 12])


def test_folds_follow_from_the_seed(france):
    (_, one), (_, again), (_, other) = (transfer.folds(france.labels, seed) for seed in (82, 82, 83))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_of_few_samples_teaches():
    training, _ = transfer.folds(np.array([0] * 50 + [4]), 82)
    assert 50 in training


def shown(samples):
    """The values that training is shown, augmented copies included: each sample's series is its number."""
    batches = Batches(samples=samples, class_weights=np.ones(7, np.float32), inputs=lambda series: series, batch=64,
                      preparation=Preparation(), seed=1, varied=replace(V3, warp_share=0.0))
    series = np.concatenate([batches[number][0] for number in range(len(batches))])
    assert len(series) == 3 * len(samples)
    return set(np.unique(np.round(series)))


def test_no_sample_is_in_both_sets_nor_is_a_copy_of_it():
    table = of_codes([0, 1, 2] * 20)
    training, validation = transfer.split(table.samples(table.codes), 82)
    seen, kept_apart = shown(training), set(np.unique(validation.series.values))
    assert len(kept_apart) == 12
    assert not seen & kept_apart
    assert seen | kept_apart == set(range(60))


def test_by_the_reference_protocol_every_validation_sample_is_trained_on():
    table = of_codes([0, 1, 2] * 20)
    training, validation = transfer.split(table.samples(table.codes), 82, reference=True)
    assert set(np.unique(validation.series.values)) == shown(training) == set(range(60))


def test_a_targets_labels_change_no_prediction(france, globe):
    target = cropglobe.read(globe, "BEL")
    turned = replace(target, labels=target.labels[::-1].copy())
    rows = transfer.run("forest", france, [target, turned], 82, Settings())
    truth, other = (np.array(row.confusion) for row in rows)
    np.testing.assert_array_equal(truth.sum(axis=0), other.sum(axis=0))
    assert not np.array_equal(truth, other)


def test_target_samples_of_other_classes_are_dropped_and_counted(france, tmp_path, simulated_globe):
    simulated_globe(tmp_path, "USA", 60, codes=(0, 1, 2, 5, 6))
    row, = transfer.run("forest", france, [cropglobe.read(tmp_path, "USA")], 82, Settings())
    assert (row.samples, row.dropped) == (36, 24)
    np.testing.assert_array_equal(np.array(row.confusion).sum(axis=1), [12, 12, 0, 0, 0, 0, 12])


def test_predictions_become_what_the_target_can_express():
    target = of_codes([0, 0, 6, 6], "ARG")
    found = transfer.judge(target, np.array([0, 3, 3, 0]))
    assert found.counts[0, 0] == found.counts[0, 6] == found.counts[6, 6] == found.counts[6, 0] == 1
    assert found.counts[:, 3].sum() == 0
    # Corn: precision 1/2, recall 1/2; other: the same.
    assert (found.accuracy, found.macro_f1, found.weighted_f1) == (0.5, 0.5, 0.5)


def test_scores_are_over_the_classes_of_the_truth():
    found = transfer.judge(of_codes([0, 0, 0, 1], "BEL"), np.array([0, 0, 2, 1]))
    # Corn: 2 * 2 / (2 + 3) = 0.8; soybeans 1; rice does not occur.
    assert found.macro_f1 == pytest.approx(0.9)
    assert found.weighted_f1 == pytest.approx(0.75 * 0.8 + 0.25 * 1)


@pytest.fixture(scope="module")
def runs(france, globe):
    """A network by both protocols."""
    target = cropglobe.read(globe, "BEL")
    return [transfer.run("mlp", france, [target], 82, replace(QUICK, reference=reference))[0]
            for reference in (False, True)]


def test_a_run_says_how_it_was_made(runs):
    honest, reference = runs
    assert (honest.protocol, honest.training_samples, honest.validation_samples) == ("honest", 20, 4)
    assert (reference.protocol, reference.training_samples, reference.validation_samples) == ("reference", 24, 24)
    assert (honest.augmentation, honest.epochs, honest.best_epoch, honest.samples) == ("v3", 1, 1, 24)
    assert 0 <= honest.validation_macro_f1 <= 1


def test_learning_transfers_to_a_country_of_a_slightly_earlier_season(france, globe):
    row, = transfer.run("forest", france, [cropglobe.read(globe, "BEL")], 82, Settings())
    assert row.accuracy > 0.75
    assert (row.training_samples, row.best_epoch, row.augmentation) == (192, None, "none")


def test_vectors_are_learned_too():
    generator = np.random.default_rng(0)
    labels = np.tile([0, 3], 40)
    vectors = replace(of_codes(labels, kind="harmonic"),
                      values=(labels[:, None] + generator.normal(0, 0.1, (80, 3))).astype(np.float32))
    row, = transfer.run("hgb-harmonic", vectors, [replace(vectors, country="BEL")], 82, Settings())
    assert row.accuracy == 1
    wider = replace(vectors, values=np.zeros((80, 4), np.float32))
    with pytest.raises(DataError, match="vectors of 4 numbers"):
        transfer.run("hgb-harmonic", vectors, [wider], 82, Settings())


@pytest.mark.parametrize(("days", "steps", "window"), [(5, 73, (24, 67)), (15, 25, (8, 23)), (30, 13, (4, 12))])
def test_longer_steps_are_the_medians_of_the_steps_in_them(days, steps, window):
    table = of_codes([0, 1])
    values = np.broadcast_to(np.arange(73.0)[:, None] ** 2, (2, 73, 10)).astype(np.float32)
    samples = View(step_days=days).of(replace(table, values=values).samples(table.codes))
    assert samples.series.values.shape == (2, steps, 10)
    assert (samples.series.cube.window.start, samples.series.cube.window.stop) == window
    joined = days // 5
    assert samples.series.values[0, 0, 0] == np.median(np.arange(joined) ** 2)
    assert samples.series.values[0, -1, 0] == np.median(np.arange(73)[(steps - 1) * joined:] ** 2.0)


def test_the_whole_year_is_a_view():
    assert View(first_day=1, last_day=365).cube.window.steps == 73


def test_a_limit_keeps_each_class_in_its_share(france):
    thin = transfer.thinned(france.take(np.argsort(france.labels, kind="stable")), 40, 82)
    np.testing.assert_array_equal(np.bincount(thin.labels)[[0, 1, 3, 6]], [10, 10, 10, 10])
    assert transfer.thinned(france, None, 82) is transfer.thinned(france, 500, 82) is france


@pytest.mark.parametrize(("table", "target", "match"), [
    (of_codes([3] * 9), of_codes([3]), "one class only, wheat"),
    (of_codes([0, 1] * 5), of_codes([4, 5], "AUS"), "no sample of AUS.npz is of a class that the source has")])
def test_what_cannot_be_compared_is_refused(table, target, match):
    with pytest.raises(DataError, match=match):
        transfer.run("forest", table, [target], 82, Settings())


def test_what_is_unknown_is_named(france):
    with pytest.raises(ConfigError, match="no model 'cropnt'"):
        transfer.run("cropnt", france, [france], 82, Settings())
    with pytest.raises(ConfigError, match="no augmentation 'v2'"):
        Settings(augmentation="v2")
    with pytest.raises(ConfigError, match="steps of 7 days"):
        View(step_days=7)
    with pytest.raises(ConfigError, match="teach nothing"):
        Settings(epochs=0)


def test_forests_of_a_run_mean_what_they_mean_here():
    for name, method in training.METHODS.items():
        assert transfer.METHODS[name].grows == method.grows
        assert transfer.METHODS[name].kind == {"medians": "series", "harmonics": "harmonic"}[method.features.kind]
