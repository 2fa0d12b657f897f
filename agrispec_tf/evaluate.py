"""Scores on held-out samples, and the files that report them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec.formats.atomic import write_files
from agrispec_tf.data.samples import Samples
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import Trained


def score(classifier: Trained, samples: Samples) -> Confusion:
    """How a classifier does on samples it did not train on.

    Raises:
        DataError: there are no samples.
        SchemaMismatch: the samples are of another cube than the classifier's.
    """
    found = probabilities(classifier, samples)
    return Confusion.of(samples.labels, found.argmax(axis=1), found.shape[1])


def probabilities(classifier: Trained, samples: Samples) -> NDArray[np.float32]:
    """Class probabilities (N, C) of samples to score; what is raised is what `score` says."""
    if not len(samples):
        raise DataError("there are no held-out samples to score", mend="add cells, or raise the test fold's share")
    return classifier.probabilities(samples.series)


def by_cell(right: NDArray[np.bool_], cells: NDArray[np.str_]) -> dict[str, tuple[int, int]]:
    """By 0.1 degree cell, in the order of their ids, how many samples (N,) were judged and how many were right."""
    names, place = np.unique(cells, return_inverse=True)
    judged, hits = np.bincount(place, minlength=len(names)), np.bincount(place[right], minlength=len(names))
    return dict(zip(names.tolist(), zip(judged.tolist(), hits.tolist(), strict=True), strict=True))


def report(confusion: Confusion, class_names: tuple[str, ...], cells: Mapping[str, tuple[int, int]], folder: Path,
           title: str = "") -> None:
    """Writes metrics.json, per_class.csv, cells.csv, confusion.csv and confusion.png into `folder`.

    Scores are 0 ... 1; macro-F1 is over the classes that the truth holds. Rows of the confusion matrix are the
    truth, columns the prediction, entries samples.

    Args:
        confusion: of all samples.
        class_names: by class number.
        cells: as `by_cell` gives them.
        folder: made where it is not there.
        title: of the picture.

    Raises:
        StorageError: a file cannot be written; none of the five is left half-written under its name.
    """
    totals = {"samples": int(confusion.counts.sum()), "overall_accuracy": confusion.accuracy,
              "macro_f1": confusion.macro_f1}
    per_class = zip(class_names, confusion.precision, confusion.recall, confusion.f1, confusion.support, strict=True)
    rows = [[name, f"{p:.4f}", f"{r:.4f}", f"{f:.4f}", int(n)] for name, p, r, f, n in per_class]
    matrix = [[name, *map(int, row)] for name, row in zip(class_names, confusion.counts, strict=True)]
    files = {
        "metrics.json": (json.dumps(totals, indent=2) + "\n").encode(),
        "per_class.csv": _csv([["class", "precision", "recall", "f1", "support"], *rows]),
        "cells.csv": _csv([["cell", "samples", "right"], *([cell, *counts] for cell, counts in cells.items())]),
        "confusion.csv": _csv([["truth", *class_names], *matrix]),
        "confusion.png": drawn(confusion, class_names, title),
    }
    write_files({folder / name: content for name, content in files.items()})


def _csv(rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def drawn(confusion: Confusion, class_names: tuple[str, ...], title: str) -> bytes:
    """The matrix as a PNG: shaded by the share of the true class, labelled with samples."""
    count = len(class_names)
    size = 2.5 + 0.55 * count
    figure = Figure(figsize=(size + 0.5, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    share = confusion.counts / confusion.support.clip(1)[:, None]
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(count):
        for column in range(count):
            if confusion.counts[row, column]:
                axes.text(column, row, str(confusion.counts[row, column]), ha="center", va="center", fontsize=9,
                          color="white" if share[row, column] > 0.5 else "black")
    axes.set_xticks(range(count), class_names, rotation=45, ha="right")
    axes.set_yticks(range(count), class_names)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    scores = f"accuracy {confusion.accuracy:.3f}, macro-F1 {confusion.macro_f1:.3f}"
    axes.set_title(f"{title}\n{scores}" if title else scores, fontsize=10)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()
