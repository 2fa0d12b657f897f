"""The curves that a reviewer compares: of a parcel, by the run's patches or the engine, and of labelled samples."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import sparse

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import Engine, Expression
from agrispec.errors import DataError
from agrispec.formats import example, npy
from agrispec.grid import Grid
from agrispec.indices import FORMULAS
from agrispec.kernels import gap_filling, indices
from agrispec.sample import UNLABELLED
from agrispec.season import Season, Window
from exports import mapping, samples, schema, shards
from exports.polygons import Polygons
from exports.runs import Run

_WANTED = ("NDVI", "NDWI")
"""Both of -1 to 1, so that their distances add up."""

_SIDE = 48
"""Pixels of a window that the engine is asked for at most, along a side; what is larger is read around its inside."""

_A_CLASS = 200
"""Labelled samples of a class that are compared with at most."""

_PATCHES = 64
"""Patches that are held at a time."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def window(self, spec: CubeSpec, season: Season, grid: Grid) -> Expression: ...

    def look(self, spec: CubeSpec, season: Season, steps: Window, grid: Grid) -> Expression: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Curves of N places over the T steps of the model's window.

    Attributes:
        values: (N, T, K) float32; NaN where a step had no clear look.
        looks: (N, T) float32, clear looks of each step; of a parcel the mean of its pixels.
    """

    values: NDArray[np.float32]
    looks: NDArray[np.float32]


def names(spec: CubeSpec) -> tuple[str, ...]:
    """The K curves of a cube: NDVI and NDWI, or the cube's first feature where it has neither."""
    bands = set(spec.features)
    return tuple(name for name in _WANTED if name in bands or FORMULAS[name].bands <= bands) or spec.features[:1]


