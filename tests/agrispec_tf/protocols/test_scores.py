"""Tables say what scikit-learn says of the same answers, the worst first."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from agrispec_tf.protocols import scores
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.scores import Truth

RANDOM = np.random.default_rng(5)
NAMES = ("wheat", "maize", "beet")
LABELS = RANDOM.integers(0, 3, 120)
CELLS = np.array([f"c{number}" for number in np.arange(120) % 8])
TRUTH = Truth(class_names=NAMES, labels=LABELS, cells=CELLS)


def answers(group, rows, wrong, seeds=3):
    mistaken = RANDOM.random((seeds, len(rows))) < wrong
    return Answers(group=group, rows=rows,
                   probabilities=np.eye(3)[np.where(mistaken, (LABELS[rows] + 1) % 3, LABELS[rows])])


FIRST, SECOND = np.arange(60), np.arange(60, 120)
FOREST = (answers("north", FIRST, 0.2), answers("south", SECOND, 0.5))
NETWORK = (answers("north", FIRST, 0.3), answers("south", SECOND, 0.3))
ALL = {name: Answers(group="all", rows=np.arange(120),
                     probabilities=np.concatenate([one.probabilities for one in of], axis=1))
       for name, of in (("forest", FOREST), ("network", NETWORK))}


def test_scores_are_scikit_learns_averaged_over_seeds():
    one = FOREST[1]
    row = scores.of_seeds(TRUTH, one.rows, one.predicted)
    truth = LABELS[one.rows]
    macro = [f1_score(truth, seed, average="macro") for seed in one.predicted]
    accuracy = [accuracy_score(truth, seed) for seed in one.predicted]
    each = np.mean([f1_score(truth, seed, average=None) for seed in one.predicted], axis=0)
    assert row == {"samples": 60, "cells": 8, "classes": 3, "macro_f1": pytest.approx(np.mean(macro)),
                   "macro_f1_sd": pytest.approx(np.std(macro)), "macro_f1_worst_seed": pytest.approx(min(macro)),
                   "accuracy": pytest.approx(np.mean(accuracy)), "accuracy_sd": pytest.approx(np.std(accuracy)),
                   "worst_class": NAMES[each.argmin()], "worst_class_f1": pytest.approx(each.min())}


def test_a_class_that_is_not_there_is_not_the_worst():
    rows = np.flatnonzero(LABELS != 2)
    row = scores.of_seeds(TRUTH, rows, LABELS[rows][None])
    assert (row["classes"], row["macro_f1"], row["worst_class_f1"]) == (2, 1.0, 1.0)


def test_the_worst_group_comes_first_and_its_worst_model():
    rows = scores.by_group(TRUTH, {"forest": FOREST, "network": NETWORK}, {"north": 0.1, "south": 0.2})
    assert [(row["group"], row["prior_shift"]) for row in rows] == [("south", 0.2)] * 2 + [("north", 0.1)] * 2
    assert rows[0]["macro_f1"] <= rows[1]["macro_f1"]
    assert rows[0]["model"] == "forest"


def test_all_samples_are_scored_together_with_intervals_and_a_gain_on_the_first_model():
    rows = scores.overall(TRUTH, ALL)
    assert rows[0]["macro_f1"] <= rows[1]["macro_f1"]
    of = {row["model"]: row for row in rows}
    assert not [key for key in of["forest"] if "gain" in key]
    for score in ("macro_f1", "accuracy"):
        assert of["network"][f"{score}_gain"] == pytest.approx(of["network"][score] - of["forest"][score])
        low, high = of["network"][f"{score}_gain_interval"]
        assert low < of["network"][f"{score}_gain"] < high
        for row in rows:
            low, high = row[f"{score}_interval"]
            assert low < row[score] < high


def test_parts_hold_their_samples_and_empty_ones_are_left_out():
    small = LABELS == 1
    rows = scores.by_part(TRUTH, ALL, {"small": small, "none": np.zeros(120, bool), "large": ~small})
    assert [(row["group"], row["model"], row["samples"]) for row in rows] == [
        (name, model, count) for name, count in (("small", small.sum()), ("large", (~small).sum()))
        for model in ("forest", "network")]
    inside = ALL["forest"].predicted[:, small]
    assert rows[0]["accuracy"] == pytest.approx(np.mean([accuracy_score(LABELS[small], seed) for seed in inside]))


def test_confused_pairs_are_the_largest_of_scikit_learns_matrix():
    rows = [row for row in scores.confused(TRUTH, ALL) if row["model"] == "forest"]
    matrix = sum(confusion_matrix(LABELS, seed) for seed in ALL["forest"].predicted)
    assert [row["samples"] for row in rows] == sorted((row["samples"] for row in rows), reverse=True)
    assert sum(row["samples"] for row in rows) * 3 == matrix.sum() - np.trace(matrix)
    for row in rows:
        a, b = NAMES.index(row["truth"]), NAMES.index(row["called"])
        assert row["samples"] * 3 == pytest.approx(matrix[a, b])
        assert row["rate"] == pytest.approx(matrix[a, b] / matrix[a].sum())


def test_the_shift_of_the_mix_is_the_share_that_would_have_to_change():
    assert scores.prior_shift(np.array([0.5, 0.5, 0]), np.array([0.5, 0.5, 0])) == 0
    assert scores.prior_shift(np.array([1, 0.0, 0]), np.array([0, 0.4, 0.6])) == 1
    assert scores.prior_shift(TRUTH.mix(FIRST), TRUTH.mix(SECOND)) == pytest.approx(
        np.maximum(np.bincount(LABELS[FIRST]) - np.bincount(LABELS[SECOND]), 0).sum() / 60)


def test_parcels_are_small_below_half_a_hectare():
    parts = scores.sizes(np.array([0.1, 0.4999, 0.5, 7, np.nan]))
    assert {name: mask.tolist() for name, mask in parts.items()} == {
        "below 0.5 ha": [True, True, False, False, False], "0.5 ha and more": [False, False, True, True, False],
        "in no parcel": [False, False, False, False, True]}


@pytest.mark.parametrize("share", [RANDOM.random(50), np.round(RANDOM.random(50), 1), np.full(50, 0.4)])
def test_quarters_by_looks_hold_every_sample_once_and_equal_shares_together(share):
    parts = scores.looks(share)
    assert (np.sum(list(parts.values()), axis=0) == 1).all()
    assert 1 <= len(parts) <= 4
    tops = [share[mask].max() for mask in parts.values()]
    bottoms = [share[mask].min() for mask in parts.values()]
    assert all(top < bottom for top, bottom in zip(tops, bottoms[1:], strict=False))
