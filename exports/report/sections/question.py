"""What was asked: area, seasons, classes, cube."""

from __future__ import annotations

from datetime import date, timedelta

from agrispec.season import YEAR_DAYS
from exports.report.document import Code, Facts, Paragraph, Section, Table
from exports.report.reading import Material
from exports.report.sections.words import counted, listed


def section(material: Material) -> Section:
    """The configuration, in words."""
    config, spec = material.config, material.config.spec
    cells, season = config.area.resolved, config.season_of(material.config.season.target)
    west, south = (min(cell.bounds[side] for cell in cells) for side in (0, 1))
    east, north = (max(cell.bounds[side] for cell in cells) for side in (2, 3))
    first, last = spec.window.start * spec.step_days + 1, min(spec.window.stop * spec.step_days, YEAR_DAYS)
    side = [end - start for start, end in zip(config.map.corners[:2], config.map.corners[2:], strict=True)]
    clear = f"{spec.clear.score} at {spec.clear.threshold:g} or more"
    facts = Facts((
        ("Area", (f"{counted(len(cells), 'cell')} of 0.1°, within {west:.1f} to {east:.1f}° east and {south:.1f} to"
                  f" {north:.1f}° north",)),
        ("Labelled seasons", (listed(config.season.source),)),
        ("Season to map", (f"{config.season.target}: {_day(season.start)} to {_day(season.end - timedelta(days=1))}",)),
        ("Map", (f"{side[0] / 1000:,.1f} × {side[1] / 1000:,.1f} km in {config.map.crs}, pixels of"
                 f" {spec.scale_m:g} m",)),
        ("Imagery", (Code(spec.collection), f", clear by Cloud Score+ {clear}")),
        ("Cube", (f"{len(spec.features)} features ({', '.join(spec.features)}) in steps of {spec.step_days} days;"
                  f" models see days {first} to {last} of the season",)),
        ("Labels", (Code(config.labels.places), ", places inside declared parcels") if config.labels.places else
         (Code(config.labels.images), ", band ", Code(config.labels.band),
          f", {config.labels.erode_m:g} m away from other labels")),
        ("Review", (f"predictions below a probability of {config.training.confidence:g}",)),
    ))
    whose = "numbers in the class set of the declarations" if config.labels.places else "label map's codes"
    classes = Table(caption=f"Classes, and the {whose} that belong to each.", head=("class", "codes"),
                    rows=tuple((crop.name, ", ".join(map(str, crop.codes))) for crop in config.taxonomy),
                    colours=config.taxonomy.colours)
    return Section("question", "What was asked", (
        facts, classes,
        Paragraph(("Everything here is in ", Code("agrispec.toml"), " of the run; digests are below, under versions."),
                  quiet=True)))


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
