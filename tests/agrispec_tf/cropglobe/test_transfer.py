"""One transfer: what is compared with what, and what a run says of itself."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.errors import ConfigError, DataError
from agrispec_tf import checkpoint, train
from agrispec_tf.cropglobe import files, transfer
from agrispec_tf.cropglobe.files import VECTORS
from agrispec_tf.cropglobe.transfer import Settings

QUICK = Settings(epochs=1, limit=24)


def test_a_targets_labels_change_no_prediction(france, globe):
    target = files.read(globe, "BEL")
    turned = replace(target, labels=target.labels[::-1].copy())
    rows = transfer.run("forest", france, [target, turned], 82, Settings())
    truth, other = (np.array(row.confusion) for row in rows)
    np.testing.assert_array_equal(truth.sum(axis=0), other.sum(axis=0))
    assert not np.array_equal(truth, other)


def test_target_samples_of_other_classes_are_dropped_and_counted(france, tmp_path, simulated_globe):
    simulated_globe(tmp_path, "USA", 60, codes=(0, 1, 2, 5, 6))
    row, = transfer.run("forest", france, [files.read(tmp_path, "USA")], 82, Settings())
    assert (row.samples, row.dropped) == (36, 24)
    np.testing.assert_array_equal(np.array(row.confusion).sum(axis=1), [12, 12, 0, 0, 0, 0, 12])


def test_predictions_become_what_the_target_can_express(of_codes):
    target = of_codes([0, 0, 6, 6], "ARG")
    found = transfer.judge(target, np.array([0, 3, 3, 0]))
    assert found.counts[0, 0] == found.counts[0, 6] == found.counts[6, 6] == found.counts[6, 0] == 1
    assert found.counts[:, 3].sum() == 0
    # Corn: precision 1/2, recall 1/2; other: the same.
    assert (found.accuracy, found.macro_f1, found.weighted_f1) == (0.5, 0.5, 0.5)


def test_scores_are_over_the_classes_of_the_truth(of_codes):
    found = transfer.judge(of_codes([0, 0, 0, 1], "BEL"), np.array([0, 0, 2, 1]))
    # Corn: 2 * 2 / (2 + 3) = 0.8; soybeans 1; rice does not occur.
    assert found.macro_f1 == pytest.approx(0.9)
    assert found.weighted_f1 == pytest.approx(0.75 * 0.8 + 0.25 * 1)


@pytest.fixture(scope="module")
def runs(france, globe):
    """A network by both protocols."""
    target = files.read(globe, "BEL")
    return [transfer.run("mlp", france, [target], 82, replace(QUICK, reference=reference))[0]
            for reference in (False, True)]


def test_a_run_says_how_it_was_made(runs):
    honest, reference = runs
    assert (honest.protocol, honest.training_samples, honest.validation_samples) == ("honest", 20, 4)
    assert (reference.protocol, reference.training_samples, reference.validation_samples) == ("reference", 24, 24)
    assert (honest.augmentation, honest.epochs, honest.best_epoch, honest.samples) == ("none", 1, 1, 24)
    assert (honest.step_days, honest.first_day, honest.last_day) == (5, 121, 334)
    assert 0 <= honest.validation_macro_f1 <= 1


def test_learning_transfers_to_a_country_of_a_slightly_earlier_season(france, globe):
    row, = transfer.run("forest", france, [files.read(globe, "BEL")], 82, Settings())
    assert row.accuracy > 0.75
    assert (row.training_samples, row.best_epoch, row.augmentation) == (192, None, "none")


def vectors_of(of_codes, country, kind="presto", width=3, seed=0):
    labels = np.tile([0, 3], 40)
    values = labels[:, None] + np.random.default_rng(seed).normal(0, 0.1, (80, width))
    return replace(of_codes(labels, country, kind), values=values.astype(np.float32))


@pytest.mark.parametrize("kind", VECTORS)
def test_trees_learn_vectors(of_codes, kind):
    source, target = (vectors_of(of_codes, country, kind, seed=seed) for seed, country in enumerate(("FRA", "BEL")))
    row, = transfer.run(f"hgb-{kind}", source, [target], 82, Settings())
    assert row.accuracy == 1
    assert (row.training_samples, row.validation_samples, row.best_epoch) == (64, 16, None)


@pytest.fixture
def how_trained(monkeypatch):
    """What `train.fit` is given, and what it gives back."""
    given = {}

    def fit(options, training, validation, **others):
        given.update(options=options, training=training, validation=validation, **others)
        given["trained"] = fitted(options, training, validation, **others)
        return given["trained"]
    fitted = train.fit
    monkeypatch.setattr(train, "fit", fit)
    return given


@pytest.mark.parametrize("kind", VECTORS)
def test_an_mlp_learns_vectors_by_the_recipe_of_series_without_augmentation(of_codes, how_trained, kind):
    source, target = (vectors_of(of_codes, country, kind, seed=seed) for seed, country in enumerate(("FRA", "BEL")))
    row, = transfer.run(f"mlp-{kind}", source, [target], 82, Settings(epochs=2, augmentation="v3"))
    how = how_trained["how"]
    assert (how.epochs, how.batch, how.learning_rate, how.augmentation, how.standardised) == (2, 256, 1e-4, None, False)
    assert how_trained["trained"].model.input_shape == (None, 3)
    assert (row.augmentation, row.epochs, row.samples) == ("none", 2, 80)
    assert (row.training_samples, row.validation_samples) == (64, 16)
    assert row.step_days is row.first_day is row.last_day is None
    # What it is judged by is what the network says of the target's vectors.
    logits = how_trained["trained"].model.predict_on_batch(target.values)
    assert row.accuracy == (np.array([0, 3])[np.asarray(logits).argmax(axis=1)] == target.labels).mean()


def test_an_mlp_of_vectors_trains_fifty_epochs_unless_told_otherwise(of_codes, monkeypatch):
    def fit(*_, how, **__):
        assert how.epochs == 50
        raise InterruptedError
    monkeypatch.setattr(train, "fit", fit)
    with pytest.raises(InterruptedError):
        transfer.run("mlp-presto", vectors_of(of_codes, "FRA"), [vectors_of(of_codes, "BEL")], 82, Settings())


def test_by_the_reference_protocol_an_mlp_of_vectors_is_shown_its_validation(of_codes, how_trained):
    source = vectors_of(of_codes, "FRA")
    row, = transfer.run("mlp-presto", source, [vectors_of(of_codes, "BEL")], 82, replace(QUICK, reference=True))
    assert (row.training_samples, row.validation_samples) == (24, 24)
    np.testing.assert_array_equal(how_trained["training"].series.values, how_trained["validation"].series.values)


def test_an_mlp_of_vectors_keeps_its_checkpoint(of_codes, tmp_path):
    transfer.run("mlp-presto", vectors_of(of_codes, "FRA"), [vectors_of(of_codes, "BEL")], 82, QUICK, tmp_path)
    assert (tmp_path / checkpoint.FILE).is_file()


@pytest.mark.parametrize("model", ["mlp-presto", "forest-presto"])
def test_vectors_of_another_length_are_refused_before_anything_is_trained(of_codes, monkeypatch, model):
    monkeypatch.delattr(transfer, "_fitted")
    with pytest.raises(DataError, match="BEL.npz holds vectors of 4 numbers, FRA.npz of 3"):
        transfer.run(model, vectors_of(of_codes, "FRA"), [vectors_of(of_codes, "BEL", width=4)], 82, Settings())


@pytest.mark.parametrize(("codes", "country", "match"), [
    ([3] * 9, "BEL", "one class only, wheat"),
    ([0, 1] * 5, "AUS", "no sample of AUS.npz is of a class that FRA.npz has")])
def test_what_cannot_be_compared_is_refused(of_codes, codes, country, match):
    with pytest.raises(DataError, match=match):
        transfer.run("forest", of_codes(codes), [of_codes([4, 5], country)], 82, Settings())


def test_what_is_unknown_is_named(france):
    with pytest.raises(ConfigError, match="no model 'cropnt'"):
        transfer.run("cropnt", france, [france], 82, Settings())
    with pytest.raises(ConfigError, match="no augmentation 'v2'"):
        Settings(augmentation="v2")
    with pytest.raises(ConfigError, match="teach nothing"):
        Settings(epochs=0)
