"""GeoTIFFs: their place, their bands, and the classes that they count; among them a run's predictions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.formats.geotiff import Layout, Windows
from agrispec.grid import Grid
from exports import parcels, predictions
from exports.amounts import counted
from exports.inspection.text import entry, number, share, table

_TILE = 2048
"""Side of the windows that are read at a time, pixels: 32 MB of a float64 band."""

_SHOWN = 20
"""Bands beyond which the rest are only counted."""

_OURS = re.compile(r"class_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What the pixels of a band are, those without data aside.

    Attributes:
        pixels: how many have data.
        least, mean, greatest: of these; NaN where there are none.
        counts: (256,) pixels by value, of a band of bytes; None of any other.
    """

    pixels: int
    least: float
    mean: float
    greatest: float
    counts: NDArray[np.int64] | None


def describe(path: Path) -> Iterator[str]:
    """Place, bands, tags, and pixels by class where tags `class_N` name the classes of the first band.

    Raises:
        CorruptRecord: the file is no GeoTIFF, or damaged.
        DataError: it has no CRS.
    """
    layout = geotiff.describe(path)
    yield from entry("image", str(path))
    yield from place(layout.grid)
    names = _names(layout)
    tags = [f"{key} {text}" for key, text in layout.tags.items() if not _OURS.fullmatch(key) and key != "AREA_OR_POINT"]
    if tags:
        yield from entry("tags", *tags)
    yield from entry("no data", "marked by a mask" if layout.masked else
                     "not marked" if layout.nodata is None else f"the value {layout.nodata:g}")
    with geotiff.reading(path) as windows:
        found = [_band(windows, layout, band) for band in range(min(len(layout.names), _SHOWN))]
    pixels = layout.grid.width * layout.grid.height
    yield from entry("bands", counted(len(layout.names), "band")
                     + (f", of which the first {_SHOWN} are shown" if len(layout.names) > _SHOWN else ""))
    yield from table(["band", "type", "no data", "least", "mean", "greatest"],
                     ([name or "unnamed", dtype, share(pixels - one.pixels, pixels), number(one.least),
                       number(one.mean), number(one.greatest)]
                      for name, dtype, one in zip(layout.names, layout.dtypes, found, strict=False)))
    if names and found[0].counts is not None:
        yield from _classes(names, found[0].counts, pixels)


def of_predictions(folder: Path) -> Iterator[str]:
    """The map of a run: what made it, and its area by class.

    Raises:
        CorruptRecord: the card or the image of classes is damaged, or is not the other's.
    """
    card = predictions.card(folder)
    layout = geotiff.describe(folder / predictions.CLASSES)
    yield from entry("predictions", f"{folder}, season {card['season']} by {card['model']}"
                     f"{', of simulated scenes' if card['simulated'] else ''}")
    yield from entry("digests", f"model {card['model_digest']}, cube {card['cube']}, class.tif {card['class_digest']}")
    yield from place(layout.grid)
    with geotiff.reading(folder / predictions.CLASSES) as windows:
        band = _band(windows, layout, 0)
    if band.counts is None:
        raise CorruptRecord(f"{folder / predictions.CLASSES} holds {layout.dtypes[0]}, and classes are bytes",
                            mend="predict again")
    a, b, _, d, e, _ = layout.grid.transform
    # A map's CRS counts in metres, see `exports.mapping.grid_of`.
    yield from _classes(_names(layout), band.counts, layout.grid.width * layout.grid.height,
                        hectares=abs(a * e - b * d) / 1e4)
    yield from entry("confident", f"{card['confident']:.1%} of the pixels, with a probability of"
                                  f" {card['threshold']:g} or more")
    yield from entry("images", ", ".join(product["file"] for product in card["products"].values()))
    files = f"{parcels.FILE}{f' and {parcels.GEOPACKAGE}' if (folder / parcels.GEOPACKAGE).exists() else ''}"
    yield from entry("parcels", f"{card['parcels']:,} in {files}" if card["parcels"] else "none")


def place(grid: Grid) -> Iterator[str]:
    """Size, CRS and bounds of a grid.

    Raises:
        CorruptRecord: its CRS is unknown.
    """
    try:
        crs = CRS.from_user_input(grid.crs)
    except CRSError as error:
        raise CorruptRecord(f"{grid.crs!r} is no coordinate reference system", mend="restore the file") from error
    a, b, _, d, e, _ = grid.transform
    unit = crs.axis_info[0].unit_name if crs.axis_info else "unit"
    yield from entry("grid", f"{grid.height:,} rows x {grid.width:,} columns, pixels of {np.hypot(a, d):.6g} x"
                             f" {np.hypot(b, e):.6g} {unit}, {crs.name}"
                             f"{'' if '[' in grid.crs else f' ({grid.crs})'}")
    yield from entry("bounds", ", ".join(f"{side} {value:.10g}" for side, value in
                                         zip(("west", "south", "east", "north"), grid.bounds, strict=True)))


def _names(layout: Layout) -> dict[int, str]:
    """The names that tags give to class numbers."""
    return {int(match[1]): text for key, text in layout.tags.items() if (match := _OURS.fullmatch(key))}


def _band(windows: Windows, layout: Layout, band: int) -> Band:
    pixels, total, least, greatest = 0, 0.0, np.inf, -np.inf
    counts = np.zeros(256, np.int64) if layout.dtypes[band] == "uint8" else None
    for row, column, grid in layout.grid.tiles(_TILE):
        window = (row, column, grid.height, grid.width)
        values = windows.pixels(window, [band])[0]
        there = windows.mask(window) if layout.masked else np.ones(values.shape, np.bool_)
        there &= ~np.isnan(values)
        if layout.nodata is not None:
            there &= values != layout.nodata
        known = values[there]
        if known.size:
            pixels, total = pixels + known.size, total + float(known.sum(dtype=np.float64))
            least, greatest = min(least, float(known.min())), max(greatest, float(known.max()))
            if counts is not None:
                counts += np.bincount(known, minlength=256)
    if not pixels:
        return Band(pixels=0, least=np.nan, mean=np.nan, greatest=np.nan, counts=counts)
    return Band(pixels=pixels, least=least, mean=total / pixels, greatest=greatest, counts=counts)


def _classes(names: Mapping[int, str], counts: NDArray[np.int64], pixels: int,
             hectares: float | None = None) -> Iterator[str]:
    """Pixels by class; with their area where the hectares of one are known."""
    rows: list[list[Any]] = [[name, counts[number]] for number, name in sorted(names.items())]
    strange = int(counts.sum() - sum(row[1] for row in rows))
    rows += [["no class of these", strange]] if strange else []
    rows += [["no data", pixels - int(counts.sum())]]
    shown = [[name, f"{count:,}", share(count, pixels), *([] if hectares is None else [f"{count * hectares:,.2f}"])]
             for name, count in rows]
    yield from entry("classes", f"of {pixels:,} pixels")
    yield from table(["class", "pixels", "share", *([] if hectares is None else ["hectares"])], shown)
