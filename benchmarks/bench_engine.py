"""What does the embedded Earth Engine cost beside its kernels, beside xarray, and beside reading the files?

60 dates x 10 bands of uint16 DN with a Cloud Score+ twin. The project's own graph (link, mask, scale, 43 five-day
medians and counts, fill) is built by the `ee` client and evaluated. Everything runs on one core, sides take turns;
every size of 2 and 3 has a process of its own, so that each peak of memory is its own.

1. Decoded tiles -> float32 tiles, at growing sides, beside the median kernel on the same arrays. Scenes are made
   tile by tile: memory does not grow with the area.
2. Files -> shards: GeoTIFFs, compressed TFRecords; reading, computing and encoding apart. Beside it, if they are
   there, xarray and dask: groupby("step").median() to Zarr.
3. 1,000 random points of the files, beside decoding them.
4. The time to `ee.Initialize` and to the first getInfo on a server.

    pip install xarray dask zarr rioxarray   # the peer; without it the rest is measured
    python benchmarks/bench_engine.py [--sides 256 512 1024 2048] [--files 256 512 1024 2048] [--points 1024]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ee
import numpy as np
import rasterio
from bench_composites import THRESHOLD, Stack, alternate, composite, make_stack
from ee import _cloud_api_utils
from google.auth.credentials import AnonymousCredentials

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import ClearLook, preset
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.season import Season
from gee_scripts import catalog, cube
from gee_scripts.engine.local.assets.catalog import TreeCatalog
from gee_scripts.engine.local.images.loading import GeoTiffBand, GeoTiffBands, asset_bands, footprint
from gee_scripts.engine.local.images.rewriting import fused
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.operations import patches
from gee_scripts.engine.local.operations.patches import PatchOptions
from gee_scripts.engine.local.operations.staging import staged
from gee_scripts.engine.local.rasters import raster
from gee_scripts.engine.local.rasters.domains import Domain, transformer
from gee_scripts.engine.local.rasters.raster import Band, Node, read
from gee_scripts.engine.local.server import LocalServer
from gee_scripts.engine.local.values import Collection, Image

TILE = 256
PATCH = 64
SEASON = Season(start=date(2023, 1, 1))
SPEC = preset("cropnet-5d", clear=ClearLook(threshold=THRESHOLD)).view()
OPTIONS = PatchOptions(width=PATCH, height=PATCH, margin_width=0, margin_height=0, fill=0.0, most_masked=1.0,
                       file_bytes=2**30, compress=True)
PEER = ("xarray", "dask", "zarr", "rioxarray")

# What a new process takes: imports are not counted, discovery and the list of algorithms are.
CLIENT = """
import sys, time, ee
from google.auth.credentials import AnonymousCredentials
began = time.perf_counter()
ee.Initialize(credentials=AnonymousCredentials(), url=sys.argv[1], project="agrispec-local")
ready = time.perf_counter()
assert ee.Number(1).add(1).getInfo() == 2
print(ready - began, time.perf_counter() - ready)
"""


def grid_of(side: int) -> Grid:
    """A square of 10 m pixels."""
    return Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=side, height=side)


def refilled(stack: Stack, seed: int) -> Stack:
    """Other pixels of the same dates."""
    rng = np.random.default_rng(seed)
    return replace(stack, values=rng.integers(200, 5000, stack.values.shape, dtype=np.uint16),
                   score=rng.random(stack.score.shape, dtype=np.float32))


def properties_of(stack: Stack, number: int) -> dict[str, Any]:
    """What graphs ask of a scene."""
    step = int(np.searchsorted(stack.first, number, side="right")) - 1
    day = SEASON.bounds(SPEC.window.start + step)[0] + timedelta(days=1)
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    return {"system:index": f"S{number:03d}", "system:time_start": start, catalog.CLOUD_COVER: 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Tile(Node):
    """A band of one scene: the part of it that is decoded is the tile that is asked for."""

    plane: Callable[[], np.ndarray]
    dtype: np.dtype[Any]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> np.ndarray:
        """The decoded tile."""
        return self.plane().reshape(domain.shape)


class Decoded:
    """A catalogue of scenes of any size of which one tile stands in memory."""

    def __init__(self, stack: Stack, grid: Grid) -> None:
        self.stack = stack
        dates = range(len(stack.values))
        self.collections = {
            SPEC.collection: Collection(tuple(self._scene(n, grid) for n in dates), "Image", {}, SPEC.collection),
            catalog.CLOUD_SCORE: Collection(tuple(self._score(n, grid) for n in dates), "Image", {},
                                            catalog.CLOUD_SCORE)}

    def _scene(self, number: int, grid: Grid) -> Image:
        return self._image(number, grid, [(name, np.dtype(np.uint16)) for name in SENTINEL2_IDS],
                           lambda band: self.stack.values[number, band])

    def _score(self, number: int, grid: Grid) -> Image:
        return self._image(number, grid, [("cs", np.dtype(np.float32))], lambda band: self.stack.score[number])

    def _image(self, number: int, grid: Grid, bands: list[tuple[str, np.dtype[Any]]],
               plane: Callable[[int], np.ndarray]) -> Image:
        made = asset_bands(bands, lambda band: Tile(partial(plane, band), bands[band][1]), grid)
        return Image(bands=made, properties=properties_of(self.stack, number), footprint=(footprint(grid),))

    def collection(self, asset_id: str) -> Collection:
        return self.collections[asset_id]

    def image(self, asset_id: str) -> Image:
        raise KeyError(asset_id)

    def table(self, asset_id: str) -> Collection:
        raise KeyError(asset_id)


def client() -> None:
    """The `ee` client with the list of algorithms it ships, and no server."""
    listed = json.loads((Path(ee.__file__).parent / "tests" / "algorithms.json").read_bytes())
    ee.data.initialize = lambda **options: None
    ee.data.getAlgorithms = lambda: _cloud_api_utils.convert_algorithms(listed)
    ee.Initialize(AnonymousCredentials(), project="agrispec-local")


def serialised(value: ee.ComputedObject) -> Any:
    return json.loads(ee.serializer.toJSON(value, for_cloud_api=True))


def region() -> ee.Geometry:
    return ee.Geometry.Rectangle([2.9, 48.4, 3.5, 48.9], "EPSG:4326", False)


def prepare() -> None:
    """One core, and the client: of every process that measures."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    client()


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own, whose memory is that function's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=prepare) as pool:
        return pool.submit(work, *arguments).result()


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


