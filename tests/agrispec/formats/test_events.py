"""Event files that TensorFlow's own reader understands."""

import numpy as np
import pytest

from agrispec.errors import StorageError
from agrispec.formats import events

ROWS = [(1, 1.7e9, {"loss": 0.5, "val_macro_f1": 1 / 3}), (2, 1.7e9 + 61.25, {"loss": 0.25}),
        (300, 1.8e9, {"loss": float("nan"), "größe" * 40: -1e30})]


def read_by_tensorflow(path):
    tensorflow = pytest.importorskip("tensorflow")
    return list(tensorflow.compat.v1.train.summary_iterator(str(path)))


def said(event):
    return {value.tag: value.simple_value for value in event.summary.value}


def test_tensorflow_reads_what_was_created_and_appended(tmp_path):
    path = tmp_path / "new" / "scores.tfevents"
    events.create(path, ROWS[:1])
    for row in ROWS[1:]:
        events.append(path, *row)
    version, *found = read_by_tensorflow(path)
    assert version.file_version == "brain.Event:2"
    assert [(event.step, event.wall_time) for event in found] == [row[:2] for row in ROWS]
    for event, (_, _, scalars) in zip(found, ROWS, strict=True):
        assert said(event).keys() == scalars.keys()
        np.testing.assert_array_equal(list(said(event).values()), np.float32(list(scalars.values())))


def test_creating_a_file_again_begins_it_anew(tmp_path):
    path = tmp_path / "scores.tfevents"
    events.create(path, ROWS)
    events.create(path)
    assert [event.file_version for event in read_by_tensorflow(path)] == ["brain.Event:2"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageError, match="scores.tfevents could not be written"):
        events.append(tmp_path / "missing" / "scores.tfevents", *ROWS[0])
