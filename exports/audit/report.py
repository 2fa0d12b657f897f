"""The files that report what an audit found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.formats.atomic import whole_folder
from exports.audit import page, plots
from exports.audit.agreement import Agreement
from exports.audit.comparison import Audit

PAGE = "index.md"


def write(found: Audit, folder: Path, *, simulated: bool, agreement: Sequence[Agreement] = ()) -> Path:
    """Writes a folder, which replaces one that is there: `index.md` with its pictures, `audit.json` with all numbers,
    and `missing.csv`, a row a sample without a cube.

    Args:
        found: what it is of.
        folder: `report/export/` of a run.
        simulated: whether the scenes were; pages and pictures say so.
        agreement: what the label map says at the samples; empty where it was not asked.

    Returns:
        the page.

    Raises:
        StorageError: a file cannot be written; the folder that was there stays.
    """
    marked = " (simulated)" if simulated else ""
    pictures = [("coverage.png", plots.coverage(found.cells, f"Samples received{marked}"),
                 f"Share of the expected samples received by 0.1 degree cell{marked}"),
                ("gaps.png", plots.gaps(found.contents, found.seasons, f"Missing values{marked}"),
                 f"Share of missing values by column and step; dashed lines hold the window that models see{marked}")]
    text = page.markdown(found, agreement, [(name, said) for name, _, said in pictures], simulated=simulated)
    with whole_folder(folder) as part:
        for name, content, _ in pictures:
            (part / name).write_bytes(content)
        found.missing.to_csv(part / "missing.csv", index=False)
        numbers = json.dumps(_numbers(found, agreement, simulated), indent=1) + "\n"
        (part / "audit.json").write_text(numbers, encoding="utf-8")
        (part / PAGE).write_text(text, encoding="utf-8")
    return folder / PAGE


def _numbers(found: Audit, agreement: Sequence[Agreement], simulated: bool) -> dict[str, Any]:
    contents, spec = found.contents, found.contents.spec
    seasons = {str(season): {
        "cubes": int(contents.cubes[number]), "without_clear_look_in_window": contents.looks[number].never,
        "missing_share_of_window": _or_none(contents.window_shares[number]),
        "steps_without_clear_look": (np.flatnonzero(contents.blind[number]) + spec.exported.start).tolist(),
        "missing": contents.missing[number].tolist()} for number, season in enumerate(found.seasons)}
    return {
        "complete": found.complete, "simulated": simulated, "expected": found.expected, "received": found.received,
        "missing": len(found.missing), "reasons": found.missing["reason"].value_counts().to_dict(),
        "cells": found.cells.to_dict("records"), "classes": found.classes.to_dict("records"),
        "unexpected": found.unexpected.to_dict("records"), "duplicates": found.duplicates.to_dict("records"),
        "contents": {"cube": spec.digest, "steps": [spec.exported.start, spec.exported.stop],
                     "window": [spec.window.start, spec.window.stop], "columns": list(spec.columns),
                     "not_finite": contents.not_finite.tolist(), "outside": contents.outside.tolist(),
                     "seasons": seasons},
        "labels": [asdict(row) for row in agreement]}


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else round(float(share), 6)
