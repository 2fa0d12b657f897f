"""External images through the real client: their pixels and overviews are those of the file in the bucket.

https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling

RNG = np.random.default_rng(5)
VALUES = RNG.integers(1, 200, (2, 1100, 1300)).astype(np.uint8)
NUMBERS = itertools.count()
LOWEST, ROUNDED = np.finfo(np.float32).min, np.float32(-3.402823e38)


def cog(running: Any, values: np.ndarray = VALUES, overviews: Any = (2, 4), mask: Any = None,
        nodata: float | None = None) -> str:
    """A COG in the bucket whose overviews are told apart from any that a policy makes; its address."""
    uri = running.geotiff(f"plain{next(NUMBERS)}.tif", values, tiled=True, blockxsize=256, blockysize=256,
                          nodata=nodata)
    path = running.tree.object_path(uri)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        if mask is not None:
            target.write_mask(mask)
        target.build_overviews(list(overviews), Resampling.gauss)
    made = path.with_name(path.name.replace("plain", "cog"))
    rasterio.shutil.copy(path, made, driver="COG", blocksize=512, compress="deflate",
                         overviews="FORCE_USE_EXISTING" if overviews else "NONE")
    return f"gs://bucket/{made.name}"


def register(running: Any, *uris: str, **more: Any) -> str:
    name = f"{running.home}/external{next(NUMBERS)}"
    tilesets = [{"id": str(number), "sources": [{"uris": [uri]}]} for number, uri in enumerate(uris)]
    assert ee.data.startExternalImageIngestion({"name": name, "tilesets": tilesets, **more}) == {"name": name}
    return name


def pixels(name: str, running: Any, side: int = 1, height: int = 100, width: int = 120) -> np.ndarray:
    a, b, c, d, e, f = running.grid.transform
    affine = {"scaleX": a * side, "scaleY": e * side, "translateX": c, "translateY": f, "shearX": b, "shearY": d}
    return ee.data.computePixels({"expression": ee.Image(name), "fileFormat": "NUMPY_NDARRAY", "grid": {
        "crsCode": running.grid.crs, "dimensions": {"width": width, "height": height}, "affineTransform": affine}})


def test_bands_are_those_of_the_file_and_nothing_is_copied(running):
    uri = cog(running)
    before = {path for path in running.tree.root.rglob("*.tif")}
    name = register(running, uri, properties={"v": 1}, startTime="2024-05-01T00:00:00Z",
                    bands=[{"id": "x", "tilesetId": "0", "tilesetBandIndex": 1}])
    assert {path for path in running.tree.root.rglob("*.tif")} == before
    np.testing.assert_array_equal(pixels(name, running)["x"], VALUES[1, :100, :120])
    assert running.tree.get(name).properties == {"v": 1, "system:time_start": 1714521600000}
    generation = running.tree.object_path(uri).stat().st_mtime_ns // 1000
    assert running.tree.get(name).bands[0].uri == f"{uri}#{generation}"
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.data.startExternalImageIngestion({"name": name, "tilesets": [{"sources": [{"uris": [uri]}]}]})


def test_coarse_pixels_are_those_of_the_files_own_overviews(running):
    uri = cog(running, overviews=(2, 4))
    name = register(running, uri)
    path = running.tree.object_path(uri)
    for level, side in enumerate((2, 4)):
        with rasterio.open(path, overview_level=level) as source:
            expected = source.read(1)
        found = pixels(name, running, side)["b1"]
        np.testing.assert_array_equal(found, expected[:100, :120])
        assert not np.array_equal(found, np.rint(VALUES[0].reshape(550, 2, 650, 2).mean((1, 3)))[:100, :120])
    # 1,300 pixels have three levels: the third is made of the second overview, by policy.
    third = expected[:274, :324].reshape(137, 2, 162, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(pixels(name, running, 8)["b1"][:, :], np.rint(third)[:100, :120])


def test_files_without_overviews_are_read_coarsely_by_policy(running):
    name = register(running, cog(running, overviews=()), pyramidingPolicy="SAMPLE")
    np.testing.assert_array_equal(pixels(name, running, 4)["b2"], VALUES[1, ::4, ::4][:100, :120])


def test_bands_of_several_files_keep_the_manifests_order(running):
    first, second = cog(running), cog(running, VALUES[::-1].astype(np.float32))
    name = register(running, first, second, bands=[
        {"id": "a", "tilesetId": "1", "tilesetBandIndex": 1}, {"id": "b", "tilesetId": "0", "tilesetBandIndex": 1}])
    assert ee.Image(name).bandTypes().getInfo()["a"]["precision"] == "float"
    found = pixels(name, running)
    np.testing.assert_array_equal(found["a"], VALUES[0, :100, :120])
    np.testing.assert_array_equal(found["b"], VALUES[1, :100, :120])


def test_no_data_of_the_file_is_masked(running):
    name = register(running, cog(running, nodata=7))
    seen = ee.Image(name).mask()
    a, _, c, _, e, f = running.grid.transform
    found = ee.data.computePixels({"expression": seen, "fileFormat": "NUMPY_NDARRAY", "grid": {
        "crsCode": running.grid.crs, "dimensions": {"width": 120, "height": 100},
        "affineTransform": {"scaleX": a, "scaleY": e, "translateX": c, "translateY": f}}})
    np.testing.assert_array_equal(found["b1"] != 0, VALUES[0, :100, :120] != 7)


def holed(*values: float) -> np.ndarray:
    """Pixels with a block and a row of holes of each value."""
    found = RNG.random((1, 1100, 1300), np.float32)
    for place, value in enumerate(values):
        found[:, 8 + 50 * place:40 + 50 * place, 16:80] = value
        found[:, 45 + 50 * place, ::3] = value
    return found


def test_no_data_that_the_file_says_rounded_is_masked_at_every_scale(running):
    values = holed(LOWEST)
    name = register(running, cog(running, values, nodata=-3.402823e38))
    shown = np.where(values[0, :120, :120] == LOWEST, np.nan, values[0, :120, :120])
    for side in (1, 2, 4, 8):
        blocks = shown.reshape(120 // side, side, 120 // side, side)
        there = (~np.isnan(blocks)).sum(axis=(1, 3))
        # What is masked arrives as 0. The file's own overviews hold its rounded value: none of them is used.
        np.testing.assert_allclose(pixels(name, running, side, 120 // side, 120 // side)["b1"],
                                   np.nansum(blocks, axis=(1, 3)) / np.maximum(there, 1), rtol=1e-6)


def test_of_pixels_of_the_rounded_value_itself_the_files_overviews_are_used(running):
    uri = cog(running, holed(ROUNDED), nodata=-3.40282306074e38)
    name = register(running, uri)
    for level, side in enumerate((2, 4)):
        with rasterio.open(running.tree.object_path(uri), overview_level=level) as source:
            expected = source.read(1, masked=True).filled(0)
        np.testing.assert_array_equal(pixels(name, running, side)["b1"], expected[:100, :120])


def test_pixels_of_several_values_near_a_rounded_one_are_told(running):
    with pytest.raises(ee.EEException, match=r"has the no-data value -3.402823\d*e\+38, and pixels of -3.40282346"):
        register(running, cog(running, holed(LOWEST, ROUNDED), nodata=-3.402823e38))


@pytest.mark.parametrize("fate", ["gone", "changed", "touched"])
def test_an_object_that_is_not_as_it_was_is_named_with_its_generation(running, fate):
    uri = cog(running)
    name = register(running, uri)
    pixels(name, running)
    path = running.tree.object_path(uri)
    generation = path.stat().st_mtime_ns // 1000
    if fate == "gone":
        path.unlink()
    elif fate == "changed":
        os.replace(running.tree.object_path(cog(running)), path)
    else:
        os.utime(path, ns=(0, 10**18))
    with pytest.raises(ee.EEException, match=f"Failed to load the GeoTIFF at `{uri}#{generation}`"):
        pixels(name, running)
    # What was written down of it is still there.
    assert ee.data.getAsset(name)["bands"][0]["id"] == "b1"
    ee.data.deleteAsset(name)


def test_a_generation_may_be_asked_for_and_must_be_the_present_one(running):
    uri = cog(running)
    generation = running.tree.object_path(uri).stat().st_mtime_ns // 1000
    name = register(running, f"{uri}#{generation}")
    assert running.tree.get(name).bands[0].uri == f"{uri}#{generation}"
    with pytest.raises(ee.EEException, match="Failed to load the GeoTIFF at .*#17`"):
        register(running, f"{uri}#17")


def test_what_becomes_of_the_asset_leaves_the_object_alone(running):
    uri = cog(running)
    name = register(running, uri)
    copied, moved = f"{running.home}/copied{next(NUMBERS)}", f"{running.home}/moved{next(NUMBERS)}"
    ee.data.copyAsset(name, copied)
    ee.data.renameAsset(copied, moved)
    ee.data.deleteAsset(name)
    np.testing.assert_array_equal(pixels(moved, running)["b1"], VALUES[0, :100, :120])
    task = ee.data.startIngestion("r", {"name": moved, "tilesets": [{"sources": [{"uris": [uri]}]}]}, True)
    assert running.finished(task["name"])["metadata"]["state"] == "SUCCEEDED"
    own, = {band.file for band in running.tree.get(moved).bands}
    assert own.exists()
    ee.data.startExternalImageIngestion({"name": moved, "tilesets": [{"sources": [{"uris": [uri]}]}]}, True)
    assert not own.exists()
    assert running.tree.object_path(uri).exists()


def test_what_external_images_cannot_be_is_refused_by_name(running):
    plain = running.geotiff("strips.tif", VALUES)
    small = running.geotiff("small.tif", VALUES, tiled=True, blockxsize=16, blockysize=16)
    late = running.geotiff("late.tif", VALUES, tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(running.tree.object_path(late), "r+") as target:
        target.build_overviews([2], Resampling.average)
    masked = cog(running, mask=np.ones(VALUES.shape[1:], bool))
    for uris, words in (([plain], "strips.tif#[0-9]+ is not tiled by 256, 512"),
                        ([small], "small.tif#[0-9]+ is not tiled"),
                        ([late], "late.tif#[0-9]+ has pixels before all of its headers"),
                        ([masked], "has a mask inside"),
                        ([cog(running, nodata=3), cog(running, nodata=4)], "differ in what is missing")):
        bands = [{"id": f"b{i}", "tilesetId": str(i), "tilesetBandIndex": 0} for i in range(len(uris))]
        with pytest.raises(ee.EEException, match=words):
            register(running, *uris, bands=bands)
    uri = cog(running)
    for tileset in ({"sources": [{"uris": [uri]}, {"uris": [uri]}]},
                    {"dataType": "FLOAT", "sources": [{"uris": [uri]}]}):
        with pytest.raises(ee.EEException, match="a tileset of an external image is one file, as it is"):
            ee.data.startExternalImageIngestion({"name": f"{running.home}/no", "tilesets": [tileset]})
    assert not running.tree.exists(f"{running.home}/no")