# -- 1. decoded tiles -> float32 tiles

def checked(tile: Sequence[tuple[np.ndarray, Any]], stack: Stack) -> None:
    """The engine's tile is the kernel's, in reflectance."""
    medians, counts = composite(stack)
    for step in range(SPEC.window.steps):
        np.testing.assert_array_equal(tile[step * 11 + 10][0].ravel(), counts[step])
        for band in range(10):
            expected = np.where(counts[step] > 0, medians[step, band] / 1e4, SPEC.fill)
            np.testing.assert_allclose(tile[step * 11 + band][0].ravel(), expected, rtol=1e-5)


def tiles(sides: Sequence[int], graph: Any) -> None:
    first = make_stack(TILE)
    print(f"{'side':>5s} {'graph s':>9s} {'kernel s':>9s} {'engine s':>9s} {'Mpixel/s':>9s} {'ratio':>6s} "
          f"{'with graph':>10s} {'peak GB':>8s}")
    for side in sides:
        grid = grid_of(side)
        decoded = Decoded(first, grid)

        def made(decoded: Decoded = decoded) -> tuple[Band, ...]:
            return fused(evaluate(graph, decoded).bands)

        bands = made()
        graph_s = alternate(5, graph=made)["graph"]
        kernel_s = engine_s = 0.0
        for number, (_, _, tile) in enumerate(grid.tiles(TILE)):
            decoded.stack = refilled(first, number)
            if number == 0:
                checked(read(bands, tile), decoded.stack)
            # Every tile is read once in a real run; the median of several turns where there are few of them.
            seconds = alternate(5 if side == TILE else 1, kernel=lambda d=decoded: composite(d.stack),
                                engine=lambda t=tile, b=bands: read(b, t))
            kernel_s += seconds["kernel"]
            engine_s += seconds["engine"]
        print(f"{side:5d} {graph_s:9.3f} {kernel_s:9.3f} {engine_s:9.3f} {side * side / engine_s / 1e6:9.2f} "
              f"{engine_s / kernel_s:6.2f} {(engine_s + graph_s) / kernel_s:10.2f} {peak_gb():8.2f}", flush=True)
        print(f"engine_vs_kernel_{side} ratio={(engine_s + graph_s) / kernel_s:.2f} goal=<=2")


# -- 2. files -> shards

