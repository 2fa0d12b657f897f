"""The map, its legend, and how sure it is."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import colormaps, image
from numpy.typing import NDArray

from agrispec.taxonomy import NO_CLASS
from exports.report.document import Facts, Figure, Missing, Paragraph, Section, Table
from exports.report.reading import Material, Picture
from exports.report.sections.words import listed, percent

_SIDE = 640
"""Pixels along the longer side of a map that is small."""

_SURE = "cividis"
"""Shades that all kinds of colour vision order alike. https://doi.org/10.1371/journal.pone.0199239"""

_MASKED = "masked, or outside of the area of interest"


def section(material: Material) -> Section:
    """Classes beside probabilities, and pixels by class."""
    title, card, picture = "The map", material.card, material.picture
    if card is None or picture is None:
        return Section("map", title, (
            Missing("Nothing has been mapped yet.", f"agrispec-gee predict {material.name}"),))
    names, colours = material.config.taxonomy.names, material.config.taxonomy.colours
    pixel_ha, pixels, masked = picture.pixel_m**2 / 10_000, card["pixels"], card["masked"]
    to_map = sum(pixels.values()) + card["unseen"]
    rows, columns = picture.shape
    largest = sorted(pixels, key=lambda name: -pixels[name])[:3]
    figure = Figure(
        name="map", content=_drawn(picture, colours),
        alt=f"Map of {columns} by {rows} pixels of {picture.pixel_m:g} m; most of what was to be mapped is "
            + listed(f"{name} ({pixels[name] / max(to_map, 1):.0%})" for name in largest),
        caption=f"Season {card['season']} by {card['model']}; north is up, {columns * picture.pixel_m / 1000:,.2f} ×"
                f" {rows * picture.pixel_m / 1000:,.2f} km. Left: class, in the colours of the table; blank: no clear"
                f" look{f', or {_MASKED}' if masked else ''}. Right: probability of the class, from dark blue (0) to"
                " bright yellow (1).")
    counts = [(name, pixels.get(name, 0)) for name in names] + [("no clear look", card["unseen"])]
    legend_rows = [(name, f"{count:,}", f"{count * pixel_ha:,.1f}", percent(count / to_map if to_map else None))
                   for name, count in counts]
    if masked:
        legend_rows.append((_MASKED, f"{masked:,}", f"{masked * pixel_ha:,.1f}", "-"))
    legend = Table(
        caption="Pixels by class. Shares are of those that were to be mapped. What pixels add up to is no estimate of"
                " an area: see areas, below.",
        head=("class", "pixels", "ha counted", "share"), rows=tuple(legend_rows),
        colours=(*colours, *["#ffffff"] * (len(legend_rows) - len(colours))))
    facts = Facts((
        ("Confident", (f"{card['confident']:.1%} of the pixels that were to be mapped have a probability of"
                       f" {card['threshold']:g} or more",)),
        ("Parcels", (f"{card['parcels']:,} with a class of their own" if card["parcels"] else "none in this run",))))
    return Section("map", title, (
        Paragraph(("A class stands in a pixel because it is the likeliest, however unlikely it is. The right picture"
                   " says how likely.",)), figure, facts, legend))


def _drawn(picture: Picture, colours: tuple[str, ...]) -> bytes:
    """Classes and probabilities beside each other as a PNG with a clear background; small maps in larger squares."""
    palette = np.zeros((NO_CLASS + 1, 4), np.uint8)
    for number, colour in enumerate(colours):
        palette[number] = (*bytes.fromhex(colour[1:]), 255)
    seen = picture.classes < len(colours)
    sure = colormaps[_SURE](np.clip(picture.probability, 0, 1), bytes=True)
    sure[~seen] = 0
    factor = max(1, _SIDE // max(picture.classes.shape))
    left, right = (_larger(rgba, factor) for rgba in (palette[picture.classes], sure))
    gap = np.zeros((len(left), max(8, left.shape[1] // 24), 4), np.uint8)
    content = io.BytesIO()
    image.imsave(content, np.concatenate([left, gap, right], axis=1), format="png")
    return content.getvalue()


def _larger(rgba: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    return rgba.repeat(factor, axis=0).repeat(factor, axis=1)
