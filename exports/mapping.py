"""The pixels of a map: where they are, which of them are mapped, and their cubes as patches or as a stream."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pyproj import CRS, Proj
from pyproj.exceptions import CRSError

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import Engine, Expression, PatchExport
from agrispec.errors import AssetMissing, ConfigError, DataError, RecordError
from agrispec.formats import geojson
from agrispec.formats.atomic import remove_parts, whole_folder
from agrispec.grid import Grid
from agrispec.season import Season
from exports import blocks, planning, shards, storage, tasks
from exports.blocks import Patches, Stream
from exports.export.places import Progress
from exports.polygons import Polygons
from exports.runs import Run
from exports.shards import PatchLayout
from exports.storage.receiving import Receiver
from exports.tiles import Tiling


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def patches(self, spec: CubeSpec, season: Season, grid: Grid, patch: int, *, bucket: str, prefix: str,
                description: str, request_id: str, mask: str) -> PatchExport: ...

    def window(self, spec: CubeSpec, season: Season, grid: Grid, mask: str = "") -> Expression: ...


_SCALED = 0.01
"""How far from 1 the areal scale of a map's CRS may be: hectares are counted in pixels. In a UTM zone and in national
grids it is a few thousandths; Web Mercator has 2.3 at 49° of latitude."""


def grid_of(config: Config) -> Grid:
    """The map's pixels, aligned to multiples of their size.

    Raises:
        ConfigError: the map's CRS is unknown, does not count in metres, or shows areas larger or smaller than they are.
    """
    try:
        crs = CRS.from_user_input(config.map.crs)
    except CRSError as error:
        raise ConfigError(f"[map] crs {config.map.crs!r} is no coordinate reference system",
                          mend='name one by its EPSG code, e.g. "EPSG:32631"') from error
    if not crs.is_projected or {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        raise ConfigError(f"[map] crs {config.map.crs!r} does not count in metres, as pixels do",
                          mend="give the UTM zone of the area, or a national grid, and bounds in metres")
    grid = Grid.covering(config.map.crs, config.map.corners, config.spec.scale_m)
    west, south, east, north = grid.bounds
    plane = Proj(crs)
    places = plane(np.array([(west + east) / 2, west, west, east, east]),
                   np.array([(south + north) / 2, south, north, south, north]), inverse=True)
    scales = np.asarray(plane.get_factors(*places).areal_scale)
    if not (np.abs(scales - 1) <= _SCALED).all():
        raise ConfigError(f"[map] crs {config.map.crs!r} shows areas {scales[np.argmax(np.abs(scales - 1))]:.3g} times"
                          " as large as they are, and hectares are counted in its pixels",
                          mend='give the UTM zone of the area, e.g. "EPSG:32631", and bounds in its metres')
    return grid


def aoi_of(run: Run, config: Config) -> Polygons | None:
    """The polygons of `[map] aoi`, on the map's pixels; None where all are mapped.

    Raises:
        ConfigError: the file is not there, holds no polygon, or none that touches the map.
    """
    if not config.map.aoi:
        return None
    path, mend = run.path / config.map.aoi, "give [map] aoi a GeoJSON file of polygons, longitude first, in degrees"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        parts = found["features"] if found["type"] == "FeatureCollection" else [found]
        geometries = [part["geometry"] if part["type"] == "Feature" else part for part in parts]
        kinds = {geometry["type"] for geometry in geometries}
        if not kinds or not kinds <= {"Polygon", "MultiPolygon"}:
            raise ConfigError(f"[map] aoi {path} holds {', '.join(sorted(kinds)) or 'nothing'} instead of polygons",
                              mend=mend)
        grid = grid_of(config)
        polygons = Polygons.of(geojson.shapes(geometries), grid.crs)
    except OSError as error:
        raise ConfigError(f"[map] aoi {path} cannot be read: {error.strerror or error}", mend=mend) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"[map] aoi {path} is no GeoJSON of polygons ({error})", mend=mend) from error
    if not polygons.touch(grid):
        raise ConfigError(f"no polygon of [map] aoi {path} touches the map", mend="check [map] bounds and crs; GeoJSON"
                          " gives longitude first, in degrees")
    return polygons


def check_mask(config: Config, engine: Engine) -> None:
    """Whether `[map] mask`, if there is one, is an image asset.

    Raises:
        AssetMissing: the engine has no such asset.
        ConfigError: it is something else than an image.
    """
    if not config.map.mask:
        return
    found = engine.asset(config.map.mask)
    if found is None:
        raise AssetMissing(f"[map] mask {config.map.mask} is not there, or not readable",
                           mend="give the id of an image asset that is not 0 where there is something to map")
    if found.get("type") != "IMAGE":
        raise ConfigError(f"[map] mask {config.map.mask} is of type {found.get('type')}",
                          mend="give the id of an image; of a collection, that of one of its images")


def patches_of(run: Run, config: Config, aoi: Polygons | None) -> Patches:
    """The pixels of a run's patches.

    Raises:
        RunError: there are none.
        RecordError: they are of another cube, or not whole.
    """
    return Patches.of(run.need(run.patches, "predict"), config.spec.view(), aoi)


def kept_patches(run: Run, config: Config, engine: Engine, aoi: Polygons | None, season: int) -> Patches | None:
    """The pixels of an earlier export, if it is this engine's, of this cube, map, season and mask, and whole; None
    where pixels must be exported.

    Args:
        season: year in which the season to map ends.
    """
    if not run.patches.exists():
        return None
    try:
        found = patches_of(run, config, aoi)
    except RecordError:  # of another cube, or not whole
        return None
    return found if found.layout == _layout(config, engine, season) else None


def stream_of(config: Config, engine: Engine, graphs: Graphs, aoi: Polygons | None, season: int) -> Stream:
    """The pixels of a map as an engine computes them, a window at a time.

    Args:
        season: year in which the season to map ends.

    Raises:
        ConfigError: see `grid_of`.
    """
    spec, when, mask = config.spec.view(), config.season_of(season), config.map.mask
    return Stream(engine=engine, graph=lambda grid: graphs.window(spec, when, grid, mask), spec=spec, season=season,
                  tiling=Tiling(grid=grid_of(config), side=blocks.window_side(spec)), mask=mask, aoi=aoi)


def export_patches(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Progress,
                   season: int | None = None) -> dict[str, Any]:
    """Export every pixel of the map's area into `patches/`: the cube's window. One process at a time does so.

    Args:
        season: year in which the season to map ends; None maps the target season.

    Returns:
        counts for the manifest.

    Raises:
        ConfigError: see `grid_of`.
        StorageError: the bucket cannot be used.
        TaskFailed: the task failed.
        DataError: its files did not arrive.
    """
    spec, token = config.spec.view(), uuid.uuid4().hex[:8]
    layout = _layout(config, engine, config.season.target if season is None else season)
    objects, below = storage.open(engine, config.engine.bucket), f"exports/{run.path.resolve().name}/{token}/"
    objects.check()
    prefix = f"{below}map"
    request = graphs.patches(spec, config.season_of(layout.season), layout.grid, layout.patch,
                             bucket=config.engine.bucket, prefix=prefix, description=f"patches {layout.season}",
                             request_id=planning.request_id(token, "map"), mask=layout.mask)
    [done] = tasks.export(engine, [request], lambda operation: progress(operation.description))
    names = objects.list(prefix)
    if not names:
        raise DataError(f"the export of the map left nothing under {prefix} in {config.engine.bucket}",
                        mend="look whether the bucket is the one that Earth Engine writes to")
    remove_parts(run.patches)
    with whole_folder(run.patches) as folder:
        with Receiver(objects) as receiver:
            for coming in [receiver.fetch(name, folder / Path(name).name) for name in names]:
                coming.result()
        shards.describe(folder, spec, layout=layout)
        total = shards.mixer_of(folder).total_patches
    objects.delete(below)
    return {"season": layout.season, "patches": total, "eecu_seconds": done.eecu_seconds}


def _layout(config: Config, engine: Engine, season: int) -> PatchLayout:
    return PatchLayout(grid=grid_of(config), patch=config.map.patch, season=season, mask=config.map.mask,
                       engine=f"{engine.name} {engine.project}")
