"""How the classes green up and ripen: curves of the labelled series."""

from __future__ import annotations

from exports.report import charts
from exports.report.document import Figure, Missing, Paragraph, Section
from exports.report.reading import Material
from exports.report.sections.words import counted, listed


def section(material: Material) -> Section:
    """A panel a class."""
    title, curves = "How the classes grow", material.curves
    if curves is None:
        return Section("phenology", title, (
            Missing("There are no labelled series yet.", f"agrispec-gee export {material.name}"),))
    groups = [group for group in curves.groups if group.name != "no label"]
    taken, there = sum(len(group.values) for group in groups), sum(group.of for group in groups)
    seasons, names = (list(dict.fromkeys(values)) for values in
                      ([group.season for group in groups], [group.name for group in groups]))
    some = "" if taken == there else f" (of {there:,}; evenly spread, 500 a class and season at most)"
    figure = Figure(
        name="phenology",
        content=charts.phenology(curves, material.config.season_of(material.config.season.target)),
        alt=f"{curves.name} over the season, a panel for each of {listed(names)}: median and span of 10 to 90 % of the"
            f" labelled places of {listed(seasons)}.",
        caption=f"{curves.name} at {counted(taken, 'labelled place')}{some} of {listed(seasons)}. Line: median; band:"
                " 10 to 90 % of the places, where at least a tenth of them had a clear look; a thin line leads over the"
                " rest. Shaded: the days that models see.")
    return Section("phenology", title, (
        Paragraph(("Two classes whose bands lie on each other for the whole season cannot be told apart by when they"
                   " are green. Look there first where the confusions below are large.",)), figure))
