"""Routes that are neither computed pixels nor operations: table downloads, listFeatures, settings, external images,
filters of lists."""

import csv
import io
import json
import urllib.error
import urllib.request
import zipfile
from datetime import UTC, datetime

import ee
import numpy as np
import pytest
import rasterio
import shapely

RNG = np.random.default_rng(11)
PIXELS = RNG.integers(1, 200, (2, 50, 70)).astype(np.uint8)


@pytest.fixture(scope="module")
def table(running):
    name = f"{running.home}/plots"
    running.tree.write_table(name, properties=[{"crop": "wheat" if row % 2 else "maize", "area": row / 2, "row": row}
                                               for row in range(12)],
                             geometries=[bytes(shapely.to_wkb(shapely.Point(4 + row / 10, 48))) for row in range(12)])
    return name


def content(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read(), answer.headers


def test_a_table_is_downloaded_as_csv_with_the_properties_selected(table):
    text, headers = content(ee.FeatureCollection(table).getDownloadURL("CSV", ["crop", "area"], "my plots"))
    assert headers["Content-Type"].startswith("text/csv")
    assert headers["Content-Disposition"] == 'attachment; filename="my_plots.csv"'
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert rows[:2] == [{"crop": "maize", "area": "0.0"}, {"crop": "wheat", "area": "0.5"}]
    assert len(rows) == 12


def test_a_table_is_downloaded_as_geojson(table):
    text, _ = content(ee.FeatureCollection(table).filter(ee.Filter.gte("row", 10)).getDownloadURL("JSON"))
    found = json.loads(text)
    assert found["type"] == "FeatureCollection"
    assert [feature["properties"] for feature in found["features"]] == [
        {"crop": "maize", "area": 5, "row": 10}, {"crop": "wheat", "area": 5.5, "row": 11}]
    assert found["features"][1]["geometry"] == {"type": "Point", "coordinates": [5.1, 48]}


def test_an_empty_table_is_downloaded_without_rows(table):
    nothing = ee.FeatureCollection(table).filter(ee.Filter.gt("row", 99))
    assert content(nothing.getDownloadURL("CSV", ["crop"]))[0] == b"crop\n"


@pytest.mark.parametrize("file_format", ["KML", "KMZ", "TFRECORD"])
def test_other_downloads_of_tables_are_refused_by_name(table, file_format):
    with pytest.raises(ee.EEException, match="downloads tables as CSV and GeoJSON, not"):
        ee.FeatureCollection(table).getDownloadURL(file_format)


def test_a_faulty_table_is_refused_when_its_address_is_asked_for(running):
    with pytest.raises(ee.EEException, match="nothing' not found"):
        ee.FeatureCollection(f"{running.home}/nothing").getDownloadURL("CSV")
    with pytest.raises(urllib.error.HTTPError) as refused:
        content(f"{running.url}/v1/projects/agrispec-local/tables/0123:getFeatures")
    with refused.value as answer:
        assert answer.code == 404


def rows_of(table, **options):
    """The rows that listFeatures gives, over all of its pages."""
    found, request = [], {"assetId": table, **options}
    while True:
        page = ee.data.listFeatures(request)
        found += [feature["properties"]["row"] for feature in page["features"]]
        if "nextPageToken" not in page:
            return found
        request["pageToken"] = page["nextPageToken"]


def test_rows_of_a_table_are_listed_in_pages_by_region_and_by_filter(table):
    assert rows_of(table) == list(range(12))
    assert rows_of(table, pageSize=5) == list(range(12))
    assert rows_of(table, filter='crop = "wheat" AND area < 3', pageSize=1) == [1, 3, 5]
    region = shapely.to_geojson(shapely.box(4.15, 47, 4.55, 49))
    assert rows_of(table, region=region) == [2, 3, 4, 5]
    assert rows_of(table, region=region, filter="NOT crop:wheat") == [2, 4]


@pytest.mark.parametrize("options", [{"filter": "crop"}, {"filter": "(row = 1"}, {"region": "POINT("},
                                     {"filter": "row ="}, {"filter": "row = 1)"}, {"filter": '"row'}])
def test_what_is_no_filter_is_refused(table, options):
    with pytest.raises(ee.EEException, match="Invalid filter"):
        ee.data.listFeatures({"assetId": table, **options})


# https://google.aip.dev/160: OR binds closer than AND, a missing field fulfils no comparison.
@pytest.mark.parametrize(("condition", "days"), [
    ("", [1, 2, 3, 4]), ("properties.cloud > 15", [2, 3, 4]), ("properties.cloud > 15 AND properties.tile = A", [3]),
    ("properties.tile = A OR properties.tile = B AND properties.cloud < 25", [1, 2]),
    ("(properties.tile = A AND properties.cloud < 15) OR properties.cloud = 20", [1, 2]),
    ("NOT properties.tile = A", [2, 4]), ("-properties.tile = A", [2, 4]), ("properties.tile:*", [1, 2, 3]),
    ("NOT properties.tile:*", [4]), ("properties.tile != A", [2]), ('properties.name = "i*"', [1, 2, 3, 4]),
    ('properties.name = "*3"', [3]), ('startTime >= "2024-05-03T00:00:00Z"', [3, 4]),
    ('startTime < 2024-05-02', [1]), ("type = IMAGE properties.cloud <= 20", [1, 2]), ("type = TABLE", []),
    ('properties.name = "say \\"i3\\""', []), ('intersects("POINT(3.001 48.749)")', [1, 2, 3, 4]),
    ("NOT intersects(\"{'type': 'Point', 'coordinates': [3.001, 48.749]}\")", []),
    ('updateTime > "2020-01-01T00:00:00Z"', [1, 2, 3, 4])])
def test_assets_are_listed_by_conditions(running, condition, days):
    folder = f"{running.home}/filtered"
    if not running.tree.exists(folder):
        running.tree.create_collection(folder)
        for day in range(1, 5):
            running.tree.write_image(f"{folder}/i{day}", arrays={"b": PIXELS[0]}, grid=running.grid,
                                     properties={"cloud": 10 * day, "name": f"i{day}",
                                                 "tile": {1: "A", 2: "B", 3: "A"}.get(day)},
                                     time_start=datetime(2024, 5, day, tzinfo=UTC))
    found = ee.data.listAssets({"parent": folder, "filter": condition})["assets"]
    assert [asset["id"].rpartition("/")[2] for asset in found] == [f"i{day}" for day in days]


@pytest.mark.parametrize(("file_format", "names"), [("ZIPPED_GEO_TIFF", ["two.tif"]),
                                                      (None, ["two.a.tif", "two.b.tif"])])
def test_an_image_is_downloaded_as_zipped_geotiffs(running, file_format, names):
    asset_id = f"{running.home}/zipped"
    running.tree.write_image(asset_id, arrays={"a": PIXELS[0], "b": PIXELS[1]}, grid=running.grid, overwrite=True)
    url = ee.Image(asset_id).getDownloadURL({"name": "two", "crs": running.grid.crs,
                                             "crs_transform": list(running.grid.transform),
                                             **({"format": file_format} if file_format else {})})
    packed, headers = content(url)
    assert headers["Content-Disposition"] == 'attachment; filename="two.zip"'
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == names
        found = []
        for name in names:
            with rasterio.MemoryFile(archive.read(name)) as memory, memory.open() as source:
                assert tuple(source.transform)[:6] == running.grid.transform
                found += [*source.read()]
    np.testing.assert_array_equal(found, PIXELS)


def test_the_settings_of_the_project_are_read_and_changed():
    before = ee.data.getProjectConfig()
    assert before["maxConcurrentExports"] == 2
    assert ee.data.updateProjectConfig({"maxConcurrentExports": 1})["maxConcurrentExports"] == 1
    assert ee.data.getProjectConfig()["maxConcurrentExports"] == 1
    with pytest.raises(ee.EEException, match="between 1 and 2, not 3"):
        ee.data.updateProjectConfig({"maxConcurrentExports": 3})
    ee.data.updateProjectConfig(before)


@pytest.mark.parametrize(("uri", "words"), [
    ("gs://bucket/x.tfrecord", "made of cloud optimized GeoTIFFs, not of gs://bucket/x.tfrecord"),
    ("gs://bucket/missing.tif", "no such object")])
def test_what_is_no_geotiff_in_a_bucket_is_refused_as_an_external_image(running, uri, words):
    with pytest.raises(ee.EEException, match=words):
        ee.data.startExternalImageIngestion({"name": f"{running.home}/no",
                                             "tilesets": [{"sources": [{"uris": [uri]}]}]})
    assert not running.tree.exists(f"{running.home}/no")


@pytest.mark.parametrize("kind", ["video", "filmstrip"])
def test_moving_pictures_are_refused_by_name(kind):
    collection = ee.ImageCollection([ee.Image.constant([1, 2, 3]).byte()])
    with pytest.raises(ee.EEException, match=f"does not make what {kind}Thumbnails.create asks for"):
        ee.data.getThumbId({"image": collection, "dimensions": [8, 8]}, thumbType=kind)


def test_measured_seconds_are_those_of_the_processor(running):
    heavy = ee.Image.pixelLonLat()
    for number in range(30):
        heavy = heavy.divide(number + 2).add(heavy)
    task = ee.batch.Export.image.toCloudStorage(heavy.toFloat(), "heavy", "bucket", "heavy", crs=running.grid.crs,
                                                crsTransform=list(running.grid.transform), dimensions=[1000, 600])
    done = running.exported(task)["metadata"]
    assert done["state"] == "SUCCEEDED"
    moments = [datetime.fromisoformat(done[key]) for key in ("startTime", "endTime")]
    # Other threads of the process may compute at the same time, so no more than two processors' time.
    assert 0 < done["batchEecuUsageSeconds"] < 2 * (moments[1] - moments[0]).total_seconds() + 0.1
    assert task.status()["attempt"] == 1
    assert task.status()["batch_eecu_usage_seconds"] == done["batchEecuUsageSeconds"]
