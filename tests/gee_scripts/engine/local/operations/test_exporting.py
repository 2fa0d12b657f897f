"""Exports through the real client: files compared with what rasterio, csv, json and our record reader find."""

import csv
import json
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import ee
import numpy as np
import pytest
import rasterio
import shapely

from agrispec.formats import example, mixer
from gee_scripts.engine.local.operations import patches

RNG = np.random.default_rng(5)
CLASSES = RNG.integers(0, 9, (50, 70)).astype(np.uint8)
SHARE = RNG.random((50, 70), dtype=np.float32)


@pytest.fixture(scope="module")
def image(running):
    name = f"{running.home}/image"
    running.tree.write_image(name, arrays={"crop": CLASSES, "share": SHARE}, grid=running.grid, nodata=0)
    return ee.Image(name)


def to_bucket(image, prefix, grid, **options):
    """An export of exactly the pixels of a grid."""
    return ee.batch.Export.image.toCloudStorage(
        image=image, description=prefix, bucket="bucket", fileNamePrefix=prefix, crs=grid.crs,
        crsTransform=list(grid.transform), dimensions=[grid.width, grid.height], **options)


def points(count=3):
    return ee.FeatureCollection([
        ee.Feature(ee.Geometry.Point([4 + i / 10, 48]), {"row": i, "name": f"p{i}", **({"odd": 1.5} if i % 2 else {})})
        for i in range(count)])


# -- images as patches


def patch_files(running, prefix):
    folder = running.object(prefix).parent
    return sorted(path for path in folder.iterdir() if path.name.startswith(prefix.rpartition("/")[2]))


def read_patches(files, size):
    columns = [example.read(path, {name: example.Feature(kind="float", length=size) for name in ("crop", "share")})
               for path in files]
    return {name: np.concatenate([c[name] for c in columns]) for name in ("crop", "share")}


def test_patches_are_the_image_row_by_row_and_partial_ones_are_dropped(running, image):
    done = running.exported(to_bucket(image.toFloat(), "patches/a", running.grid, fileFormat="TFRecord", formatOptions={
        "patchDimensions": [16, 16], "compressed": True, "defaultValue": -9999}))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    files = patch_files(running, "patches/a")
    assert [path.name for path in files] == ["a-00000.tfrecord.gz", "a-mixer.json"]
    assert done["metadata"]["destinationUris"] == [f"gs://bucket/patches/{path.name}" for path in files]
    found = read_patches(files[:1], 256)
    layout = mixer.read(files[1])
    assert (layout.patches_per_row, layout.total_patches) == (4, 12)
    assert (layout.crs, layout.transform) == (running.grid.crs, running.grid.transform)
    for number in range(layout.total_patches):
        row, column = layout.corner(number)
        part = slice(row, row + 16), slice(column, column + 16)
        np.testing.assert_array_equal(found["crop"][number].reshape(16, 16),
                                      np.where(CLASSES[part] == 0, -9999.0, CLASSES[part]))


def test_a_kernel_adds_its_margin_around_each_patch(running, image):
    running.exported(to_bucket(image.unmask(0).toFloat(), "patches/k", running.grid, fileFormat="TFRecord",
                               formatOptions={"patchDimensions": [16, 16], "kernelSize": [8, 4], "compressed": True}))
    files = patch_files(running, "patches/k")
    found = read_patches(files[:1], 20 * 24)["crop"].reshape(-1, 20, 24)
    padded = np.pad(CLASSES, ((2, 30), (4, 30)))
    for number in range(12):
        row, column = divmod(number, 4)
        expected = padded[16 * row:16 * row + 20, 16 * column:16 * column + 24]
        np.testing.assert_array_equal(found[number], expected)


@pytest.mark.parametrize("most", [1, 3, 4, 9, 100])
def test_blocks_cover_all_patches_in_order(most):
    found = [(row + i) * 4 + column + j for row, column, down, across in patches._blocks(3, 4, most)
             for i in range(down) for j in range(across)]
    assert found == list(range(12))
    assert all(down * across <= most for _, _, down, across in patches._blocks(3, 4, most))


def test_files_are_split_by_size_and_keep_the_order(running, image, monkeypatch):
    monkeypatch.setattr(patches, "_BLOCK_PIXELS", 256)  # one patch a block: a file ends between blocks
    for prefix, size in (("patches/one", 2**30), ("patches/many", 5 * 2 * 256 * 4)):
        running.exported(to_bucket(image.toFloat(), prefix, running.grid, fileFormat="TFRecord", formatOptions={
            "patchDimensions": [16, 16], "compressed": True, "maxFileSize": size}))
    many = patch_files(running, "patches/many")
    assert [path.name[-17:] for path in many[:-1]] == [f"-{n:05d}.tfrecord.gz"[-17:] for n in range(3)]
    one = read_patches(patch_files(running, "patches/one")[:1], 256)
    found = read_patches(many[:-1], 256)
    for name, values in one.items():
        np.testing.assert_array_equal(found[name], values)


