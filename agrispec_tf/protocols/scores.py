"""What the answers to a protocol are worth, as rows of tables: the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec_tf import intervals
from agrispec_tf.metrics import Confusion
from agrispec_tf.protocols.folds import Rows
from agrispec_tf.protocols.judging import Answers

Row = dict[str, Any]
"""One row of a table: JSON types by column."""

SMALL_HA = 0.5
"""Parcels below this many hectares, 50 pixels of 10 m, are small."""

_MOST_PAIRS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is known of N samples that were judged.

    Attributes:
        class_names: C names by class number.
        labels: (N,) class numbers.
        cells: (N,) ids of their cells.
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    cells: NDArray[np.str_]

    def mix(self, rows: Rows) -> NDArray[np.float64]:
        """(C,) shares of the classes among some samples."""
        return np.bincount(self.labels[rows], minlength=len(self.class_names)) / len(rows)


def of_seeds(truth: Truth, rows: Rows, predicted: NDArray[np.int64]) -> Row:
    """Scores of some samples: means over seeds, and their spread.

    Args:
        truth: of all samples.
        rows: (n,) of those that are scored.
        predicted: (seeds, n) class numbers they were given.

    Returns:
        `samples`, `cells` and `classes`, how many of each there are; `macro_f1` over these classes, its standard
        deviation over seeds `macro_f1_sd` (that of a population) and its lowest, `macro_f1_worst_seed`; `accuracy` and
        `accuracy_sd`; `worst_class` of the lowest mean F1 among these classes, and `worst_class_f1`.
    """
    found = [Confusion.of(truth.labels[rows], one, len(truth.class_names)) for one in predicted]
    macro, accuracy = np.array([one.macro_f1 for one in found]), np.array([one.accuracy for one in found])
    f1 = np.where(found[0].support > 0, np.mean([one.f1 for one in found], axis=0), np.inf)
    return {"samples": len(rows), "cells": len(np.unique(truth.cells[rows])),
            "classes": int((found[0].support > 0).sum()),
            "macro_f1": float(macro.mean()), "macro_f1_sd": float(macro.std()),
            "macro_f1_worst_seed": float(macro.min()), "accuracy": float(accuracy.mean()),
            "accuracy_sd": float(accuracy.std()), "worst_class": truth.class_names[int(f1.argmin())],
            "worst_class_f1": float(f1.min())}


def by_group(truth: Truth, answers: Mapping[str, Sequence[Answers]], shift: Mapping[str, float]) -> list[Row]:
    """A row for each group and model, by the mean of the models' macro-F1, the worst group first.

    Args:
        truth: of all samples.
        answers: of each model, a group each, the same groups for all.
        shift: of each group, see `prior_shift`.
    """
    rows = [{"group": one.group, "model": model, **of_seeds(truth, one.rows, one.predicted),
             "prior_shift": shift[one.group]} for model, found in answers.items() for one in found]
    return _worst_first(rows)


def by_part(truth: Truth, answers: Mapping[str, Answers], parts: Mapping[str, NDArray[np.bool_]]) -> list[Row]:
    """A row for each part of the samples and model, in the parts' order; empty parts are left out.

    Args:
        truth: of all samples.
        answers: of each model.
        parts: name of a part to a mask (N,) of all samples.
    """
    return [{"group": name, "model": model,
             **of_seeds(truth, one.rows[mask[one.rows]], one.predicted[:, mask[one.rows]])}
            for name, mask in parts.items() for model, one in answers.items() if mask[one.rows].any()]


def overall(truth: Truth, answers: Mapping[str, Answers]) -> list[Row]:
    """A row for each model, the worst first: scores of all judged samples with 95 % intervals over cells.

    Beside what `of_seeds` has: `macro_f1_interval` and `accuracy_interval`; for all models but the first
    `macro_f1_gain`, how much higher it is than the first one's, and `macro_f1_gain_interval`, of the same draws of
    cells for both; `accuracy_gain` and `accuracy_gain_interval` likewise.
    """
    counts = {model: [intervals.by_cell(truth.labels[one.rows], truth.cells[one.rows], predicted,
                                        len(truth.class_names)) for predicted in one.predicted]
              for model, one in answers.items()}
    reference, rows = next(iter(answers)), []
    for model, one in answers.items():
        row = {"model": model, **of_seeds(truth, one.rows, one.predicted)}
        for score, (_, low, high) in intervals.of(counts[model]).items():
            row[f"{score}_interval"] = [low, high]
        if model != reference:
            for score, (gain, low, high) in intervals.differences(counts[model], counts[reference]).items():
                row |= {f"{score}_gain": gain, f"{score}_gain_interval": [low, high]}
        rows.append(row)
    return sorted(rows, key=lambda row: row["macro_f1"])


def counts(truth: Truth, answers: Answers) -> Confusion:
    """How often each class was called each, all seeds together."""
    return Confusion.of(np.tile(truth.labels[answers.rows], len(answers.predicted)), answers.predicted.ravel(),
                        len(truth.class_names))


def confused(truth: Truth, answers: Mapping[str, Answers]) -> list[Row]:
    """The ten pairs that each model confuses most: `rate` of the samples of class `truth` are `called` another.

    `samples` are as many a seed, on average. Pairs are in order of the samples, the most first.
    """
    rows = []
    for model, one in answers.items():
        found = counts(truth, one)
        wrong = found.counts * ~np.eye(len(truth.class_names), dtype=bool)
        most = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
        rows += [{"model": model, "truth": truth.class_names[a], "called": truth.class_names[b],
                  "samples": float(wrong[a, b] / len(one.predicted)), "rate": float(wrong[a, b] / found.support[a])}
                 for a, b in zip(*np.unravel_index(most, wrong.shape), strict=True) if wrong[a, b]]
    return rows


def prior_shift(taught: NDArray[np.float64], judged: NDArray[np.float64]) -> float:
    """Total variation distance of two class mixes (C,): the share of samples that would have to change their class."""
    return float(np.abs(taught - judged).sum() / 2)


def sizes(hectares: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Samples by the area (N,) of their parcel: small, larger, and in no parcel, where the area is not known (NaN)."""
    return {f"below {SMALL_HA:g} ha": hectares < SMALL_HA, f"{SMALL_HA:g} ha and more": hectares >= SMALL_HA,
            "in no parcel": np.isnan(hectares)}


def looks(share: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Samples in quarters by the share (N,) of their steps that have a clear look; equal shares stay together."""
    edges = np.unique(np.quantile(share, (0.25, 0.5, 0.75)))
    quarter = np.searchsorted(edges, share, side="left")
    found = {}
    for number in np.unique(quarter):
        mask = quarter == number
        low, high = share[mask].min(), share[mask].max()
        found[f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"] = mask
    return found


def _worst_first(rows: Sequence[Row]) -> list[Row]:
    mean = {group: np.mean([row["macro_f1"] for row in rows if row["group"] == group])
            for group in {row["group"] for row in rows}}
    return sorted(rows, key=lambda row: (mean[row["group"]], row["group"], row["macro_f1"]))
