"""The places of a run's samples, and the target season's labels there: by label maps, or as they are declared.

Graphs come in through `Graphs`, so this module never sees how they are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config, Labels
from agrispec.engine import Engine, Expression
from agrispec.errors import DataError
from agrispec.grid import Cell
from agrispec.sample import UNLABELLED, Sample
from agrispec.season import Season
from agrispec.taxonomy import Taxonomy
from exports import planning, samples
from exports.export import declared
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def labelled_places(self, where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell, per_class: int,
                        scale_m: float, seed: int) -> Expression: ...

    def unlabelled_places(self, where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell, count: int,
                          scale_m: float, seed: int) -> Expression: ...

    def labels_at(self, where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell,
                  at: Iterable[tuple[int, float, float]], scale_m: float) -> Expression: ...

    def label_maps(self, where: Labels, season: Season, cell: Cell) -> Expression: ...


def of_run(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Progress) -> pd.DataFrame:
    """A run's samples: those that are drawn already where [labels] places names them, else as `draw` draws them.

    Raises: as `exports.export.declared.draw` or `draw`; DataError: a class has no place in the training cells.
    """
    if not config.labels.places:
        return draw(config, engine, graphs, progress)
    table = declared.draw(run, config)
    _need_every_class(table, config.taxonomy, "draw again in a wider [area], of more declarations")
    return table


def draw(config: Config, engine: Engine, graphs: Graphs, progress: Progress) -> pd.DataFrame:
    """Draw the samples of all seasons from label maps: the table of `samples.parquet`, which `exports.export.cubes`
    writes.

    Source seasons: at most `per_class` places per cell and class and `per_source_cell` per cell, with their label.
    Target season: at most `per_cell` places per cell inside the fields of the last source season's map, without a
    label, for a target's labels may not shape what a model trains on.

    Raises:
        DataError: no label map touches the area, a class has no place, or a fold has no cell.
    """
    spec, taxonomy, last = config.spec, config.taxonomy, max(config.season.source)
    found: list[tuple[Cell, int, dict[str, Any]]] = []
    for year in (*config.season.source, config.season.target):
        source = year != config.season.target
        season = config.season_of(year if source else last)
        for cell in config.area.resolved:
            if not engine.compute(graphs.label_maps(config.labels, season, cell)):
                progress(f"{cell.id}: no label map in season {season.start} - {season.end}")
                continue
            if source:
                graph = graphs.labelled_places(config.labels, taxonomy, season, cell, config.samples.per_class,
                                               spec.scale_m, config.samples.seed)
            else:
                graph = graphs.unlabelled_places(config.labels, taxonomy, season, cell, config.samples.per_cell,
                                                 spec.scale_m, config.samples.seed)
            features = engine.features(graph)
            if source and config.samples.per_source_cell:
                drawn = np.array([feature["properties"]["label"] for feature in features], np.int64)
                kept = within_quota(drawn, config.samples.per_source_cell,
                                    (config.samples.seed, year, int.from_bytes(cell.id.encode())))
                features = [features[place] for place in kept]
            progress(f"{cell.id}: {len(features)} places in the {year} season")
            found += [(cell, year, feature["properties"]) for feature in features]
    if not found:
        raise DataError(f"no label of {config.labels.images} was found in the {len(config.area.resolved)} cells"
                        f" of the area", mend="check [area], [season] source and [labels] images")
    folds = config.split.folds(sorted({cell for cell, _, _ in found}))
    table = pd.DataFrame(asdict(_sample(row, cell, year, properties, folds[cell], config.season.target))
                         for row, (cell, year, properties) in enumerate(found))
    _need_every_class(table, taxonomy, "add cells where it grows, lower [labels] erode_m")
    return table


def within_quota(labels: NDArray[np.int64], most: int, seed: Sequence[int]) -> NDArray[np.intp]:
    """At most `most` of N places, drawn at random so that the most frequent classes give up theirs first.

    Args:
        labels: (N,) class numbers.
        most: places to keep, over all classes.
        seed: whole numbers of 0 or more; others are another draw.

    Returns:
        the places' positions, ascending. A class that has fewer places than another loses none before that one is
        down to as many.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = np.argsort(labels[shuffled], kind="stable")
    sizes = np.bincount(labels) if len(labels) else np.zeros(0, np.int64)
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(shuffled[np.argsort(rank, kind="stable")[:most]])


def _sample(row: int, cell: Cell, year: int, properties: dict[str, Any], fold: str, target: int) -> Sample:
    lon, lat = float(properties["longitude"]), float(properties["latitude"])
    # A pixel on the edge of a cell may have its centre in the next one: the fold follows the cell it was drawn in.
    return Sample(row=row, lon=lon, lat=lat, cell=cell.id, season=year, fold=fold,
                  label=UNLABELLED if year == target else int(properties["label"]))


def _need_every_class(table: pd.DataFrame, taxonomy: Taxonomy, mend: str) -> None:
    present = set(table.loc[table["fold"] == "train", "label"])
    absent = [name for number, name in enumerate(taxonomy.names) if number not in present]
    if absent:
        raise DataError(f"the training cells hold no sample of {', '.join(absent)}",
                        mend=f"{mend}, or take the class out of [[classes]]")


def labels_of(table: pd.DataFrame, config: Config, engine: Engine, graphs: Graphs, progress: Progress) -> pd.DataFrame:
    """What the label maps say at samples, each in its season: columns `row` and `label`, -1 where a map knows none.

    Samples of a cell that no map of their season touches are left out.
    """
    found: list[dict[str, int]] = []
    for shard in planning.shards(table, config.samples.per_task):
        season = config.season_of(shard.season)
        if engine.compute(graphs.label_maps(config.labels, season, shard.cell)):
            graph = graphs.labels_at(config.labels, config.taxonomy, season, shard.cell, planning.at(table, shard.rows),
                                     config.spec.scale_m)
            found += [{"row": int(feature["properties"]["row"]), "label": int(feature["properties"]["label"])}
                      for feature in engine.features(graph)]
        progress(f"labels of {shard.name}")
    return pd.DataFrame(found, columns=["row", "label"]).astype(np.int64)


def truth(run: Run, config: Config, engine: Engine, graphs: Graphs) -> pd.DataFrame:
    """Look up the target season's labels at its samples and write `truth.parquet`; for evaluation only.

    Samples whose place has no label in the target season are left out of the table, and counted by the caller.
    """
    table = samples.read(run.need(run.samples, "export"))
    target = table[table["season"] == config.season.target]
    labels = declared.labels_of(target, run, config) if config.labels.places else \
        labels_of(target, config, engine, graphs, lambda done: None)
    known = labels[labels["label"] != UNLABELLED].sort_values("row", ignore_index=True)
    if known.empty:
        raise DataError(f"no sample has a label in season {config.season.target}",
                        mend=f"a season can be judged only where {config.labels.images or config.labels.places}"
                             " knows it")
    samples.write_truth(run.truth, known)
    return known
