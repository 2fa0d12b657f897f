"""Whatever the route and however often: the assets hold what was predicted, and nothing else is touched."""

import json
import shutil
from dataclasses import replace

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials

from agrispec.errors import (
    AssetExists,
    AssetMissing,
    CorruptRecord,
    DataError,
    EngineError,
    RunError,
    SchemaMismatch,
    StorageError,
    TaskFailed,
)
from agrispec.formats import geotiff, mixer
from agrispec.grid import Grid
from exports import manifest
from exports.export import holding
from exports.publishing import plan, routes, told
from exports.storage.folder import Folder

FOLDER = "projects/agrispec-local/assets/maps"
IMAGES = {"class": 255, "probability": -1, "confident": 255, "looks": 255}
PRODUCTS = (*IMAGES, "parcels")


@pytest.mark.parametrize("route", routes.ROUTES)
def test_every_route_brings_equal_pixels_and_all_that_they_say_of_themselves(published, route):
    told = []
    did = published.publish(route, told)
    assert did["assets"] == {name: f"{FOLDER}/west_2024_{name}_v1" for name in PRODUCTS}
    assert list(did["compared"].values()) == [83 * 70] * 4 + [3]
    card = json.loads((published.run.predictions / "prediction.json").read_text())
    for name, missing in IMAGES.items():
        asset_id = did["assets"][name]
        sent = geotiff.read(published.run.predictions / f"{name}.tif")[0]
        found = published.read(asset_id, missing)
        assert found.dtype == sent.dtype
        np.testing.assert_array_equal(found, sent)
        asset = published.engine.asset(asset_id)
        assert [band["id"] for band in asset["bands"]] == [name]
        assert asset["bands"][0]["pyramidingPolicy"] == card["products"][name]["pyramiding"]
        assert asset["startTime"].startswith("2024-01-01")
        assert asset["endTime"].startswith("2025-01-01")
        said = asset["properties"]
        assert said["file_digest"] == card["products"][name]["digest"]
        assert (said["model_digest"], said["cube"]) == ("0123456789abcdef", "fedcba9876543210")
        assert said["simulated"] == "true"
        assert "licence" not in said
    legend = published.engine.asset(did["assets"]["class"])["properties"]
    assert legend["class_class_values"] == [0, 1]
    assert legend["class_class_palette"] == ["e6c229", "1a8fe3"]
    assert legend["class_class_names"] == ["wheat", "maize"]
    assert legend["class_names"] == "wheat,maize"
    assert "probability: 5,810 compared, all equal" in "\n".join(told).replace("_v1", "")
    # What was only on its way is gone; what an asset points to stays.
    kept = {name.rpartition("/")[0] for name in published.objects()}
    assert kept == ({f"maps/maps/west_2024_{name}_v1" for name in IMAGES} if route == "cog" else set())


@pytest.mark.parametrize("route", routes.ROUTES)
def test_the_same_predictions_are_not_written_again_but_compared(published, route):
    first = published.publish(route)
    before = {name: published.engine.asset(asset_id) for name, asset_id in first["assets"].items()}
    again = published.publish("geotiff")
    assert published.engine.written == []
    assert again["new"] == []
    assert first["new"] == list(PRODUCTS)
    assert again["compared"] == first["compared"]
    assert {name: published.engine.asset(asset_id) for name, asset_id in again["assets"].items()} == before


def test_a_route_is_said_of_those_images_alone_that_went_it(published):
    def stop(*arguments):
        if len(published.engine.written) == 2:
            raise KeyboardInterrupt

    published.engine.before["ingest_image"] = stop
    with pytest.raises(KeyboardInterrupt):
        published.publish("geotiff")
    published.engine.before.clear()
    rest = published.publish("cog")
    assert rest["routes"] == {"probability": "cog", "confident": "cog", "looks": "cog"}
    again = published.publish("cog")
    assert again["routes"] == {}
    assert {line.rpartition(": ")[2] for line in told.published(again)} == {
        "5,810 compared, all equal (it was there, and stays as it was)",
        "3 compared, all equal (it was there, and stays as it was)"}