def test_patches_with_too_many_masked_pixels_are_left_out_and_then_there_is_no_mixer(running, image):
    half = image.updateMask(ee.Image.pixelLonLat().select("longitude").lt(3.004))
    running.exported(to_bucket(half.select("share").addBands(half.select("crop").unmask(0, False)).toFloat(),
                               "patches/few", running.grid, fileFormat="TFRecord",
                               formatOptions={"patchDimensions": [16, 16], "compressed": True, "maskedThreshold": 0.5}))
    files = patch_files(running, "patches/few")
    assert [path.name for path in files] == ["few-00000.tfrecord.gz"]
    assert 0 < len(read_patches(files, 256)["crop"]) < 12


def test_an_image_smaller_than_a_patch_fails_with_a_reason(running, image):
    done = running.exported(to_bucket(image.toFloat(), "patches/s", running.grid, fileFormat="TFRecord",
                                      formatOptions={"patchDimensions": [64, 64]}))
    assert done["metadata"]["state"] == "FAILED"
    assert "No patch of 64x64 pixels fits into the exported image of 70x50" in done["error"]["message"]


def test_too_many_pixels_are_refused_in_the_services_words(running, image):
    done = running.exported(to_bucket(image, "big", running.grid, maxPixels=3499))
    assert done["error"]["message"].startswith(
        "Export too large: specified 3500 pixels (max: 3499). Specify higher maxPixels value if you intend to "
        "export a large area.")
    assert not running.object("big.tif").exists()


def test_a_region_on_the_grid_exports_exactly_its_pixels(running, image):
    part = running.grid.window(10, 20, 16, 24)
    west, south, east, north = part.bounds
    task = ee.batch.Export.image.toCloudStorage(
        image=image.select("crop"), description="r", bucket="bucket", fileNamePrefix="region", crs=part.crs,
        crsTransform=list(running.grid.transform), fileFormat="GeoTIFF",
        region=ee.Geometry.Rectangle([west, south, east, north], proj=part.crs, geodesic=False))
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    with rasterio.open(running.object("region.tif")) as source:
        assert tuple(source.transform)[:6] == part.transform
        np.testing.assert_array_equal(source.read(1), CLASSES[10:26, 20:44])


# -- images as GeoTIFF


def test_a_geotiff_holds_the_pixels_and_its_no_data_value(running, image):
    running.exported(to_bucket(image.select("crop"), "tif/a", running.grid, formatOptions={"noData": 99}))
    with rasterio.open(running.object("tif/a.tif")) as source:
        np.testing.assert_array_equal(source.read(1), np.where(CLASSES == 0, 99, CLASSES))
        assert source.nodata == 99
        assert source.descriptions == ("crop",)


def test_a_cloud_optimised_geotiff_has_overviews_of_the_mean(running):
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
    assert len(patch_files(running, "cog/a")) == len(parts)
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


def test_a_no_data_value_that_the_type_cannot_hold_is_refused_in_words(running, image):
    done = running.exported(to_bucket(image.select("crop"), "tif/n", running.grid, formatOptions={"noData": -1}))
    assert "no-data value -1 cannot be written as uint8" in done["error"]["message"]


def test_a_large_geotiff_is_split_where_asked(running, image):
    running.exported(to_bucket(image.select("crop").unmask(0), "tif/s", running.grid, fileDimensions=(256, 32),
                               shardSize=32))
    names = [path.name for path in patch_files(running, "tif/s")]
    assert names == ["s-0000000000-0000000000.tif", "s-0000000032-0000000000.tif"]
    with rasterio.open(running.object(f"tif/{names[1]}")) as source:
        np.testing.assert_array_equal(source.read(1), CLASSES[32:])


def test_bands_of_different_types_cannot_share_a_geotiff(running, image):
    done = running.exported(to_bucket(image, "tif/mixed", running.grid))
    assert "inconsistent types: Byte and Float32" in done["error"]["message"]
    assert not running.object("tif/mixed.tif").exists()


# -- images as assets


def test_an_exported_asset_has_the_images_values_masks_types_and_properties(running, image):
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
    np.testing.assert_array_equal(running.tree.pixels(asset, ["share"])[0], SHARE)
    again = ee.data.computePixels({"expression": ee.Image(name).select("crop").mask(), "fileFormat": "NUMPY_NDARRAY"})
    np.testing.assert_array_equal(again["crop"] > 0, CLASSES > 0)
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.batch.Export.image.toAsset(image=image, description="a", assetId=name, region=image.geometry()).start()


# -- tables


def test_a_tfrecord_table_is_one_gzip_file_of_floats_and_bytes_in_order(running):
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        collection=points(5), description="t", bucket="bucket", fileNamePrefix="tables/t", fileFormat="TFRecord",
        selectors=["row", "odd", "name"]))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    assert done["metadata"]["type"] == "EXPORT_FEATURES"
    path = running.object("tables/t.tfrecord.gz")
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    described = example.describe(path)
    assert described.records == 5
    assert {name: (d.kinds, d.lengths, d.present) for name, d in described.features.items()} == {
        "row": (("float",), (1,), 1.0), "name": (("bytes",), (1,), 1.0), "odd": (("float",), (1,), 0.4)}
    found = example.read(path, {"row": example.Feature(kind="float"), "name": example.Feature(kind="bytes"),
                                "odd": example.Feature(kind="float", required=False)})
    np.testing.assert_array_equal(found["row"][:, 0], np.arange(5))
    np.testing.assert_array_equal(found["odd"][:, 0], [np.nan, 1.5, np.nan, 1.5, np.nan])
    assert [name for name, in found["name"]] == [f"p{i}".encode() for i in range(5)]


