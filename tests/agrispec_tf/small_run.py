"""A small run of several seasons, as an export leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from agrispec.cube import FILL
from agrispec.formats import example
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell, cell_of
from agrispec.sample import UNLABELLED, Sample
from exports import manifest, runs, samples, shards
from exports.runs import Run

from ..configuration import BEET, MAIZE, WHEAT, configuration

REGIONS = ({"name": "west", "bounds": [4.0, 48.0, 4.4, 49.0]}, {"name": "east", "bounds": [4.4, 48.0, 5.0, 49.0]})
CELLS = tuple(cell_of(4.0 + column / 10, 48.4) for column in range(8))


def write(path: Path, *, seasons: Sequence[int] = (2022, 2023), cells: Sequence[Cell] = CELLS,
          regions: Sequence[dict[str, Any]] = REGIONS, window: tuple[int, int] = (97, 192), parcels: str = "") -> Run:
    """Four samples of each of three crops a cell and season; crops differ in when they are green, late on."""
    random = np.random.default_rng(3)
    run = runs.create(path, configuration(
        classes=(WHEAT, MAIZE, BEET), regions=regions, area={"cells": [cell.id for cell in cells]},
        season={"source": list(seasons), "target": 2025}, cube={"preset": "agrispec-23", "window_days": list(window)},
        labels={"parcels": parcels}))
    config = run.config
    spec, table = config.spec, []
    for season in (*seasons, 2025):
        for cell in cells:
            west, south, _, _ = cell.bounds
            for place in range(12):
                label = place % 3 if season != 2025 else UNLABELLED
                table.append(asdict(Sample(row=len(table), lon=west + 0.01 + place * 0.005, lat=south + 0.05,
                                           cell=cell.id, season=season, fold=config.split.fold(cell), label=label)))
    frame = pd.DataFrame(table)
    content = samples.encode(frame)
    run.samples.write_bytes(content)
    steps, columns = spec.shape
    crop = np.maximum(frame["label"].to_numpy(), 0)
    peak = 9 + 1.5 * crop + random.normal(0, 0.8, len(frame))
    green = np.exp(-((np.arange(steps) - peak[:, None]) / 2) ** 2)
    cubes = np.empty((len(frame), steps, columns), np.float32)
    cubes[..., :-1] = green[..., None] * np.linspace(0.2, 0.8, columns - 1) + random.normal(
        0, 0.05, (len(frame), steps, columns - 1))
    cubes[..., -1] = random.integers(0, 3, (len(frame), steps))
    cubes[cubes[..., -1] == 0, :-1] = FILL
    run.shards.mkdir()
    example.write(run.shards / "all.tfrecord.gz", {"row": frame["row"].to_numpy(np.float32),
                                                   "cube": cubes.reshape(len(frame), -1)})
    shards.describe(run.shards, spec, sampling=shards.Sampling.of(manifest.digest(run.samples), config.taxonomy))
    manifest.record(run.path, "export", {"scenes": {str(season): {"simulated": 9} for season in seasons}})
    return run


def write_parcels(run: Run, season: int) -> None:
    """A table of parcels: 40 m square about samples 0, 3 and 4 of each cell, and one of 19 ha about samples 1 and 2."""
    shapes = []
    metre = 1 / 111_200
    for cell in CELLS:
        west, south, _, _ = cell.bounds
        stretched = metre / np.cos(np.radians(south + 0.05))
        for place, half in ((0, 20), (3, 20), (4, 20)):
            lon, lat = west + 0.01 + place * 0.005, south + 0.05
            shapes.append(shapely.box(lon - half * stretched, lat - half * metre, lon + half * stretched,
                                      lat + half * metre))
        shapes.append(shapely.box(west + 0.0149, south + 0.0491, west + 0.0201, south + 0.0509))
    AssetTree(run.path / "landscape").write_table(
        f"projects/agrispec-local/assets/parcels_{season}", geometries=[shapely.to_wkb(shape) for shape in shapes],
        properties=[{"parcel_id": f"p{number}"} for number in range(len(shapes))])
