"""What a model's probabilities are worth: made so on cells that did not teach, measured on others, and told."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agrispec.formats.atomic import write_files
from agrispec_tf import calibration, conformal
from agrispec_tf.calibration import Reliability
from agrispec_tf.conformal import Coverage
from agrispec_tf.data.samples import Samples
from agrispec_tf.metrics import interval_of_share
from agrispec_tf.model_folder import Trained
from agrispec_tf.triage import Standing


def calibrated(trained: Trained, validation: Samples) -> Trained:
    """A trained model with the temperature and the threshold of sets that its validation samples call for.

    Its classes stay what they are. `training["calibration"]` says `samples`, `temperature`, and `least`, the
    probability from which a class is in a set. Without samples probabilities stay as they were trained, T = 1, and
    every class is in every set, `least` = 0. The same samples choose a network's epoch: what they promise is a little
    too good, and held-out ones tell by how much.

    Args:
        trained: as it came out of training.
        validation: samples of source seasons, of cells that did not teach.
    """
    # A model that was corrected for the target's class mix has its temperature: its mix is not the source's any more.
    had = trained.training.get("temperature")
    found = had or calibration.temperature(trained.probabilities(validation.series), validation.labels,
                                           trained.pseudocount)
    return _with_sets(trained if had or found == 1 else trained.tempered(found), validation, {"temperature": found})


def recalibrated(kept: Trained, validation: Samples, temperature: float, held_out: Mapping[str, Any]) -> Trained:
    """A model that `calibrated` gave, with a temperature that was found elsewhere; asked again it gives the same.

    Sets of classes keep their promise on cells like those of validation: their threshold is found anew.

    Args:
        kept: the model.
        validation: the samples that `calibrated` had.
        temperature: T of what was trained, in place of the one that it has.
        held_out: where it is from, JSON types; `training["calibration"]` says it, and the temperature of the
            validation cells as its `cells_temperature`, None where they hold no sample.
    """
    had = kept.training.get("calibration", {"samples": 0})
    of_cells = None
    if had["samples"]:
        of_cells = had["held_out"]["cells_temperature"] if "held_out" in had else had["temperature"]
    return _with_sets(kept.tempered(temperature), validation, {
        "temperature": temperature, "held_out": {**held_out, "cells_temperature": of_cells}})


def _with_sets(trained: Trained, validation: Samples, calibration: Mapping[str, Any]) -> Trained:
    labels = validation.labels
    least = conformal.threshold(trained.probabilities(validation.series), labels)
    return replace(trained, training={  # type: ignore[type-var]
        **trained.training, "calibration": {"samples": len(labels), **calibration, "least": least}})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trust:
    """What probabilities were worth on samples whose class is known.

    Attributes:
        reliability: confidence against accuracy.
        standing: what the threshold of review leaves.
        coverage: of sets of classes; None where nobody calibrated any.
    """

    reliability: Reliability
    standing: Standing
    coverage: Coverage | None

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, confidence: float,
           least: float | None) -> Trust:
        """The counts of probabilities (N, C) and class numbers (N,).

        Args:
            confidence: probability from which a prediction stands without review.
            least: probability from which a class is in a set.
        """
        coverage = None if least is None else Coverage.of(conformal.sets(probabilities, least), labels)
        return cls(reliability=Reliability.of(probabilities, labels),
                   standing=Standing.of(probabilities, labels, confidence), coverage=coverage)

    def table(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """The same as JSON types, of which `in_words` tells."""
        sets = {} if self.coverage is None else {"sets": {"nominal": conformal.COVERAGE,
                                                          **self.coverage.table(class_names)}}
        return {"reliability": self.reliability.table, "review": self.standing.table, **sets}


def in_words(table: Mapping[str, Any]) -> str:
    """What `Trust.table` says, in a line."""
    review = table["review"]
    low, high = review["precision_95"]
    expected, fewest, most = review["queue_of_10000"]
    right = f"{review['precision']:.1%} right ({low:.1%} to {high:.1%})" if review["standing"] else "none to be right"
    said = (f"ECE {table['reliability']['ece']:.3f}; {review['coverage']:.1%} stand at {review['threshold']:g},"
            f" {right}; of 10,000 predictions {expected:,} ({fewest:,} to {most:,}) wait for review")
    if "sets" not in table:
        return said
    sets = table["sets"]
    return (f"{said}; sets of {sets['mean_size']:.2f} classes hold the true one in {sets['coverage']:.1%}"
            f" (promised {sets['nominal']:.0%})")


def report(trust: Trust, class_names: tuple[str, ...], folder: Path, title: str,
           as_trained: Reliability | None = None) -> None:
    """Writes trust.json and reliability.png into `folder`.

    Args:
        title: of the picture.
        as_trained: what it was before a temperature was found, to be drawn beside it.

    Raises:
        StorageError: a file cannot be written; neither is left half-written under its name.
    """
    table = trust.table(class_names) | ({"as_trained": as_trained.table} if as_trained else {})
    curves = ({"as trained": as_trained} if as_trained else {}) | {"as kept": trust.reliability}
    write_files({folder / "trust.json": (json.dumps(table, indent=2) + "\n").encode(),
                 folder / "reliability.png": drawn(curves, title, trust.standing.threshold)})


def drawn(curves: Mapping[str, Reliability], title: str, threshold: float | None = None) -> bytes:
    """Accuracy by confidence with 95 % intervals as a PNG, above how many samples are how confident.

    Args:
        curves: one or two by name; of the last one the samples are filled.
        title: of the picture.
        threshold: a confidence to be marked, that of review.
    """
    figure = Figure(figsize=(5, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    last = list(curves.values())[-1]
    for (name, found), colour in zip(curves.items(), ("#d95f02", "#1b6ca8")[-len(curves):], strict=True):
        confidence, accuracy, samples = found.curve
        low, high = interval_of_share(accuracy * samples, samples)
        above.errorbar(confidence, accuracy, (accuracy - low, high - accuracy), fmt="o", markersize=4, linewidth=1,
                       color=colour, label=f"{name}, ECE {found.ece:.3f}", clip_on=False)
        edges = np.linspace(0, 1, len(found.counts) + 1)
        below.stairs(found.counts, edges, color=colour, fill=found is last, alpha=0.8)
    for axes in (above, below) if threshold is not None else ():
        axes.axvline(threshold, color="0.6", linestyle=":", linewidth=1)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is right")
    # Below: of a model that is too sure, points are where a legend within the axes would stand; of another one, too.
    figure.legend(loc="outside lower center", ncols=len(curves), frameon=False, fontsize=9)
    above.set_title(title, fontsize=10)
    marked = "" if threshold is None else "; dotted: threshold of review"
    below.set(xlabel=f"probability of the class{marked}", ylabel="samples")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()
