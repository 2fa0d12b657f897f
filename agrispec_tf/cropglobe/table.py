"""The table of transfers: means over the runs of a model, beside the published figures, and what to know of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.formats.atomic import write_files
from agrispec_tf.cropglobe import published, transfer
from agrispec_tf.cropglobe.labels import CLASSES
from agrispec_tf.cropglobe.methods import METHODS
from agrispec_tf.cropglobe.published import Figure
from agrispec_tf.cropglobe.transfer import Row, Settings
from agrispec_tf.cropglobe.views import View

ROWS, TABLE = "rows.csv", "table.json"
"""What is written: all rows, and their means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """One line of the table: the runs of a model on a target.

    Attributes:
        row: one of the runs, for its names and settings.
        seeds: of the runs.
        accuracy, macro_f1, weighted_f1: mean and population standard deviation, 0 ... 1.
        confusion: summed over the runs, by code, rows the truth.
    """

    row: Row
    seeds: tuple[int, ...]
    accuracy: tuple[float, float]
    macro_f1: tuple[float, float]
    weighted_f1: tuple[float, float]
    confusion: list[list[int]]


def report(folder: Path, read: Sequence[str], rows: Sequence[Row], settings: Settings, seeds: int, *,
           views: bool = False) -> str:
    """Writes the rows and their means into a folder; what a reader sees: notes, table, published figures.

    Args:
        folder: of a bench.
        read: what its files hold, a line each.
        rows: of its transfers.
        settings: they were made with.
        seeds: how many runs there are of each model.
        views: whether the rows are of several.

    Raises:
        StorageError: they cannot be written.
    """
    lines = means(rows)
    dropped = dict.fromkeys((row.source, row.target, METHODS[row.model].kind, row.dropped) for row in rows
                            if row.dropped)
    said = [*read, *(f"{source} to {target}, {kind}: {count} samples of {target} left out, whose class {source} does"
                     " not have" for source, target, kind, count in dropped), *notes(settings, seeds)]
    if views:
        said.append("Steps of more than 5 days are medians of the files' 5-day medians, not of the looks. A window has"
                    " every step that its days touch.")
    write(folder, rows, lines, said)
    figures = (published.WINDOWS if views else
               ["Published by others, none of it computed here (accuracy, %):", *others(lines)])
    return "\n".join([*said, "", text(lines, views=views), "", *figures])


