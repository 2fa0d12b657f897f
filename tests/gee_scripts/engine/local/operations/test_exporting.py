"""Exports through the real client: images as GeoTIFFs and assets, refusals, and what those leave that end early."""

import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import ee
import numpy as np
import pytest
import rasterio

RNG = np.random.default_rng(5)


def test_a_region_on_the_grid_exports_exactly_its_pixels(running, image, classes):
    part = running.grid.window(10, 20, 16, 24)
    west, south, east, north = part.bounds
    task = ee.batch.Export.image.toCloudStorage(
        image=image.select("crop"), description="r", bucket="bucket", fileNamePrefix="region", crs=part.crs,
        crsTransform=list(running.grid.transform), fileFormat="GeoTIFF",
        region=ee.Geometry.Rectangle([west, south, east, north], proj=part.crs, geodesic=False))
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    with rasterio.open(running.object("region.tif")) as source:
        assert tuple(source.transform)[:6] == part.transform
        np.testing.assert_array_equal(source.read(1), classes[10:26, 20:44])


def test_a_geotiff_holds_the_pixels_and_its_no_data_value(running, image, classes, to_bucket):
    running.exported(to_bucket(image.select("crop"), "tif/a", running.grid, formatOptions={"noData": 99}))
    with rasterio.open(running.object("tif/a.tif")) as source:
        np.testing.assert_array_equal(source.read(1), np.where(classes == 0, 99, classes))
        assert source.nodata == 99
        assert source.descriptions == ("crop",)


