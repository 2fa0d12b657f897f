"""Coarse requests read the levels of an asset's pyramid, made by its policy of 2 x 2 pixels at a time."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from scipy import stats

from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection
from gee_scripts.engine.local.rasters.pyramids import Pyramid, at_level, block, level_of

# A coarse pixel of nothing but masked ones has no mean.
pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning", "ignore:All-NaN:RuntimeWarning")
OWN = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=600, height=530)
RNG = np.random.default_rng(12)


def test_an_ingested_asset_keeps_its_policies(running: Any) -> None:
    values = RNG.integers(1, 5, (2, 512, 512)).astype(np.uint8)
    uri = running.geotiff("big.tif", values)
    name = f"{running.home}/pyramid"
    bands = [{"id": "mean", "tilesetId": "t", "tilesetBandIndex": 0},
             {"id": "sample", "tilesetId": "t", "tilesetBandIndex": 1, "pyramidingPolicy": "SAMPLE"}]
    task = ee.data.startIngestion("p", {"name": name, "bands": bands,
                                        "tilesets": [{"id": "t", "sources": [{"uris": [uri]}]}]})
    assert "error" not in running.finished(task["name"])
    side = {"scaleX": 20, "scaleY": -20, "translateX": 500000, "translateY": 5400000, "shearX": 0, "shearY": 0}
    found = ee.data.computePixels({"expression": ee.Image(name), "fileFormat": "NUMPY_NDARRAY", "grid": {
        "crsCode": running.grid.crs, "dimensions": {"width": 256, "height": 256}, "affineTransform": side}})
    np.testing.assert_array_equal(found["sample"], values[1, ::2, ::2])
    np.testing.assert_array_equal(found["mean"], np.rint(values[0].reshape(256, 2, 256, 2).mean(axis=(1, 3))))


def coarse(side: int, **more: Any) -> Grid:
    return Grid(**{"crs": OWN.crs, "transform": (10.0 * side, 0.0, 500000.0, 0.0, -10.0 * side, 5400000.0),
                   "width": -(-600 // side), "height": -(-530 // side)} | more)


@pytest.mark.parametrize(("metres", "level"), [(5, 0), (10, 0), (19.9, 0), (20, 1), (39, 1), (40, 2), (10_000, 2)])
def test_the_level_is_the_nearest_that_is_not_coarser_and_ends_at_256_pixels(metres: float, level: int) -> None:
    # 600 pixels are 300 at level 1 and 150, less than 256, at level 2: there is no level 3.
    asked = Grid(crs=OWN.crs, transform=(metres, 0.0, 500000.0, 0.0, -metres, 5400000.0), width=3, height=3)
    assert level_of(OWN, asked) == level
    small = Grid(crs=OWN.crs, transform=OWN.transform, width=256, height=200)
    assert level_of(small, asked) == 0
    degrees = Projection("EPSG:4326").at_scale(metres)
    points = Points(degrees, np.array([1]), np.array([1]))
    assert level_of(OWN, points) == level


def cells(values: np.ndarray, side: int = 2) -> np.ndarray:
    """(row, column, side ** 2): the pixels of each coarse one, NaN beyond the edge."""
    padded = np.pad(values.astype(float), [(0, -size % side) for size in values.shape], constant_values=np.nan)
    rows, columns = (size // side for size in padded.shape)
    return padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, side * side)


REDUCED = {
    "MEAN": lambda four: np.nanmean(four, axis=-1), "MIN": lambda four: np.nanmin(four, axis=-1),
    "MAX": lambda four: np.nanmax(four, axis=-1), "MEDIAN": lambda four: np.nanmedian(four, axis=-1),
    "SAMPLE": lambda four: four[..., 0],
}


@pytest.mark.parametrize("policy", list(REDUCED))
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_level_is_made_by_its_policy(policy: str, dtype: Any) -> None:
    values = RNG.integers(1, 1000, OWN.shape).astype(dtype)
    hidden = RNG.random(OWN.shape) < 0.4
    values[hidden] = 0
    found = block(lambda r, c, h, w: values[r:r + h, c:c + w], OWN, (0, 0, 265, 300), 1,
                  Pyramid(policy=policy, nodata=0))
    expected = REDUCED[policy](cells(np.where(hidden, np.nan, values)))
    expected = np.nan_to_num(expected if dtype == np.float32 else np.rint(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == dtype


def test_the_mode_is_that_of_scipy_where_it_is_unique() -> None:
    values = RNG.integers(1, 4, OWN.shape).astype(np.uint8)
    found = block(lambda r, c, h, w: values[r:r + h, c:c + w], OWN, (0, 0, 265, 300), 1, Pyramid(policy="MODE"))
    four = cells(values).astype(int)
    mode = stats.mode(four, axis=-1)
    unique = np.array([[(np.bincount(cell) == count).sum() == 1 for cell, count in zip(*row, strict=True)]
                       for row in zip(four, mode.count, strict=True)])
    np.testing.assert_array_equal(found[unique], mode.mode[unique])
    assert (found[..., None] == four).any(axis=-1).all()


def test_two_levels_up_masked_pixels_weigh_as_they_did_below() -> None:
    values = RNG.uniform(1, 2, (512, 512)).astype(np.float32)
    values[RNG.random(values.shape) < 0.5] = np.nan
    grid = Grid(crs=OWN.crs, transform=OWN.transform, width=512, height=512)
    found = block(lambda r, c, h, w: values[r:r + h, c:c + w], grid, (0, 0, 128, 128), 2, Pyramid())
    np.testing.assert_allclose(found, np.nanmean(cells(values, 4), axis=-1), rtol=1e-6)


def test_no_more_of_the_finest_level_is_asked_for_at_once_than_fits_into_memory() -> None:
    """A level of a hundred thousand pixels a side, whose one row is 50 million pixels of the finest."""
    large = Grid(crs=OWN.crs, transform=OWN.transform, width=100_000, height=100_000)
    asked = []

    def read(row: int, column: int, height: int, width: int) -> np.ndarray:
        asked.append((row, column, height, width))
        return np.add.outer(np.arange(row, row + height) // 512, np.arange(column, column + width) // 512)

    found = block(read, large, (3, 100, 2, 96), 9, Pyramid(policy="SAMPLE"))
    np.testing.assert_array_equal(found, np.arange(3, 5)[:, None] + np.arange(100, 196))
    assert max(height * width for _, _, height, width in asked) <= 2**21
    assert max(column + width for _, column, _, width in asked) == 100_000


@pytest.fixture
def plane(world: Any) -> np.ndarray:
    values = RNG.integers(1, 60_000, OWN.shape).astype(np.uint16)
    values[100:140, 200:260] = 0
    world.images["big"] = world.make({"a": values}, grid=OWN, nodata=0)
    return values


@pytest.mark.parametrize("side", [2, 3, 4, 8])
def test_coarse_pixels_of_an_asset_are_those_of_the_level_below_their_centres(world: Any, plane: np.ndarray,
                                                                             side: int) -> None:
    level = {2: 1, 3: 1, 4: 2, 8: 2}[side]
    mean = np.nanmean(cells(np.where(plane == 0, np.nan, plane), 2**level), axis=-1)
    grid = coarse(side)
    found = world.pixels(ee.Image("big"), grid)["a"]
    at = 2**level
    rows = ((np.arange(grid.height) + 0.5) * side // at).astype(int)
    columns = ((np.arange(grid.width) + 0.5) * side // at).astype(int)
    whole = (rows < mean.shape[0])[:, None] & (columns < mean.shape[1])[None]
    expected = np.where(whole, mean[np.minimum(rows, mean.shape[0] - 1)[:, None],
                                    np.minimum(columns, mean.shape[1] - 1)[None]], np.nan)
    np.testing.assert_array_equal(found.mask, np.isnan(expected))
    np.testing.assert_array_equal(found.compressed(), np.rint(expected[~np.isnan(expected)]))


def test_a_pixel_of_a_level_is_the_same_in_a_window_and_at_points(world: Any, plane: np.ndarray) -> None:
    grid = coarse(4)
    whole = world.pixels(ee.Image("big"), grid)["a"]
    part = world.pixels(ee.Image("big"), grid.window(20, 30, 50, 60))["a"]
    np.testing.assert_array_equal(part.filled(0), whole[20:70, 30:90].filled(0))
    points = Points(Projection(grid.crs, grid.transform), np.array([3, 55, 149]), np.array([4, 27, 132]))
    np.testing.assert_array_equal(world.pixels(ee.Image("big"), points)["a"].filled(0),
                                  whole[points.rows, points.columns].filled(0))
    assert at_level(OWN, 2).shape == grid.shape
