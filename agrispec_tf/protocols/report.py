"""The files that report what a protocol found."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from agrispec.formats.atomic import whole_folder
from agrispec_tf import evaluate, trust
from agrispec_tf.protocols import page, plots
from agrispec_tf.protocols.names import DATE
from agrispec_tf.protocols.results import Results
from agrispec_tf.protocols.scores import Row

PAGE = "index.md"


def write(found: Results, folder: Path) -> None:
    """Writes a folder, which replaces one that is there: `index.md` with its pictures, `metrics.json` with everything
    in it, and each of its tables as CSV.

    Raises:
        StorageError: a file cannot be written; the folder that was there stays.
    """
    marked = " (simulated)" if found.simulated else ""
    pictures = list(_pictures(found, marked))
    with whole_folder(folder) as part:
        tables = {"groups": found.groups, "overall": found.overall, "confused": found.confused,
                  "by_parcel_size": found.by_parcel_size, "by_clear_looks": found.by_clear_looks,
                  "class_mix": found.class_mix, "calibration": found.calibration and found.calibration.rows}
        for name, rows in tables.items():
            if rows is not None:
                (part / f"{name}.csv").write_text(_csv(rows), encoding="utf-8")
        for name, content, _ in pictures:
            (part / name).write_bytes(content)
        everything = asdict(replace(found, calibration=None)) | {
            "confusions": {name: confusion.counts.tolist() for name, confusion in found.confusions.items()},
            "calibration": found.calibration and found.calibration.table}
        (part / "metrics.json").write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")
        (part / PAGE).write_text(page.markdown(found, [(name, said) for name, _, said in pictures]), encoding="utf-8")


def _pictures(found: Results, marked: str) -> list[tuple[str, bytes, str]]:
    """(file, PNG, description) of each picture."""
    models, whole = found.models, f"{found.protocol}{marked}"
    if found.protocol == DATE:
        drawn = [("dates.png", plots.curve(found.groups, models, whole),
                  f"Macro-F1 and accuracy by date, with the spread over seeds{marked}")]
    else:
        drawn = [("groups.png", plots.dots(found.groups, models, f"{found.group_is} held out", whole),
                  f"Macro-F1 by {found.group_is}, the worst on top, with the spread over seeds{marked}")]
    for rows, name, what in ((found.by_parcel_size, "parcel_sizes", "parcel size"),
                             (found.by_clear_looks, "clear_looks", "steps with a clear look")):
        if rows:
            drawn.append((f"{name}.png", plots.dots(rows, models, what, whole),
                          f"Macro-F1 by {what}, with the spread over seeds{marked}"))
    for model in models:
        seeds = f", {found.seeds} seeds together" if found.seeds > 1 else ""
        drawn.append((f"confusion-{model}.png",
                      evaluate.drawn(found.confusions[model], found.class_names, f"{model}, {whole}{seeds}"),
                      f"What {model} called the samples of each class{seeds}{marked}"))
    for model, curves in (found.calibration.reliability if found.calibration else {}).items():
        names = {"cells": "T of cells", "others": f"T of other {found.group_is}s"}
        picture = trust.drawn({names[source]: curve for source, curve in curves.items()}, f"{model}, {whole}")
        drawn.append((f"reliability-{model}.png", picture, f"How often {model} is right at which confidence, first"
                                                           f" seed, all {found.group_is}s{marked}"))
    return drawn


def _csv(rows: Sequence[Row]) -> str:
    """Rows as CSV, an interval as two columns."""
    flat = [{name: value for key, cell in row.items() for name, value in _columns(key, cell)} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in flat for name in row)),
                            lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _columns(key: str, cell: object) -> list[tuple[str, object]]:
    if isinstance(cell, list):
        return [(f"{key}_low", f"{cell[0]:.4f}"), (f"{key}_high", f"{cell[1]:.4f}")]
    return [(key, f"{cell:.4f}" if isinstance(cell, float) else cell)]