def test_other_predictions_get_the_next_number_and_older_ones_find_theirs_again(published):
    first = published.publish()
    kept = published.read(first["assets"]["class"], 255)
    published.predict(seed=1)
    second = published.publish()
    assert second["version"] == 2
    assert set(second["assets"].values()).isdisjoint(first["assets"].values())
    np.testing.assert_array_equal(published.read(first["assets"]["class"], 255), kept)
    published.predict(seed=0)
    third = published.publish()
    assert (third["version"], third["new"]) == (1, [])


def test_a_publication_that_was_broken_off_goes_on_where_it_was(published):
    def fail(*arguments):
        if len(published.engine.written) == 3:
            raise KeyboardInterrupt

    published.engine.before["ingest_image"] = fail
    with pytest.raises(KeyboardInterrupt):
        published.publish()
    published.engine.before.clear()
    did = published.publish()
    assert did["version"] == 1
    assert did["new"] == ["confident", "looks", "parcels"]
    assert list(did["compared"]) == list(did["assets"].values())
    assert published.objects() == []


def test_nobody_predicts_while_a_map_is_published(published):
    def predict(manifest):
        with pytest.raises(RunError, match="is being mapped or published already, by process"), \
                holding.predictions_held(published.run.path):
            raise AssertionError("the predictions were not held")

    published.engine.before["ingest_image"] = predict
    published.publish()
    with holding.predictions_held(published.run.path), pytest.raises(RunError, match="mapped or published already"):
        published.publish()


@pytest.mark.parametrize(("name", "call", "mend"), [
    ("probability", "ingest_image", "; publish again"),
    ("class", "compute", f"; delete {FOLDER}/west_2024_class_v1, then publish again")])
def test_a_file_that_is_replaced_meanwhile_is_told_and_not_called_equal(published, name, call, mend):
    # By somebody who asks nobody, before the file is read and after.
    other = published.run.path / "other.tif"
    shutil.copy(published.run.predictions / "looks.tif", other)

    def swap(*arguments):
        published.engine.before.clear()
        shutil.copy(other, published.run.predictions / f"{name}.tif")

    published.engine.before[call] = swap
    with pytest.raises(RunError, match=f"{name}.tif was replaced while it was published{mend}$"):
        published.publish()
    assert published.engine.asset(f"{FOLDER}/west_2024_looks_v1") is None


def test_an_ingestion_that_a_killed_call_began_is_waited_for_and_taken(published):
    def race(manifest):
        if manifest["name"].endswith("_class_v1"):
            published.engine.before.clear()
            # The other call's, which ends first: ours finds the id taken.
            other = ee.data.startIngestion("unused", dict(manifest))["name"]
            while not published.engine.operation(other).done:
                pass

    published.engine.before["ingest_image"] = race
    assert published.publish()["compared"][f"{FOLDER}/west_2024_class_v1"] == 83 * 70


def test_an_asset_of_somebody_else_is_left_alone_and_named(published):
    published.engine.create_folder(FOLDER)
    stranger = f"{FOLDER}/west_2024_probability_v1"
    ee.data.createAsset({"type": "FOLDER"}, stranger)
    did = published.publish()
    assert did["version"] == 2
    assert did["strangers"] == [stranger]
    assert published.engine.asset(stranger)["type"] == "FOLDER"
    assert published.engine.asset(f"{FOLDER}/west_2024_class_v1") is None


def test_an_asset_whose_pixels_differ_is_told_and_not_called_done(published):
    first = published.publish()
    path = published.run.predictions / "class.tif"
    card_file = published.run.predictions / "prediction.json"
    card = card_file.read_text()
    digest = json.loads(card)["class_digest"]
    # Another file that claims to be the published one: what a damaged transfer would leave.
    published.predict(seed=1)
    other = json.loads(card_file.read_text())
    asset_id = first["assets"]["class"]
    published.engine.set_properties(asset_id, {"file_digest": other["class_digest"]})
    for name in ("probability", "confident", "looks", "parcels"):
        found = other["parcels_digest"] if name == "parcels" else other["products"][name]["digest"]
        published.engine.set_properties(first["assets"][name], {"file_digest": found})
    assert digest != other["class_digest"]
    with pytest.raises(TaskFailed, match=rf"{asset_id} has other values than {path}: \d+ instead of \d+ \(\d+\)"):
        published.publish()


def at(key, value):
    return lambda manifest: manifest["bands"][0].update({key: value}) if "bands" in manifest else None


