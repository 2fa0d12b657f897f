"""A small season of crops that differ in when they peak, and a small run of several seasons, for tests of learning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely

from agrispec.cube import FILL, CubeSpec
from agrispec.formats import example
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell, cell_of
from agrispec.sample import UNLABELLED, Sample
from agrispec.season import Window
from agrispec_tf.data.samples import Samples, Series
from exports import manifest, runs, samples, shards
from exports.runs import Run

if TYPE_CHECKING:
    from agrispec_tf.classifier import Classifier

NAMES = ("wheat", "maize", "beet")


def small_cube() -> CubeSpec:
    """Three bands by 23 steps of 16 days, of which a model sees 14."""
    return CubeSpec(features=("B4", "B8", "B11"), step_days=16, exported=Window(0, 23), window=Window(6, 20))


def grown(count: int, *, seed: int = 0, place: str = "E", delay: float = 0.0, cube: CubeSpec | None = None) -> Samples:
    """`count` samples in four cells named after `place`; `delay` moves all peaks, in shares of a year."""
    cube = cube or small_cube()
    generator = np.random.default_rng(seed)
    steps, depth = cube.exported.steps, len(cube.features)
    labels = np.arange(count) % len(NAMES)
    peak = 0.4 + 0.12 * labels + generator.normal(0, 0.01, count) + delay
    curve = np.exp(-(((np.arange(steps) + 0.5) / steps - peak[:, None]) / 0.1) ** 2)
    response = np.linspace(-0.2, 0.5, depth)
    values = 0.2 + curve[..., None] * response + generator.normal(0, 0.02, (count, steps, depth))
    counts = generator.integers(0, 3, (count, steps)).astype(np.float32)
    values[counts == 0] = cube.fill
    series = Series(cube=cube, values=values.astype(np.float32), counts=counts)
    return Samples(series=series, labels=labels, cells=np.array([f"{place}{n}" for n in np.arange(count) // 3 % 4]),
                   ids=np.array([f"{place}-{n}" for n in range(count)]))


def warm(samples: Samples, *, delay: float = 0.0) -> Samples:
    """`samples` with growing degree days that rise ever faster through a year, all `delay` shares of a year later."""
    share = (np.arange(samples.series.cube.exported.steps) + 0.5) / samples.series.cube.exported.steps
    heat = 4000 * np.maximum(share - delay, 0) ** 2
    series = replace(samples.series, cube=replace(samples.series.cube, gdd_base=0.0),
                     heat=np.tile(heat.astype(np.float32), (len(samples), 1)))
    return replace(samples, series=series)


@pytest.fixture(name="warm", scope="session")
def _warm() -> Callable[..., Samples]:
    return warm


@pytest.fixture(name="grown", scope="session")
def _grown() -> Callable[..., Samples]:
    return grown


@pytest.fixture(name="small_cube", scope="session")
def _small_cube() -> CubeSpec:
    return small_cube()


@pytest.fixture(scope="session")
def class_names() -> tuple[str, ...]:
    return NAMES


def assert_same(ours: Classifier, theirs: Classifier) -> None:
    """Two trainings came to the same, but for the time they took: scores, settings and every bit of the weights."""
    def timeless(rows: Iterable[Mapping[str, float]]) -> list[dict[str, float]]:
        return [{**row, "seconds": 0} for row in rows]
    assert timeless(ours.history) == timeless(theirs.history)
    assert ours.training == theirs.training
    for one, other in zip(ours.model.get_weights(), theirs.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(name="assert_same", scope="session")
def _assert_same() -> Callable[..., None]:
    return assert_same


def simulated_globe(folder: Path, country: str, count: int, *, delay_days: float = 0.0, seed: int = 0,
                    codes: tuple[int, ...] = (0, 1, 3, 6)) -> Path:
    """A file of CropGlobe's layout, simulated: crops whose series peak at different days, later by `delay_days`."""
    generator = np.random.default_rng(seed)
    labels = np.array(codes)[np.arange(count) % len(codes)]
    peak = 150 + 25 * labels + generator.normal(0, 8, count) + delay_days
    curve = np.exp(-(((np.arange(73) * 5 + 2.5) - peak[:, None]) / 35) ** 2)
    values = 0.15 + np.linspace(-0.1, 0.4, 10)[:, None] * curve[:, None] + generator.normal(0, 0.03, (count, 10, 73))
    path = folder / "for_CropNet" / f"median_S2_{country}_month1-12_day5.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, fea=values.astype(np.float32), lbl=labels)
    return path


@pytest.fixture(name="simulated_globe", scope="session")
def _simulated_globe() -> Callable[..., Path]:
    return simulated_globe


