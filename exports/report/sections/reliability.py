"""Whether a probability of 0.9 is right nine times of ten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exports.report import charts
from exports.report.charts import Reliable
from exports.report.document import Figure, Missing, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import interval, listed, percent, score


def section(material: Material) -> Section:
    """What every model's probabilities, thresholds and sets of classes were worth."""
    title = "What probabilities are worth"
    judged = {name: found for name, found in (material.target or material.held_out).items() if found.trust}
    if not judged:
        return Section("reliability", title, (
            Missing("No model's probabilities have been compared with what is right.",
                    f"agrispec-gee train {material.name}"),))
    on = f"the {material.config.season.target} season" if material.target else "the labelled seasons"
    rows = []
    for name, found in judged.items():
        trust, review = found.trust, found.trust["review"]
        sets = trust.get("sets")
        before = material.held_out[name].trust.get("as_trained") if name in material.held_out else None
        rows.append((name, score(before["ece"] if before else None), score(_ece(material.held_out, name)),
                     score(trust["reliability"]["ece"]) if material.target else "-", percent(review["coverage"]),
                     f"{percent(review['precision'])} ({interval(review['precision_95'])})" if review["standing"]
                     else "-", percent(sets["coverage"]) if sets else "-", f"{sets['mean_size']:.2f}" if sets else "-"))
    threshold = next(iter(judged.values())).trust["review"]["threshold"]
    figure = Figure(
        name="reliability",
        content=charts.reliability([Reliable(
            name=name, kept=_bins(found.trust["reliability"]),
            trained=() if material.target else _bins(found.trust.get("as_trained", {}))) for name, found
            in judged.items()]),
        alt=f"Share of predictions that are right by their probability, on {on}; expected calibration errors are "
            + listed(f"{name} {found.trust['reliability']['ece']:.3f}" for name, found in judged.items()),
        caption=f"Held-out cells of {on}. On the dashed line a probability is what it says; below it a model is too"
                " sure, above it too modest.")
    return Section("reliability", title, (
        Paragraph(("Probabilities are tempered on validation cells of the labelled seasons before a model is kept. In"
                   " another season nothing promises that they hold: the expected calibration error (ECE, mean distance"
                   " between probability and share right) says how far they are off.",)),
        figure,
        Table(caption=f"By model. Shares on the right are of held-out cells of {on}: what stands at a probability of"
                      f" {threshold:g} without review, how much of that is right, and how often the set of classes"
                      " holds the true one.",
              head=("model", "ECE as trained", "ECE kept", f"ECE {material.config.season.target}", "stands",
                    "right of that (95 %)", "sets hold it", "classes a set"), rows=tuple(rows))))


def _ece(held_out: Mapping[str, Any], name: str) -> float | None:
    return held_out[name].trust["reliability"]["ece"] if name in held_out and held_out[name].trust else None


def _bins(curve: Mapping[str, Any]) -> tuple[tuple[float, float, int], ...]:
    return tuple(zip(curve["confidence"], curve["accuracy"], curve["samples"], strict=True)) if curve else ()