@pytest.mark.parametrize(("asked", "words"), [
    (at("pyramidingPolicy", "SAMPLE"), "pyramidingPolicy of .*_class_v1 is SAMPLE, not MODE"),
    (at("id", "crop"), r"bands of .*_class_v1 is \['crop'\], not \['class'\]"),
    (lambda manifest: manifest["tilesets"][0].update(dataType="INT16"), "dataType of .*_class_v1 is int16, not uint8"),
    (lambda manifest: manifest.update(endTime="2024-12-31T00:00:00Z"), "endTime of .*_class_v1 is 2024-12-31 .*, not"),
    (lambda manifest: manifest.pop("startTime"), "startTime of .*_class_v1 is None, not 2024-01-01")])
def test_an_asset_that_says_something_else_than_was_asked_for_is_told(published, asked, words):
    published.engine.before["ingest_image"] = asked
    with pytest.raises(TaskFailed, match=words):
        published.publish()


def test_times_of_a_table_are_compared_too(published):
    published.engine.before["ingest_table"] = lambda manifest: manifest.pop("endTime")
    with pytest.raises(TaskFailed, match="endTime of .*_parcels_v1 is None"):
        published.publish()


@pytest.mark.parametrize(("stands", "words"), [(254, r"371 instead of 0 \(255\)"), (1, r"0 instead of \d+ \(1\)")])
def test_pixels_that_nobody_masked_and_those_that_are_masked_too_many_are_counted(published, stands, words):
    published.engine.before["ingest_image"] = at("missingData", {"values": [stands]})
    with pytest.raises(TaskFailed, match=f"_class_v1 has other values than .*: .*{words}"):
        published.publish()


def test_readers_are_let_in_and_writers_stay(published):
    shared = published.set_publish(licence="CC-BY-4.0", readers=("group:farm@example.org",), public=True)
    assert shared.publish()["legend"]
    asset_id = f"{FOLDER}/west_2024_class_v1"
    assert published.engine.asset(asset_id)["properties"]["licence"] == "CC-BY-4.0"
    assert ee.data.getIamPolicy(asset_id)["bindings"] == [
        {"role": "roles/viewer", "members": ["group:farm@example.org", "allUsers"]}]
    ee.data.setIamPolicy(asset_id, {"bindings": [{"role": "roles/editor", "members": ["user:me@example.org"]}]})
    published.set_publish(licence="CC0-1.0", public=True).publish()
    assert ee.data.getIamPolicy(asset_id)["bindings"] == [
        {"role": "roles/editor", "members": ["user:me@example.org"]},
        {"role": "roles/viewer", "members": ["allUsers"]}]
    # A licence is a property: another one makes no other asset.
    assert published.engine.asset(asset_id)["properties"]["licence"] == "CC0-1.0"


def test_a_licence_that_is_taken_back_is_taken_from_the_assets(published):
    published.set_publish(licence="CC-BY-4.0").publish()
    before = published.engine.asset(f"{FOLDER}/west_2024_parcels_v1")["properties"]
    published.publish()
    for name in PRODUCTS:
        assert "licence" not in published.engine.asset(f"{FOLDER}/west_2024_{name}_v1")["properties"]
    assert published.engine.asset(f"{FOLDER}/west_2024_parcels_v1")["properties"] == {
        key: value for key, value in before.items() if key != "licence"}


def test_who_was_let_in_by_hand_or_earlier_stays_and_is_named(published):
    assert published.set_publish(public=True).publish()["others"] == {}
    asset_id = f"{FOLDER}/west_2024_class_v1"
    published.engine.add_readers(asset_id, ["user:me@example.org"])
    planned = published.prepare()
    assert planned.others[asset_id] == ["allUsers", "user:me@example.org"]
    assert set(planned.others) == set(planned.version.ids.values())
    lines = [line for line in told.planned(planned, "agrispec-local") if "without being named" in line]
    assert [line.partition(" without")[0] for line in lines] == [
        f"allUsers may read {asset_id} and 4 more", f"user:me@example.org may read {asset_id}"]
    did = published.set_publish(readers=("group:farm@example.org",)).publish()
    assert published.engine.readers(asset_id) == ["allUsers", "user:me@example.org", "group:farm@example.org"]
    assert did["others"] == planned.others
    assert list(told.doubts(did)) == lines


