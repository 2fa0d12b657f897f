"""How far people are with the parcels that the model is not sure of, and how accuracy moves by what they said."""

from __future__ import annotations

from collections.abc import Iterator

from exports.report.document import Block, Facts, Heading, Missing, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import counted, listed, score

_KINDS = ("accept", "correct", "skip")

_PARCELS = 20
"""Parcels named one by one."""

_REVIEWED = "-reviewed"
"""What `train --with-review` adds to the name of a model."""


def section(material: Material) -> Section:
    """Length of the queue, verdicts that stand by reviewer and kind, and scores with and without them."""
    return Section("review", "Review", (*_state(material), *_moved(material)))


def _state(material: Material) -> Iterator[Block]:
    found, path = material.review, material.name
    if found is None:
        yield Missing("No queue of doubtful parcels has been made.", f"agrispec-gee review queue {path}")
        return
    given = sum(sum(kinds.values()) for kinds in found.verdicts.values())
    queue = "not made" if found.queued is None else counted(found.queued, "parcel")
    yield Facts((("Queue", (queue,)), ("Verdicts that stand", (f"{given:,}",)),
                 ("Reviewers", (f"{len(found.verdicts):,}",))))
    if found.stale:
        yield Missing("The queue is of the parcels of an earlier map.", f"agrispec-gee review queue {path}")
    if not found.verdicts:
        yield Missing("Nobody has said anything yet.", f"agrispec-gee review serve {path}")
        return
    names = (*_KINDS, *sorted({kind for kinds in found.verdicts.values() for kind in kinds} - set(_KINDS)))
    yield Table(caption="Verdicts that stand; of what a reviewer said of a parcel, the last that was not taken back.",
                head=("reviewer", *names), rows=tuple(
                    (reviewer, *(f"{kinds.get(kind, 0):,}" for kind in names))
                    for reviewer, kinds in sorted(found.verdicts.items())))
    if found.disagreed:
        more = f" and {len(found.disagreed) - _PARCELS:,} others" if len(found.disagreed) > _PARCELS else ""
        yield Paragraph((
            f"Reviewers give different classes to {counted(len(found.disagreed), 'parcel')}, which count for nothing"
            f" until they agree: {', '.join(found.disagreed[:_PARCELS])}{more}.",))


def _moved(material: Material) -> Iterator[Block]:
    """Scores of models that verdicts taught, beside those of the same models without, where both were judged."""
    target, rows = str(material.config.season.target), []
    for name, review in material.taught_by_review.items():
        without = name.removesuffix(_REVIEWED)
        by = listed(f"{reviewer} ({count})" for reviewer, count in review["reviewers"].items())
        for season, judged in (("labelled seasons", material.held_out), (target, material.target)):
            if {name, without} <= judged.keys():
                before, after = (float(judged[each].totals["macro_f1"]) for each in (without, name))
                rows.append((without, season, score(before), score(after), f"{after - before:+.3f}",
                             f"{review['parcels']:,}", by))
    if not rows:
        return
    yield Heading("How accuracy moves")
    yield Table(caption="Macro-F1 on held-out cells of models that learned without verdicts, and with the parcels that"
                        " reviewers agree on; beside each reviewer, how many of these.",
                head=("model", "judged on", "without", "with", "difference", "parcels", "reviewers"), rows=tuple(rows))
    opened = any(review["target_open"] for review in material.taught_by_review.values())
    yield Paragraph((
        (f"Labels of the {target} season were open to the models with verdicts: beside models that saw none they show"
         " what review is worth, not which kind of model is better. " if opened else "")
        + "Parcels that touch a held-out cell taught nothing, so both are judged on places that taught neither. With"
          " few cells a small difference may be chance.",))
