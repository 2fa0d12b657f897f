"""Fine-tuning begins from what a network knows, is never worse on validation cells, and survives."""

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from agrispec.errors import CorruptRecord, DataError, SchemaMismatch
from agrispec_tf import checkpoint, finetune, train
from agrispec_tf.checkpoint import Checkpoint
from agrispec_tf.classifier import Classifier
from agrispec_tf.models.mlp import MLPOptions
from agrispec_tf.models.tempcnn import TempCNNOptions
from agrispec_tf.recipes import Recipe

HOW = Recipe(epochs=3, batch=8, learning_rate=1e-2)
LATE = 0.08
"""How much later the season of the new area is, in shares of a year: two thirds of what lies between two crops."""


class Stopped(Exception):
    """Ends a training from within."""


@pytest.fixture(scope="module")
def source(grown, small_cube, class_names) -> Classifier:
    """A TempCNN that knows the early season."""
    how = Recipe(epochs=10, batch=16, learning_rate=1e-3, standardised=True)
    return train.fit(TempCNNOptions.for_cube(small_cube, 3), grown(120), grown(30, seed=1, place="V"),
                     class_names=class_names, how=how, seed=3)


@pytest.fixture(scope="module")
def tuned(source, grown, class_names):
    """`finetune.fit` on few samples of a late season, whose arguments can be changed."""
    def called(**changed):
        given = {"source": source, "training": grown(12, seed=7, place="L", delay=LATE),
                 "validation": grown(12, seed=8, place="M", delay=LATE), "class_names": class_names, "how": HOW,
                 "seed": 5}
        return finetune.fit(**(given | changed))
    return called


@pytest.fixture(scope="module")
def whole(tuned, tmp_path_factory):
    """(an uninterrupted fine-tuning, its folder)."""
    folder = tmp_path_factory.mktemp("whole")
    return tuned(folder=folder), folder


def weights_of(model):
    return [(layer.name, weights) for layer in model.layers for weights in layer.get_weights()]


def test_the_first_stage_leaves_every_bit_of_the_encoder_and_trains_the_head(source, whole):
    after = source.options.build()
    with np.load(whole[1] / finetune.HEAD / checkpoint.FILE) as found:
        after.set_weights([found[f"best{number}"] for number in range(len(source.model.get_weights()))])
    for (name, ours), (_, theirs) in zip(weights_of(after), weights_of(source.model), strict=True):
        assert np.array_equal(ours, theirs) == (name != "crop"), name


def test_the_second_stage_trains_the_encoder_but_no_batch_normalisation(source, whole):
    found = whole[0]
    assert found.history[found.training["best_epoch"] - 1]["stage"] == 2
    for (name, ours), (_, theirs) in zip(weights_of(found.model), weights_of(source.model), strict=True):
        assert np.array_equal(ours, theirs) == name.startswith("norm"), name


def test_known_classes_keep_their_column_and_a_new_one_is_drawn(source, grown):
    found = finetune.adopted(source, ("beet", "rye", "wheat"), seed=4)
    series = grown(20, seed=2).series
    inputs = source.options.inputs(source.preparation.apply(series))
    ours, theirs = (one.model.predict_on_batch(inputs) for one in (found, source))
    np.testing.assert_array_equal(ours[:, [0, 2]], theirs[:, [2, 0]])
    new, other = (finetune.adopted(source, ("rye", "oats"), seed=seed).model.layers[-1].get_weights()[0]
                  for seed in (4, 5))
    assert new.shape == (256, 2)
    assert not np.isclose(new, other).any()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_network_that_knows_all_classes_answers_as_before_by_name(source, grown, temperature):
    series, known = grown(20, seed=2).series, source.tempered(temperature)
    found = finetune.adopted(known, ("beet", "wheat", "maize"), seed=4)
    np.testing.assert_allclose(found.probabilities(series), known.probabilities(series)[:, [2, 0, 1]], rtol=1e-5)
    assert source.class_names == ("wheat", "maize", "beet"), "the source stays what it was"


def test_layers_without_weights_do_not_hinder_a_network_of_another_release(source, grown):
    *_, last, head = source.model.layers
    released = keras.Model(source.model.inputs, head(keras.layers.Identity()(last.output)))
    series = grown(20, seed=2).series
    found = finetune.adopted(replace(source, model=released), source.class_names, seed=4)
    np.testing.assert_allclose(found.probabilities(series), source.probabilities(series), rtol=1e-5)