def test_an_account_that_is_not_told_who_reads_publishes_all_the_same(published):
    def refuse(asset_id):
        raise AssetMissing("Permission 'earthengine.assets.getIamPolicy' denied", mend="ask for it")

    published.engine.before["readers"] = refuse
    assert published.publish()["others"] == {}
    assert "add_readers" not in published.engine.asked


def test_an_engine_that_takes_no_lists_keeps_the_legend_as_texts(published):
    def refuse(asset_id, properties):
        if any(isinstance(value, list) for value in properties.values()):
            raise EngineError("List values are not yet supported", mend="give texts")

    published.engine.before["set_properties"] = refuse
    assert published.publish()["legend"] is False
    assert published.engine.asset(f"{FOLDER}/west_2024_class_v1")["properties"]["class_palette"] == "#e6c229,#1a8fe3"


def test_a_run_without_parcels_publishes_its_images(published):
    published.predict(seed=0, parcels=0)
    assert list(published.publish()["assets"]) == list(IMAGES)


def test_a_plan_writes_nothing(published):
    found = published.prepare()
    assert [product.name for product in found.missing] == list(PRODUCTS)
    assert found.place == "a folder on this machine"
    assert published.engine.written == []
    assert "create_folder" not in published.engine.asked
    assert published.engine.asset(FOLDER) is None
    assert published.objects() == []


def test_predictions_that_are_not_whole_are_refused_before_anything_is_written(published):
    predictions = published.run.predictions
    whole = predictions.with_name("whole")
    shutil.copytree(predictions, whole)

    def spoilt(name, spoil):
        shutil.rmtree(predictions)
        shutil.copytree(whole, predictions)
        spoil(predictions / name)
        with pytest.raises(CorruptRecord) as error:
            published.publish()
        assert published.engine.written == []
        return str(error.value)

    assert "probability.tif is not the file that" in spoilt("probability.tif", lambda path: path.write_bytes(b"II*"))
    assert "looks.tif" in spoilt("looks.tif", lambda path: path.unlink())
    assert "parcels.parquet" in spoilt("parcels.parquet", lambda path: path.unlink())
    assert "class.tif is not the" in spoilt("class.tif", lambda path: path.write_bytes(b"II*"))

    def edit(**changes):
        return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    assert "predict again" in spoilt("prediction.json", edit(products=None))
    assert "predict again" in spoilt("prediction.json", edit(products={"class": {}}))
    shutil.rmtree(predictions)
    with pytest.raises(RunError, match="agrispec-gee predict"):
        published.publish()


def test_a_bucket_where_cogs_are_not_read_is_refused_for_them_alone(published, monkeypatch):
    monkeypatch.setattr(Folder, "places", lambda self: ("EUROPE-WEST1",))
    with pytest.raises(StorageError, match="bucket is in EUROPE-WEST1.*in US, NAM4 or US-CENTRAL1"):
        published.publish("cog")
    assert published.engine.written == []
    assert published.publish("geotiff")["version"] == 1
    monkeypatch.setattr(Folder, "places", lambda self: ("US-EAST4", "US-CENTRAL1"))
    published.predict(seed=2)
    assert published.publish("cog")["version"] == 2


def test_a_geotiff_that_is_no_cog_does_not_stay_in_a_bucket(published):
    file = published.run.predictions / "class.tif"
    found = geotiff.describe(file)
    geotiff.write(file, geotiff.read(file), found.grid, nodata=255)
    with pytest.raises(CorruptRecord, match="not a Cloud Optimized GeoTIFF"):
        routes.check("cog", published.run, Folder(published.engine.buckets, "agrispec-local"),
                     [product for product in published_products(published) if product.name == "class"])


def published_products(published):
    """The products of predictions whose class.tif was changed, and whose card says so."""
    card_file = published.run.predictions / "prediction.json"
    card = json.loads(card_file.read_text())
    digest = manifest.digest(published.run.predictions / "class.tif")
    card["class_digest"] = card["products"]["class"]["digest"] = digest
    card_file.write_text(json.dumps(card))
    return plan.products(published.run, published.config)[1]


