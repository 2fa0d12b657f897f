"""A classifier's folder: whole or not at all, and only for its own cube."""

import json
import resource
from dataclasses import replace

import keras
import numpy as np
import pytest

from agrispec.errors import CorruptRecord, RunError, SchemaMismatch, StorageError
from agrispec_tf import calibration
from agrispec_tf import classifier as classifiers
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.models import architectures
from agrispec_tf.models.cropnet import CropNetOptions


@pytest.fixture(scope="module")
def classifier(small_cube, class_names) -> Classifier:
    keras.utils.set_random_seed(0)
    options = CropNetOptions.for_cube(small_cube, 3)
    statistics = Normalisation(mean=(0.1, 0.2, 0.3), deviation=(1.0, 2.0, 3.0))
    return Classifier(model=classifiers.compiled_for_inference(options.build()), options=options,
                      cube=small_cube, class_names=class_names, preparation=Preparation(normalisation=statistics),
                      training={"seed": 0, "best_epoch": 2}, history=({"epoch": 1.0, "val_macro_f1": 0.25},))


@pytest.fixture
def folder(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_classifier_comes_back_whole(classifier, folder, grown):
    again = classifiers.load(folder)
    for name in ("options", "cube", "class_names", "preparation", "training", "history"):
        assert getattr(again, name) == getattr(classifier, name)
    series = grown(20).series
    np.testing.assert_array_equal(again.probabilities(series), classifier.probabilities(series))


def test_saving_again_replaces_the_folder(classifier, folder):
    replace(classifier, training={"seed": 7}).save(folder)
    assert classifiers.load(folder).training == {"seed": 7}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_full_disk_leaves_the_old_model_and_nothing_else(classifier, folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError):
            replace(classifier, training={"seed": 7}).save(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert classifiers.load(folder).training == classifier.training
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("batch", [1, 7, 20, 64])
def test_probabilities_do_not_depend_on_the_batch(classifier, grown, batch):
    series = grown(20).series
    np.testing.assert_allclose(classifier.probabilities(series, batch), classifier.probabilities(series), atol=1e-6)


def test_probabilities_of_no_series_are_none(classifier, grown):
    assert classifier.probabilities(grown(20).series.take(np.arange(0))).shape == (0, 3)


def test_a_window_view_gets_the_probabilities_of_the_full_year(classifier, grown):
    series = grown(20).series
    window = series.cube.window
    view = Series(cube=series.cube.view(), values=series.values[:, window.start:window.stop],
                  counts=series.counts[:, window.start:window.stop])
    np.testing.assert_array_equal(classifier.probabilities(view), classifier.probabilities(series))


def test_series_of_another_cube_are_refused_with_the_difference(classifier, grown, small_cube):
    other = replace(small_cube, features=("B4", "B11", "B8"))
    with pytest.raises(SchemaMismatch, match=r"\['B4', 'B11', 'B8'\] instead of \['B4', 'B8', 'B11'\]"):
        classifier.probabilities(grown(5, cube=other).series)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(RunError, match="model.keras, model.json, history.csv is missing"):
        classifiers.load(tmp_path)


@pytest.mark.parametrize("name", [classifiers.MODEL, classifiers.CARD])
def test_a_truncated_file_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:len(content) // 2])
    with pytest.raises(CorruptRecord, match="cannot be read"):
        classifiers.load(folder)


@pytest.mark.parametrize("model", ["cropnet-1d", "bigru", "mlp", "tempcnn"])
def test_a_network_of_each_architecture_comes_back(model, classifier, grown, small_cube, tmp_path):
    options = architectures.for_cube(model, small_cube, 3)
    made = replace(classifier, options=options, model=classifiers.compiled_for_inference(options.build()))
    made.save(tmp_path / "model")
    again, series = classifiers.load(tmp_path / "model"), grown(4).series
    assert again.options == options
    np.testing.assert_array_equal(again.probabilities(series), made.probabilities(series))


@pytest.mark.parametrize(("edit", "words"), [
    ({"classes": ["wheat", "maize"]}, r"makes \(3,\) of \(3, 14, 1\), by its card \(2,\) of \(3, 14, 1\)"),
    ({"architecture": "mlp", "options": {"classes": 3, "features": 3, "steps": 14}}, r"by its card \(3,\) of \(42,\)"),
    ({"architecture": "transformer"}, "no architecture 'transformer'"), ({"options": [3]}, "cannot be read"),
    ({"options": {"classes": 3, "width": 8}}, "not built from classes, width")])
def test_a_network_that_is_not_the_cards_is_refused(folder, edit, words):
    card = json.loads((folder / classifiers.CARD).read_text())
    (folder / classifiers.CARD).write_text(json.dumps({**card, **edit}))
    with pytest.raises(CorruptRecord, match=words):
        classifiers.load(folder)


def test_a_card_whose_cube_was_edited_is_refused(folder):
    card = json.loads((folder / classifiers.CARD).read_text())
    card["cube"]["fill"] = 0.0
    (folder / classifiers.CARD).write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match="digest"):
        classifiers.load(folder)


@pytest.mark.parametrize("name", ["cropnet", "cropnet-1d", "bigru", "mlp", "tempcnn", "resnet50", "efficientnetv2s"])
def test_every_network_is_rescaled_by_its_last_layer_and_stays_what_it_was(name, small_cube, class_names):
    options = architectures.for_cube(name, small_cube, 3)
    before = Classifier(model=options.build(), options=options, cube=small_cube, class_names=class_names,
                        preparation=Preparation(), training={})
    weights = before.model.get_weights()
    offset = np.array([0.5, -1.0, 2.0])
    found = before.rescaled(0.25, offset).model
    inputs = options.inputs(np.random.default_rng(0).normal(0, 1, (2, *options.series_shape)).astype(np.float32))
    # Tracing a large network takes TensorFlow longer than running it once.
    ours, theirs = (np.asarray(model(inputs, training=False)) for model in (found, before.model))
    np.testing.assert_allclose(ours, 0.25 * theirs + offset, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())
    for one, other in zip(weights, before.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    changed = [np.array_equal(one, other) for one, other in zip(weights, found.get_weights(), strict=True)]
    assert [layer.name for layer in found.layers] == [layer.name for layer in before.model.layers]
    assert changed.count(False) == 2


@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_a_tempered_network_has_tempered_probabilities_after_it_is_saved_too(classifier, temperature, grown, tmp_path):
    # Fresh weights decide nothing; those that are trained do.
    sure, series = classifier.rescaled(50.0), grown(40).series
    found = sure.tempered(temperature)
    expected = calibration.tempered(sure.probabilities(series), temperature)
    np.testing.assert_allclose(found.probabilities(series), expected, atol=1e-5)
    np.testing.assert_array_equal(found.probabilities(series).argmax(axis=1), expected.argmax(axis=1))
    found.save(tmp_path / "model")
    np.testing.assert_array_equal(classifiers.load(tmp_path / "model").probabilities(series),
                                  found.probabilities(series))


def test_a_temperature_is_of_what_was_trained_and_never_squared(classifier, grown, tmp_path):
    trained, series = classifier.rescaled(50.0), grown(40).series
    once = trained.tempered(3.0)
    again = once.tempered(3.0)
    for one, other in zip(once.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(once.tempered(1.0).probabilities(series), trained.probabilities(series), atol=1e-6)
    np.testing.assert_allclose(once.tempered(0.4).probabilities(series), trained.tempered(0.4).probabilities(series),
                               atol=1e-6)
    once.save(tmp_path / "model")
    loaded = classifiers.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.tempered(3.0).probabilities(series), once.probabilities(series))
    # Folders from before the temperature stood in them by itself have that of their calibration.
    card = json.loads((tmp_path / "model" / classifiers.CARD).read_text())
    assert card.pop("temperature") == 3.0
    card["training"]["calibration"] = {"temperature": 3.0}
    (tmp_path / "model" / classifiers.CARD).write_text(json.dumps(card))
    assert classifiers.load(tmp_path / "model").temperature == 3.0
