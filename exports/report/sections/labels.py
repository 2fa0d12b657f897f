"""How many labelled places there are, and what clouds left of their series: what the audit of the export found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.report import charts
from exports.report.document import Block, Bullets, Figure, Missing, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import counted, percent


def section(material: Material) -> Section:
    """Counts by class and season, and missing values by season and step."""
    title = "Labels and gaps"
    found = material.audit
    if found is None:
        return Section("labels", title, (
            Missing("The samples of this run have not been counted yet.", f"agrispec-gee export {material.name}"),))
    return Section("labels", title, tuple(_blocks(material, found)))


def _blocks(material: Material, found: Mapping[str, Any]) -> Iterator[Block]:
    said = "one for each sample that was drawn" if found["complete"] else \
        f"{counted(found['missing'], 'sample')} of {found['expected']:,} have none"
    yield Paragraph((f"{found['received']:,} series of {counted(len({row['cell'] for row in found['cells']}), 'cell')}"
                     f" came, {said}. In labelled seasons as many places are drawn of each class and cell, where there"
                     " are as many: they are made to teach, and their mix is not that of the fields. Those of the"
                     " season to map are drawn whatever grows there, and their labels are opened to judge only.",))
    yield _classes(found)
    if found["reasons"]:
        yield Bullets(tuple((f"{count:,} without a series: {reason}",) for reason, count in found["reasons"].items()))
    yield _gaps(found["contents"])
    spec = material.config.spec
    if found["contents"]["cube"] == spec.digest:
        shares = {int(year): _unseen(each) for year, each in found["contents"]["seasons"].items() if each["cubes"]}
        blind = {year: int((share == 1).sum()) for year, share in shares.items()}
        yield Figure(
            name="gaps", content=charts.gaps(shares, spec, material.config.season_of(material.config.season.target)),
            alt="Share of series without a clear look in each step, by season: " + "; ".join(
                f"{year}: {np.mean(share):.0%} on average, {blind[year]} of {len(share)} steps were seen nowhere"
                for year, share in shares.items()),
            caption="Share of the series that have no clear look in a step, 0 to 100 %. Shaded: the days that models"
                    " see.")
    if found["labels"]:
        yield Table(caption="What the label map says now at the labelled samples.",
                    head=("class", "asked", "the same", "another class", "unknown"),
                    rows=tuple((row["name"], f"{row['asked']:,}", f"{row['agreeing']:,}", f"{row['other']:,}",
                                f"{row['unknown']:,}") for row in found["labels"]))


def _classes(found: Mapping[str, Any]) -> Table:
    seasons = sorted({row["season"] for row in found["classes"]})
    names = list(dict.fromkeys(row["class"] for row in found["classes"]))
    counts = {(row["season"], row["class"]): row["received"] for row in found["classes"]}
    return Table(caption="Series by class and season.", head=("class", *map(str, seasons)), rows=tuple(
        (name, *(f"{counts[season, name]:,}" if (season, name) in counts else "-" for season in seasons))
        for name in names))


def _gaps(contents: Mapping[str, Any]) -> Table:
    return Table(
        caption="Missing values: steps without a clear look in the days that models see.",
        head=("season", "series", "values missing", "steps seen nowhere, all year", "series without one clear look"),
        rows=tuple((year, f"{each['cubes']:,}", percent(each["missing_share_of_window"]),
                    f"{len(each['steps_without_clear_look'])}", f"{each['without_clear_look_in_window']:,}")
                   for year, each in contents["seasons"].items()))


def _unseen(season: Mapping[str, Any]) -> NDArray[np.float64]:
    """(T,) share of cubes whose count, the last column, is 0."""
    return np.asarray(np.asarray(season["missing"], np.float64)[:, -1] / season["cubes"])