def test_array_properties_are_flattened_row_by_row(running, image):
    cube = ee.ImageCollection([image.toFloat(), image.toFloat().multiply(2)]).toArray()
    x, y = running.grid.bounds[0] + 10 * np.arange(3) + 5, running.grid.bounds[3] - 5
    places = ee.FeatureCollection([
        ee.Feature(ee.Geometry.Point([x[i], y], running.grid.crs), {"row": i}) for i in range(3)])
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        collection=cube.rename("cube").sampleRegions(places, ["row"], 10, running.grid.crs), description="t",
        bucket="bucket", fileNamePrefix="tables/array", fileFormat="TFRecord", selectors=["row", "cube"]))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    found = example.read(running.object("tables/array.tfrecord.gz"))
    expected = [[CLASSES[0, i], SHARE[0, i], 2 * CLASSES[0, i], 2 * SHARE[0, i]] for i in range(3) if CLASSES[0, i]]
    np.testing.assert_allclose(found["cube"], expected, rtol=1e-6)


def test_a_csv_has_index_properties_and_geometry_unless_selected(running):
    for prefix, options in (("tables/all", {}), ("tables/some", {"selectors": ["name", "row"]})):
        running.exported(ee.batch.Export.table.toCloudStorage(
            collection=points(3), description="t", bucket="bucket", fileNamePrefix=prefix, fileFormat="CSV", **options))
    with running.object("tables/all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["system:index", "name", "odd", "row", ".geo"]
    assert [row["odd"] for row in rows] == ["", "1.5", ""]
    assert [shapely.from_geojson(row[".geo"]).x for row in rows] == [4, 4.1, 4.2]
    assert running.object("tables/some.csv").read_text() == "name,row\np0,0\np1,1\np2,2\n"


def test_a_geojson_table_is_readable(running):
    running.exported(ee.batch.Export.table.toCloudStorage(
        collection=points(3), description="t", bucket="bucket", fileNamePrefix="tables/g", fileFormat="GeoJSON"))
    document = json.loads(running.object("tables/g.geojson").read_text())
    assert [f["properties"]["row"] for f in document["features"]] == [0, 1, 2]
    assert len(shapely.from_geojson(json.dumps(document)).geoms) == 3


def test_a_table_asset_comes_back_as_the_same_features(running):
    name = f"{running.home}/table"
    done = running.exported(ee.batch.Export.table.toAsset(points(3), description="t", assetId=name))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    loaded = ee.FeatureCollection(name)
    assert loaded.aggregate_array("row").getInfo() == [0, 1, 2]
    found = ee.data.computeFeatures({"expression": loaded})["features"]
    assert found[1]["geometry"] == {"type": "Point", "coordinates": [4.1, 48]}


# -- refusals, cancelling, full disks


def test_destinations_and_formats_that_are_not_there_are_refused_at_once(running, image):
    with pytest.raises(ee.EEException, match="Google Drive"):
        ee.batch.Export.image.toDrive(image=image, description="d", region=image.geometry()).start()
    with pytest.raises(ee.EEException, match="not KML"):
        ee.batch.Export.table.toCloudStorage(points(), bucket="bucket", fileNamePrefix="x", fileFormat="KML").start()
    with pytest.raises(ee.EEException, match="'gs://Bucket/../x' is not the address of an object"):
        ee.batch.Export.table.toCloudStorage(points(), bucket="Bucket", fileNamePrefix="../x").start()
    with pytest.raises(ee.EEException, match="Parent asset"):
        ee.batch.Export.table.toAsset(points(), assetId=f"{running.home}/no/folder").start()
    with pytest.raises(ee.EEException, match="sequenceData"):
        to_bucket(image, "x", running.grid, fileFormat="TFRecord", formatOptions={"sequenceData": True}).start()


def test_a_faulty_graph_fails_the_task_with_the_reason(running):
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        ee.FeatureCollection(f"{running.home}/nothing"), bucket="bucket", fileNamePrefix="tables/none"))
    assert done["metadata"]["state"] == "FAILED"
    assert "nothing' not found" in done["error"]["message"]


def test_one_request_id_is_one_task(running):
    task = ee.batch.Export.table.toCloudStorage(points(), bucket="bucket", fileNamePrefix="tables/once")
    first = ee.data.exportTable("same-id", dict(task.config))
    assert ee.data.exportTable("same-id", dict(task.config))["name"] == first["name"]
    running.finished(first["name"])


def test_a_cancelled_export_stops_between_tiles_and_leaves_nothing(running):
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
                assert "free space on that disk" in status["error_message"], status
            left = [str(path) for path in Path(sys.argv[1]).rglob("*")
                    if path.is_file() and ".operations" not in str(path)]
            assert not [path for path in left if not path.endswith("catalog.json")], left
    """)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