def test_a_cloud_optimised_geotiff_has_overviews_of_the_mean(running, to_bucket, files_of):
    """Of odd sizes, each part with its own."""
    grid = replace(running.grid, width=900, height=601)
    values = RNG.integers(1, 200, grid.shape).astype(np.uint8)
    values[RNG.random(grid.shape) < 0.3] = 0
    name = f"{running.home}/large"
    running.tree.write_image(name, arrays={"a": values}, grid=grid, nodata=0)
    done = running.exported(to_bucket(ee.Image(name), "cog/a", grid, fileDimensions=512,
                                      formatOptions={"cloudOptimized": True, "noData": 255}))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    parts = {(row, column): values[row:row + 512, column:column + 512] for row in (0, 512) for column in (0, 512)}
    assert len(files_of("cog/a")) == len(parts)
    for (row, column), part in parts.items():
        path = running.object(f"cog/a-{row:010d}-{column:010d}.tif")
        with rasterio.open(path) as source:
            np.testing.assert_array_equal(source.read(1), np.where(part == 0, 255, part))
            assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert (source.overviews(1), source.nodata) == ([2], 255)
        padded = np.pad(np.where(part == 0, np.nan, part), [(0, -size % 2) for size in part.shape],
                        constant_values=np.nan)
        four = padded.reshape(padded.shape[0] // 2, 2, -1, 2).swapaxes(1, 2).reshape(padded.shape[0] // 2, -1, 4)
        known = (four == four).any(axis=-1)
        mean = np.nansum(four, axis=-1) / np.maximum((four == four).sum(axis=-1), 1)
        with rasterio.open(path, overview_level=0) as source:
            np.testing.assert_array_equal(source.read(1), np.where(known, np.rint(mean), 255))


def test_a_no_data_value_that_the_type_cannot_hold_is_refused_in_words(running, image, to_bucket):
    done = running.exported(to_bucket(image.select("crop"), "tif/n", running.grid, formatOptions={"noData": -1}))
    assert "no-data value -1 cannot be written as uint8" in done["error"]["message"]


def test_a_large_geotiff_is_split_where_asked(running, image, classes, to_bucket, files_of):
    running.exported(to_bucket(image.select("crop").unmask(0), "tif/s", running.grid, fileDimensions=(256, 32),
                               shardSize=32))
    names = [path.name for path in files_of("tif/s")]
    assert names == ["s-0000000000-0000000000.tif", "s-0000000032-0000000000.tif"]
    with rasterio.open(running.object(f"tif/{names[1]}")) as source:
        np.testing.assert_array_equal(source.read(1), classes[32:])


def test_bands_of_different_types_cannot_share_a_geotiff(running, image, to_bucket):
    done = running.exported(to_bucket(image, "tif/mixed", running.grid))
    assert "inconsistent types: Byte and Float32" in done["error"]["message"]
    assert not running.object("tif/mixed.tif").exists()


def test_an_exported_asset_has_the_images_values_masks_types_and_properties(running, image, classes, share):
    name = f"{running.home}/exported"
    task = ee.batch.Export.image.toAsset(
        image=image.set({"model": "cropnet", "system:time_start": 1714521600000}), description="a", assetId=name,
        crs=running.grid.crs, crsTransform=list(running.grid.transform),
        dimensions=[running.grid.width, running.grid.height], pyramidingPolicy={".default": "MEAN", "crop": "MODE"})
    done = running.exported(task)
    assert done["metadata"]["state"] == "SUCCEEDED", done
    asset = running.tree.get(name)
    assert asset.grid == running.grid
    assert [(b.id, b.dtype, b.pyramiding) for b in asset.bands] == [("crop", "uint8", "MODE"),
                                                                   ("share", "float32", "MEAN")]
    assert asset.properties == {"model": "cropnet", "system:time_start": 1714521600000}
    np.testing.assert_array_equal(running.tree.pixels(asset, ["share"])[0], share)
    again = ee.data.computePixels({"expression": ee.Image(name).select("crop").mask(), "fileFormat": "NUMPY_NDARRAY"})
    np.testing.assert_array_equal(again["crop"] > 0, classes > 0)
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.batch.Export.image.toAsset(image=image, description="a", assetId=name, region=image.geometry()).start()


def test_too_many_pixels_are_refused_in_the_services_words(running, image, to_bucket):
    done = running.exported(to_bucket(image, "big", running.grid, maxPixels=3499))
    assert done["error"]["message"].startswith(
        "Export too large: specified 3500 pixels (max: 3499). Specify higher maxPixels value if you intend to "
        "export a large area.")
    assert not running.object("big.tif").exists()


def test_destinations_and_formats_that_are_not_there_are_refused_at_once(running, image, to_bucket, points):
    with pytest.raises(ee.EEException, match="Google Drive"):
        ee.batch.Export.image.toDrive(image=image, description="d", region=image.geometry()).start()
    with pytest.raises(ee.EEException, match="not KML"):
        ee.batch.Export.table.toCloudStorage(points(), bucket="bucket", fileNamePrefix="x", fileFormat="KML").start()
    with pytest.raises(ee.EEException, match="'gs://Bucket/../x.csv' is not the address of an object"):
        ee.batch.Export.table.toCloudStorage(points(), bucket="Bucket", fileNamePrefix="../x").start()
    with pytest.raises(ee.EEException, match="Parent asset"):
        ee.batch.Export.table.toAsset(points(), assetId=f"{running.home}/no/folder").start()
    with pytest.raises(ee.EEException, match="sequenceData"):
        to_bucket(image, "x", running.grid, fileFormat="TFRecord", formatOptions={"sequenceData": True}).start()


KINDS = {"CSV": "{}.csv", "GeoJSON": "{}.geojson", "TFRecord": "{}.tfrecord.gz", "GeoTIFF": "{}.tif",
         "GeoTIFFs": "{}-0000000000-0000000000.tif", "patches": "{}-00000.tfrecord"}


@pytest.fixture(scope="module")
def begin(running, image, points, to_bucket):
    """(kind, prefix, side) -> an export of it, in files or patches of that side."""
    def start(kind, prefix, side=32):
        if kind in ("CSV", "GeoJSON", "TFRecord"):
            task = ee.batch.Export.table.toCloudStorage(points(), "d", "bucket", prefix, kind)
        else:
            options = {"GeoTIFF": {}, "GeoTIFFs": {"fileDimensions": side, "shardSize": 1},
                       "patches": {"fileFormat": "TFRecord", "formatOptions": {"patchDimensions": side}}}
            task = to_bucket(image.select("crop"), prefix, running.grid, **options[kind])
        return running.exported(task)

    return start


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", [".h/t", "h/.t", "..", "a//b", "/a", "x" * 197, "a/" * 511 + "b"])
def test_prefixes_of_names_that_no_object_has_are_refused_at_once(begin, kind, prefix):
    with pytest.raises(ee.EEException, match="is not the address of an object"):
        begin(kind, prefix)


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_names_are_written(running, begin, kind):
    prefix = "x" * (200 - len(KINDS[kind].format("")))
    assert begin(kind, f"longest/{prefix}")["metadata"]["state"] == "SUCCEEDED"
    assert running.object(f"longest/{KINDS[kind].format(prefix)}").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_files_above_or_below_others_are_refused_at_once(running, begin, kind):
    running.object(f"taken/{KINDS[kind].format('t')}/x").mkdir(parents=True)
    running.object("taken/file").touch()
    for prefix in ("taken/t", "taken/file/t", "taken/file/a/t"):
        with pytest.raises(ee.EEException, match="keeps objects as files"):
            begin(kind, prefix)


def test_a_folder_may_be_the_prefix_of_patches(running, begin):
    assert begin("patches", "whole/folder/")["metadata"]["state"] == "SUCCEEDED"
    folder = running.object("whole/folder/x").parent
    assert sorted(path.name for path in folder.iterdir()) == ["00000.tfrecord", "mixer.json"]


@pytest.mark.parametrize("kind", ["GeoTIFFs", "patches"])
@pytest.mark.parametrize("side", [(0, 5), (5, 0), (0, 0), (-1, 5)])
def test_files_and_patches_without_pixels_are_refused_at_once(begin, kind, side):
    # Numbers below 0 are refused for what they are.
    words = "is not an integer of 0 or more" if min(side) < 0 else "dimensions: .* Give at least 1x1"
    with pytest.raises(ee.EEException, match=f"Invalid .*{words}"):
        begin(kind, "none", side)


def test_patches_larger_than_a_record_are_refused_at_once(running, image, to_bucket):
    for options in ({"patchDimensions": (2**15, 2**14)}, {"patchDimensions": (10**40, 1)},
                    {"patchDimensions": (8, 8), "kernelSize": (10**30, 1)}):
        with pytest.raises(ee.EEException, match="Invalid patch dimensions: .* more than a record holds"):
            to_bucket(image, "large", running.grid, fileFormat="TFRecord", formatOptions=options).start()


def test_a_file_larger_than_the_image_holds_all_of_it(running, begin, classes):
    assert begin("GeoTIFFs", "tif/large", 10**30)["metadata"]["state"] == "SUCCEEDED"
    with rasterio.open(running.object("tif/large.tif")) as source:
        np.testing.assert_array_equal(source.read(1), classes)


def test_a_faulty_graph_fails_the_task_with_the_reason(running):
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        ee.FeatureCollection(f"{running.home}/nothing"), bucket="bucket", fileNamePrefix="tables/none"))
    assert done["metadata"]["state"] == "FAILED"
    assert "nothing' not found" in done["error"]["message"]


