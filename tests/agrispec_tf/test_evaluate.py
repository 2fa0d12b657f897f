"""The report's files say what the counts say."""

import csv
import json

import numpy as np
import pytest
from matplotlib import image

from agrispec.errors import DataError, StorageError
from agrispec_tf import evaluate
from agrispec_tf.metrics import Confusion

NAMES = ("wheat", "maize", "beet")
CELLS = {"E0045N0487": (12, 11), "E0046N0487": (8, 6)}
COUNTS = Confusion(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]))


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_report_holds_the_scores_the_classes_the_counts_and_a_picture(tmp_path):
    evaluate.report(COUNTS, NAMES, CELLS, tmp_path / "report", title="Held-out cells")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "cells.csv", "confusion.csv", "confusion.png", "metrics.json", "per_class.csv"]
    scores = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert scores == {"samples": 20, "overall_accuracy": 0.85, "macro_f1": COUNTS.macro_f1}
    assert table(tmp_path / "report" / "confusion.csv") == [
        ["truth", *NAMES], ["wheat", "8", "2", "0"], ["maize", "1", "9", "0"], ["beet", "0", "0", "0"]]
    rows = table(tmp_path / "report" / "per_class.csv")
    assert rows[0] == ["class", "precision", "recall", "f1", "support"]
    assert rows[2] == ["maize", "0.8182", "0.9000", "0.8571", "10"]
    assert table(tmp_path / "report" / "cells.csv") == [
        ["cell", "samples", "right"], ["E0045N0487", "12", "11"], ["E0046N0487", "8", "6"]]
    picture = image.imread(tmp_path / "report" / "confusion.png")
    assert picture.shape[0] > 300
    assert picture.std() > 0.1


def test_samples_are_counted_by_their_cell():
    right = np.array([True, False, True, True, False])
    assert evaluate.by_cell(right, np.array(["b", "a", "b", "c", "b"])) == {"a": (1, 0), "b": (3, 2), "c": (1, 1)}


def test_the_same_counts_give_the_same_files(tmp_path):
    for name in ("one", "other"):
        evaluate.report(COUNTS, NAMES, CELLS, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_a_report_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "report").write_text("a file stands here")
    with pytest.raises(StorageError):
        evaluate.report(COUNTS, NAMES, CELLS, tmp_path / "report")


def test_no_held_out_samples_are_an_error(grown):
    with pytest.raises(DataError, match="no held-out samples"):
        evaluate.score(None, grown(3).take(np.arange(0)))
