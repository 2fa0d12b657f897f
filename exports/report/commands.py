"""What the command that reports a run does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agrispec.formats.atomic import whole_folder, write_files
from exports.report import reading, svg
from exports.report.document import Block, Document, Facts, Figure, Said
from exports.report.html import html
from exports.report.markdown import markdown
from exports.report.reading import Material
from exports.report.sections import sections
from exports.runs import Run

PAGE, TWIN, FIGURES = "index.html", "report.md", "figures"


def run_report(run: Run) -> Path:
    """Write the report of a run, whatever of it has been done: `report/index.html`, its twin `report/report.md`, and
    the figures of that in `report/figures/`.

    Returns:
        the page.

    Raises:
        ConfigError: the run's configuration is wrong.
        CorruptRecord: something that a stage left is damaged.
        StorageError: a file cannot be written.
    """
    found = document(reading.read(run, run.config))
    figures = [block for section in found.sections for block in section.blocks if isinstance(block, Figure)]
    with whole_folder(run.report / FIGURES) as folder:
        for figure in figures:
            content = figure.content
            (folder / figure.file).write_bytes(content if isinstance(content, bytes) else svg.standing_alone(content))
    write_files({run.report / TWIN: markdown(found, FIGURES).encode(), run.report / PAGE: html(found).encode()})
    return run.report / PAGE


def document(material: Material) -> Document:
    """The report of a run."""
    config = material.config
    seasons = ", ".join(map(str, config.season.source))
    return Document(
        title=f"Crop map {material.card['season'] if material.card else config.season.target}: {material.name}",
        subtitle=f"{len(config.taxonomy)} classes in {len(config.area.resolved)} cells, learned from {seasons}.",
        simulated=material.simulated, opening=tuple(_opening(material)), sections=sections(material))


def _opening(material: Material) -> Iterable[Block]:
    """The few numbers that matter most, as far as they are known."""
    pairs: list[tuple[str, Said]] = []
    name = material.mapping_model
    if name is not None:
        judged, on = (material.target, str(material.config.season.target)) if name in material.target else \
            (material.held_out, "labelled seasons")
        pairs.append((f"Macro-F1 of {name}, held-out cells, {on}", (f"{judged[name].totals['macro_f1']:.3f}",)))
    if material.card:
        pairs.append((f"Share of the map at a probability of {material.card['threshold']:g} or more",
                      (f"{material.card['confident']:.0%}",)))
    if material.areas and not material.areas_stale:
        overall = next(row for row in material.areas["estimates"] if row["measure"] == reading.OVERALL)
        pairs.append((f"Share of the area mapped right, 95 % interval {overall['low']:.0%} to {overall['high']:.0%}",
                      (f"{overall['estimate']:.0%}",)))
    if material.review and material.review.queued is not None and not material.review.stale:
        pairs.append(("Parcels queued for review", (f"{material.review.queued:,}",)))
    if pairs:
        yield Facts(tuple(pairs), large=True)
