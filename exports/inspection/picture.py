"""Curves of a season as a picture, whose gaps are seen: medians and quartiles by class, or single series."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from agrispec.formats.atomic import write_files
from exports import days
from exports.inspection.series import Curves, Group

# Okabe & Ito, https://jfly.uni-koeln.de/color/, without its yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS, _DASHES = "osD^vPX*", ("-", "--", "-.", ":")
_FEW = 0.1
"""Share of a group's cubes below which those that a step was seen in do not speak for the group: a gap, too."""

_GREY = "#666666"
_SHADE = "#f0f0f0"
"""Steps that models do not see."""


def draw(path: Path, curves: Curves, title: str) -> None:
    """Write a PNG of the curves.

    Raises:
        StorageError: it cannot be written.
    """
    figure = _by_class(curves) if curves.groups else _single(curves)
    figure.suptitle(title)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    write_files({path: content.getvalue()})


def _by_class(curves: Curves) -> Figure:
    """A panel a season, and below it the share of cubes without a clear look, step by step."""
    seasons = sorted({group.season for group in curves.groups})
    figure = Figure(figsize=(11, 1 + 3.6 * len(seasons)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2 * len(seasons), 1, sharex=True, height_ratios=[4, 1] * len(seasons), squeeze=False)[:, 0]
    names = list(dict.fromkeys(group.name for group in curves.groups))
    shown: dict[str, Line2D] = {}
    for season, upper, lower in zip(seasons, panels[::2], panels[1::2], strict=True):
        upper.sharey(panels[0])
        own = [group for group in curves.groups if group.season == season]
        for group in own:
            shown.setdefault(group.name, _group(upper, curves, group, names.index(group.name)))
        taken, there = sum(len(group.values) for group in own), sum(group.of for group in own)
        upper.set_title(f"season {season}, {taken:,} cubes" + (f" of {there:,}" if there > taken else ""), fontsize=10)
        upper.set_ylabel(curves.name)
        gaps = np.isnan(np.concatenate([group.values for group in own])).mean(axis=0)
        begins = days.edges(curves.spec.exported, curves.spec)
        lower.bar(begins[:-1], 100 * gaps, width=np.diff(begins), align="edge", color=_GREY)
        lower.set_ylim(0, 100)
        lower.set_ylabel("gaps, %")
        _season(upper, curves)
        _season(lower, curves)
    panels[-1].set_xlabel("day of the season; gaps: share of cubes without a clear look in that step")
    drawn = f"lines: medians,\nbands: quartiles,\nwhere {_FEW:.0%} or more\nof the cubes were seen"
    figure.legend(handles=[*shown.values(), Patch(color=_GREY, alpha=0.25, label=drawn),
                           Patch(color=_SHADE, label="models do not see")],
                  loc="outside right upper", frameon=False)
    return figure


def _group(axes: Axes, curves: Curves, group: Group, number: int) -> Line2D:
    """Median and quartiles; the line ends where too few cubes have a clear look."""
    colour = _GREY if group.name == "no label" else group.colour or _COLOURS[number % len(_COLOURS)]
    low, middle, high = _quartiles(group.values)
    axes.fill_between(_middles(curves), low, high, color=colour, alpha=0.15, linewidth=0)
    # Colours of a configuration may look alike to some: markers and dashes say the same.
    [line] = axes.plot(_middles(curves), middle, color=colour, marker=_MARKERS[number % len(_MARKERS)], markersize=4,
                       linestyle=_DASHES[number // 2 % len(_DASHES)], label=group.name)
    return line


def _single(curves: Curves) -> Figure:
    """A small panel a series: dots are clear looks, and a line joins those of steps that follow each other."""
    across = min(3, len(curves.single))
    down = -(-len(curves.single) // across)
    figure = Figure(figsize=(11, 1 + 1.9 * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, (title, values) in zip(panels.flat, curves.single.items(), strict=False):
        axes.plot(_middles(curves), values, color=_COLOURS[0], marker="o", markersize=3)
        missing = _middles(curves)[np.isnan(values)]
        axes.plot(missing, np.zeros(len(missing)), color=_COLOURS[1], linestyle="none", marker="|", markersize=7,
                  transform=axes.get_xaxis_transform(), clip_on=False)
        axes.set_title(title, fontsize=9)
        _season(axes, curves)
    for axes in panels.flat[len(curves.single):]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(curves.name)
    figure.supxlabel("day of the season", fontsize=10)
    figure.legend(handles=[Line2D([], [], color=_COLOURS[0], marker="o", markersize=3, label="clear looks"),
                           Line2D([], [], color=_COLOURS[1], marker="|", linestyle="none", label="gap"),
                           Patch(color=_SHADE, label="models do not see")],
                  loc="outside right upper", frameon=False)
    return figure


def _season(axes: Axes, curves: Curves) -> None:
    """The days, those outside of the models' window shaded."""
    spec = curves.spec
    first, *_, last = days.edges(spec.exported, spec)
    opens, *_, closes = days.edges(spec.window, spec)
    for begin, end in ((first, opens), (closes, last)):
        if end > begin:
            axes.axvspan(begin, end, color=_SHADE, zorder=0, linewidth=0)
    axes.set_xlim(first, last)
    axes.grid(alpha=0.3)


def _middles(curves: Curves) -> NDArray[np.float64]:
    """(T,) The middle of each step on the axis of days."""
    edges = np.array(days.edges(curves.spec.exported, curves.spec))
    return np.asarray((edges[:-1] + edges[1:]) / 2)


def _quartiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(3, T) of (n, T), NaN where fewer than `_FEW` of the n are numbers."""
    found = np.full((3, values.shape[1]), np.nan)
    there = ~np.isnan(values)
    seen = there.any(axis=0) & (there.mean(axis=0) >= _FEW)
    found[:, seen] = np.nanpercentile(values[:, seen], (25, 50, 75), axis=0)
    return found
