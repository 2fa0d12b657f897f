"""Writes a simulated landscape into an asset tree, as Earth Engine would hold it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.bands import SENTINEL2
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell
from agrispec.taxonomy import Taxonomy
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, Scenes, Window, label_image, landscape_window, scenes_of
from scenes.phenology import CROPS
from scenes.temperature import GRID, daily_means

__all__ = ["CLOUD_SCORE_COLLECTION", "SENTINEL2_COLLECTION", "TEMPERATURE_COLLECTION", "Landscape",
           "LandscapeSummary", "simulate"]

SENTINEL2_COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
CLOUD_SCORE_COLLECTION = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
TEMPERATURE_COLLECTION = "ECMWF/ERA5_LAND/DAILY_AGGR"
SIMULATED = {"agrispec:simulated": "true"}

_WITHOUT_TWIN = 0.002  # of the scenes; the Cloud Score+ archive has such gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class LandscapeSummary:
    """What was written.

    Attributes:
        windows: cells, grids and fields.
        taxonomy: names, codes and colours of the classes.
        scenes: number of Sentinel-2 scenes by season.
        without_twin: `system:index` of the scenes that have no Cloud Score+ image.
        parcels: number of labelled parcels in a season.
    """

    windows: tuple[Window, ...]
    taxonomy: Taxonomy
    scenes: dict[int, int]
    without_twin: tuple[str, ...]
    parcels: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The 0.1 degree cells, one a window."""
        return tuple(window.cell for window in self.windows)


def simulate(tree: AssetTree, landscape: Landscape) -> LandscapeSummary:
    """Writes a landscape into an asset tree, window by window.

    Writes the Sentinel-2 scenes, their Cloud Score+ twins (a handful are missing, as in the archive), daily
    temperatures, label images and parcels by season. Every asset carries the property `agrispec:simulated`.

    Raises:
        AssetExists: the tree holds such scenes already.
        StorageError: the disk is full or not writable.
    """
    about = "Simulated by agrispec-gee, not observed: "
    for collection, text in ((SENTINEL2_COLLECTION, "surface reflectance of a small landscape as Sentinel-2 sees it"),
                             (CLOUD_SCORE_COLLECTION, "clearness of the simulated Sentinel-2 scenes"),
                             (TEMPERATURE_COLLECTION, "daily temperatures that fit the simulated crops"),
                             (landscape.labels, "what grows where in the simulated landscape")):
        tree.create_collection(collection, properties={"description": about + text, **SIMULATED})
    windows = tuple(landscape_window(landscape, number) for number in range(landscape.windows))
    table = CanopyTable.computed()
    scenes, lost, pairs = dict.fromkeys(landscape.seasons, 0), [], _without_twin(landscape)
    with ThreadPoolExecutor(max_workers=2) as writers:
        for season in landscape.seasons:
            for window in windows:
                _write_labels(tree, landscape, window, season)
                made = scenes_of(landscape, window, season, table)
                without = pairs.get((season, window.number), frozenset())
                cloudy = made.cloudy_percent
                jobs = [writers.submit(_write_scene, tree, window, made, t, float(cloudy[t]), t not in without)
                        for t in range(len(made.dn))]
                names = [job.result() for job in jobs]
                scenes[season] += len(names)
                lost += [names[t] for t in sorted(without)]
            _write_parcels(tree, landscape, windows, season)
            _write_temperatures(tree, landscape, season, writers)
    return LandscapeSummary(windows=windows, taxonomy=CROPS, scenes=scenes, without_twin=tuple(lost),
                            parcels=sum(int((~window.parcels.wood).sum()) for window in windows))


def _without_twin(landscape: Landscape) -> dict[tuple[int, int], frozenset[int]]:
    """Which scenes, by (season, window), have no Cloud Score+ image: at least one in all."""
    each = {season: len(landscape.passes(season).times) for season in landscape.seasons}
    every = [(season, window, t) for season in landscape.seasons for window in range(landscape.windows)
             for t in range(each[season])]
    drawn = landscape.random(4).choice(len(every), max(1, round(_WITHOUT_TWIN * len(every))), replace=False)
    found: dict[tuple[int, int], frozenset[int]] = {}
    for season, window, t in (every[i] for i in drawn):
        found[season, window] = found.get((season, window), frozenset()) | {t}
    return found