def means(rows: Sequence[Row]) -> list[Mean]:
    """The lines of the table: transfer by transfer, each with its models, in the order in which they first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    pairs = list(dict.fromkeys((row.source, row.target) for row in rows))
    for row in sorted(rows, key=lambda row: pairs.index((row.source, row.target))):
        groups.setdefault((row.source, row.target, row.model, row.step_days, row.first_day, row.last_day),
                          []).append(row)
    return [Mean(row=group[0], seeds=tuple(row.seed for row in group), accuracy=_mean(group, "accuracy"),
                 macro_f1=_mean(group, "macro_f1"), weighted_f1=_mean(group, "weighted_f1"),
                 confusion=sum((row.counts for row in group[1:]), group[0].counts).counts.tolist())
            for group in groups.values()]


def notes(settings: Settings, seeds: int) -> list[str]:
    """What a reader of the table has to know."""
    said = ["Numbers are used as they are: the files do not say their unit."]
    if settings.reference:
        said.append("PROTOCOL reference: as CropNet's released trainer does, all source samples train and the same"
                    " samples, not varied, choose the epoch. This validation is a leak: it says nothing about unseen"
                    " samples.")
    else:
        said.append("Protocol honest: a random fifth of each class of the source is kept from training and chooses the"
                    " epoch. The files hold no places, so it cannot be blocked in space. Targets choose nothing.")
    changed = [f"{seeds} of {len(transfer.SEEDS)} seeds" if seeds < len(transfer.SEEDS) else "",
               f"epochs {settings.epochs} instead of 50" if settings.epochs not in (None, 50) else "",
               f"at most {settings.limit} samples a country" if settings.limit else ""]
    if any(changed):
        said.append(f"NOT the published protocol: {', '.join(filter(None, changed))}.")
    return said


def text(lines: Sequence[Mean], *, views: bool = False) -> str:
    """The table. Scores are percent, mean ± population standard deviation over the runs, if there are several."""
    head = ["transfer", "model", "varied", *(["step", "days"] if views else []), "runs", "accuracy %", "macro-F1 %",
            "weighted F1 %", *([] if views else ["published accuracy %"])]
    cells = [head]
    for line in lines:
        row = line.row
        cells.append([f"{row.source} to {row.target}", row.model, row.augmentation,
                      *([f"{row.step_days} d", f"{row.first_day}-{row.last_day}"] if views else []),
                      str(len(line.seeds)), *(_percent(score, len(line.seeds))
                                                for score in (line.accuracy, line.macro_f1, line.weighted_f1)),
                      *([] if views else ["; ".join(f"{figure.accuracy} [{figure.tag}]" for figure in beside(row))
                                          or "-"])])
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([drawn[0], "-" * len(drawn[0]), *drawn[1:]])


def beside(row: Row) -> list[Figure]:
    """The published figures that a row can be compared with: of its model, of May to November in steps of 5 days, and
    of samples that were varied as published, or not at all."""
    if (row.step_days, row.first_day, row.last_day) != astuple(View()):
        return []
    usual = row.augmentation == METHODS[row.model].augmentation
    return [figure for figure in published.PUBLISHED
            if (figure.source, figure.target, figure.model) == (row.source, row.target, row.model)
            and (figure.augmented is None or (usual if figure.augmented else row.augmentation == "none"))]


def others(lines: Sequence[Mean]) -> list[str]:
    """Published figures of the same transfers that stand beside no row."""
    shown = {figure for line in lines for figure in beside(line.row)}
    said = []
    for source, target in dict.fromkeys((line.row.source, line.row.target) for line in lines):
        for figure in published.PUBLISHED:
            if (figure.source, figure.target) == (source, target) and figure not in shown:
                varied = {True: ", varied", False: ", not varied", None: ""}[figure.augmented]
                what = ", ".join(filter(None, (figure.model, figure.what)))
                said.append(f"{source} to {target}: {figure.accuracy} ({what}{varied}) [{figure.tag}]")
    kinds = [kind for kind, pairs in published.SCENARIOS.items()
             if any((line.row.source, line.row.target) in pairs for line in lines)]
    return said + [f"{kind} transfers: {published.RANGES[kind]} (2-D CropNet, varied) [seed v1]" for kind in kinds]


def write(folder: Path, rows: Sequence[Row], lines: Sequence[Mean], said: Sequence[str]) -> None:
    """Writes rows.csv, a row a run and target, and table.json, the means with confusions summed over runs.

    Raises:
        StorageError: they cannot be written.
    """
    table = [{**{name: value for name, value in asdict(line).items() if name != "row"},
              **{name: getattr(line.row, name) for name in ("source", "target", "model", "protocol", "augmentation",
                                                            "step_days", "first_day", "last_day", "epochs", "limit",
                                                            "samples", "dropped")},
              "published": [asdict(figure) for figure in beside(line.row)]} for line in lines]
    names = [field.name for field in fields(Row) if field.name != "confusion"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    content = {"notes": list(said), "classes": CLASSES, "lines": table}
    write_files({folder / ROWS: file.getvalue().encode(),
                 folder / TABLE: (json.dumps(content, indent=2) + "\n").encode()})


def _mean(rows: Sequence[Row], name: str) -> tuple[float, float]:
    scores = [getattr(row, name) for row in rows]
    return float(np.mean(scores)), float(np.std(scores))


def _percent(score: tuple[float, float], runs: int) -> str:
    return f"{100 * score[0]:.2f}" + (f" ± {100 * score[1]:.2f}" if runs > 1 else "")
