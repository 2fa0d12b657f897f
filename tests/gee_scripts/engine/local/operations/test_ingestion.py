"""Image manifests through the real client; assets compared with what rasterio and our records hold."""

import ee
import numpy as np
import pytest
import rasterio

from agrispec.formats import example, mixer
from agrispec.formats.asset_tree import AssetType
from agrispec.formats.mixer import Mixer

RNG = np.random.default_rng(7)
CLASSES = RNG.integers(1, 9, (2, 50, 70)).astype(np.uint8)


def ingest(running, manifest, overwrite=False):
    started = ee.data.startIngestion(ee.data.newTaskId()[0], manifest, overwrite)
    return running.finished(started["name"])


def manifest(name, *uris, **more):
    return {"name": name, "tilesets": [{"id": "t", "sources": [{"uris": list(uris)}]}], **more}


def test_a_geotiff_becomes_an_image_with_its_bands_times_and_properties(running):
    uri = running.geotiff("in/two.tif", CLASSES, nodata=0)
    name = f"{running.home}/two"
    done = ingest(running, manifest(
        name, uri, properties={"model": "cropnet"}, startTime="2024-05-01T00:00:00Z", endTime="2024-12-01T00:00:00Z",
        bands=[{"id": "top", "tilesetId": "t", "tilesetBandIndex": 1, "pyramidingPolicy": "MEAN"},
               {"id": "crop", "tilesetId": "t", "tilesetBandIndex": 0}], pyramidingPolicy="MODE"))
    assert done["metadata"]["state"] == "SUCCEEDED"
    assert done["metadata"]["type"] == "INGEST_IMAGE"
    asset = running.tree.get(name)
    assert [(band.id, band.dtype, band.pyramiding) for band in asset.bands] == [("top", "uint8", "MEAN"),
                                                                               ("crop", "uint8", "MODE")]
    assert asset.grid == running.grid
    assert asset.nodata == 0
    assert asset.properties == {"model": "cropnet", "system:time_start": 1714521600000,
                                "system:time_end": 1733011200000}
    np.testing.assert_array_equal(running.tree.pixels(asset, ["crop", "top"]), CLASSES)


def test_bands_of_a_file_take_the_manifests_names_in_order(running):
    uri = running.geotiff("in/names.tif", CLASSES)
    ingest(running, manifest(f"{running.home}/names", uri, bands=[{"id": "x"}, {"id": "y"}]))
    assert [band.id for band in running.tree.get(f"{running.home}/names").bands] == ["x", "y"]
    ingest(running, manifest(f"{running.home}/unnamed", uri))
    assert [band.id for band in running.tree.get(f"{running.home}/unnamed").bands] == ["b1", "b2"]


EMPTY_BAND = {"id": "a", "tilesetId": "", "pyramidingPolicy": "", "missingData": {"values": []}}


@pytest.mark.parametrize(("tileset", "band", "more"), [
    ({"crs": ""}, {"tilesetId": ""}, {"uriPrefix": ""}),
    ({"crs": None, "id": None}, {"pyramidingPolicy": None}, {"uriPrefix": None, "startTime": None}),
    ({"dataType": "", "id": ""}, EMPTY_BAND, {"pyramidingPolicy": "", "startTime": "", "endTime": ""}),
    ({"dataType": "DATA_TYPE_UNSPECIFIED"}, {"pyramidingPolicy": "PYRAMIDING_POLICY_UNSPECIFIED"},
     {"pyramidingPolicy": "PYRAMIDING_POLICY_UNSPECIFIED", "missingData": {}})])