def test_what_training_cannot_better_is_left_alone(source, tuned, grown, class_names):
    early = {"training": grown(12, seed=7, place="L"), "validation": grown(30, seed=1, place="V")}
    ruinous = replace(HOW, learning_rate=3.0, epochs=2)
    found = tuned(**early, how=ruinous)
    assert found.training["best_epoch"] == 0
    before, after = (found.training["validation_macro_f1"][name] for name in ("before", "after"))
    assert max(row["val_macro_f1"] for row in found.history) <= before == after
    for (_, ours), (_, theirs) in zip(weights_of(found.model), weights_of(source.model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_that_lacks_a_class_is_no_candidate(tuned):
    found = tuned(class_names=("wheat", "rye", "beet"), how=replace(HOW, learning_rate=1e-6, epochs=1))
    assert found.training["best_epoch"] == 1
    assert found.training["validation_macro_f1"]["before"] is None


def test_scores_of_the_kept_epoch_are_those_of_the_result(whole, grown):
    found, late = whole[0], grown(12, seed=8, place="M", delay=LATE)
    epochs = [row["epoch"] for row in found.history]
    assert epochs == list(range(1, 7))
    assert [row["stage"] for row in found.history] == [1, 1, 1, 2, 2, 2]
    probability = found.probabilities(late.series)[np.arange(12), late.labels]
    kept = found.history[found.training["best_epoch"] - 1]
    assert kept["val_loss"] == pytest.approx(-np.log(probability).mean(), rel=1e-4)
    assert kept["val_macro_f1"] == found.training["validation_macro_f1"]["after"]


@pytest.mark.parametrize("epoch", [2, 5])
def test_fine_tuning_that_stops_anywhere_goes_on_to_the_same_weights(tuned, whole, tmp_path, epoch, assert_same):
    def stop(row):
        if row["epoch"] == epoch:
            raise Stopped
    with pytest.raises(Stopped):
        tuned(folder=tmp_path, on_epoch=stop)
    seen = []
    assert_same(tuned(folder=tmp_path, on_epoch=lambda row: seen.append(row["epoch"])), whole[0])
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_of_another_fine_tuning_is_refused_unless_it_is_fresh(source, tuned, tmp_path):
    def stop(row):
        if row["epoch"] == 4:
            raise Stopped
    with pytest.raises(Stopped):
        tuned(folder=tmp_path, on_epoch=stop)
    network = source.options.build()
    network.set_weights([weights + np.float32(1e-6) for weights in source.model.get_weights()])
    other = replace(source, model=network)
    with pytest.raises(SchemaMismatch, match="is of another training: its start is .*--fresh"):
        tuned(folder=tmp_path, source=other)
    with pytest.raises(Stopped):
        tuned(folder=tmp_path, source=other, fresh=True, on_epoch=stop)
    assert (tmp_path / finetune.ALL / checkpoint.FILE).exists()
    finetune.remove_checkpoints(tmp_path)
    assert not list(tmp_path.rglob(checkpoint.FILE))


def test_stages_that_are_done_are_not_repeated(tuned, whole, tmp_path, assert_same):
    folder = Path(shutil.copytree(whole[1], tmp_path / "t"))
    before = {path: path.read_bytes() for path in folder.rglob("history.csv")}
    assert len(before) == 2
    assert_same(tuned(folder=folder), whole[0])
    assert {path: path.read_bytes() for path in folder.rglob("history.csv")} == before, "not even the seconds are new"


def test_four_labels_a_class_of_a_late_season_teach_more_than_anew(grown, class_names, small_cube):
    def sampled(count, seed, place, delay=0.05):
        """Samples with so much noise that four of a class do not show what it looks like."""
        samples = grown(count, seed=seed, place=place, delay=delay)
        noise = np.random.default_rng(100 + seed).normal(0, 0.2, samples.series.values.shape).astype(np.float32)
        return replace(samples, series=replace(samples.series, values=samples.series.values + noise))

    held_out = sampled(600, 90, "T")

    def right(classifier):
        return (classifier.probabilities(held_out.series).argmax(axis=1) == held_out.labels).mean()

    options = TempCNNOptions.for_cube(small_cube, 3)
    known = train.fit(options, sampled(150, 0, "E", delay=0), sampled(30, 1, "V", delay=0), class_names=class_names,
                      how=Recipe(epochs=12, batch=16, learning_rate=1e-3, standardised=True), seed=3)
    how, adapted, anew = Recipe(epochs=15, batch=8, learning_rate=1e-3), [], []
    for draw in (70, 71, 72):
        few = sampled(12, draw, "L"), sampled(12, draw + 10, "M")
        adapted.append(right(finetune.fit(known, *few, class_names=class_names, how=how, seed=0)))
        anew.append(right(train.fit(options, *few, class_names=class_names, how=replace(how, standardised=True),
                                    seed=0)))
    assert np.mean(adapted) > right(known)
    assert np.mean(adapted) > np.mean(anew) + 0.15


def test_samples_of_another_cube_are_refused_by_what_differs(tuned, grown, small_cube):
    other = replace(small_cube, features=("B4", "B11", "B8"))
    with pytest.raises(SchemaMismatch, match=r"\['B4', 'B11', 'B8'\] instead of \['B4', 'B8', 'B11'\]"):
        tuned(training=grown(12, cube=other), validation=grown(12, place="V", cube=other),
              on_epoch=lambda row: pytest.fail("it was trained before it was refused"))


def test_a_class_without_samples_is_named_before_a_checkpoint_is_discarded(tuned, tmp_path):
    path = tmp_path / finetune.HEAD / checkpoint.FILE
    Checkpoint(history=(), times=(), best_epoch=0, best_score=0.0, best=[], state=[]).write(path, {})
    with pytest.raises(DataError, match="no training sample is of class rye"):
        tuned(class_names=("wheat", "maize", "beet", "rye"), folder=tmp_path, fresh=True)
    assert path.exists()


def test_weights_of_another_network_than_the_cards_are_refused(tuned, source):
    with pytest.raises(CorruptRecord, match="not those of the network that its card describes"):
        tuned(source=replace(source, options=MLPOptions(classes=3, features=3, steps=14)))
