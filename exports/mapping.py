"""The pixels of a map: where they are, and their cubes as patches."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Protocol

from pyproj import CRS
from pyproj.exceptions import CRSError

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import Engine, PatchExport
from agrispec.errors import ConfigError, DataError
from agrispec.formats.atomic import whole_folder
from agrispec.grid import Grid
from agrispec.season import Season
from exports import planning, shards, storage, tasks
from exports.export.places import Progress
from exports.runs import Run
from exports.storage.receiving import Receiver


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def patches(self, spec: CubeSpec, season: Season, grid: Grid, patch: int, *, bucket: str, prefix: str,
                description: str, request_id: str) -> PatchExport: ...


def grid_of(config: Config) -> Grid:
    """The map's pixels, aligned to multiples of their size.

    Raises:
        ConfigError: the map's CRS is unknown, or does not count in metres.
    """
    try:
        crs = CRS.from_user_input(config.map.crs)
    except CRSError as error:
        raise ConfigError(f"[map] crs {config.map.crs!r} is no coordinate reference system",
                          mend='name one by its EPSG code, e.g. "EPSG:32631"') from error
    if not crs.is_projected or {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        raise ConfigError(f"[map] crs {config.map.crs!r} does not count in metres, as pixels do",
                          mend="give the UTM zone of the area, or a national grid, and bounds in metres")
    return Grid.covering(config.map.crs, config.map.corners, config.spec.scale_m)


def export_patches(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Progress,
                   season: int | None = None) -> dict[str, Any]:
    """Export every pixel of the map's area into `patches/`: the cube's window.

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
    spec, side, token = config.spec.view(), config.map.patch, uuid.uuid4().hex[:8]
    year = config.season.target if season is None else season
    grid = grid_of(config)
    objects, below = storage.open(engine, config.engine.bucket), f"exports/{run.path.resolve().name}/{token}/"
    objects.check()
    prefix = f"{below}map"
    request = graphs.patches(spec, config.season_of(year), grid, side, bucket=config.engine.bucket,
                             prefix=prefix, description=f"patches {year}",
                             request_id=planning.request_id(token, "map"))
    [done] = tasks.export(engine, [request], lambda operation: progress(operation.description))
    names = objects.list(prefix)
    if not names:
        raise DataError(f"the export of the map left nothing under {prefix} in {config.engine.bucket}",
                        mend="look whether the bucket is the one that Earth Engine writes to")
    with whole_folder(run.patches) as folder:
        with Receiver(objects) as receiver:
            for coming in [receiver.fetch(name, folder / Path(name).name) for name in names]:
                coming.result()
        shards.describe(folder, spec, layout=shards.PatchLayout(grid=grid, patch=side, season=year))
        total = shards.mixer_of(folder).total_patches
    objects.delete(below)
    return {"season": year, "patches": total, "eecu_seconds": done.eecu_seconds}
