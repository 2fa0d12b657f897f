"""The parts of a report, a module each, in the order in which they are read."""

from __future__ import annotations

from exports.report.document import Section
from exports.report.reading import Material
from exports.report.sections import (
    accuracy,
    areas,
    costs,
    crop_map,
    labels,
    limits,
    phenology,
    question,
    reliability,
    review,
    transfer,
    versions,
)

_ALL = (question, labels, phenology, accuracy, reliability, transfer, crop_map, review, areas, costs, versions, limits)


def sections(material: Material) -> tuple[Section, ...]:
    """All sections, each of which also says what is not there yet."""
    return tuple(part.section(material) for part in _ALL)
