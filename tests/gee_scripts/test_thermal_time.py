"""Growing degree days of the graph, computed by the embedded engine, equal NumPy's."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pyproj import Transformer

from agrispec.config import Service
from agrispec.cube import preset
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell, Grid
from agrispec.season import Season, Window
from agrispec_tf.adaptation.thermal_time import heat
from gee_scripts import catalog, cube, export, sampling, thermal_time
from gee_scripts import engine as engines

CELL = Cell.parse("E0045N0487")
# 18 pixels of 1 km across the corner of four of ERA5-Land's.
GRID = Grid(crs="EPSG:32631", transform=(1000.0, 0.0, 610_000.0, 0.0, -1000.0, 5_408_000.0), width=18, height=18)
COARSE = Grid(crs="EPSG:4326", transform=(0.1, 0.0, 4.25, 0.0, -0.1, 49.05), width=8, height=8)
FIRST, LAST = datetime(2022, 6, 25, tzinfo=UTC), datetime(2024, 7, 5, tzinfo=UTC)
SEA = (3, 3)
STOPPED, MISSING = datetime(2024, 5, 20, tzinfo=UTC), datetime(2023, 12, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def daily():
    """Temperatures in kelvin by day (day, row, column), a pixel of them at sea."""
    count = (LAST - FIRST).days
    kelvin = np.random.default_rng(3).normal(281, 9, (count, *COARSE.shape)).astype(np.float32)
    kelvin[:, *SEA] = 0
    return kelvin


@pytest.fixture(scope="module")
def engine(daily, tmp_path_factory):
    home = tmp_path_factory.mktemp("warm")
    tree = AssetTree(home / "landscape")
    for collection in (catalog.TEMPERATURES, catalog.CLOUD_SCORE, "COPERNICUS/S2_SR_HARMONIZED"):
        tree.create_collection(collection)
    for number, kelvin in enumerate(daily):
        day = FIRST + timedelta(days=number)
        if day != MISSING and day < STOPPED:
            tree.write_image(f"{catalog.TEMPERATURES}/{day:%Y%m%d}", arrays={catalog.TEMPERATURE: kelvin}, grid=COARSE,
                             time_start=day, nodata=0)
    opened = engines.open(Service(), home)
    yield opened
    opened.close()


def coarse_pixels() -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the ERA5-Land pixel that each pixel of the grid lies in."""
    middle = 1000 * (np.arange(18) + 0.5)
    x, y = np.meshgrid(GRID.transform[2] + middle, GRID.transform[5] - middle)
    lon, lat = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.floor((49.05 - lat) / 0.1).astype(int), np.floor((lon - 4.25) / 0.1).astype(int)


def expected(daily, season: Season, spec) -> np.ndarray:
    """(T, row, column) of the grid, from the days of the season."""
    first = (season.start - FIRST.date()).days
    length = (season.end - season.start).days
    row, column = coarse_pixels()
    celsius = daily[first:first + length, row, column].reshape(-1, row.size).T - np.float32(273.15)
    return heat(celsius, np.arange(celsius.shape[1] + 1), season, spec).T.reshape(-1, *GRID.shape)


def computed(engine, season: Season, spec) -> np.ndarray:
    image = thermal_time.degree_days(season, spec.exported, spec.gdd_base).toBands().unmask(-9999, False)
    found = np.load(io.BytesIO(engine.pixels(export.expression(image), GRID)))
    assert found.dtype.names == tuple(f"{number}_gdd" for number in range(spec.exported.steps))
    return np.stack([found[name] for name in found.dtype.names])


WARM = preset("agrispec-23", gdd_base=0.0)


@pytest.mark.parametrize("spec", [WARM, replace(WARM, gdd_base=8.0), preset("cropnet-5d", gdd_base=0.0).view(),
                                  replace(WARM, window=Window(3, 9)).view()], ids=["base 0", "base 8", "view", "part"])
def test_the_graph_and_numpy_sum_the_same_degree_days(engine, daily, spec):
    season = Season.of(2023, "07-01", spec.step_days)
    found, row_column = computed(engine, season, spec), coarse_pixels()
    sea = (row_column[0] == SEA[0]) & (row_column[1] == SEA[1])
    assert 0 < sea.sum() < sea.size
    np.testing.assert_allclose(found[:, ~sea], expected(daily, season, spec)[:, ~sea], rtol=1e-5, atol=0.01)
    assert (found[:, sea] == -9999).all()


def test_steps_from_the_first_day_on_that_is_not_there_are_masked(engine, daily):
    season = Season.of(2024, "01-01", 16)
    found = computed(engine, season, WARM)
    stopped = (STOPPED.date() - season.start).days // 16
    assert (found[stopped:] == -9999).all()
    row, column = coarse_pixels()
    land = (row != SEA[0]) | (column != SEA[1])
    np.testing.assert_allclose(found[:stopped, land], expected(daily, season, WARM)[:stopped, land], rtol=1e-5)
    hole = Season.of(2023, "01-01", 16)
    assert (computed(engine, hole, WARM)[-2:] == -9999).all()
    assert (computed(engine, hole, WARM)[-3, land] > 0).all()


def test_a_season_before_any_temperature_is_masked(engine):
    assert (computed(engine, Season.of(2020, step_days=16), WARM) == -9999).all()


def test_a_cube_carries_them_between_its_features_and_its_counts(engine, daily):
    season = Season.of(2023, "07-01", 16)
    image = cube.patches(WARM, season, sampling.region(CELL))
    found = np.load(io.BytesIO(engine.pixels(export.expression(image), GRID)))
    assert found.dtype.names == WARM.patch_bands()
    row, column = coarse_pixels()
    land = (row != SEA[0]) | (column != SEA[1])
    got = np.stack([found[f"{step:02d}_gdd"] for step in WARM.exported])
    np.testing.assert_allclose(got[:, land], expected(daily, season, WARM)[:, land], rtol=1e-5, atol=0.01)
    assert all((found[f"{step:02d}_count"] == 0).all() for step in WARM.exported)
    assert (found["05_NDVI"] == -9999).all()
