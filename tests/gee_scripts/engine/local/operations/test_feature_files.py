"""Tables exported by the real client: files compared with what csv, json and our record reader find."""

import csv
import json
import subprocess
import sys

import ee
import numpy as np
import pytest
import shapely

from agrispec.formats import example

# In a process of its own: TensorFlow, which other tests load, and `tfrecord` define the same messages.
NAMES_BY_TFRECORD = """
import json, sys
from tfrecord import example_pb2, reader
records = reader.tfrecord_iterator(sys.argv[1], compression_type="gzip")
print(json.dumps([sorted(example_pb2.Example.FromString(bytes(record)).features.feature) for record in records]))
"""


def test_a_tfrecord_table_is_one_gzip_file_of_floats_and_bytes_in_order(running, points):
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


@pytest.mark.parametrize("properties", [[{}, {}, {}], [{}, {"a": 1}, {}, {}, {"a": 2, "b": "x"}, {}], [{"a": 1}, {}]])
def test_a_feature_without_properties_is_an_empty_record(running, properties):
    table = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([4, 48]), each) for each in properties])
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        collection=table, description="t", bucket="bucket", fileNamePrefix="tables/empty", fileFormat="TFRecord"))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", NAMES_BY_TFRECORD,
                            running.object("tables/empty.tfrecord.gz")], check=True, capture_output=True)
    assert json.loads(found.stdout) == [sorted(each) for each in properties]


def test_array_properties_are_flattened_row_by_row(running, image, classes, share):
    cube = ee.ImageCollection([image.toFloat(), image.toFloat().multiply(2)]).toArray()
    x, y = running.grid.bounds[0] + 10 * np.arange(3) + 5, running.grid.bounds[3] - 5
    places = ee.FeatureCollection([
        ee.Feature(ee.Geometry.Point([x[i], y], running.grid.crs), {"row": i}) for i in range(3)])
    done = running.exported(ee.batch.Export.table.toCloudStorage(
        collection=cube.rename("cube").sampleRegions(places, ["row"], 10, running.grid.crs), description="t",
        bucket="bucket", fileNamePrefix="tables/array", fileFormat="TFRecord", selectors=["row", "cube"]))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    found = example.read(running.object("tables/array.tfrecord.gz"))
    expected = [[classes[0, i], share[0, i], 2 * classes[0, i], 2 * share[0, i]] for i in range(3) if classes[0, i]]
    np.testing.assert_allclose(found["cube"], expected, rtol=1e-6)


def test_a_csv_has_index_properties_and_geometry_unless_selected(running, points):
    for prefix, options in (("tables/all", {}), ("tables/some", {"selectors": ["name", "row"]})):
        running.exported(ee.batch.Export.table.toCloudStorage(
            collection=points(3), description="t", bucket="bucket", fileNamePrefix=prefix, fileFormat="CSV", **options))
    with running.object("tables/all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["system:index", "name", "odd", "row", ".geo"]
    assert [row["odd"] for row in rows] == ["", "1.5", ""]
    assert [shapely.from_geojson(row[".geo"]).x for row in rows] == [4, 4.1, 4.2]
    assert running.object("tables/some.csv").read_text() == "name,row\np0,0\np1,1\np2,2\n"


def test_a_geojson_table_is_readable(running, points):
    running.exported(ee.batch.Export.table.toCloudStorage(
        collection=points(3), description="t", bucket="bucket", fileNamePrefix="tables/g", fileFormat="GeoJSON"))
    document = json.loads(running.object("tables/g.geojson").read_text())
    assert [f["properties"]["row"] for f in document["features"]] == [0, 1, 2]
    assert len(shapely.from_geojson(json.dumps(document)).geoms) == 3


def test_a_table_asset_comes_back_as_the_same_features(running, points):
    name = f"{running.home}/table"
    done = running.exported(ee.batch.Export.table.toAsset(points(3), description="t", assetId=name))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    loaded = ee.FeatureCollection(name)
    assert loaded.aggregate_array("row").getInfo() == [0, 1, 2]
    found = ee.data.computeFeatures({"expression": loaded})["features"]
    assert found[1]["geometry"] == {"type": "Point", "coordinates": [4.1, 48]}
