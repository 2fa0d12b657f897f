"""Pictures of what came: a map of cells, and missing values by step."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from agrispec.grid import Cell
from exports import days
from exports.audit.contents import Contents

_SCALE = "cividis"
"""Shades that all kinds of colour vision order alike. https://doi.org/10.1371/journal.pone.0199239"""

# Okabe & Ito's vermillion, https://jfly.uni-koeln.de/color/
_LACKING = "#D55E00"
_PANELS_A_ROW = 3
_MOST_NUMBERS = 40


def coverage(cells: pd.DataFrame, title: str) -> bytes:
    """Share of the expected samples received by 0.1 degree cell as a PNG, a panel a season.

    A cell that lacks a sample has a coloured frame; where cells are few, numbers say how many came of how many.
    """
    corners = np.array([Cell.parse(text).bounds[:2] for text in cells["cell"]]).reshape(-1, 2)
    west, south = corners.min(axis=0, initial=180)
    east, north = corners.max(axis=0, initial=-180) + 0.1
    stretch = 1 / math.cos(math.radians((south + north) / 2))
    height = float(np.clip(5.2 * stretch * (north - south) / (east - west), 2.4, 9.0))
    seasons = cells["season"].unique().tolist()
    figure, panels = _figure(len(seasons), 5.2, height + 0.8)
    few = cells.groupby("season").size().max() <= _MOST_NUMBERS
    shades = None
    for axes, season in zip(panels, seasons, strict=True):
        chosen = (cells["season"] == season).to_numpy()
        own, places = cells[chosen], corners[chosen]
        shares = np.full((round((north - south) * 10), round((east - west) * 10)), np.nan)
        columns, rows = np.rint((places - (west, south)) * 10).astype(int).T
        shares[rows, columns] = own["received"] / own["expected"]
        shades = axes.imshow(np.ma.masked_invalid(shares), cmap=_SCALE, vmin=0, vmax=1, origin="lower",
                             extent=(west, east, south, north), aspect=stretch, interpolation="nearest")
        lacking = (own["received"] < own["expected"]).to_numpy()
        if few:
            _frames(axes, places, "white", 0.8)
            for (left, low), came, asked in zip(places, own["received"], own["expected"], strict=True):
                axes.text(left + 0.05, low + 0.05, f"{came}\nof {asked}", ha="center", va="center", fontsize=7,
                          color="black" if came / asked > 0.5 else "white")
        _frames(axes, places[lacking], _LACKING, 2.5 if few else 0.8)
        axes.set_xlim(west - 0.02, east + 0.02)
        axes.set_ylim(south - 0.02, north + 0.02)
        axes.set_title(f"season {season}", fontsize=10)
        axes.set_xlabel("longitude, degrees")
        axes.set_ylabel("latitude, degrees")
        axes.ticklabel_format(useOffset=False)
        axes.locator_params(nbins=5)
    if shades is not None:
        figure.colorbar(shades, ax=panels, shrink=0.8, label="share of the samples received")
    if (cells["received"] < cells["expected"]).any():
        figure.legend(handles=[Patch(fill=False, edgecolor=_LACKING, linewidth=2, label="samples missing")],
                      loc="outside lower center", fontsize=8, frameon=False)
    return _png(figure, title)


def gaps(contents: Contents, seasons: Sequence[int], title: str) -> bytes:
    """Share of missing values by column of the cube and step as a PNG, a panel a season; lines hold the window that
    models see."""
    spec = contents.spec
    figure, panels = _figure(len(seasons), 6.0, 1.6 + 0.24 * len(spec.columns))
    shades = None
    for axes, season, shares in zip(panels, seasons, contents.shares, strict=True):
        shades = axes.pcolormesh(days.edges(spec.exported, spec), np.arange(len(spec.columns) + 1),
                                 np.ma.masked_invalid(shares.T), cmap=_SCALE, vmin=0, vmax=1)
        begin, *_, end = days.edges(spec.window, spec)
        for edge in (begin, end):
            axes.axvline(edge, color=_LACKING, linestyle="--", linewidth=1.5)
        axes.set_yticks(np.arange(len(spec.columns)) + 0.5, spec.columns)
        axes.invert_yaxis()
        axes.set_title(f"season {season}", fontsize=10)
        axes.set_xlabel("day of the season")
        axes.set_ylabel("column of the cube")
    if shades is not None:
        figure.colorbar(shades, ax=panels, label="share of missing values")
    return _png(figure, title)


def _frames(axes: Axes, corners: NDArray[np.float64], colour: str, width: float) -> None:
    """A frame about each cell, which is named by its south-west corner."""
    frames = [Rectangle((left, low), 0.1, 0.1) for left, low in corners]
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=colour, linewidth=width))


def _figure(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    across = min(max(count, 1), _PANELS_A_ROW)
    down = -(-max(count, 1) // across)
    figure = Figure(figsize=(width * across, height * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(_panels(figure, down, across, count))
    return figure, panels


def _panels(figure: Figure, down: int, across: int, count: int) -> Iterator[Axes]:
    for number, axes in enumerate(figure.subplots(down, across, squeeze=False).flat):
        if number < count:
            yield axes
        else:
            axes.set_axis_off()


def _png(figure: Figure, title: str) -> bytes:
    figure.suptitle(title, fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()
