"""Runs to report on: one with nothing but a configuration, one where every stage left something."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agrispec.formats import example, geotiff
from agrispec.grid import Grid
from agrispec_tf import evaluate, trust
from agrispec_tf.area import commands as area
from agrispec_tf.metrics import Confusion
from agrispec_tf.trust import Trust
from exports import manifest, runs, samples, shards
from exports.audit.commands import run_audit
from exports.review.verdicts import Verdict

from ...configuration import MAIZE, WHEAT, configuration

EVIL = '<b onclick="x">wheat</b> | `a` *b* _c_ &lt;'
"""The name of a class, which is data: none of it is markup."""
NAMES = (EVIL, "maize & beet")
WHO = '<img src=x onerror="alert(1)">'

CONFIGURATION = configuration(
    classes=({**WHEAT, "name": EVIL}, {**MAIZE, "name": NAMES[1], "codes": [2, 3]}),
    area={"cells": ["E0045N0487", "E0046N0487"]}, map={"patch": 8})


@dataclass(frozen=True)
class Full:
    """A run with everything, and what is known of it."""

    run: runs.Run
    names: tuple[str, str]
    who: str
    counts: np.ndarray
    classes: np.ndarray


@pytest.fixture
def bare(tmp_path) -> runs.Run:
    """A run with nothing but a configuration."""
    return runs.create(tmp_path / "bare", CONFIGURATION)


@pytest.fixture(scope="session")
def full(tmp_path_factory) -> Full:
    """A simulated run of which each stage left what the stages leave, without a model."""
    run = runs.create(tmp_path_factory.mktemp("report") / "full", CONFIGURATION)
    random = np.random.default_rng(3)
    _exported(run, random)
    counts = np.array([[30, 10], [4, 56]])
    for season in ("", "-2024"):
        _judged(run, f"bigru-grl{season}", counts, random)
    (run.models / "bigru-grl").mkdir(parents=True)
    (run.models / "bigru-grl" / runs.MODEL_CARD).write_text("{}")
    manifest.record(run.path, "adapt bigru", {
        "target": 2024, "chosen": "grl", "doubts": ["the months <i>differ</i>"],
        "distance": {"a_distance": 1.5, "mmd": 0.1, "missing_source": 0.4, "missing_target": 0.5, "gaps_auc": 0.6},
        "validators": {"grl": {"source": 0.8, "information": 1.4, "density": 4.0, "weighted": 0.8}}})
    row = {"model": "forest", "macro_f1": 0.71, "macro_f1_sd": 0.01, "macro_f1_interval": [0.6, 0.8]}
    (run.report / "spatial-cv").mkdir()
    (run.report / "spatial-cv" / "metrics.json").write_text(json.dumps({
        "protocol": "spatial-cv", "seasons": [2023], "seeds": 2, "models": ["forest"], "overall": [row],
        "groups": [{**row, "group": "fold 1", "macro_f1": 0.9}, {**row, "group": "fold 2", "macro_f1": 0.5}]}))
    classes = _mapped(run, random)
    _reviewed(run.path / "review")
    _sampled(run)
    return Full(run=run, names=NAMES, who=WHO, counts=counts, classes=classes)


def _exported(run, random):
    spec, steps = run.config.spec, run.config.spec.shape[0]
    cells = ("E0045N0487", "E0046N0487")
    table = pd.DataFrame([
        {"row": row, "lon": 4.55, "lat": 48.75, "cell": cells[row % 2], "season": 2023 if row < 40 else 2024,
         "fold": "train", "label": row % 2 if row < 40 else -1} for row in range(60)])
    cubes = random.uniform(0.02, 0.4, (60, *spec.shape)).astype(np.float32)
    cubes[..., -1] = random.integers(0, 3, (60, steps))
    cubes[:, 10, -1] = 0
    cubes[..., :-1][cubes[..., -1] == 0] = spec.fill
    run.samples.write_bytes(samples.encode(table))
    for season, rows in ((2023, slice(0, 40)), (2024, slice(40, 59))):  # row 59 never came
        path = run.shards / str(season) / "0.tfrecord.gz"
        path.parent.mkdir(parents=True)
        numbers = np.arange(60, dtype=np.float32)[rows]
        example.write(path, {"row": numbers, "cube": cubes[rows].reshape(len(numbers), -1)})
    shards.describe(run.shards, spec, sampling=shards.Sampling.of(manifest.digest(run.samples), run.config.taxonomy))
    manifest.record(run.path, "export", {
        "scenes": {"2023": {"scenes": 3, "simulated": 3}}, "records": 59, "samples": manifest.digest(run.samples),
        "eecu_seconds": 12.5, "elapsed_s": 8.0})
    run_audit(run, run.config, lambda done: None, None)


def _judged(run, name, counts, random):
    labels = np.repeat([0, 0, 1, 1], counts.reshape(-1))
    called = np.repeat([0, 1, 0, 1], counts.reshape(-1))
    sure = random.uniform(0.5, 1, len(labels))
    probabilities = np.where(called[:, None] == np.arange(2), sure[:, None], 1 - sure[:, None])
    found = Trust.of(probabilities, labels, confidence=0.65, least=0.3)
    cells = evaluate.by_cell(called == labels, np.where(np.arange(len(labels)) < 50, "E0045N0487", "E0046N0487"))
    evaluate.report(Confusion(counts), NAMES, cells, run.report / name)
    trust.report(found, NAMES, run.report / name, name, None if name.endswith("2024") else found.reliability)


def _mapped(run, random):
    config = run.config
    grid = Grid.covering(config.map.crs, config.map.corners, 10.0)
    classes = np.where(random.random(grid.shape) < 0.4, 0, 1).astype(np.uint8)
    classes[:2, :3] = 255
    probability = np.where(classes == 255, -1, random.uniform(0.5, 1, grid.shape))
    run.predictions.mkdir()
    geotiff.write(run.predictions / "class.tif", classes[None], grid, nodata=255,
                  tags={f"class_{number}": name for number, name in enumerate(NAMES)})
    geotiff.write(run.predictions / "probability.tif", probability[None].astype(np.float32), grid, nodata=-1)
    card = {"season": 2024, "model": "bigru-grl", "model_digest": "0" * 16, "cube": "1" * 16, "simulated": True,
            "threshold": 0.65, "confident": float((probability >= 0.65).mean()), "parcels": 3, "unseen": 6, "masked": 0,
            "class_digest": manifest.digest(run.predictions / "class.tif"), "parcels_digest": None,
            "products": {"class": {"file": "class.tif", "digest": manifest.digest(run.predictions / "class.tif"),
                                   "missing": 255, "pyramiding": "MODE"}},
            "pixels": {name: int((classes == number).sum()) for number, name in enumerate(NAMES)}}
    (run.predictions / runs.PREDICTION_CARD).write_text(json.dumps(card))
    manifest.record(run.path, "predict", {"patches": 9, "eecu_seconds": 3.25})
    return classes


def _reviewed(folder: Path):
    folder.mkdir()
    queue = pa.table({"rank": range(7)}).replace_schema_metadata({b"review": b'{"parcels_digest": null}'})
    pq.write_table(queue, folder / "queue.parquet")
    said = [("1", "accept", WHO, NAMES[0], 2024), ("2", "correct", WHO, NAMES[1], 2024), ("2", "undo", WHO, None, 2024),
            ("3", "skip", WHO, None, 2024), ("1", "correct", WHO, NAMES[1], 2024),
            ("1", "accept", "Ana", NAMES[0], 2024), ("3", "accept", "Ana", NAMES[0], 2024),
            ("9", "undo", "Ana", None, 2024), ("4", "skip", "Ana", None, 2022)]
    (folder / "verdicts.jsonl").write_text("".join(
        Verdict(parcel=parcel, verdict=verdict, class_name=name, reviewer=reviewer, time="2026-11-29T10:00:00+00:00",
                season=season, model="0" * 16, prediction="1" * 16).line + "\n"
        for parcel, verdict, reviewer, name, season in said))


def _sampled(run):
    list(area.run_design(run, run.config, 0.03))
    path = run.area / area.SAMPLE
    table = pd.read_csv(path)
    table["reference"] = [NAMES[number if row % 5 else 1 - number] for row, number in enumerate(table["stratum"])]
    table.to_csv(path, index=False)
    list(area.run_estimate(run, None))