def _write_scene(tree: AssetTree, window: Window, scenes: Scenes, t: int, cloudy: float, twin: bool) -> str:
    """Writes one scene and, if it has one, its twin; returns its `system:index`."""
    time, craft = scenes.overhead.times[t], scenes.overhead.spacecraft[t]
    index = f"{time:%Y%m%dT%H%M%S}_{time - timedelta(seconds=2):%Y%m%dT%H%M%S}_T{window.tile}"
    arrays: dict[str, NDArray[Any]] = {band.id: scenes.dn[t, i] for i, band in enumerate(SENTINEL2)}
    tree.write_image(f"{SENTINEL2_COLLECTION}/{index}", arrays={**arrays, "SCL": scenes.scl[t]}, grid=window.grid,
                     time_start=time, pyramiding={"SCL": "MODE"}, properties={
                         "CLOUDY_PIXEL_PERCENTAGE": round(cloudy, 4), "MGRS_TILE": window.tile,
                         "PROCESSING_BASELINE": "05.09" if time.year < 2024 else "05.10", "SPACECRAFT_NAME": craft,
                         **SIMULATED})
    if twin:
        tree.write_image(f"{CLOUD_SCORE_COLLECTION}/{index}", arrays={"cs": scenes.cs[t], "cs_cdf": scenes.cs_cdf[t]},
                         grid=window.grid, time_start=time, properties=dict(SIMULATED))
    return index


def _write_labels(tree: AssetTree, landscape: Landscape, window: Window, season: int) -> None:
    tree.write_image(f"{landscape.labels}/{window.cell.id}_{season}", grid=window.grid, nodata=0,
                     arrays={"crop": label_image(window, season, landscape)}, pyramiding={"crop": "MODE"},
                     time_start=datetime(season, 1, 1, tzinfo=UTC), properties=dict(SIMULATED))


def _write_temperatures(tree: AssetTree, landscape: Landscape, season: int, writers: ThreadPoolExecutor) -> None:
    def write(day: date, kelvin: NDArray[np.float32]) -> None:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        tree.write_image(f"{TEMPERATURE_COLLECTION}/{day:%Y%m%d}", arrays={"temperature_2m": kelvin}, grid=GRID,
                         time_start=midnight, time_end=midnight + timedelta(days=1), properties=dict(SIMULATED))

    for _ in writers.map(write, *daily_means(landscape, season)):
        pass


def _write_parcels(tree: AssetTree, landscape: Landscape, windows: tuple[Window, ...], season: int) -> None:
    rows, shapes = [], []
    for row, shape in (pair for window in windows for pair in _parcel_rows(landscape, window, season)):
        rows.append(row)
        shapes.append(shape)
    tree.write_table(landscape.parcels(season), properties=rows, geometries=shapes,
                     asset_properties={"description": f"Simulated by agrispec-gee: parcels and crops of {season}",
                                       **SIMULATED})


def _parcel_rows(landscape: Landscape, window: Window,
                 season: int) -> Iterator[tuple[dict[str, str | int | float], bytes]]:
    """Properties and WKB (longitude, latitude) of each labelled parcel."""
    transformer = Transformer.from_crs(window.grid.crs, "EPSG:4326", always_xy=True)
    crops = window.crops[landscape.seasons.index(season)]
    for i, polygon in enumerate(window.parcels.polygons):
        if not window.parcels.wood[i]:
            crop = CROPS.classes[crops[i]]
            placed = shapely.transform(polygon, transformer.transform, interleaved=False)
            yield {"parcel_id": f"{window.cell.id}-{i:03d}", "crop": crop.codes[0], "crop_name": crop.name,
                   "area_ha": round(polygon.area / 1e4, 4)}, shapely.to_wkb(placed)