def test_one_request_id_is_one_task(running, points):
    task = ee.batch.Export.table.toCloudStorage(points(), bucket="bucket", fileNamePrefix="tables/once")
    first = ee.data.exportTable("same-id", dict(task.config))
    assert ee.data.exportTable("same-id", dict(task.config))["name"] == first["name"]
    running.finished(first["name"])


def test_a_cancelled_export_stops_between_tiles_and_leaves_nothing(running, to_bucket):
    grid = running.grid.window(0, 0, 4096, 4096)
    heavy = ee.Image.pixelLonLat().toFloat()
    task = to_bucket(heavy, "cancelled/x", grid, fileFormat="TFRecord",
                     formatOptions={"patchDimensions": [256, 256], "compressed": True})
    task.start()
    while ee.data.getOperation(f"projects/agrispec-local/operations/{task.id}")["metadata"]["state"] == "PENDING":
        time.sleep(0.01)
    time.sleep(0.2)
    task.cancel()
    done = running.finished(f"projects/agrispec-local/operations/{task.id}")
    assert done["metadata"]["state"] == "CANCELLED"
    assert not running.object("cancelled/x").parent.exists()
    assert [path.name for path in running.tree.buckets.iterdir() if path.name.startswith(".")] == []


def test_a_cancelled_statistic_stops_inside_its_graph(running):
    grid = running.grid.window(0, 0, 600, 600)
    heavy = ee.Image.pixelLonLat()
    for number in range(60):
        heavy = heavy.divide(number + 2).add(heavy)
    region = ee.Geometry.Rectangle(list(grid.bounds), grid.crs, False)
    mean = heavy.reduceRegion(ee.Reducer.mean(), region, scale=10, crs=grid.crs)
    task = ee.batch.Export.table.toCloudStorage(ee.FeatureCollection([ee.Feature(None, mean)]), bucket="bucket",
                                                fileNamePrefix="cancelled/s")
    task.start()
    name = f"projects/agrispec-local/operations/{task.id}"
    while ee.data.getOperation(name)["metadata"]["state"] == "PENDING":
        time.sleep(0.01)
    ee.data.cancelOperation(name)
    done = running.finished(name)
    assert done["metadata"]["state"] == "CANCELLED", done.get("error")


def test_a_full_disk_fails_the_operation_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands for the full disk; it needs a process of its own."""
    script = textwrap.dedent("""
        import resource, signal, sys, time
        from pathlib import Path
        import ee
        from google.auth.credentials import AnonymousCredentials
        from gee_scripts.engine.local.server import LocalServer

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        with LocalServer(Path(sys.argv[1]), "agrispec-local") as server:
            ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project="agrispec-local")
            image = ee.Image.pixelLonLat()
            frame = dict(crs="EPSG:32631", crsTransform=[10, 0, 5e5, 0, -10, 5.4e6], dimensions=[256, 256])
            features = ee.FeatureCollection(ee.List.sequence(1, 15000).map(
                lambda i: ee.Feature(None, {"a": ee.Number(i).divide(7)})))
            for task in (
                ee.batch.Export.image.toCloudStorage(image, "p", "bucket", "x/p", fileFormat="TFRecord", **frame,
                                                     formatOptions={"patchDimensions": [128, 128]}),
                ee.batch.Export.image.toCloudStorage(image, "t", "bucket", "x/t", **frame),
                ee.batch.Export.image.toAsset(image, "a", "projects/agrispec-local/assets/a", **frame),
                ee.batch.Export.table.toCloudStorage(features, "c", "bucket", "x/c", "CSV"),
                ee.batch.Export.table.toCloudStorage(features, "r", "bucket", "x/r", "TFRecord"),
                ee.batch.Export.table.toAsset(features, "f", "projects/agrispec-local/assets/f"),
            ):
                task.start()
                while task.active():
                    time.sleep(0.02)
                status = task.status()
                assert status["state"] == "FAILED", status
                assert "File too large" in status["error_message"], status
                assert "Free space on that disk" in status["error_message"], status
            left = [str(path) for path in Path(sys.argv[1]).rglob("*")
                    if path.is_file() and ".operations" not in str(path)]
            assert not [path for path in left if not path.endswith("catalog.json")], left
    """)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
