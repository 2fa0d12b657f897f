"""Earth Engine's asset calls through the real client."""

from datetime import UTC, datetime

import ee
import numpy as np
import pytest
import shapely


@pytest.fixture
def home(running, request):
    """A folder of the test's own."""
    name = f"{running.home}/{request.node.name.split('[')[0][:60]}"
    ee.data.createFolder(name)
    return name


def image(running, name, **options):
    return running.tree.write_image(name, arrays={"b": np.ones(running.grid.shape, np.uint8)}, grid=running.grid,
                                    **options)


def test_folders_and_collections_are_created_and_listed(home):
    ee.data.createAsset({"type": "IMAGE_COLLECTION", "properties": {"crop": "wheat"}}, f"{home}/c")
    ee.data.createAsset({"type": "Folder"}, f"{home}/f")
    found = ee.data.listAssets(home)["assets"]
    assert [(a["id"], a["type"]) for a in found] == [(f"{home}/c", "IMAGE_COLLECTION"), (f"{home}/f", "FOLDER")]
    assert found[0]["properties"] == {"crop": "wheat"}
    assert ee.data.getAsset(f"{home}/c")["name"] == f"{home}/c"


def test_a_missing_asset_is_said_in_the_services_words(running, home):
    nothing = f"{home}/nothing"
    for ask in (ee.data.getAsset, ee.data.listAssets, ee.data.deleteAsset, ee.data.getIamPolicy,
                lambda name: ee.data.updateAsset(name, {"properties": {}}, ["properties"]),
                lambda name: ee.data.copyAsset(name, f"{home}/copy")):
        with pytest.raises(ee.EEException, match=f"^Asset '{nothing}' does not exist or doesn't allow this operation"):
            ask(nothing)
    with pytest.raises(ee.EEException, match=r"Image.load: Image asset '.*' not found \(does not exist or caller"):
        ee.Image(nothing).getInfo()
    with pytest.warns(DeprecationWarning, match="getInfo"):
        assert ee.data.getInfo(f"{home}/nothing") is None


def test_an_asset_needs_a_parent_and_a_free_name(home):
    with pytest.raises(ee.EEException, match="Parent asset"):
        ee.data.createFolder(f"{home}/a/b")
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.data.createFolder(home)


def test_an_image_is_described_as_the_service_does(running, home):
    image(running, f"{home}/a", properties={"v": 1}, time_start=datetime(2024, 5, 1, tzinfo=UTC),
          pyramiding={"b": "MODE"})
    found = ee.data.getAsset(f"{home}/a")
    assert found["type"] == "IMAGE"
    assert found["startTime"] == "2024-05-01T00:00:00.000000Z"
    assert found["properties"] == {"v": 1}
    band, = found["bands"]
    assert band["dataType"] == {"precision": "INT", "range": {"min": 0, "max": 255}}
    assert band["grid"]["dimensions"] == {"width": 70, "height": 50}
    assert band["grid"]["affineTransform"]["translateY"] == 5400000
    assert band["pyramidingPolicy"] == "MODE"
    assert shapely.from_geojson(str(found["geometry"]).replace("'", '"')).is_valid


def test_lists_come_in_pages_and_by_condition(running, home):
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, f"{home}/c")
    for day in range(1, 8):
        image(running, f"{home}/c/i{day}", properties={"cloud": 10 * day, "tile": "A" if day % 2 else "B"},
              time_start=datetime(2024, 5, day, tzinfo=UTC))

    def names(**options):
        return [a["id"].rpartition("/")[2] for a in ee.data.listImages({"parent": f"{home}/c", **options})["images"]]

    assert names() == [f"i{day}" for day in range(1, 8)]
    first = ee.data.listAssets({"parent": f"{home}/c", "pageSize": 5})
    assert len(first["assets"]) == 5
    second = ee.data.listAssets({"parent": f"{home}/c", "pageSize": 5, "pageToken": first["nextPageToken"]})
    assert [a["id"][-2:] for a in second["assets"]] == ["i6", "i7"]
    assert names(startTime="2024-05-03T00:00:00Z", endTime="2024-05-05T00:00:00Z") == ["i3", "i4"]
    assert names(properties=["cloud>=60"]) == ["i6", "i7"]
    assert names(properties=["tile=B", "cloud<40"]) == ["i2"]
    west, south, *_ = shapely.from_geojson(
        str(ee.data.getAsset(f"{home}/c/i1")["geometry"]).replace("'", '"')).bounds
    assert len(names(region={"type": "Point", "coordinates": [west + 1e-3, south + 1e-3]})) == 7
    assert names(region="POINT (0 0)") == []
    with pytest.raises(ee.EEException, match="does not understand"):
        names(filter="cloudy")


def test_properties_are_changed_one_by_one_or_all_at_once(running, home):
    image(running, f"{home}/a", properties={"old": 1, "keep": "x"})
    ee.data.updateAsset(f"{home}/a", {"properties": {"new": [1, 2]}, "start_time": "2024-01-01T00:00:00Z"},
                        ['properties."new"', 'properties."old"', "start_time"])
    found = ee.data.getAsset(f"{home}/a")
    assert found["properties"] == {"keep": "x", "new": [1, 2]}
    assert found["startTime"].startswith("2024-01-01")
    ee.data.updateAsset(f"{home}/a", {"properties": {"only": 1}}, ["properties"])
    assert ee.data.getAsset(f"{home}/a")["properties"] == {"only": 1}


def test_assets_are_copied_renamed_and_deleted(running, home):
    image(running, f"{home}/a")
    ee.data.copyAsset(f"{home}/a", f"{home}/b")
    with pytest.raises(ee.EEException, match="Cannot overwrite"):
        ee.data.copyAsset(f"{home}/a", f"{home}/b")
    ee.data.copyAsset(f"{home}/a", f"{home}/b", True)
    ee.data.renameAsset(f"{home}/b", f"{home}/c")
    ee.data.deleteAsset(f"{home}/a")
    assert [a["id"] for a in ee.data.listAssets(home)["assets"]] == [f"{home}/c"]
    with pytest.raises(ee.EEException, match="not empty"):
        ee.data.deleteAsset(home)
    ee.data.deleteAsset(f"{home}/c")
    ee.data.deleteAsset(home)


def test_policies_are_kept(home):
    policy = {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}
    assert ee.data.getIamPolicy(home) == {"bindings": []}
    ee.data.setIamPolicy(home, policy)
    assert ee.data.getIamPolicy(home) == policy


def test_the_root_has_a_quota_and_public_assets_their_own_name(running, home):
    image(running, f"{home}/a")
    quota = ee.data.getAssetRootQuota(running.home)
    assert quota["asset_count"]["usage"] >= 2
    assert quota["asset_size"]["usage"] > 0
    image(running, "COPERNICUS/TEST/x")
    assert ee.data.getAsset("COPERNICUS/TEST/x")["name"] == "projects/earthengine-public/assets/COPERNICUS/TEST/x"