@pytest.fixture(scope="session")
def globe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated countries, the second with an earlier season, the third with a later one."""
    folder = tmp_path_factory.mktemp("globe")
    for seed, (country, delay) in enumerate((("FRA", 0), ("BEL", -8), ("ARG", 25))):
        simulated_globe(folder, country, 240, delay_days=delay, seed=seed)
    return folder


CONFIGURATION = """
[area]
cells = {cells}
[season]
source = {seasons}
target = 2025
[cube]
preset = "agrispec-23"
window_days = {window}
[labels]
images = "projects/agrispec-local/assets/labels"
band = "crop"
parcels = "{parcels}"
[map]
bounds = [613000, 5401800, 613240, 5402000]
crs = "EPSG:32631"
{regions}
[[classes]]
name = "wheat"
codes = [1]
colour = "#e6c229"
[[classes]]
name = "maize"
codes = [2]
colour = "#1a8fe3"
[[classes]]
name = "beet"
codes = [3]
colour = "#d11149"
"""
REGIONS = """
[[regions]]
name = "west"
bounds = [4.0, 48.0, 4.4, 49.0]
[[regions]]
name = "east"
bounds = [4.4, 48.0, 5.0, 49.0]
"""
CELLS = tuple(cell_of(4.0 + column / 10, 48.4) for column in range(8))


def write(path: Path, *, seasons: Sequence[int] = (2022, 2023), cells: Sequence[Cell] = CELLS, regions: str = REGIONS,
          window: tuple[int, int] = (97, 192), parcels: str = "") -> Run:
    """Four samples of each of three crops a cell and season; crops differ in when they are green, late on."""
    random = np.random.default_rng(3)
    run = runs.create(path, CONFIGURATION.format(cells=[cell.id for cell in cells], seasons=list(seasons),
                                                 window=list(window), regions=regions, parcels=parcels))
    config = run.config
    spec, table = config.spec, []
    for season in (*seasons, 2025):
        for cell in cells:
            west, south, _, _ = cell.bounds
            for place in range(12):
                label = place % 3 if season != 2025 else UNLABELLED
                table.append(asdict(Sample(row=len(table), lon=west + 0.01 + place * 0.005, lat=south + 0.05,
                                           cell=cell.id, season=season, fold=config.split.fold(cell), label=label)))
    frame = pd.DataFrame(table)
    content = samples.encode(frame)
    run.samples.write_bytes(content)
    steps, columns = spec.shape
    crop = np.maximum(frame["label"].to_numpy(), 0)
    peak = 9 + 1.5 * crop + random.normal(0, 0.8, len(frame))
    green = np.exp(-((np.arange(steps) - peak[:, None]) / 2) ** 2)
    cubes = np.empty((len(frame), steps, columns), np.float32)
    cubes[..., :-1] = green[..., None] * np.linspace(0.2, 0.8, columns - 1) + random.normal(
        0, 0.05, (len(frame), steps, columns - 1))
    cubes[..., -1] = random.integers(0, 3, (len(frame), steps))
    cubes[cubes[..., -1] == 0, :-1] = FILL
    run.shards.mkdir()
    example.write(run.shards / "all.tfrecord.gz", {"row": frame["row"].to_numpy(np.float32),
                                                   "cube": cubes.reshape(len(frame), -1)})
    shards.describe(run.shards, spec, sampling=shards.Sampling.of(manifest.digest(run.samples), config.taxonomy))
    manifest.record(run.path, "export", {"scenes": {str(season): {"simulated": 9} for season in seasons}})
    return run


def write_parcels(run: Run, season: int) -> None:
    """A table of parcels: 40 m square about samples 0, 3 and 4 of each cell, and one of 19 ha about samples 1 and 2."""
    shapes = []
    metre = 1 / 111_200
    for cell in CELLS:
        west, south, _, _ = cell.bounds
        stretched = metre / np.cos(np.radians(south + 0.05))
        for place, half in ((0, 20), (3, 20), (4, 20)):
            lon, lat = west + 0.01 + place * 0.005, south + 0.05
            shapes.append(shapely.box(lon - half * stretched, lat - half * metre, lon + half * stretched,
                                      lat + half * metre))
        shapes.append(shapely.box(west + 0.0149, south + 0.0491, west + 0.0201, south + 0.0509))
    AssetTree(run.path / "landscape").write_table(
        f"projects/agrispec-local/assets/parcels_{season}", geometries=[shapely.to_wkb(shape) for shape in shapes],
        properties=[{"parcel_id": f"p{number}"} for number in range(len(shapes))])


@pytest.fixture(scope="session")
def written() -> Callable[..., Run]:
    return write


@pytest.fixture(scope="session")
def with_parcels() -> Callable[[Run, int], None]:
    return write_parcels


@pytest.fixture(scope="session")
def cells() -> tuple[Cell, ...]:
    return CELLS
