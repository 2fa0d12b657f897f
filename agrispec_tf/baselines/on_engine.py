"""Earth Engine itself maps with a run's forest, and a sample of its pixels is compared with what the forest says here.

No pixel leaves the service but those that are compared, and nothing is classified here but them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import Engine, Expression, ImageExport
from agrispec.errors import ConfigError, TaskFailed
from agrispec.formats import npy, tree_text
from agrispec.grid import Grid
from agrispec.harmonics import Harmonics
from agrispec.season import Season
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import model_folder, predict, run_models
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.baseline import Baseline
from agrispec_tf.baselines.features import Coefficients
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.data.samples import Series
from exports import manifest, mapping, planning, storage, tasks
from exports.publishing import plan, tables
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""

# Cubes of the widest preset take 1.9 kB a pixel: 1.9 MB of the 48 MB that a request for pixels may answer with.
# https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels
_SIDE = 32
_MOST_WINDOWS = 12
"""Windows of `_SIDE` pixels that are compared; a map of fewer is compared whole."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def forest_rows(self, texts: Sequence[str]) -> pa.Table | None: ...

    def forest_map(self, spec: CubeSpec, made: Harmonics, season: Season, grid: Grid, trees: Sequence[str] | str, *,
                   asset_id: str, properties: Mapping[str, str | float], description: str,
                   request_id: str) -> ImageExport: ...

    def window(self, spec: CubeSpec, season: Season, grid: Grid) -> Expression: ...

    def image(self, asset_id: str, missing: float) -> Expression: ...


def run_map(run: Run, config: Config, model: str, engine: Engine, graphs: Graphs, progress: Progress,
            season: int | None = None) -> dict[str, Any]:
    """Map the area into an image asset by a forest on harmonics, replacing one of that id, then compare.

    Args:
        model: folder name below `model/`.
        season: year in which the season to map ends; None maps the target season.

    Returns:
        for the manifest: asset, season, digests, where the trees were, pixels compared, equal and tied.

    Raises:
        RunError: there is no such model.
        ConfigError: Earth Engine cannot map with it.
        SchemaMismatch: it is of another cube or of other classes.
        DataError: its trees are too large to send.
        StorageError: they need a table, and the bucket cannot be used.
        TaskFailed: the export failed, or a pixel that was compared differs.
    """
    trained, made = _on_harmonics(run, config, model)
    # Harmonics are of days: no temperature is read for them.
    spec = replace(config.spec, gdd_base=None).view()
    grid, token = mapping.grid_of(config), uuid.uuid4().hex[:8]
    year = config.season.target if season is None else season
    said = {"season": year, "model": model, "model_digest": model_folder.digest(run.models / model),
            "cube": spec.digest, "simulated": manifest.simulated(run.path)}
    properties = {**plan.said(said), **plan.said_of_classes(config)}
    texts = tree_text.write(trained.estimator.trees, made.names(spec))
    asset = plan.asset_id(run, config, year, f"{model}_class")
    engine.create_folder(plan.folder(config))
    trees: Sequence[str] | str = texts
    rows = graphs.forest_rows(texts)
    if rows is not None:
        trees = plan.asset_id(run, config, year, f"{model}_trees")
        storage.open(engine, config.engine.bucket).check()
        tables.replace(engine, config.engine.bucket, rows, trees, plan.said(said), config.season_of(year),
                       lambda operation: progress(operation.description))
    request = graphs.forest_map(spec, made, config.season_of(year), grid, trees, asset_id=asset,
                                properties=properties, description=f"{model} {year}",
                                request_id=planning.request_id(token, "map"))
    [done] = tasks.export(engine, [request], lambda operation: progress(operation.description))
    compared, equal = _compared(config, trained, spec, year, grid, asset, engine, graphs, progress)
    return {**said, "asset": asset, "trees": "in the request" if rows is None else trees, "compared": compared,
            "equal": equal, "tied": compared - equal, "eecu_seconds": done.eecu_seconds}


def _on_harmonics(run: Run, config: Config, model: str) -> tuple[Baseline, Harmonics]:
    """A forest and the terms that it reads; what it is not is told before anything large is loaded."""
    folder = run_models.folder_of(run, model)
    mend = f"map with: agrispec-gee predict {run.path} --model {model}; or train --model forest-harmonic"
    if model_folder.kind(folder) == model_folder.NETWORK:
        raise ConfigError(f"{model} is a network, and Earth Engine itself computes forests only", mend=mend)
    trained = baseline.load(folder)
    if not isinstance(trained.estimator, Forest):
        raise ConfigError(f"the trees of {model} add up, and Earth Engine's vote", mend=mend)
    if not isinstance(trained.features, Coefficients):
        raise ConfigError(f"{model} reads medians whose gaps are filled, and no graph fills gaps", mend=mend)
    run_models.check(run, config, model, trained)
    return trained, trained.features.harmonics


def _compared(config: Config, trained: Baseline, spec: CubeSpec, year: int, grid: Grid, asset: str, engine: Engine,
              graphs: Graphs, progress: Progress) -> tuple[int, int]:
    """Pixels compared, and those of the same class.

    The others have another class with as many votes: Earth Engine does not say which of two it takes.
    """
    cubes, classes = graphs.window(spec, config.season_of(year), grid), graphs.image(asset, NO_CLASS)
    compared = equal = tied = 0
    windows = _windows(grid, config.training.seed)
    for number, window in enumerate(windows):
        patch = npy.decode(engine.pixels(cubes, window))
        found = npy.decode(engine.pixels(classes, window))["class"].ravel()
        pixels = np.stack([patch[band] for band in spec.patch_bands()], axis=-1).reshape(-1, *spec.shape)
        expected = predict.series(trained, Series(cube=spec, values=pixels[..., :-1], counts=pixels[..., -1]))
        same = found == expected.classes
        votes = expected.probabilities[np.arange(len(found)), np.minimum(found, len(trained.class_names) - 1)]
        known = (expected.classes != NO_CLASS) & (found < len(trained.class_names))
        compared, equal = compared + len(found), equal + int(same.sum())
        tied += int((known & ~same & (votes == expected.probability)).sum())
        progress(f"{number + 1} of {len(windows)} windows compared")
    if compared > equal + tied:
        raise TaskFailed(f"{compared - equal - tied} of {compared} compared pixels of {asset} have another class than"
                         " the forest gives their cubes here",
                         mend="do not use that asset, and report it with the run's manifest.json")
    return compared, equal


def _windows(grid: Grid, seed: int) -> list[Grid]:
    """Windows of `_SIDE` pixels, at most `_MOST_WINDOWS` of those that cover the grid, drawn by a seed."""
    whole = [window for _, _, window in grid.tiles(_SIDE)]
    drawn = np.random.default_rng(seed).permutation(len(whole))[:_MOST_WINDOWS]
    return [whole[number] for number in sorted(drawn)]