@pytest.mark.parametrize("route", ["import", "importExternal"])
def test_empty_fields_of_a_manifest_are_absent_ones(running, asked, tileset, band, more, route):
    uri = running.geotiff("in/empties.tif", CLASSES[:1], tiled=True, blockxsize=256, blockysize=256)
    wanted = {"name": f"{running.home}/empties", **more, "bands": [{"id": "a"} | band],
              "tilesets": [{"sources": [{"uris": [uri], "affineTransform": {}}]} | tileset]}
    status, found = asked(running.url, f"/v1/projects/agrispec-local/image:{route}",
                          {"imageManifest": wanted, "overwrite": True})
    assert status == 200, found
    assert route == "importExternal" or running.finished(found["name"])["metadata"]["state"] == "SUCCEEDED"
    asset = running.tree.get(f"{running.home}/empties")
    assert [(each.id, each.dtype, each.pyramiding) for each in asset.bands] == [("a", "uint8", "MEAN")]
    assert asset.grid == running.grid
    np.testing.assert_array_equal(running.tree.pixels(asset, ["a"]), CLASSES[:1])


@pytest.mark.parametrize(("change", "words"), [
    ({"bands": [{"id": ""}, {"id": "x"}]}, "has a band without id"),
    ({"name": ""}, "name"),
    ({"tilesets": [{"sources": [{"uris": ["gs://bucket/a.tif"]}]}] * 2}, "Two tilesets have the same ID"),
    ({"tilesets": [{"id": "t", "sources": [{"uris": ["gs://bucket/a.tif"]}]}] * 2}, "Two tilesets have the same ID")])
def test_what_a_manifest_must_have_may_not_be_empty_or_twice(running, change, words):
    with pytest.raises(ee.EEException, match=words):
        ee.data.startIngestion(None, manifest(f"{running.home}/x", "gs://bucket/x.tif") | change)


def test_several_missing_values_become_one(running):
    uri = running.geotiff("in/missing.tif", CLASSES)
    name = f"{running.home}/missing"
    ingest(running, manifest(name, uri, bands=[{"id": "a", "missingData": {"values": [1, 2]}}, {"id": "b"}],
                             missingData={"values": [8]}))
    asset = running.tree.get(name)
    a, b = running.tree.pixels(asset, ["a", "b"])
    np.testing.assert_array_equal(a == asset.nodata, np.isin(CLASSES[0], [1, 2]))
    np.testing.assert_array_equal(b == asset.nodata, CLASSES[1] == 8)
    np.testing.assert_array_equal(a[a != asset.nodata], CLASSES[0][~np.isin(CLASSES[0], [1, 2])])


def test_large_images_get_overviews_by_policy(running):
    values = np.tile(np.array([[1, 1], [1, 5]], np.uint8), (512, 512))[None]
    uri = running.geotiff("in/large.tif", values)
    ingest(running, manifest(f"{running.home}/large", uri, pyramidingPolicy="MODE"))
    with rasterio.open(running.tree.get(f"{running.home}/large").bands[0].file, overview_level=0) as overview:
        assert (overview.read(1) == 1).all()


def test_predicted_patches_become_the_image_they_were_cut_from(running):
    whole = RNG.integers(1, 9, (64, 96)).astype(np.float32)
    share = RNG.random((64, 96), dtype=np.float32)
    layout = Mixer(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5400000), patch_width=32, patch_height=16,
                   patches_per_row=3, total_patches=12)
    folder = running.object("pred/mixer.json").parent
    folder.mkdir(parents=True, exist_ok=True)
    mixer.write(folder / "mixer.json", layout)
    patches = {"crop": [], "share": []}
    for row in range(4):
        for column in range(3):
            place = slice(16 * row, 16 * row + 16), slice(32 * column, 32 * column + 32)
            patches["crop"].append(whole[place].ravel())
            patches["share"].append(share[place].ravel())
    for number, part in enumerate((slice(0, 5), slice(5, 12))):
        example.write(folder / f"p-{number:05d}.tfrecord.gz", {k: np.stack(v[part]) for k, v in patches.items()})
    name = f"{running.home}/predicted"
    wanted = manifest(name, *(f"gs://bucket/pred/p-{n:05d}.tfrecord.gz" for n in range(2)),
                      "gs://bucket/pred/mixer.json",
                      bands=[{"id": "share", "tilesetId": "t"}, {"id": "crop", "tilesetId": "t",
                                                                "pyramidingPolicy": "MODE"}])
    assert ingest(running, wanted)["metadata"]["state"] == "SUCCEEDED"
    asset = running.tree.get(name)
    assert (asset.grid.width, asset.grid.height, asset.grid.crs) == (96, 64, "EPSG:32631")
    np.testing.assert_array_equal(running.tree.pixels(asset, ["crop"])[0], whole)
    np.testing.assert_array_equal(running.tree.pixels(asset, ["share"])[0], share)


