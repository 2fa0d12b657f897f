"""How many hectares of each class there are, with intervals, or why nobody can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exports.report import charts
from exports.report.document import Block, Code, Figure, Missing, Paragraph, Section, Table
from exports.report.reading import AREA, OVERALL, PRODUCERS, USERS, Material
from exports.report.sections.words import counted, interval, listed, percent


def section(material: Material) -> Section:
    """Estimates by class with their intervals, beside what the map's pixels add up to."""
    title, found, path = "Areas", material.areas, material.name
    why = Paragraph(("The pixels of a class, counted, are no estimate of its area. Where a class is called too often"
                     " its area is too large, by as much as the errors do not cancel out; nothing in the map says by"
                     " how much. A random sample whose true classes somebody looks up does.",))
    if found is None:
        return Section("areas", title, (
            why, Missing("No area has been estimated.", f"agrispec-gee area design {path}")))
    blocks: list[Block] = [why]
    if material.areas_stale:
        blocks.append(Missing("These estimates are of an earlier map.", f"agrispec-gee area estimate {path}"))
    by = {(row["measure"], row["class"]): row for row in found["estimates"]}
    names = [str(row["class"]) for row in found["estimates"] if row["measure"] == AREA]
    areas = [by[AREA, name] for name in names]
    counted_ha = [float(found["counted_ha"].get(name, 0.0)) for name in names]
    overall, sample = by[OVERALL, ""], found["sample"]
    blocks += [
        Paragraph((f"{counted(sample['units'], 'labelled pixel')} (", Code(sample["file"]),
                   f") say that {percent(overall['estimate'])}"
                   f" of the area is mapped right ({interval((overall['low'], overall['high']))}).")),
        _figure(names, areas, counted_ha), _table(by, names, counted_ha)]
    if any(row["agree"] for row in found["estimates"]):
        blocks.append(Paragraph(("Where all sampled pixels agree there is no coefficient of variation, and the interval"
                                 " is that of the rule of three: what so many pixels may fail to show.",), quiet=True))
    # Those that estimated before doubts were kept have none.
    blocks += [Paragraph((doubt,)) for doubt in found.get("doubts", ())]
    # Where the sample was drawn of more than this map shows, that is among its doubts.
    if found["unseen_ha"] and not found.get("not_mapped_ha"):
        blocks.append(Paragraph((f"{found['unseen_ha']:,.1f} ha without a clear look are in none of these numbers.",),
                                quiet=True))
    return Section("areas", title, tuple(blocks))


def _figure(names: Sequence[str], areas: Sequence[Mapping[str, Any]], counted_ha: Sequence[float]) -> Figure:
    return Figure(
        name="areas", content=charts.intervals(names, [row["estimate"] for row in areas],
                                               [(row["low"], row["high"]) for row in areas], counted_ha, "hectares"),
        alt="Estimated hectares with 95 % intervals: " + listed(
            f"{name} {row['estimate']:,.1f} ({row['low']:,.1f} to {row['high']:,.1f})"
            for name, row in zip(names, areas, strict=True)),
        caption="Estimated areas with 95 % intervals, and what the map's pixels add up to. A mark outside of its"
                " interval is an area that the map gets wrong.")


def _table(by: Mapping[tuple[str, str], Mapping[str, Any]], names: Sequence[str], counted_ha: Sequence[float]) -> Table:
    rows = []
    for name, pixels in zip(names, counted_ha, strict=True):
        area = by[AREA, name]
        accuracies = (by[USERS, name], by[PRODUCERS, name])
        rows.append((name, f"{pixels:,.1f}", f"{area['estimate']:,.1f}", f"{area['low']:,.1f} to {area['high']:,.1f}",
                     percent(area["cv"]), *("-" if row["estimate"] is None else
                                            f"{row['estimate']:.1%} ({interval((row['low'], row['high']))})"
                                            for row in accuracies)))
    return Table(caption="By class. CV: standard error by area. User's accuracy: share of what is mapped as the class"
                         " that is it; producer's accuracy: share of the class that is mapped so; with 95 % intervals.",
                 head=("class", "ha counted", "ha", "95 % interval", "CV", "user's accuracy", "producer's accuracy"),
                 rows=tuple(rows))
