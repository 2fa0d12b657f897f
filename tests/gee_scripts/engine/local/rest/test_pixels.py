"""Pixels through the real client: of graphs and of assets, in the formats that arrays and maps are read from."""

import io

import ee
import numpy as np
import pytest
import rasterio

from agrispec.grid import Grid

WINDOW = (10, 20, 16, 24)  # row, column, height, width

def test_pixels_are_those_of_the_file_and_masked_ones_are_zero(crops, running):
    row, column, height, width = WINDOW
    grid = running.grid.window(*WINDOW)
    array = ee.data.computePixels({"expression": crops.image, "fileFormat": "NUMPY_NDARRAY",
                                   "grid": running.pixel_grid(grid)})
    assert array.dtype.names == ("crop", "share")
    assert array["crop"].dtype == np.uint8
    part = slice(row, row + height), slice(column, column + width)
    np.testing.assert_array_equal(array["crop"], crops.classes[part])
    above = crops.image.updateMask(crops.image.select("crop").gt(4))
    masked = ee.data.computePixels({"expression": above, "bandIds": ["share"], "fileFormat": "NUMPY_NDARRAY",
                                    "grid": running.pixel_grid(grid)})
    np.testing.assert_array_equal(masked["share"], np.where(crops.classes[part] > 4, crops.share[part], 0))


def test_pixels_outside_of_an_image_are_masked(crops, running):
    grid = running.grid.window(-5, -5, 10, 10)
    array = ee.data.computePixels({"expression": crops.image.select("crop"), "fileFormat": "NUMPY_NDARRAY",
                                   "grid": running.pixel_grid(grid)})["crop"]
    np.testing.assert_array_equal(array[5:, 5:], crops.classes[:5, :5])
    assert not array[:5].any()
    assert not array[:, :5].any()


def test_pixels_come_as_a_geotiff_that_rasterio_places_on_the_same_grid(crops, running):
    content = ee.data.computePixels({"expression": crops.image.select("crop"), "fileFormat": "GEO_TIFF",
                                     "grid": running.pixel_grid(running.grid)})
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        np.testing.assert_array_equal(source.read(1), crops.classes)
        assert tuple(source.transform)[:6] == running.grid.transform
        assert source.descriptions == ("crop",)


def test_an_asset_gives_its_pixels(crops, running):
    content = ee.data.getPixels({"assetId": f"{running.home}/image", "fileFormat": "NPY", "bandIds": ["crop"]})
    np.testing.assert_array_equal(np.load(io.BytesIO(content))["crop"], crops.classes)


def test_more_pixels_than_the_service_gives_are_refused_in_its_words(crops, running):
    grid = Grid(crs=running.grid.crs, transform=running.grid.transform, width=4000, height=4000)
    with pytest.raises(ee.EEException, match=r"Total request size \(80000000 bytes\) must be less than or equal"):
        ee.data.computePixels({"expression": crops.image, "fileFormat": "NPY", "grid": running.pixel_grid(grid)})
