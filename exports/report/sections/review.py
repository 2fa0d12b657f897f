"""How far people are with the parcels that the model is not sure of."""

from __future__ import annotations

from exports.report.document import Facts, Missing, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import counted

_KINDS = ("accept", "correct", "skip")

_PARCELS = 20
"""Parcels named one by one."""


def section(material: Material) -> Section:
    """Length of the queue, and verdicts that stand by reviewer and kind."""
    title, found, path = "Review", material.review, material.name
    if found is None:
        return Section("review", title, (
            Missing("No queue of doubtful parcels has been made.", f"agrispec-gee review queue {path}"),))
    given = sum(sum(kinds.values()) for kinds in found.verdicts.values())
    queue = "not made" if found.queued is None else counted(found.queued, "parcel")
    facts = Facts((("Queue", (queue,)), ("Verdicts that stand", (f"{given:,}",)),
                   ("Reviewers", (f"{len(found.verdicts):,}",))))
    if not found.verdicts:
        return Section("review", title, (
            facts, Missing("Nobody has said anything yet.", f"agrispec-gee review serve {path}")))
    names = (*_KINDS, *sorted({kind for kinds in found.verdicts.values() for kind in kinds} - set(_KINDS)))
    table = Table(caption="Verdicts that stand; of what a reviewer said of a parcel, the last that was not taken back.",
                  head=("reviewer", *names), rows=tuple(
                      (reviewer, *(f"{kinds.get(kind, 0):,}" for kind in names))
                      for reviewer, kinds in sorted(found.verdicts.items())))
    if not found.disagreed:
        return Section("review", title, (facts, table))
    more = f" and {len(found.disagreed) - _PARCELS:,} others" if len(found.disagreed) > _PARCELS else ""
    return Section("review", title, (facts, table, Paragraph((
        f"Reviewers give different classes to {counted(len(found.disagreed), 'parcel')}, which count for nothing until"
        f" they agree: {', '.join(found.disagreed[:_PARCELS])}{more}.",))))
