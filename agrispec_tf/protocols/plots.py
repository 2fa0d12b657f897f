"""Pictures of what a protocol found; colours are told apart by the colour-blind, and markers say the same."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agrispec_tf.protocols.scores import Row

# Okabe & Ito, https://jfly.uni-koeln.de/color/, without its yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX"


def dots(rows: Sequence[Row], models: Sequence[str], what: str, title: str) -> bytes:
    """Macro-F1 of each group and model as a PNG, the first group on top: the mean of the seeds, and a line of one
    standard deviation to both sides."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    figure, axes = _figure(7.5, 1.6 + (0.3 + 0.22 * len(models)) * len(groups))
    for number, model in enumerate(models):
        own = [row for row in rows if row["model"] == model]
        height = np.array([groups.index(row["group"]) for row in own])
        height = height + (number - (len(models) - 1) / 2) * 0.7 / len(models)
        axes.errorbar([row["macro_f1"] for row in own], height, xerr=[row["macro_f1_sd"] for row in own],
                      **_style(number), linestyle="none", label=model)
    counts = {row["group"]: row["samples"] for row in rows}
    axes.set_yticks(range(len(groups)), [f"{group} (n = {counts[group]})" for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_ylabel(what)
    axes.set_xlabel("macro-F1, mean ± standard deviation over seeds")
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
    return _png(figure, axes, models, title)


def curve(rows: Sequence[Row], models: Sequence[str], title: str) -> bytes:
    """Accuracy and macro-F1 by date as a PNG: means of the seeds, and bands of a standard deviation to both sides."""
    dates = list(dict.fromkeys(row["group"] for row in rows))
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, score, name in zip(panels, ("macro_f1", "accuracy"), ("macro-F1", "accuracy"), strict=True):
        for number, model in enumerate(models):
            own = {row["group"]: row for row in rows if row["model"] == model}
            mean, spread = (np.array([own[date][key] for date in dates]) for key in (score, f"{score}_sd"))
            axes.plot(dates, mean, color=_COLOURS[number % len(_COLOURS)], marker=_MARKERS[number % len(_MARKERS)],
                      label=model)
            axes.fill_between(dates, mean - spread, mean + spread, color=_COLOURS[number % len(_COLOURS)], alpha=0.2)
        axes.set_xlabel("what was seen until")
        axes.set_ylabel(name)
        axes.tick_params(axis="x", rotation=45)
        axes.set_ylim(0, 1)
        axes.grid(alpha=0.3)
    return _png(figure, panels[1], models, f"{title}; mean ± standard deviation over seeds")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _style(number: int) -> dict[str, object]:
    return {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKERS[number % len(_MARKERS)], "capsize": 3}


def _png(figure: Figure, axes: Axes, models: Sequence[str], title: str) -> bytes:
    figure.suptitle(title if len(models) > 1 else f"{models[0]}, {title}", fontsize=11)
    if len(models) > 1:
        axes.legend(loc="best", framealpha=0.8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()
