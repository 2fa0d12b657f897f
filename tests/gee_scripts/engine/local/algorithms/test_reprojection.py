"""An image reprojected is computed on its own grid; other grids take the pixel below their centres."""

import ee
import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection

COARSE = (30.0, 0.0, 500010.0, 0.0, -30.0, 5399990.0)


def test_other_grids_take_the_nearest_pixel_as_rasterio_does(world):
    coarse = Grid(crs="EPSG:32631", transform=COARSE, width=9, height=8)
    values = np.random.default_rng(0).integers(0, 200, coarse.shape).astype(np.uint8)
    world.images["coarse"] = world.make({"a": values}, grid=coarse)
    found = world.pixels(ee.Image("coarse").reproject("EPSG:32631", list(COARSE)))["a"]
    expected, covered = np.zeros(world.grid.shape, np.uint8), np.zeros(world.grid.shape, np.uint8)
    for source, target in ((values, expected), (np.ones_like(values), covered)):
        reproject(source, target, src_transform=rasterio.Affine(*COARSE), src_crs="EPSG:32631",
                  dst_transform=rasterio.Affine(*world.grid.transform), dst_crs="EPSG:32631",
                  resampling=Resampling.nearest)
    np.testing.assert_array_equal(np.ma.getmaskarray(found), covered == 0)
    np.testing.assert_array_equal(found.filled(0), expected)


def test_a_neighbourhood_before_the_reprojection_counts_the_coarse_pixels(world):
    values = np.random.default_rng(1).integers(0, 200, world.grid.shape).astype(np.uint8)
    world.images["fine"] = world.make({"a": values})
    least = ee.Image("fine").focalMin(1.5, "square", "pixels")
    twenty = [20.0, 0.0, 500000.0, 0.0, -20.0, 5400000.0]
    found = world.pixels(least.reproject("EPSG:32631", twenty))["a"]
    # On the 20 m grid a pixel is that of `values` below its centre, a neighbour is the next but one.
    below = values[1::2, 1::2]
    around = np.pad(below.astype(float), 1, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3)).min(axis=(2, 3))
    np.testing.assert_array_equal(found.filled(0), windows.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("transform", [list(COARSE), [10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0]])
def test_the_projection_is_the_one_given(world, transform):
    image = ee.Image.constant(1).reproject("EPSG:32631", transform)
    assert world.info(image.projection()) == {"type": "Projection", "crs": "EPSG:32631", "transform": transform}


def test_a_scale_stands_for_square_pixels(world):
    image = ee.Image.constant(1).reproject("EPSG:32631", None, 25)
    assert world.info(image.projection().nominalScale()) == 25


@pytest.mark.parametrize("change", [
    lambda image: image, lambda image: image.resample(), lambda image: image.resample("bicubic"),
    lambda image: image.reduceResolution(ee.Reducer.mean()), lambda image: image.translate(10, 10),
    lambda image: image.reproject("EPSG:32631", None, 10)])
def test_places_that_a_projection_does_not_have_are_masked(world, change):
    world.images["own"] = world.make({"a": np.ones(world.grid.shape, np.float32)})
    beyond = Grid(crs="EPSG:32633", transform=(10.0, 0.0, 5e8, 0.0, -10.0, 5e9), width=3, height=2)
    assert world.pixels(change(ee.Image("own")), beyond)["a"].mask.all()
    x, y = Transformer.from_crs("EPSG:32631", "EPSG:32633", always_xy=True).transform(500_120, 5_399_900)
    some = Points(Projection("EPSG:32633", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)),
                  np.array([int(x / 10), 50_000_000]), np.array([int(-y / 10), -500_000_000]))
    found = world.pixels(change(ee.Image("own")), some)["a"]
    np.testing.assert_array_equal(found.mask, [False, True])
    assert found[0] == 1


@pytest.mark.parametrize("length", [2, 9])
@pytest.mark.parametrize("move", [lambda image: image.reproject("EPSG:32632", None, 20),
                                  lambda image: image.changeProj("EPSG:4326", "EPSG:3857"),
                                  lambda image: image.translate(10, 10)], ids=["reproject", "changeProj", "translate"])
def test_pixels_of_one_array_keep_it_in_other_projections(world, move, length):
    grid = world.grid.window(0, 0, 3, 3)
    (array,), expected = world.pixels(move(ee.Image(list(range(length))).toArray()), grid).values(), np.arange(length)
    np.testing.assert_array_equal(np.ma.getdata(array), np.broadcast_to(expected, (3, 3, length)))
