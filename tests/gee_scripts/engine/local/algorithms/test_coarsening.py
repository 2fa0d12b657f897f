"""Pixels reduced to those of coarser grids, against NumPy and GDAL."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from pyproj import Transformer
from rasterio.warp import Resampling

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import centres

UTM = "EPSG:32631"
FINE = Grid(crs=UTM, transform=(10.0, 0.0, 500100.0, 0.0, -10.0, 5399900.0), width=24, height=18)
DEGREES = Grid(crs="EPSG:4326", transform=(1e-4, 0.0, 3.0012, 0.0, -1e-4, 48.7525), width=20, height=16)
THREE = Grid(crs=UTM, transform=(90.0, 0.0, 500010.0, 0.0, -90.0, 5399990.0), width=4, height=4)
ODD = Grid(crs=UTM, transform=(75.0, 0.0, 500030.0, 0.0, -75.0, 5399975.0), width=4, height=4)


@pytest.mark.parametrize(("reducer", "of"), [("mean", np.mean), ("max", np.max), ("median", np.median),
                                             ("sum", np.mean), ("variance", np.var), ("count", np.size)])
def test_whole_pixels_are_reduced_as_numpy_does(world: Any, plane: np.ndarray, reducer: str, of: Any) -> None:
    # The weight of an input pixel is the share of the output pixel: they sum to 1, and the sum is the mean.
    image = ee.Image("own").reduceResolution(getattr(ee.Reducer, reducer)(), False, 9)
    blocks = plane[:, :12].astype(float).reshape(4, 3, 4, 3).swapaxes(1, 2).reshape(4, 4, 9)
    np.testing.assert_allclose(world.pixels(image, THREE)["a"], np.apply_along_axis(of, -1, blocks), rtol=1e-5)


def test_medians_lie_between_two_of_an_even_number_of_pixels_and_weigh_parts_of_them(world: Any, plane: np.ndarray,
                                                                                     ) -> None:
    six = Grid(crs=UTM, transform=(60.0, 0.0, 500010.0, 0.0, -90.0, 5399990.0), width=6, height=4)
    image = ee.Image("own").reduceResolution(ee.Reducer.median())
    blocks = plane[:, :12].astype(float).reshape(4, 3, 6, 2).swapaxes(1, 2).reshape(4, 6, 6)
    np.testing.assert_allclose(world.pixels(image, six)["a"], np.median(blocks, axis=-1))
    metres = plane.repeat(30, 0).repeat(30, 1)[15:15 + 300, 20:20 + 300].astype(float)
    ground = metres.reshape(4, 75, 4, 75).swapaxes(1, 2).reshape(4, 4, -1)
    np.testing.assert_allclose(world.pixels(image, ODD)["a"], np.median(ground, axis=-1))


def test_parts_of_pixels_count_by_their_share(world: Any, plane: np.ndarray) -> None:
    found = world.pixels(ee.Image("own").reduceResolution(ee.Reducer.mean()), ODD)["a"]
    # Each metre of the ground counts once.
    metres = plane.repeat(30, 0).repeat(30, 1)[15:15 + 300, 20:20 + 300].astype(float)
    np.testing.assert_allclose(found, metres.reshape(4, 75, 4, 75).mean(axis=(1, 3)), rtol=1e-5)


def test_masked_pixels_are_left_out_of_reductions(world: Any, plane: np.ndarray) -> None:
    image = ee.Image("own").updateMask(ee.Image("own").lte(60)).reduceResolution(ee.Reducer.mean(), False, 9)
    found = world.pixels(image, THREE)["a"]
    blocks = np.where(plane <= 60, plane, np.nan)[:, :12].reshape(4, 3, 4, 3).swapaxes(1, 2).reshape(4, 4, 9)
    there = np.isfinite(blocks).any(axis=-1)
    np.testing.assert_array_equal(found.mask, ~there)
    np.testing.assert_allclose(found.compressed(), np.nanmean(blocks[there], axis=-1), rtol=1e-5)


def test_reductions_in_another_projection_are_near_those_of_gdal(world: Any, plane: np.ndarray, warped: Any) -> None:
    target = Grid(crs="EPSG:4326", transform=(1e-3, 0, 3.0006, 0, -7e-4, 48.7527), width=3, height=3)
    found = world.pixels(ee.Image("own").reduceResolution(ee.Reducer.mean()), target)["a"]
    np.testing.assert_allclose(found, warped(plane, target, Resampling.average), rtol=0.02)


def test_finer_grids_take_the_pixel_below_as_ever(world: Any, plane: np.ndarray) -> None:
    image = ee.Image("own").reduceResolution(ee.Reducer.mean())
    np.testing.assert_array_equal(world.pixels(image, FINE)["a"], world.pixels(ee.Image("own"), FINE)["a"])


def test_outputs_are_named_and_limits_kept(world: Any, plane: np.ndarray) -> None:
    both = ee.Reducer.mean().combine(ee.Reducer.max(), "", True)
    assert list(world.pixels(ee.Image("own").reduceResolution(both, False, 9), THREE)) == ["a_mean", "a_max"]
    with pytest.raises(EngineError, match="input pixels per output pixel. Found 9, but maxPixels allows only 8"):
        world.pixels(ee.Image("own").reduceResolution(ee.Reducer.mean(), False, 8), THREE)
    with pytest.raises(EngineError, match="composite"):
        world.value(ee.Image(1).reduceResolution(ee.Reducer.mean()))


@pytest.mark.parametrize("asked", [THREE, FINE, DEGREES])
def test_a_reprojection_fixes_the_grid_of_what_was_before_it(world: Any, plane: np.ndarray, asked: Grid) -> None:
    fixed = ["EPSG:32631", list(THREE.transform)]
    mean = ee.Image("own").reduceResolution(ee.Reducer.mean()).reproject(*fixed)
    between = ee.Image("own").resample().reproject(*fixed)
    wide = Grid(crs=UTM, transform=THREE.transform, width=5, height=4)
    for graph, coarse in ((mean, ee.Image("own").reduceResolution(ee.Reducer.mean())),
                          (between, ee.Image("own").resample())):
        expected = world.pixels(coarse, wide)["a"]
        found = world.pixels(graph, asked)["a"]
        x, y = centres(asked)
        if asked.crs != UTM:
            x, y = Transformer.from_crs(asked.crs, UTM, always_xy=True).transform(x, y)
        columns, rows = ((x - 500010) // 90).astype(int), ((5399990 - y) // 90).astype(int)
        np.testing.assert_array_equal(found.filled(0), expected[rows, columns].filled(0))
        assert not found.mask.all()
