"""How models do where they were taught nothing: rungs of adaptation, and protocols that hold places or years out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exports.report.document import Block, Bullets, Code, Heading, Missing, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import counted, listed, score

_LADDER = "adapt "
"""How the manifest begins the names of what `adapt` does."""


def section(material: Material) -> Section:
    """A table a ladder and a table a protocol."""
    title, path = "In another season, in another place", material.name
    ladders = {name.removeprefix(_LADDER): did for name, did in material.stages.items()
               if name.startswith(_LADDER) and "validators" in did}
    blocks: list[Block] = []
    for network, did in ladders.items():
        blocks += _ladder(material, network, did)
    if not ladders:
        blocks.append(Missing(f"No network has been carried into the {material.config.season.target} season without its"
                              " labels.", f"agrispec-gee adapt {path} --model cropnet"))
    for found in material.protocols.values():
        blocks += _protocol(found)
    if not material.protocols:
        blocks.append(Missing("No kind of model has been judged by holding out cells, regions or years in turn.",
                              f"agrispec-gee evaluate {path} --protocol spatial-cv"))
    return Section("transfer", title, tuple(blocks))


def _ladder(material: Material, network: str, did: Mapping[str, Any]) -> Iterator[Block]:
    distance = did["distance"]
    yield Heading(f"{network} into the {did['target']} season")
    yield Paragraph((
        "Each rung adds a way to carry the network over without a label of the season; one is chosen by numbers that"
        f" need none. Source and target are {distance['a_distance']:.2f} of 2 apart (proxy A-distance);"
        f" {distance['missing_source']:.1%} and {distance['missing_target']:.1%} of the steps have no clear look.",))
    rows = []
    for rung, numbers in did["validators"].items():
        name = f"{network}-{rung}"
        source, target = material.held_out.get(name), material.target.get(name)
        rows.append((rung, "chosen" if rung == did["chosen"] else "", f"{numbers['information']:.3f}",
                     score(source.totals["macro_f1"] if source else None),
                     score(target.totals["macro_f1"] if target else None)))
    yield Table(caption="Rungs. The chosen one has the largest information, a number without labels; the last column"
                        " was not known then." if material.target else
                        "Rungs. The chosen one has the largest information, a number without labels.",
                head=("rung", "", "information", "macro-F1, labelled seasons", f"macro-F1, {did['target']}"),
                rows=tuple(rows))
    if did["doubts"]:
        yield Bullets(tuple((doubt[:1].upper() + doubt[1:] + ".",) for doubt in did["doubts"]))


def _protocol(found: Mapping[str, Any]) -> Iterator[Block]:
    name = found["protocol"]
    yield Heading(f"By protocol: {name}")
    yield Paragraph((f"Models trained anew on {listed(found['seasons'])}, each judged where it was taught nothing;"
                     f" {counted(found['seeds'], 'training')} of each. All tables: ",
                     Code(f"report/{name}/index.md"), "."))
    worst = {model: min((row for row in found["groups"] if row["model"] == model),
                        key=lambda row: float(row["macro_f1"])) for model in found["models"]}
    yield Table(caption="Over all that was held out, and the worst part of it.",
                head=("model", "macro-F1", "± seeds", "95 % over cells", "worst part", "macro-F1 there"), rows=tuple(
                    (row["model"], score(row["macro_f1"]), score(row["macro_f1_sd"]),
                     f"{row['macro_f1_interval'][0]:.3f} to {row['macro_f1_interval'][1]:.3f}",
                     worst[row["model"]]["group"], score(worst[row["model"]]["macro_f1"])) for row in found["overall"]))
