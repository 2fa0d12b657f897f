"""A training goes on where it stopped, with its own checkpoint and no other."""

import csv
import json
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agrispec.errors import CorruptRecord, SchemaMismatch, StorageError
from agrispec.formats.tfrecord import read_frames
from agrispec_tf import checkpoint, train
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.logs import EVENTS, HISTORY
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.recipes import Recipe

HOW = Recipe(epochs=4, batch=8, learning_rate=1e-3, augmentation=Augmentation(redrawn=True))


class Stopped(Exception):
    """Ends a training from within."""


def after(epoch):
    """A callback that stops training after an epoch."""
    def on_epoch(row):
        if row["epoch"] == epoch:
            raise Stopped
    return on_epoch


@pytest.fixture(scope="module")
def fit(grown, small_cube, class_names):
    """`train.fit` of a CropNet, whose arguments can be changed."""
    def called(**changed):
        given = {"options": CropNetOptions.for_cube(small_cube, 3), "training": grown(24),
                 "validation": grown(12, seed=1, place="V"), "class_names": class_names, "how": HOW, "seed": 3}
        return train.fit(**{**given, **changed})
    return called


@pytest.fixture(scope="module")
def whole(fit):
    return fit()


@pytest.fixture(scope="module")
def stopped_once(fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped") / "t"
    with pytest.raises(Stopped):
        fit(folder=folder, on_epoch=after(2))
    return folder


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """The folder of a training that stopped after its second epoch."""
    return Path(shutil.copytree(stopped_once, tmp_path / "t"))


def test_training_goes_on_to_the_same_history_and_weights_and_is_not_repeated(fit, whole, stopped, assert_same):
    told = []
    assert_same(fit(folder=stopped, on_epoch=lambda row: told.append(row["epoch"])), whole)
    assert told == [1, 2, 3, 4]
    before = (stopped / HISTORY).read_text()
    assert_same(fit(folder=stopped), whole)
    assert (stopped / HISTORY).read_text() == before, "not even the seconds are new"


@pytest.mark.parametrize(("changed", "named"), [
    ({"seed": 4}, "its seed is 3, not 4"),
    ({"how": replace(HOW, epochs=5)}, "its recipe epochs is 4, not 5"),
    ({"how": replace(HOW, augmentation=None)}, "its recipe augmentation is"),
    ({"class_names": ("wheat", "maize", "rye")}, "its classes is"),
    ({"smoothing": 1.0}, "its smoothing is"),
    ({"thermal": True}, "its thermal is False, not True"),
])
def test_a_checkpoint_of_another_training_is_refused_by_what_differs(fit, stopped, changed, named):
    before = (stopped / checkpoint.FILE).read_bytes()
    with pytest.raises(SchemaMismatch, match=f"is of another training: .*{named}.*--fresh"):
        fit(folder=stopped, **changed)
    assert (stopped / checkpoint.FILE).read_bytes() == before


def test_a_checkpoint_of_another_network_or_of_other_samples_is_refused(fit, grown, small_cube, stopped):
    with pytest.raises(SchemaMismatch, match="its network variant is v3, not v1"):
        fit(folder=stopped, options=CropNetOptions.for_cube(small_cube, 3, variant="v1"))
    moved = grown(24)
    moved.series.values[3, 7, 1] += 1e-3
    with pytest.raises(SchemaMismatch, match="its training samples is"):
        fit(folder=stopped, training=moved)


def test_fresh_begins_anew(fit, stopped):
    with pytest.raises(Stopped):
        fit(folder=stopped, fresh=True, seed=4, on_epoch=after(1))
    assert len(read_history(stopped)) == 1


@pytest.mark.parametrize("damage", [lambda content: content[:len(content) // 2], lambda content: b"",
                                    lambda content: content[:5000] + b"\xff" * 64 + content[5064:]])
def test_a_corrupt_checkpoint_is_refused(fit, stopped, damage):
    path = stopped / checkpoint.FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptRecord, match="checkpoint.npz cannot be read .*--fresh"):
        fit(folder=stopped)


def test_a_full_disk_leaves_the_last_whole_checkpoint(fit, stopped):
    before = (stopped / checkpoint.FILE).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="checkpoint.npz could not be written.*free space") as caught:
            fit(folder=stopped)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "still holds the epoch before" in caught.value.__notes__[0]
    assert (stopped / checkpoint.FILE).read_bytes() == before
    assert not list(stopped.glob(".*"))


def test_removing_a_checkpoint_removes_what_a_kill_left_of_another(stopped):
    (stopped / f".{checkpoint.FILE}.0123.part").write_bytes(b"half")
    checkpoint.remove(stopped / checkpoint.FILE)
    assert sorted(path.name for path in stopped.iterdir()) == sorted([HISTORY, EVENTS])


def read_history(folder):
    with open(folder / HISTORY, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_the_logs_grow_with_the_epochs_and_go_on_with_the_training(fit, stopped):
    # As if it had been killed after a checkpoint, within its log.
    with (stopped / EVENTS).open("ab") as file:
        file.write(b"half an event")
    seen = []

    def watch(row):
        if row["epoch"] > 2:
            seen.append((len(read_history(stopped)), len(list(read_frames(stopped / EVENTS)))))
    found = fit(folder=stopped, on_epoch=watch)
    assert seen == [(3, 4), (4, 5)], "a row and an event each; the first event is the version"
    assert read_history(stopped) == [dict(row) for row in found.history]


def test_training_ends_when_its_patience_does_and_that_survives_too(fit, tmp_path, assert_same):
    how = replace(HOW, epochs=9, patience=2, learning_rate=1e-9)
    found = fit(how=how, folder=tmp_path)
    assert found.training["best_epoch"] == 1
    assert len(found.history) == 3
    assert found.training["updates"] == 3 * 3
    assert_same(fit(how=how, folder=tmp_path), found)


def test_mixed_precision_loses_alike_and_leaves_a_float32_network(fit, small_cube):
    # Masks of dropout are drawn in the precision of what they mask, and differ.
    options = replace(CropNetOptions.for_cube(small_cube, 3), dropout=(0.0, 0.0, 0.0, 0.0))
    one_step = Recipe(epochs=1, batch=24, learning_rate=1e-3)
    exact, *mixed = (fit(options=options, how=replace(one_step, precision=precision))
                     for precision in ("float32", "bfloat16", "float16"))
    for found in mixed:
        assert {layer.dtype_policy.name for layer in [found.model, *found.model.layers]} == {"float32"}
        assert found.history[0]["loss"] == pytest.approx(exact.history[0]["loss"], rel=0.01)
        assert found.history[0]["loss"] != exact.history[0]["loss"]


def test_a_checkpoint_says_what_it_is_of(stopped):
    with np.load(stopped / checkpoint.FILE) as found:
        of = json.loads(found["card"].tobytes())["of"]
    assert of["seed"] == 3
    assert of["network"]["architecture"] == "cropnet"
    assert of["recipe"]["epochs"] == 4
