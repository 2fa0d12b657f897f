"""Features through the real client: computed, listed and downloaded."""

import csv
import io
import json
import urllib.error
import urllib.request

import ee
import pytest
import shapely


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


def test_features_come_in_pages_of_one_result(running):
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([4 + i / 100, 48]), {"row": i}) for i in range(25)])
    page, found = {"expression": points, "pageSize": 10}, []
    sizes = []
    while True:
        answer = ee.data.computeFeatures(page)
        sizes.append(len(answer["features"]))
        found += answer["features"]
        if "nextPageToken" not in answer:
            break
        page["pageToken"] = answer["nextPageToken"]
    assert sizes == [10, 10, 5]
    assert [feature["properties"]["row"] for feature in found] == list(range(25))
    assert shapely.from_geojson(str(found[3]["geometry"]).replace("'", '"')).equals(shapely.Point(4.03, 48))


def test_pages_are_of_one_state_of_the_assets(running):
    name = f"{running.home}/paged"
    running.tree.write_table(name, properties=[{"v": 1}] * 4, geometries=[None] * 4)
    first = ee.data.computeFeatures({"expression": ee.FeatureCollection(name), "pageSize": 2})
    running.tree.write_table(name, properties=[{"v": 2}] * 4, geometries=[None] * 4, overwrite=True)
    second = ee.data.computeFeatures({"expression": ee.FeatureCollection(name), "pageSize": 2,
                                      "pageToken": first["nextPageToken"]})
    assert [f["properties"]["v"] for f in first["features"] + second["features"]] == [1, 1, 1, 1]
    again = ee.data.computeFeatures({"expression": ee.FeatureCollection(name)})
    assert [f["properties"]["v"] for f in again["features"]] == [2, 2, 2, 2]


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