def written(folder: Path, side: int) -> AssetTree:
    """The scenes as GeoTIFFs: parcels of 16 pixels a side with noise of 120 DN on them, which compress as fields do.
    (Pure noise hardly compresses: then packing the shards takes more time than all else.)"""
    tree, grid, first = AssetTree(folder), grid_of(side), make_stack(TILE)
    tree.create_collection(SPEC.collection)
    tree.create_collection(catalog.CLOUD_SCORE)
    for number in range(len(first.values)):
        rng, properties = np.random.default_rng(number), properties_of(first, number)
        parcels = rng.integers(200, 5000, (10, -(-side // 16), -(-side // 16)), dtype=np.uint16)
        planes = parcels.repeat(16, 1).repeat(16, 2)[:, :side, :side]
        planes = planes + rng.integers(0, 120, planes.shape, dtype=np.uint16)
        tree.write_image(f"{SPEC.collection}/S{number:03d}", arrays=dict(zip(SENTINEL2_IDS, planes, strict=True)),
                         grid=grid, properties=properties)
        tree.write_image(f"{catalog.CLOUD_SCORE}/S{number:03d}",
                         arrays={"cs": rng.random((side, side), dtype=np.float32)}, grid=grid, properties=properties)
    return tree


def decode(tree: AssetTree) -> None:
    """Every pixel of every file, once."""
    for name in (SPEC.collection, catalog.CLOUD_SCORE):
        for asset in tree.images(name):
            with rasterio.open(asset.bands[0].file) as source:
                source.read()


class Unchecked:
    """The progress of a task that nobody stops."""

    def check(self, done: float) -> None:
        """Goes on."""

    def add(self, seconds: float) -> None:
        """Nobody asks."""


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def clocked(owner: Any, name: str) -> Iterator[list[float]]:
    """The CPU seconds of every call of a function meanwhile: one thread computes while another one packs."""
    plain, seconds = getattr(owner, name), []

    def counted(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return plain(*arguments)
        finally:
            seconds.append(time.thread_time() - began)

    setattr(owner, name, counted)
    try:
        yield seconds
    finally:
        setattr(owner, name, plain)


def to_shards(tree: AssetTree, grid: Grid, graph: Any) -> None:
    bands = evaluate(graph, TreeCatalog(tree)).bands
    with staged(tree, "shards") as staging:
        patches.write(bands, grid, OPTIONS, staging, "cube/", Unchecked())  # type: ignore[arg-type]


def to_zarr(tree: AssetTree, folder: Path) -> None:
    """The same medians and counts by xarray and dask, as Zarr, in this thread."""
    import dask
    import rioxarray
    import xarray

    def stacked(name: str) -> Any:
        opened = [rioxarray.open_rasterio(asset.bands[0].file, chunks={"x": TILE, "y": TILE})
                  for asset in sorted(tree.images(name), key=lambda item: item.index)]
        return xarray.concat(opened, "time")

    with dask.config.set(scheduler="synchronous"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice", category=RuntimeWarning)
        steps = [SEASON.bounds(step)[0] for step in SPEC.window]
        days = [datetime.fromtimestamp(asset.properties["system:time_start"] / 1000, UTC).date()
                for asset in sorted(tree.images(SPEC.collection), key=lambda item: item.index)]
        step = xarray.DataArray(np.searchsorted(steps, days, side="right") - 1, dims="time", name="step")
        values, score = stacked(SPEC.collection), stacked(catalog.CLOUD_SCORE).isel(band=0, drop=True)
        clear = (score >= THRESHOLD).chunk(time=-1)
        looks = (values / np.float32(1e4)).where(clear).chunk(time=-1)
        medians = looks.groupby(step).median().reindex(step=range(SPEC.window.steps)).fillna(SPEC.fill)
        counts = clear.groupby(step).sum().reindex(step=range(SPEC.window.steps), fill_value=0)
        cube_of = {"cube": medians.astype(np.float32), "count": counts.astype(np.float32)}
        xarray.Dataset(cube_of).drop_encoding().to_zarr(folder, mode="w", consolidated=False)


def peer_seconds(folder: Path) -> float:
    """What the peer takes over the files of a folder, its imports not counted."""
    for name in PEER:
        import_module(name)
    return timed(lambda: to_zarr(AssetTree(folder), folder / "peer.zarr"))


def files(side: int, graph: Any, beside_peer: bool) -> None:
    grid = grid_of(side)
    with tempfile.TemporaryDirectory() as folder:
        tree = written(Path(folder), side)
        # Compilation, by files that are not looked at again.
        to_shards(written(Path(folder) / "first", PATCH), grid_of(PATCH), graph)
        began = time.process_time()
        with (clocked(GeoTiffBand, "compute") as alone, clocked(GeoTiffBands, "compute") as together,
              clocked(raster, "read") as evaluating):
            engine_s = timed(lambda: to_shards(tree, grid, graph))
        whole, reading = time.process_time() - began, sum(alone) + sum(together)
        print(f"\nfiles -> shards, {side} pixels a side, one core: {engine_s:.2f} s, "
              f"{side * side / engine_s:,.0f} pixels/s")
        print(f"files_to_shards_peak_gb_{side} ratio={peak_gb():.2f} goal=<=2")
        print(f"  CPU: reading {reading:.2f} s, computing {sum(evaluating) - reading:.2f} s, encoding and the graph "
              f"{whole - sum(evaluating):.2f} s; every file decoded once: {timed(lambda: decode(tree)):.2f} s")
        if not beside_peer:
            return
        missing = [name for name in PEER if find_spec(name) is None]
        if missing:
            print(f"  the peer is missing: pip install {' '.join(missing)}")
            return
        peer_s = in_own_process(peer_seconds, Path(folder))
        print(f"  xarray + dask -> Zarr: {peer_s:.2f} s (flox {'' if find_spec('flox') else 'not '}installed)")
        print(f"files_to_shards_vs_xarray_{side} ratio={peer_s / engine_s:.1f} goal=>=10")


# -- 3. points

def points(side: int, graph: Any) -> None:
    grid = grid_of(side)
    rng = np.random.default_rng(0)
    pixels = rng.choice(side * side, 1000, replace=False)
    x, y = 500000 + 10 * (pixels % side) + 5, 5400000 - 10 * (pixels // side) - 5
    places = zip(*transformer(grid.crs, "EPSG:4326").transform(x, y), strict=True)
    at = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([lon, lat])) for lon, lat in places])
    drawn = serialised(cube.array(SPEC, SEASON, region()).sampleRegions(at, scale=10, projection=grid.crs))
    with tempfile.TemporaryDirectory() as folder:
        tree = written(Path(folder), side)
        stored = TreeCatalog(tree)
        assert len(evaluate(drawn, stored).items) == 1000
        seconds = alternate(5, sampling=lambda: evaluate(drawn, stored), decoding=lambda: decode(tree))
        bands = fused(evaluate(graph, stored).bands)
        computing = sum(timed(lambda t=tile: read(bands, t)) for _, _, tile in grid.tiles(TILE))
        area = timed(lambda: to_shards(tree, grid, graph))
    print(f"\n1,000 points of {side} x {side} pixels: {seconds['sampling']:.2f} s; decoding all files "
          f"{seconds['decoding']:.2f} s; the area computed {computing:.2f} s, to shards {area:.2f} s")
    print(f"points_peak_gb ratio={peak_gb():.2f} goal=<=2")
    print(f"points_vs_decoding ratio={seconds['sampling'] / seconds['decoding']:.2f} goal=<=1.2")
    print(f"area_vs_points ratio={area / seconds['sampling']:.1f} goal=>=10")


# -- 4. a server

def server() -> None:
    with tempfile.TemporaryDirectory() as folder, LocalServer(Path(folder), "agrispec-local") as running:
        turns = [subprocess.run([sys.executable, "-c", CLIENT, running.url], check=True, capture_output=True,
                                text=True).stdout.split() for _ in range(3)]
    initialise, first = (float(np.median([float(turn[place]) for turn in turns])) for place in (0, 1))
    print(f"\ninitialize_s ratio={initialise:.2f} goal=<=0.5")
    print(f"first_get_info_s ratio={first:.3f} goal=<=0.2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="*", default=[256, 512, 1024, 2048], help="of part 1, pixels")
    parser.add_argument("--files", type=int, nargs="*", default=[256, 512, 1024, 2048], help="sides of part 2, pixels")
    parser.add_argument("--peer", type=int, default=512, help="up to which of them the peer runs too: it takes minutes")
    parser.add_argument("--points", type=int, default=1024, help="side of part 3; 0: leave it out")
    arguments = parser.parse_args()
    server()
    prepare()
    graph = serialised(cube.patches(SPEC, SEASON, region()))
    tiles(arguments.sides, graph)
    for side in arguments.files:
        in_own_process(files, side, graph, side <= arguments.peer)
    if arguments.points:
        in_own_process(points, arguments.points, graph)


if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    main()