def test_neighbouring_files_become_one_image_and_gaps_are_missing(running):
    transform = rasterio.Affine(10, 0, 500000 + 710, 0, -10, 5400000 - 50)
    uris = [running.geotiff("in/west.tif", CLASSES), running.geotiff("in/east.tif", CLASSES, transform=transform)]
    name = f"{running.home}/mosaic"
    wanted = {"name": name, "tilesets": [{"id": "t", "sources": [{"uris": [uri]} for uri in uris]}]}
    assert ingest(running, wanted)["metadata"]["state"] == "SUCCEEDED"
    asset = running.tree.get(name)
    assert (asset.grid.width, asset.grid.height) == (141, 55)
    values = running.tree.pixels(asset, ["b1", "b2"])
    np.testing.assert_array_equal(values[:, :50, :70], CLASSES)
    np.testing.assert_array_equal(values[:, 5:, 71:], CLASSES)
    assert (values[:, :, 70] == asset.nodata).all()


@pytest.mark.parametrize(("change", "words"), [
    ({"tilesets": []}, "no tilesets"),
    ({"tilesets": [{"id": "t", "sources": [{"uris": []}]}]}, "without uris"),
    ({"name": "projects/agrispec-local/assets/no/such/folder"}, "Parent asset"),
    ({"maskBands": []}, "maskBands"),
])
def test_manifests_that_cannot_be_served_are_refused_at_once(running, change, words):
    with pytest.raises(ee.EEException, match=words):
        ee.data.startIngestion(None, manifest(f"{running.home}/x", "gs://bucket/x.tif") | change)


@pytest.mark.parametrize(("uris", "more", "words"), [
    (["gs://bucket/nothing.tif"], {}, "gs://bucket/nothing.tif: no such object"),
    (["gs://bucket/in/odd.tif"], {}, "cannot be read as a GeoTIFF"),
    (["gs://bucket/x.hdf"], {}, "GeoTIFF, or TFRecord"),
    (["gs://bucket/in/fine.tif"], {"bands": [{"id": "a"}]}, "names 1 bands, the files have 2"),
    (["gs://bucket/in/fine.tif"], {"bands": [{"id": "a", "tilesetBandIndex": 2}]}, "which has 2"),
    (["gs://bucket/in/fine.tif"], {"bands": [{"id": "a", "tilesetId": "u"}, {"id": "b"}]}, "tileset 'u'"),
    (["gs://bucket/in/a.tfrecord.gz"], {}, "0 mixer files"),
    (["gs://bucket/in/fine.tif"], {"bands": [{"id": "1999"}, {"id": "b"}]}, 'Band ID "1999" is invalid'),
    (["gs://bucket/in/fine.tif"], {"bands": [{"id": "a"}, {"id": "a"}]}, "two bands are named 'a'"),
])
def test_files_that_do_not_fit_fail_the_task_and_leave_no_asset(running, uris, more, words):
    running.geotiff("in/fine.tif", CLASSES)
    running.object("in/odd.tif").write_bytes(b"odd")
    done = ingest(running, manifest(f"{running.home}/bad", *uris, **more))
    assert done["metadata"]["state"] == "FAILED"
    assert words in done["error"]["message"]
    assert not running.tree.exists(f"{running.home}/bad")


def test_an_asset_is_replaced_only_when_asked(running):
    uri = running.geotiff("in/again.tif", CLASSES)
    name = f"{running.home}/again"
    ingest(running, manifest(name, uri))
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.data.startIngestion(None, manifest(name, uri))
    assert ingest(running, manifest(name, uri, properties={"v": 2}), overwrite=True)["metadata"]["state"] == "SUCCEEDED"
    assert running.tree.get(name).properties == {"v": 2}
    assert running.tree.get(name).type is AssetType.IMAGE
