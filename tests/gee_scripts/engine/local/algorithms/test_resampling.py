"""Images on other grids than their own, against GDAL and NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection, centres

UTM = "EPSG:32631"
OWN = Grid(crs=UTM, transform=(30.0, 0.0, 500010.0, 0.0, -30.0, 5399990.0), width=14, height=12)
FINE = Grid(crs=UTM, transform=(10.0, 0.0, 500100.0, 0.0, -10.0, 5399900.0), width=24, height=18)
DEGREES = Grid(crs="EPSG:4326", transform=(1e-4, 0.0, 3.0012, 0.0, -1e-4, 48.7525), width=20, height=16)


def warped(values: np.ndarray, target: Grid, how: Resampling, source: Grid = OWN) -> np.ndarray:
    found = np.full(target.shape, np.nan)
    reproject(values.astype(float), found, src_transform=rasterio.Affine(*source.transform), src_crs=source.crs,
              dst_transform=rasterio.Affine(*target.transform), dst_crs=target.crs, resampling=how,
              src_nodata=np.nan, dst_nodata=np.nan, tolerance=0)
    return found


@pytest.fixture
def plane(world: Any) -> np.ndarray:
    values = np.random.default_rng(4).uniform(10, 200, OWN.shape).astype(np.float32)
    world.images["own"] = world.make({"a": values}, grid=OWN)
    return values


@pytest.mark.parametrize("target", [FINE, DEGREES])
@pytest.mark.parametrize(("mode", "how"), [("bilinear", Resampling.bilinear), ("bicubic", Resampling.cubic)])
def test_interpolated_pixels_are_those_of_gdal(world: Any, plane: np.ndarray, target: Grid, mode: str,
                                                      how: Any) -> None:
    found = world.pixels(ee.Image("own").resample(mode), target)["a"]
    assert not found.mask.any()
    np.testing.assert_allclose(found, warped(plane, target, how), rtol=2e-4)


def test_on_its_own_grid_an_image_stays_as_it_is(world: Any, plane: np.ndarray) -> None:
    np.testing.assert_array_equal(world.pixels(ee.Image("own").resample(), OWN)["a"], plane)


def test_points_are_interpolated_as_rasters_are(world: Any, plane: np.ndarray) -> None:
    points = Points(Projection(UTM, FINE.transform), np.array([3, 9, 20]), np.array([4, 4, 11]))
    whole = world.pixels(ee.Image("own").resample("bicubic"), FINE)["a"]
    np.testing.assert_allclose(world.pixels(ee.Image("own").resample("bicubic"), points)["a"],
                               whole[points.rows, points.columns])


def test_masked_neighbours_do_not_count(world: Any, plane: np.ndarray) -> None:
    hidden = plane > 150
    image = ee.Image("own").updateMask(ee.Image("own").lte(150)).resample()
    found = world.pixels(image, FINE)["a"]
    nearest = world.pixels(ee.Image("own"), FINE)["a"]
    np.testing.assert_array_equal(found.mask, nearest > 150)
    expected = warped(np.where(hidden, np.nan, plane), FINE, Resampling.bilinear)
    np.testing.assert_allclose(found.compressed(), expected[~found.mask], rtol=2e-4)
    assert world.pixels(image, FINE.window(1000, 1000, 3, 3))["a"].mask.all()


def test_types_of_interpolated_bands_are_floats_and_composites_stay(world: Any) -> None:
    world.images["byte"] = world.make({"a": np.ones(OWN.shape, np.uint8)}, grid=OWN)
    assert world.value(ee.Image("byte").resample()).bands[0].type.dtype.kind == "f"
    assert world.value(ee.Image(5).resample()).bands[0].type.dtype == np.int32
    with pytest.raises(EngineError, match="'nearest' is no interpolation"):
        world.value(ee.Image("byte").resample("nearest"))


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


def test_reductions_in_another_projection_are_near_those_of_gdal(world: Any, plane: np.ndarray) -> None:
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


def test_translated_pixels_lie_where_they_were_moved_to(world: Any, plane: np.ndarray) -> None:
    moved = ee.Image("own").translate(60, 90)
    shifted = Grid(crs=UTM, transform=(30.0, 0.0, 500070.0, 0.0, -30.0, 5400080.0), width=14, height=12)
    np.testing.assert_array_equal(world.pixels(moved, shifted)["a"], plane)
    assert world.info(moved.projection())["transform"] == list(shifted.transform)
    found = world.pixels(moved, OWN)["a"]
    np.testing.assert_array_equal(found[:9, 2:], plane[3:, :12])
    assert found.mask[9:].all()
    assert found.mask[:, :2].all()
    by_pixels = world.pixels(ee.Image("own").translate(2, -3, "pixels"), OWN)["a"]
    np.testing.assert_array_equal(by_pixels.filled(0), found.filled(0))
    in_degrees = world.pixels(ee.Image("own").translate(60, 90), DEGREES)["a"]
    expected = np.full(DEGREES.shape, np.nan)
    reproject(plane.astype(float), expected, src_transform=rasterio.Affine(*shifted.transform), src_crs=UTM,
              dst_transform=rasterio.Affine(*DEGREES.transform), dst_crs="EPSG:4326", resampling=Resampling.nearest,
              src_nodata=np.nan, dst_nodata=np.nan, tolerance=0)
    np.testing.assert_array_equal(in_degrees.filled(np.nan), expected)
    with pytest.raises(EngineError, match="'feet' is no unit"):
        world.value(ee.Image("own").translate(1, 1, "feet"))


def test_a_changed_projection_shows_the_same_pixels_elsewhere(world: Any, plane: np.ndarray) -> None:
    target = Grid(crs="EPSG:32633", transform=(20.0, 0.0, 400000.0, 0.0, -20.0, 5000000.0), width=14, height=12)
    moved = ee.Image("own").changeProj(ee.Projection(UTM, list(OWN.transform)),
                                       ee.Projection(target.crs, list(target.transform)))
    np.testing.assert_array_equal(world.pixels(moved, target)["a"], plane)
    assert world.info(moved.projection()) == {"type": "Projection", "crs": target.crs,
                                              "transform": list(target.transform)}
    assert world.pixels(moved, OWN)["a"].mask.all()
    bounds = world.value(moved.geometry()).to(target.crs).bounds
    np.testing.assert_allclose(bounds, target.bounds)


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


def test_moved_images_are_the_same_at_points(world: Any, plane: np.ndarray) -> None:
    moved = ee.Image("own").translate(60, 90)
    points = Points(Projection(UTM, OWN.transform), np.array([2, 7, 13]), np.array([0, 5, 8]))
    np.testing.assert_array_equal(world.pixels(moved, points)["a"], plane[points.rows + 3, points.columns - 2])