def of_cubes(values: NDArray[np.float32], counts: NDArray[np.float32], spec: CubeSpec) -> Curves:
    """The curves of cubes (..., T, F) with clear looks (..., T) that carry the steps of `spec.exported`."""
    first = spec.window.start - spec.exported.start
    inside = slice(first, first + spec.window.steps)
    values, counts = values[..., inside, :], counts[..., inside]
    curves = np.empty((*counts.shape, len(names(spec))), np.float32)
    for number, name in enumerate(names(spec)):
        curves[..., number] = values[..., spec.features.index(name)] if name in spec.features else \
            indices.compute(values, spec.features, (name,))[..., 0]
    # A pixel that a mask hides has the cube's fill for its counts.
    return Curves(values=np.where(counts[..., None] > 0, curves, np.float32(np.nan)), looks=np.maximum(counts, 0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Labelled samples of the training cells, a part of each class.

    Attributes:
        labels: (N,) class numbers.
        seasons: (N,) years in which their seasons end.
        curves: of each.
    """

    labels: NDArray[np.int64]
    seasons: NDArray[np.int64]
    curves: Curves

    def spread(self, number: int) -> NDArray[np.float32]:
        """(3, T, K): median, 10th and 90th percentile of a class by step; NaN where none of it was seen."""
        values = self.curves.values[self.labels == number]
        found = np.full((3, *self.curves.values.shape[1:]), np.nan, np.float32)
        seen = np.isfinite(values).any(axis=0)
        found[:, seen] = np.nanpercentile(values[:, seen], (50, 10, 90), axis=0)
        return found

    def nearest(self, curves: NDArray[np.float32], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The `count` samples whose gap-filled curves are nearest to those of one place, and how far they are.

        Args:
            curves: (T, K), NaN where there was no clear look.

        Returns:
            positions, the nearest first, and the root mean square differences; none where nothing was seen.
        """
        if not np.isfinite(curves).any():
            return np.empty(0, np.intp), np.empty(0)
        difference = filled(self.curves.values) - filled(curves[None])
        distance = np.sqrt((difference.astype(np.float64) ** 2).mean(axis=(1, 2)))
        order = np.argsort(distance, kind="stable")[:count]
        return order, distance[order]


def filled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Curves (N, T, K) with their gaps filled linearly, 0 where nothing was seen."""
    return gap_filling.linear(values, np.isfinite(values[..., 0]), 0, values.shape[1])


def labelled(run: Run, config: Config) -> Labelled:
    """Labelled samples of a run's training cells: of each class at most `_A_CLASS`, spread evenly over its rows.

    Raises:
        RunError: the run is not exported.
        SchemaMismatch, CorruptRecord: its cubes are of another configuration, or damaged.
    """
    spec, table = config.spec, samples.read(run.need(run.samples, "export"))
    shards.require(run.need(run.shards, "export"), spec)
    taught = table[(table["fold"] == "train") & (table["label"] != UNLABELLED)]
    chosen = np.sort(np.concatenate([_thinned(rows.to_numpy(np.int64)) for _, rows in
                                     taught.groupby("label")["row"]] or [np.empty(0, np.int64)]))
    shape = len(chosen), *spec.shape
    cubes, came = np.zeros((shape[0], shape[1] * shape[2]), np.float32), np.zeros(len(chosen), np.bool_)
    for path in sorted(run.shards.rglob("*.tfrecord.gz")):
        for columns in example.iterate(path, schema.table_features(spec), 1024):
            rows = columns[schema.ROW][:, 0].astype(np.int64)
            mine = np.isin(rows, chosen)
            at = np.searchsorted(chosen, rows[mine])
            cubes[at], came[at] = columns[schema.CUBE][mine], True
    found, kept = schema.unpack(cubes[came], spec), taught.set_index("row").loc[chosen[came]]
    return Labelled(labels=kept["label"].to_numpy(np.int64), seasons=kept["season"].to_numpy(np.int64),
                    curves=of_cubes(found.values, found.counts, spec))


def _thinned(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(_A_CLASS, len(rows))).astype(np.int64))]


def of_patches(run: Run, config: Config, season: int, shapes: NDArray[np.object_],
               closed: threading.Event) -> Curves | None:
    """The curves of P parcels by the pixels of the run's patches; None where it has none of that season and cube.

    Args:
        shapes: (P,) in degrees.
        closed: set when nobody waits any more, which gives None.

    Raises:
        CorruptRecord: the patches are damaged.
    """
    spec = config.spec.view()
    if not run.patches.exists() or shards.cube_of(run.patches) != spec or \
            (layout := shards.layout_of(run.patches)).season != season:
        return None
    mixer, side = shards.mixer_of(run.patches), layout.patch
    parcels = Polygons.of(shapes, layout.grid.crs)
    steps, kinds, count, done = spec.window.steps, len(names(spec)), len(shapes), 0
    sums, looks, seen = np.zeros((count, steps * kinds)), np.zeros((count, steps)), np.zeros((count, steps))
    pixels = np.zeros(count)
    for tiles in shards.patches(run.patches, spec, _PATCHES):
        if closed.is_set():
            return None
        corners = [mixer.corner(done + number) for number in range(len(tiles))]
        within = np.stack([parcels.numbers(layout.grid.window(*corner, side, side)) for corner in corners]).ravel()
        done += len(tiles)
        used = np.flatnonzero(within >= 0)
        if not len(used):
            continue
        found = schema.gather(tiles, spec, used)
        curves = of_cubes(found.values, found.counts, spec)
        belongs = sparse.csr_array((np.ones(len(used)), (within[used], np.arange(len(used)))),
                                   shape=(count, len(used)))
        sums += belongs @ np.nan_to_num(curves.values).reshape(len(used), -1)
        looks += belongs @ curves.looks
        seen += belongs @ (curves.looks > 0)
        pixels += belongs @ np.ones(len(used))
    mean = sums.reshape(count, steps, kinds) / np.maximum(seen, 1)[..., None]
    return Curves(values=np.where(seen[..., None] > 0, mean, np.nan).astype(np.float32),
                  looks=(looks / np.maximum(pixels, 1)[:, None]).astype(np.float32))


def of_engine(engine: Engine, graphs: Graphs, config: Config, season: int, shape: shapely.Geometry) -> Curves:
    """The same of one parcel, a shape in degrees, its pixels asked of the engine.

    Raises:
        EngineError: it refuses or does not answer.
        DataError: the parcel has no pixel on the map.
    """
    spec, grid = config.spec.view(), around(shape, mapping.grid_of(config))
    pixels = asked(engine, graphs.window(spec, config.season_of(season), grid), grid)
    flat = np.stack([pixels[band] for band in spec.patch_bands()], axis=-1).astype(np.float32)
    inside = Polygons.of(np.array([shape], object), grid.crs).numbers(grid) == 0
    if not inside.any():
        raise DataError("the parcel is smaller than a pixel", mend="judge it by the picture, or skip it")
    found = schema.unpack(flat[inside], spec)
    curves = of_cubes(found.values, found.counts, spec)
    seen = (curves.looks > 0).sum(axis=0)
    mean = np.nan_to_num(curves.values).sum(axis=0) / np.maximum(seen, 1)[:, None]
    return Curves(values=np.where(seen[:, None] > 0, mean, np.nan).astype(np.float32)[None],
                  looks=curves.looks.mean(axis=0)[None])


def asked(engine: Engine, expression: Expression, grid: Grid) -> NDArray[np.void]:
    """(rows, columns) with a field a band: pixels of an image. Raises EngineError."""
    return npy.decode(engine.pixels(expression, grid))


def around(shape: shapely.Geometry, whole: Grid) -> Grid:
    """The pixels of `whole` that a shape in degrees covers, at most `_SIDE` along a side, around a place inside of it.

    Raises:
        DataError: it covers none.
    """
    project = Transformer.from_crs("EPSG:4326", whole.crs, always_xy=True).transform
    here = shapely.transform(shape, project, interleaved=False)
    scale, _, left, _, _, top = whole.transform
    west, south, east, north = here.bounds
    middle = here.representative_point()
    ends = []
    for low, high, centre, most in (((west - left) / scale, (east - left) / scale, (middle.x - left) / scale,
                                     whole.width),
                                    ((top - north) / scale, (top - south) / scale, (top - middle.y) / scale,
                                     whole.height)):
        first, last = max(int(np.floor(low)), 0), min(int(np.ceil(high)), most)
        if last - first > _SIDE:
            first = int(np.clip(centre - _SIDE / 2, first, last - _SIDE))
            last = first + _SIDE
        if last <= first:
            raise DataError("the parcel lies outside of the map", mend="widen [map] bounds, or skip it")
        ends.append((first, last))
    (column, right), (row, bottom) = ends
    return whole.window(row, column, bottom - row, right - column)
