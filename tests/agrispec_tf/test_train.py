"""Training: it learns, it repeats itself, and it refuses leaks."""

import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

import cli
from agrispec.cube import preset
from agrispec.errors import ConfigError, DataError, MissingExtra
from agrispec_tf import backend, train
from agrispec_tf import classifier as classifiers
from agrispec_tf.baselines.training import METHODS
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.models.architectures import MODELS
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.recipes import PRECISIONS, PRESETS, Recipe, recipe

QUICK = Recipe(epochs=8, batch=8, learning_rate=1e-3)


@pytest.fixture(scope="module")
def options(small_cube):
    return CropNetOptions.for_cube(small_cube, 3)


@pytest.fixture(scope="module")
def fitted(grown, options, class_names) -> Classifier:
    return train.fit(options, grown(96), grown(30, seed=1, place="V"), class_names=class_names, how=QUICK, seed=3)


def test_cropnet_learns_crops_that_peak_at_different_times(fitted, grown):
    assert max(row["val_macro_f1"] for row in fitted.history) > 0.95
    held_out = grown(60, seed=2, place="T")
    assert (fitted.probabilities(held_out.series).argmax(axis=1) == held_out.labels).mean() > 0.9


def test_the_kept_epoch_is_the_first_of_the_best_on_validation(fitted):
    scores = [row["val_macro_f1"] for row in fitted.history]
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert fitted.training["best_epoch"] == 1 + int(np.argmax(scores))


def test_the_model_has_the_weights_of_the_epoch_it_names(fitted, grown):
    best = fitted.training["best_epoch"]
    assert best < len(fitted.history)
    validation = grown(30, seed=1, place="V")
    found = fitted.probabilities(validation.series)
    loss = -np.log(found[np.arange(30), validation.labels]).mean()
    assert loss == pytest.approx(fitted.history[best - 1]["val_loss"], rel=1e-4)
    assert loss != pytest.approx(fitted.history[-1]["val_loss"], rel=1e-2)


def test_on_thermal_time_a_network_knows_crops_of_a_season_that_comes_late_with_its_warmth(
        grown, warm, options, class_names, tmp_path):
    training, validation = warm(grown(96)), warm(grown(30, seed=1, place="V"))
    later = warm(grown(60, seed=2, place="T", delay=0.12), delay=0.12)
    by_date, thermal = (train.fit(options, training, validation, class_names=class_names, how=QUICK, seed=3,
                                  thermal=asked) for asked in (False, True))
    assert by_date.preparation.thermal is None
    assert thermal.preparation.thermal == ThermalAxis.fitted(training.series)
    right = [(model.probabilities(later.series).argmax(axis=1) == later.labels).mean() for model in (by_date, thermal)]
    assert right[0] < 0.5
    assert right[1] > 0.9
    thermal.save(tmp_path / "model")
    again = classifiers.load(tmp_path / "model")
    assert again.preparation == thermal.preparation
    np.testing.assert_array_equal(again.probabilities(later.series), thermal.probabilities(later.series))
    with pytest.raises(ConfigError, match="no growing degree days") as refused:
        thermal.probabilities(grown(5).series)
    assert "gdd = true" in refused.value.mend
    by_date.probabilities(grown(5).series)


def test_thermal_time_of_a_cube_without_growing_degree_days_is_refused(grown, options, class_names):
    with pytest.raises(ConfigError, match="no growing degree days"):
        train.fit(options, grown(24), grown(12, seed=1, place="V"), class_names=class_names, how=QUICK, seed=3,
                  thermal=True)


