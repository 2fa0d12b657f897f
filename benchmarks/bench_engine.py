"""What does the embedded Earth Engine cost beside the median kernel it calls?

60 dates x 10 bands of uint16 DN with a Cloud Score+ twin over 256 x 256 pixels. The project's own graph (link, mask,
scale, 43 five-day medians and counts, fill) is built by the `ee` client, evaluated and read as float32 tiles from
decoded scenes, and compared with the kernel alone on the same arrays in the same run, taking turns on one core.
Reading GeoTIFFs and encoding records are printed apart.

    python benchmarks/bench_engine.py
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ee
import numpy as np
from bench_composites import THRESHOLD, Stack, alternate, composite, make_stack
from ee import _cloud_api_utils
from google.auth.credentials import AnonymousCredentials

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import ClearLook, preset
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.season import Season
from gee_scripts import catalog, cube
from gee_scripts.engine.local.catalog import TreeCatalog
from gee_scripts.engine.local.evaluate import evaluate
from gee_scripts.engine.local.loading import ArrayBand, asset_bands, footprint
from gee_scripts.engine.local.raster import read
from gee_scripts.engine.local.values import Collection, Image

SIDE = 256
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=SIDE, height=SIDE)
SEASON = Season(start=date(2023, 1, 1))
SPEC = preset("cropnet-5d", clear=ClearLook(threshold=THRESHOLD)).view()


class Decoded:
    """A catalogue of scenes that stand in memory."""

    def __init__(self, scenes: dict[str, list[tuple[dict[str, np.ndarray], dict[str, Any]]]]) -> None:
        self.collections = {
            name: Collection(tuple(self._image(planes, properties) for planes, properties in images), "Image", {}, name)
            for name, images in scenes.items()}

    def _image(self, planes: dict[str, np.ndarray], properties: dict[str, Any]) -> Image:
        arrays = list(planes.values())
        bands = asset_bands([(name, plane.dtype) for name, plane in planes.items()],
                            lambda number: ArrayBand(values=arrays[number], grid=GRID), GRID)
        return Image(bands=bands, properties=properties, footprint=(footprint(GRID),))

    def collection(self, asset_id: str) -> Collection:
        return self.collections[asset_id]

    def image(self, asset_id: str) -> Image:
        raise KeyError(asset_id)

    def table(self, asset_id: str) -> Collection:
        raise KeyError(asset_id)


def scenes_of(stack: Stack) -> dict[str, list[tuple[dict[str, np.ndarray], dict[str, Any]]]]:
    """The stack as Sentinel-2 scenes and their Cloud Score+ images, with the properties that graphs ask for."""
    found: dict[str, list[tuple[dict[str, np.ndarray], dict[str, Any]]]] = {SPEC.collection: [],
                                                                            catalog.CLOUD_SCORE: []}
    for number in range(len(stack.values)):
        step = int(np.searchsorted(stack.first, number, side="right")) - 1
        day = SEASON.bounds(SPEC.window.start + step)[0] + timedelta(days=1)
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        properties = {"system:index": f"S{number:03d}", "system:time_start": start, catalog.CLOUD_COVER: 1.0}
        planes = stack.values[number].reshape(-1, SIDE, SIDE)
        found[SPEC.collection].append((dict(zip(SENTINEL2_IDS, planes, strict=True)), properties))
        found[catalog.CLOUD_SCORE].append(({"cs": stack.score[number].reshape(SIDE, SIDE)}, properties))
    return found


def client() -> None:
    """The `ee` client with the list of algorithms it ships, and no server."""
    listed = json.loads((Path(ee.__file__).parent / "tests" / "algorithms.json").read_bytes())
    ee.data.initialize = lambda **options: None
    ee.data.getAlgorithms = lambda: _cloud_api_utils.convert_algorithms(listed)
    ee.Initialize(AnonymousCredentials(), project="agrispec-local")


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    client()
    stack = make_stack(SIDE)
    scenes = scenes_of(stack)
    region = ee.Geometry.Rectangle([2.9, 48.6, 3.2, 48.9], "EPSG:4326", False)
    graph = json.loads(ee.serializer.toJSON(cube.patches(SPEC, SEASON, region), for_cloud_api=True))
    decoded = Decoded(scenes)

    def tile() -> list[Any]:
        return read(evaluate(graph, decoded).bands, GRID)

    medians, counts = composite(stack)
    found = tile()
    for step in range(SPEC.window.steps):
        np.testing.assert_array_equal(found[step * 11 + 10][0].ravel(), counts[step])
        for band in range(10):
            expected = np.where(counts[step] > 0, medians[step, band] / 1e4, SPEC.fill)
            np.testing.assert_allclose(found[step * 11 + band][0].ravel(), expected, rtol=1e-5)
    seconds = alternate(5, kernel=lambda: composite(stack), engine=tile, graph=lambda: evaluate(graph, decoded))

    with tempfile.TemporaryDirectory() as folder:
        tree = AssetTree(Path(folder))
        for name, images in scenes.items():
            tree.create_collection(name)
            for planes, properties in images:
                tree.write_image(f"{name}/{properties['system:index']}", arrays=planes, grid=GRID,
                                 properties=properties)
        stored = TreeCatalog(tree)
        began = time.perf_counter()
        for name in scenes:
            for image in stored.collection(name).items:
                read(image.bands, GRID)
        reading = time.perf_counter() - began
    began = time.perf_counter()
    record = np.stack([values for values, _ in found], dtype=np.float32).tobytes()
    encoding = time.perf_counter() - began

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for name, value in (*seconds.items(), ("reading", reading), ("encoding", encoding)):
        print(f"{name:10s} {value:8.3f} s {SIDE * SIDE / value:12,.0f} pixels/s")
    print(f"a tile is {len(record) / 2**20:.0f} MiB of float32; evaluating the graph is part of the engine's time")
    print(f"engine_vs_kernel ratio={seconds['engine'] / seconds['kernel']:.2f} goal=<=4")
    print(f"peak_memory_gb ratio={peak:.2f} goal=<=2")


if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    main()
