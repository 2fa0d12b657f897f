"""The places of a run's samples that `agrispec-gee labels draw` drew inside declared parcels, and their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from agrispec.config import Config
from agrispec.errors import RunError, SchemaMismatch
from agrispec.formats import places as place_files
from agrispec.formats.places import MEDIAN, Places
from agrispec.grid import Cell
from agrispec.sample import UNLABELLED
from exports import manifest, samples
from exports.runs import Run

_PLACE = ["season", "lon", "lat", "parcel"]


def need_unused(run: Run) -> None:
    """Nothing, if no samples of a run come of drawn places; they would lose their labels with these.

    Raises:
        RunError: some do.
    """
    for path, mend in ((run.samples, f"draw for another run, or remove {run.samples} and {run.shards} first"),
                       (run.exporting / run.samples.name,
                        f"drop the export first with: agrispec-gee cancel {run.path} --drop")):
        if path.exists() and (samples.read(path)["parcel"] != "").any():
            raise RunError(f"the samples in {path} come of the places that are drawn: their labels are looked up there",
                           mend=mend)


def digest(run: Run, config: Config) -> str:
    """Of the drawn places; "" where labels come from maps."""
    return manifest.digest(run.path / config.labels.places) if config.labels.places else ""


def read(run: Run, config: Config) -> Places:
    """The places that [labels] places names.

    Raises:
        RunError: they are not drawn yet.
        CorruptRecord: the file is damaged.
        SchemaMismatch: they were drawn for another configuration.
    """
    path = run.path / config.labels.places
    found = place_files.read(run.need(path, "labels draw"))
    for name, now in place_files.asked_of(config).items():
        if found.asked.get(name) != now:
            raise SchemaMismatch(f"the places in {path} were drawn for other {name} than the configuration has",
                                 mend=f"draw them again with: agrispec-gee labels draw {run.path} FILE...")
    return found


def draw(run: Run, config: Config) -> pd.DataFrame:
    """The table of `samples.parquet`; the target season's labels stay closed.

    Raises:
        as `read`; DataError: a fold has no cell.
    """
    found = read(run, config).table
    folds = config.split.folds(sorted(Cell.parse(cell) for cell in found["cell"].unique()))
    fold = found["cell"].map({cell.id: name for cell, name in folds.items()})
    label = _labels(found, config).where(found["season"] != config.season.target, UNLABELLED)
    table = found.assign(row=np.arange(len(found)), fold=fold, label=label.astype(np.int64))
    return table[list(samples.COLUMNS)]


def labels_of(table: pd.DataFrame, run: Run, config: Config) -> pd.DataFrame:
    """What is declared at exported samples: columns `row` and `label`, -1 where nothing is.

    Raises:
        as `read`; SchemaMismatch: the places are no longer those that were exported.
    """
    found = read(run, config).table
    if manifest.read(run.path)["stages"].get("export", {}).get("places") != digest(run, config):
        raise SchemaMismatch(f"the samples of {run.path} were exported of other places than those in"
                             f" {run.path / config.labels.places}", mend="restore the file, or export again")
    known = found.assign(label=_labels(found, config))[[*_PLACE, "label"]]
    return table[["row", *_PLACE]].merge(known, on=_PLACE)[["row", "label"]].astype(np.int64)


def _labels(found: pd.DataFrame, config: Config) -> pd.Series[Any]:
    return found["code"].map(dict(config.taxonomy.codes)).fillna(UNLABELLED).astype(np.int64)


def medians(run: Run, config: Config) -> dict[str, Any] | None:
    """Of which parcels samples are the medians: `inward_m`, and by season the `years` of their declarations; None where
    they are pixels. Raises as `read`."""
    if not config.labels.places:
        return None
    found = read(run, config)
    if found.unit != MEDIAN:
        return None
    return {"inward_m": found.inward_m, "years": {str(season): year for season, year in found.years.items()}}