def test_the_same_seed_gives_the_same_model(fitted, grown, options, class_names):
    again = train.fit(options, grown(96), grown(30, seed=1, place="V"), class_names=class_names, how=QUICK, seed=3)
    for one, other in zip(fitted.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_bigru_learns_standardised_series_and_tells_of_each_epoch(grown, small_cube, class_names):
    told = []
    classifier = train.fit(BiGRUOptions.for_cube(small_cube, 3), grown(48), grown(30, seed=1, place="V"), seed=0,
                           class_names=class_names, how=replace(QUICK, epochs=3, standardised=True),
                           on_epoch=told.append)
    assert told == list(classifier.history)
    assert classifier.model.output_shape == (None, 3)
    assert classifier.preparation.normalisation is not None
    assert told[-1]["loss"] < told[0]["loss"]


def test_statistics_come_from_the_training_fold_alone(grown, options, class_names):
    training, validation = grown(24), grown(12, seed=1, place="V")
    far = replace(validation, series=replace(validation.series, values=validation.series.values + 100))
    found = train.fit(options, training, far, class_names=class_names, seed=0,
                      how=replace(QUICK, epochs=1, standardised=True))
    plain = Preparation().apply(training.series).astype(np.float64)
    np.testing.assert_allclose(found.preparation.normalisation.mean, plain.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(found.preparation.normalisation.deviation, plain.std(axis=(0, 1)), rtol=1e-6)


def refused(error, match, options, training, validation, names, how=QUICK):
    with pytest.raises(error, match=match):
        train.fit(options, training, validation, class_names=names, how=how, seed=0)


def test_a_cell_in_both_folds_is_refused(grown, options, class_names):
    refused(DataError, "cell E0 and 3 more are in both", options, grown(24),
            replace(grown(12), ids=np.arange(12)), class_names)


def test_a_sample_in_both_folds_is_refused(grown, options, class_names):
    refused(DataError, "sample E-0 and 11 more are in both", options, grown(24),
            replace(grown(12), cells=np.full(12, "elsewhere")), class_names)


@pytest.mark.parametrize("empty", ["training", "validation"])
def test_an_empty_fold_is_refused(grown, options, class_names, empty):
    folds = {"training": grown(24), "validation": grown(12, place="V")}
    folds[empty] = folds[empty].take(np.arange(0))
    refused(DataError, f"the {empty} fold has no samples", options, *folds.values(), class_names)


def test_a_class_without_training_samples_is_named(grown, options, class_names):
    training = grown(24)
    refused(DataError, "class maize", options, training.take(training.labels != 1), grown(12, place="V"), class_names)


def test_samples_of_one_class_only_are_refused(grown, options, class_names):
    training = grown(24)
    refused(DataError, "all 8 training samples are of class maize: .* wheat, beet", options,
            training.take(training.labels == 1), grown(12, place="V"), class_names)


@pytest.mark.parametrize("fold", ["training", "validation"])
def test_a_clear_look_that_is_no_number_is_named_with_its_fold(grown, options, class_names, fold):
    folds = {"training": grown(24), "validation": grown(12, place="V")}
    series = folds[fold].series
    step = int(np.flatnonzero(series.counts[2] > 0)[0])
    series.values[2, step, 1] = np.inf
    refused(DataError, rf"{fold}: 1 of {len(series)} series have .* B8 of step {step} in series 2: inf", options,
            *folds.values(), class_names)


def test_a_class_that_validation_lacks_is_noted(grown, options, class_names):
    validation = grown(12, place="V")
    found = train.fit(options, grown(24), validation.take(validation.labels != 2), class_names=class_names, seed=0,
                      how=replace(QUICK, epochs=1))
    assert found.training["validation_lacks"] == ["beet"]


@pytest.mark.parametrize(("wrong", "said"), [({"patience": 0}, "patience of 0"), ({"precision": "int8"}, "'int8'")])
def test_a_recipe_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        replace(QUICK, **wrong)


def test_a_label_that_is_no_class_is_refused(grown, options, class_names):
    training = grown(24)
    refused(DataError, r"labels -1 \.\.\. -1", options, replace(training, labels=np.full(24, -1)),
            grown(12, place="V"), class_names)


def test_a_network_for_another_cube_is_refused(grown, class_names):
    refused(ConfigError, "for_cube", CropNetOptions(classes=3), grown(24), grown(12, place="V"), class_names)


def test_augmentation_without_the_whole_year_is_refused(grown, small_cube, class_names):
    cube = small_cube.view()
    refused(DataError, "whole season year", CropNetOptions.for_cube(cube, 3), grown(24, cube=cube),
            grown(12, place="V", cube=cube), class_names, how=replace(QUICK, augmentation=Augmentation()))


def test_weighted_cross_entropy_is_divided_by_the_sum_of_the_weights():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)
    labels, weights = np.array([0, 0, 1]), np.array([3.0, 1.0, 0.5], np.float32)
    # Cross-entropies by hand: ln(1 + e^-2), ln(1 + e), ln 2.
    by_hand = (3 * 0.126928 + 1 * 1.313262 + 0.5 * 0.693147) / 4.5
    assert float(train.cross_entropy()(labels, logits, sample_weight=weights)) == pytest.approx(by_hand, rel=1e-5)


def test_balanced_weights_give_each_class_the_same_say():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = train.class_weights(labels, 3)
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    np.testing.assert_allclose(np.bincount(labels, weights[labels]), 10 / 3, rtol=1e-6)


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_between_balanced_and_equal_weights_a_class_has_a_power_of_its_size_as_its_say(balance):
    labels = np.array([0] * 16 + [1] * 4 + [2])
    weights = train.class_weights(labels, 3, balance)
    say = np.bincount(labels, weights[labels])
    np.testing.assert_allclose(say / say[2], np.array([16, 4, 1]) ** (1 - balance), rtol=1e-6)


def test_a_balance_beyond_its_bounds_is_refused():
    with pytest.raises(ConfigError, match="a number from 0 to 1"):
        Recipe(epochs=1, batch=2, learning_rate=1e-3, balance=1.5)


def test_the_published_recipe_is_cropnets_released_protocol():
    how = recipe("published", "cropnet")
    assert (how.epochs, how.batch, how.learning_rate, how.standardised, how.limit) == (50, 256, 1e-4, False, None)
    assert how.augmentation == Augmentation()


def test_the_demo_recipes_stay_within_their_bounds():
    for how in PRESETS["demo"].values():
        assert how.epochs <= 15
        assert how.limit <= 1200
    assert (recipe("demo", "cropnet").batch, recipe("demo", "cropnet").learning_rate) == (64, 1e-3)


@pytest.mark.parametrize(("name", "architecture"), [("dmeo", "cropnet"), ("demo", "resnet")])
def test_an_unknown_recipe_is_refused(name, architecture):
    with pytest.raises(ConfigError, match="use one of"):
        recipe(name, architecture)


def test_presets_cubes_have_networks():
    assert CropNetOptions.for_cube(preset("cropnet-5d"), 7) == CropNetOptions(classes=7)
    assert BiGRUOptions.for_cube(preset("agrispec-23"), 17) == BiGRUOptions(classes=17)
    assert keras.backend.backend() in ("tensorflow", "jax", "torch")


def test_a_backend_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingExtra, match=r"jax, .* is not installed; .*agrispec-gee\[jax\]"):
        backend.load("jax")


def test_a_backend_cannot_be_changed_within_a_process(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    other = "tensorflow" if keras.backend.backend() == "jax" else "jax"
    with pytest.raises(ConfigError, match=f"in this process already; start a new one with KERAS_BACKEND={other}"):
        backend.load(other)


def test_the_command_line_knows_every_network_forest_and_precision():
    given = {option.name: option.type for option in cli.train.params}
    assert tuple(given["model"].choices) == (*MODELS, *METHODS)
    assert tuple(given["precision"].choices) == PRECISIONS
