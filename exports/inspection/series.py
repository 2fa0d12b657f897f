"""A few series of record files, to look at: by class where the samples are known, else single ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import DataError
from agrispec.indices import FORMULAS
from agrispec.kernels import indices
from agrispec.sample import UNLABELLED
from exports import runs, samples, shards
from exports.inspection import records
from exports.inspection.records import Records
from exports.schema import Unpacked

_A_GROUP = 500
"""Series of a class and season that a picture is made of at most."""

_SINGLE = 12
"""Single series of a picture at most."""

_CURVE = "NDVI"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Series of one class and season.

    Attributes:
        season: year in which the season ends.
        name: of the class; "no label" where the season's labels are not opened.
        colour: `#rrggbb` of the run's configuration; None where it is not known.
        values: (n, T) of the curve, NaN where a step had no clear look.
        of: how many there are in the files, of which `n` were taken.
    """

    season: int
    name: str
    colour: str | None
    values: NDArray[np.float32]
    of: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """What a picture shows: groups, or single series, and never both.

    Attributes:
        spec: the cube.
        name: of the curve, NDVI or the cube's first feature.
        groups: by season and class.
        single: title -> (T,) values.
    """

    spec: CubeSpec
    name: str
    groups: tuple[Group, ...]
    single: Mapping[str, NDArray[np.float32]]


def gather(path: Path) -> Curves:
    """The curves of a run, of a folder of shards, or of one shard.

    Raises:
        DataError: there are no cubes.
        CorruptRecord, SchemaMismatch: as `exports.inspection.records.describe_folder`.
    """
    at = runs.Run(path).shards if (path / runs.CONFIGURATION).exists() else path
    found = records.find(at)
    if found is None or shards.holds_patches(found.folder) or not any(len(found.rows(file)) for file in found.files):
        raise DataError(f"{path} holds no cubes of samples, so there is no series to draw",
                        mend="name an exported run, its folder of shards, or a shard in it")
    groups = _groups(found, samples.read(found.samples)) if found.samples else ()
    return Curves(spec=found.spec, name=_name(found.spec), groups=groups, single={} if groups else _single(found))


def _groups(found: Records, table: pd.DataFrame) -> tuple[Group, ...]:
    here = table[table["row"].isin(np.concatenate([found.rows(file) for file in found.files]))]
    # Every k-th place of a class: rows stand cell by cell, so that all cells have a part.
    numbers, seasons, labels = (here[name].to_numpy() for name in ("row", "season", "label"))
    kinds = sorted(set(zip(seasons.tolist(), labels.tolist(), strict=True)))
    every = {kind: numbers[(seasons == kind[0]) & (labels == kind[1])] for kind in kinds}
    chosen = {kind: _thinned(rows, _A_GROUP) for kind, rows in every.items()}
    wanted = np.sort(np.concatenate([*chosen.values(), np.empty(0, np.int64)]))
    curves = np.full((len(wanted), found.spec.exported.steps), np.nan, np.float32)
    for file in found.files:
        for rows, columns in found.batches(file):
            mine = np.isin(rows, wanted)
            curves[np.searchsorted(wanted, rows[mine])] = _curve(columns, found.spec)[mine]
    home, classes = runs.above(found.folder), shards.sampling_of(found.folder).classes
    colours = {crop.name: crop.colour for crop in home.config.taxonomy} if home else {}
    names = {number: name for number, (name, _) in enumerate(classes)} | {UNLABELLED: "no label"}
    return tuple(Group(season=season, name=names.get(label, f"class {label}"), of=len(every[season, label]),
                       colour=colours.get(names.get(label, "")), values=curves[np.searchsorted(wanted, rows)])
                 for (season, label), rows in chosen.items())


def _single(found: Records) -> dict[str, NDArray[np.float32]]:
    """The first series of files that are spread over all, or of one file, series that are spread over its first
    batch."""
    files = [found.files[place] for place in _thinned(np.arange(len(found.files)), _SINGLE)]
    each = -(-_SINGLE // len(files))
    drawn: dict[str, NDArray[np.float32]] = {}
    for file in files:
        for rows, columns in found.batches(file):
            curves = _curve(columns, found.spec)
            drawn |= {f"{found.season_of(file)} row {rows[place]}".strip(): curves[place]
                      for place in _thinned(np.arange(len(rows)), each)}
            break
    return dict(list(drawn.items())[:_SINGLE])


def _thinned(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the values, evenly spread."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(np.int64))]


def _name(spec: CubeSpec) -> str:
    return _CURVE if _CURVE in spec.features or FORMULAS[_CURVE].bands <= set(spec.features) else spec.features[0]


def _curve(columns: Unpacked, spec: CubeSpec) -> NDArray[np.float32]:
    """(n, T) of the curve, NaN where a step had no clear look."""
    name = _name(spec)
    values = columns.values[..., spec.features.index(name)] if name in spec.features else \
        indices.compute(columns.values, spec.features, (name,))[..., 0]
    return np.where(columns.counts > 0, values, np.float32(np.nan))