def test_an_image_with_too_many_tiles_does_not_stay_in_a_bucket(published, monkeypatch):
    whole = geotiff.describe(published.run.predictions / "class.tif")
    large = replace(whole, levels=9, grid=Grid(crs=whole.grid.crs, transform=whole.grid.transform, width=400_000,
                                               height=400_000))
    monkeypatch.setattr(geotiff, "describe", lambda path: large)
    with pytest.raises(DataError, match="headers of .*class.tif take about 12 MiB, .* at most 10"):
        published.prepare("cog")


@pytest.mark.parametrize(("change", "words"), [
    ({"transform": (10.0, 0.0, 613010.0, 0.0, -10.0, 5402000.0)}, r"at \(613010, 5402000\) of EPSG:32631, .* \(613000"),
    ({"patches_per_row": 7, "total_patches": 35}, "80 rows and 112 columns"),
    ({"total_patches": 24}, "64 rows and 96 columns"), ({"crs": "EPSG:32632"}, "of EPSG:32632")])
def test_a_mixer_of_other_pixels_is_refused_before_anything_is_written(published, change, words):
    path = published.run.patches / "map-mixer.json"
    mixer.write(path, replace(mixer.read(path), **change))
    with pytest.raises(SchemaMismatch, match=words):
        published.publish("tfrecord")
    assert published.engine.written == []
    assert published.objects() == []


def test_a_run_without_patches_has_no_way_by_records(published):
    path = published.run.patches / "map-mixer.json"
    mixer.write(path, replace(mixer.read(path), patch_width=8, patches_per_row=12, total_patches=60))
    with pytest.raises(CorruptRecord, match="patches of 16 by 8 pixels, the export was of 16 by 16"):
        published.publish("tfrecord")
    shutil.rmtree(published.run.patches)
    with pytest.raises(RunError, match="no patches"):
        published.publish("tfrecord")


def test_a_project_without_room_is_told_before_anything_is_written(published):
    real = published.engine.asset

    class Full(type(published.engine)):
        def asset(self, asset_id):
            if not asset_id.endswith("/assets"):
                return real(asset_id)
            return {"quota": {"assetCount": "9998", "maxAssets": "10000", "sizeBytes": "0", "maxSizeBytes": "1"}}

    full = replace(published, engine=Full(published.engine._engine))
    with pytest.raises(EngineError, match=r"has 9,998 of at most 10,000 assets, and 5 more"):
        full.publish()
    assert full.engine.written == []


def test_a_project_that_may_not_be_written_is_told_with_the_role(published):
    def refuse(*arguments):
        raise AssetMissing("Permission 'earthengine.assets.create' denied on resource 'projects/x/assets' (or it may"
                           " not exist)", mend="check the id")

    for call in ("create_folder", "ingest_image"):
        published.engine.before = {call: refuse}
        with pytest.raises(EngineError, match="may not be written.*Earth Engine Resource Writer"):
            published.publish()


def test_a_folder_that_is_no_folder_is_told(published):
    published.publish()
    other = replace(published, config=replace(published.config, engine=replace(
        published.config.engine, folder="maps/west_2024_class_v1")))
    with pytest.raises(AssetExists, match="west_2024_class_v1 is image, not a folder"):
        other.publish()


def test_a_run_of_any_name_has_ids_that_the_service_takes(published):
    moved = published.run.path.with_name("my map (2)")
    published.run.path.rename(moved)
    renamed = replace(published, run=replace(published.run, path=moved))
    assert renamed.prepare().version.ids["class"] == f"{FOLDER}/my-map-2-_2024_class_v1"


@pytest.mark.parametrize("route", routes.ROUTES)
def test_objects_of_cloud_storage_take_the_same_ways(published, monkeypatch, route):
    # The embedded engine answers Cloud Storage's requests, too.
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", ee.data._get_state().api_base_url.removesuffix("/api"))
    bucket = published.engine.buckets / "agrispec-local"
    bucket.mkdir(parents=True, exist_ok=True)
    cloud = replace(published.engine._engine, buckets=None, credentials=AnonymousCredentials())
    through = replace(published, engine=type(published.engine)(cloud))
    assert through.prepare(route).place == "US"
    assert list(through.publish(route)["compared"].values()) == [83 * 70] * 4 + [3]
    assert len(published.objects()) == (4 if route == "cog" else 0)
    assert through.publish(route)["new"] == []
