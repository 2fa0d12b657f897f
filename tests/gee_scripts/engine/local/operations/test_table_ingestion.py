"""Table manifests through the real client."""

import os
import re
import struct
import zipfile
from pathlib import Path

import ee
import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer


def ingest(running, name, text, **source):
    path = running.object(f"tables/{name}.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    started = ee.data.startTableIngestion(ee.data.newTaskId()[0], {
        "name": f"{running.home}/{name}", "properties": {"year": 2024},
        "sources": [{"uris": [f"gs://bucket/tables/{name}.csv"], **source}]}, True)
    return running.finished(started["name"])


def test_numbers_are_numbers_codes_with_zeros_are_text_and_gaps_are_absent(running):
    done = ingest(running, "types", "id,code,area,n,longitude,latitude\na,012,1.5,3,4.5,48.5\nb,7,,4,4.6,48.6\n")
    assert done["metadata"]["state"] == "SUCCEEDED"
    table = running.tree.table(f"{running.home}/types")
    first, second = table.properties
    assert (first["code"], first["area"], first["n"]) == ("012", 1.5, 3)
    assert "area" not in second
    assert isinstance(second["n"], int)
    assert [shapely.from_wkb(g) for g in table.geometries] == [shapely.Point(4.5, 48.5), shapely.Point(4.6, 48.6)]
    assert running.tree.get(f"{running.home}/types").properties == {"year": 2024}


def test_ids_and_long_integers_arrive_as_they_are_written(running):
    done = ingest(running, "ids", "id,n,m\n2023_1,9007199254740993,9223372036854775808\n2023_2,2,3\n")
    assert done["metadata"]["state"] == "SUCCEEDED", done
    assert [(row["id"], row["n"], row["m"]) for row in running.tree.table(f"{running.home}/ids").properties] == [
        ("2023_1", 9007199254740993, "9223372036854775808"), ("2023_2", 2, "3")]


@pytest.mark.parametrize(("name", "properties"), [
    ("none", [{}, {}]), ("first", [{}, {"a": 1.5, "b": "x"}, {"c": [1.0, 2.0]}, {}]), ("last", [{"a": 1.5}, {}])])
def test_records_of_a_tfrecord_need_not_have_all_properties(running, name, properties):
    table = ee.FeatureCollection([ee.Feature(None, each) for each in properties])
    task = ee.batch.Export.table.toCloudStorage(table, "t", "bucket", f"tables/sparse-{name}", "TFRecord")
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    done = start(running, f"sparse-{name}", f"gs://bucket/tables/sparse-{name}.tfrecord.gz")
    assert done["metadata"]["state"] == "SUCCEEDED", done
    found = ee.FeatureCollection(f"{running.home}/sparse-{name}").getInfo()["features"]
    assert [each["properties"] for each in found] == properties


def test_a_property_of_a_tfrecord_that_changes_its_length_is_named(running):
    table = ee.FeatureCollection([ee.Feature(None, {"a": [1, 2]}), ee.Feature(None, {"a": [1, 2, 3]})])
    task = ee.batch.Export.table.toCloudStorage(table, "t", "bucket", "tables/uneven", "TFRecord")
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    done = start(running, "uneven", "gs://bucket/tables/uneven.tfrecord.gz")
    assert "holds 'a' as float, of 2 to 3 values a record" in done["error"]["message"]


def test_text_of_a_tfrecord_stays_text(running):
    table = ee.FeatureCollection([ee.Feature(None, {"code": "7", "v": 1.5})])
    task = ee.batch.Export.table.toCloudStorage(table, "t", "bucket", "tables/text", "TFRecord")
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    assert start(running, "text", "gs://bucket/tables/text.tfrecord.gz")["metadata"]["state"] == "SUCCEEDED"
    row, = running.tree.table(f"{running.home}/text").properties
    assert (row["code"], row["v"]) == ("7", 1.5)


@pytest.mark.parametrize(("name", "cell"), [("wkt", '"POLYGON ((4 48, 5 48, 5 49, 4 48))"'), ("json", (
    '"{""type"": ""Polygon"", ""coordinates"": [[[4, 48], [5, 48], [5, 49], [4, 48]]]}"'))])
def test_geometries_are_read_as_wkt_and_as_geojson(running, name, cell):
    ingest(running, name, f"parcel,geometry\np1,{cell}\np2,\n")
    table = running.tree.table(f"{running.home}/{name}")
    assert shapely.from_wkb(table.geometries[0]).equals(shapely.Polygon([(4, 48), (5, 48), (5, 49)]))
    assert table.geometries[1] is None
    assert [row["parcel"] for row in table.properties] == ["p1", "p2"]


@pytest.mark.parametrize(("name", "text", "words"), [
    ("short", "a,b\n1\n", "line 2: 1 values for 2 columns"),
    ("twice", "a,a\n1,2\n", "two columns of one name"),
    ("place", "longitude,latitude\n4.5,x\n", "line 2: '4.5', 'x' are not coordinates"),
    ("score", "longitude,latitude\n4_5,48\n", "line 2: '4_5', '48' are not coordinates"),
    ("nowhere", "longitude,latitude\nnan,48\n", "line 2: 'nan', '48' are not coordinates"),
    ("shape", "geometry\nPOLYGON((\n", "line 2: the geometry cannot be read"),
])
def test_a_bad_line_is_named_and_leaves_no_asset(running, name, text, words):
    done = ingest(running, name, text)
    assert words in done["error"]["message"]
    assert not running.tree.exists(f"{running.home}/{name}")


@pytest.mark.parametrize("field", ["csvDelimiter", "csvQualifier"])
def test_a_sign_of_two_characters_is_named(running, field):
    assert f"the {field} 'ab'" in ingest(running, "signs", "a,b\n1,2\n", **{field: "ab"})["error"]["message"]


def test_empty_signs_are_those_of_csv(running):
    done = ingest(running, "plain", 'a,b\n1,"2,3"\n', csvDelimiter="", csvQualifier="")
    assert done["metadata"]["state"] == "SUCCEEDED"
    assert [(row["a"], row["b"]) for row in running.tree.table(f"{running.home}/plain").properties] == [(1, "2,3")]


def test_empty_fields_of_a_source_are_absent_ones(running):
    done = ingest(running, "empties", "longitude,latitude,code\n3.5,50.5,07\n", charset="", csvDelimiter="",
                  csvQualifier="", xColumn="", yColumn="", primaryGeometryColumn="", crs="")
    assert done["metadata"]["state"] == "SUCCEEDED", done
    table = running.tree.table(f"{running.home}/empties")
    assert shapely.from_wkb(table.geometries[0]) == shapely.Point(3.5, 50.5)
    assert table.properties[0]["code"] == "07"


def test_a_request_id_is_honoured(running):
    running.object("tables").mkdir(parents=True, exist_ok=True)
    running.object("tables/once.csv").write_text("a\n1\n")
    wanted = {"name": f"{running.home}/once", "sources": [{"uris": ["gs://bucket/tables/once.csv"]}]}
    first = ee.data.startTableIngestion("the-same", wanted)
    assert ee.data.startTableIngestion("the-same", wanted)["id"] == first["id"]


# What `earthengine upload table` takes, and nothing else.
@pytest.mark.parametrize("names", [("x.geojson",), ("x.kml",), ("x.parquet",), ("x.gpkg",), ("x",), ("a.csv", "b.csv"),
                                   ("x.csv", "x.dbf"), ("x.dbf",), ("x.tfrecord", "x.json")])
def test_other_formats_are_refused_by_name(running, names):
    uris = [f"gs://bucket/{name}" for name in names]
    with pytest.raises(ee.EEException, match=r"one \.csv, \.tfrecord, \.shp or \.zip file .*not of " + uris[0]):
        ee.data.startTableIngestion("other" + names[0], {"name": f"{running.home}/o", "sources": [{"uris": uris}]})


def start(running, name, *uris, **more):
    started = ee.data.startTableIngestion(ee.data.newTaskId()[0], {
        "name": f"{running.home}/{name}", "sources": [{"uris": list(uris)}], **more}, True)
    return running.finished(started["name"])


def test_an_exported_tfrecord_table_comes_back(running):
    features = ee.FeatureCollection([
        ee.Feature(None, {"name": f"p{row}", "v": row / 2, "longitude": 4 + row / 8, "latitude": 48})
        for row in range(5)])
    task = ee.batch.Export.table.toCloudStorage(features, "t", "bucket", "tables/t", "TFRecord")
    assert running.exported(task)["metadata"]["state"] == "SUCCEEDED"
    done = start(running, "records", "gs://bucket/tables/t.tfrecord.gz", startTime="2024-05-01T00:00:00Z")
    assert done["metadata"]["state"] == "SUCCEEDED", done
    table = running.tree.table(f"{running.home}/records")
    assert [(row["name"], row["v"]) for row in table.properties] == [(f"p{row}", row / 2) for row in range(5)]
    assert shapely.from_wkb(table.geometries[3]) == shapely.Point(4.375, 48)
    assert running.tree.get(f"{running.home}/records").properties == {"system:time_start": 1714521600000}


OUTER, HOLE = [(0, 0), (0, 9), (9, 9), (9, 0), (0, 0)], [(2, 2), (4, 2), (4, 4), (2, 4), (2, 2)]
ISLAND = [(2.5, 2.5), (2.5, 3.5), (3.5, 3.5), (3.5, 2.5), (2.5, 2.5)]
FAR = [(20, 0), (20, 1), (21, 1), (21, 0), (20, 0)]


def record(number, kind, body):
    content = struct.pack("<i", kind) + body
    return struct.pack(">2i", number, len(content) // 2) + content


def parts(rings):
    points = [point for ring in rings for point in ring]
    starts = np.cumsum([0, *(len(ring) for ring in rings)])[:-1]
    return struct.pack("<4d", 0, 0, 0, 0) + struct.pack(f"<2i{len(rings)}i", len(rings), len(points), *starts) + \
        b"".join(struct.pack("<2d", *point) for point in points)


def shapefile_of(records, rows, fields, crs="EPSG:4326"):
    """The four files of a shapefile, written as its description says."""
    body = b"".join(records)
    header = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2) + struct.pack("<2i8d", 1000, 5, *[0] * 8)
    size = 1 + sum(width for _, _, width in fields)
    columns = b"".join(name.encode().ljust(11, b"\0") + kind.encode() + bytes(4) + bytes([width, 0]) + bytes(14)
                       for name, kind, width in fields)
    dbf = bytes([3, 124, 5, 1]) + struct.pack("<IHH", len(rows), 33 + len(columns), size) + bytes(20) + columns + b"\r"
    for deleted, *values in rows:
        dbf += (b"*" if deleted else b" ") + b"".join(
            value.encode().ljust(width) for value, (_, _, width) in zip(values, fields, strict=True))
    return {".shp": header + body, ".shx": b"", ".dbf": dbf + b"\x1a", ".prj": CRS(crs).to_wkt("WKT1_ESRI").encode()}


FILES = shapefile_of(
    [record(1, 5, parts([OUTER, HOLE, ISLAND, FAR])), record(2, 0, b""), record(3, 3, parts([[(0, 0), (1, 1)]])),
     record(4, 1, struct.pack("<2d", 7, 8)), record(5, 5, parts([FAR])),
     record(6, 8, struct.pack("<4d", 0, 0, 0, 0) + struct.pack("<i4d", 2, 1, 2, 3, 4))],
    [(False, "wheat", "12", "1.5", "T"), (False, "", "", "", "?"), (False, "é", "-3", "2", "F"),
     (False, "a", "0", "0", "y"), (True, "gone", "0", "0", "T"), (False, "b", "1", "1", "n")],
    [("crop", "C", 8), ("code", "N", 6), ("area", "F", 8), ("seen", "L", 1)])
SHAPES = [shapely.MultiPolygon([shapely.Polygon(OUTER, [HOLE]), shapely.Polygon(ISLAND), shapely.Polygon(FAR)]), None,
          shapely.LineString([(0, 0), (1, 1)]), shapely.Point(7, 8), shapely.MultiPoint([(1, 2), (3, 4)])]


def stored(running, name, files):
    """The address of a shapefile in the bucket, as files beside each other or zipped."""
    folder = running.object(f"shapes/{name}.shp").parent
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in files.items():
        (folder / f"{name}{ending}").write_bytes(content)
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for ending, content in files.items():
            archive.writestr(f"inside/{name}{ending}", content)
        archive.writestr(f"__MACOSX/inside/._{name}.shp", b"x")
    return f"gs://bucket/shapes/{name}.shp"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_shapefile_becomes_a_table_without_its_deleted_rows(running, zipped):
    uri = stored(running, "parcels", FILES)
    done = start(running, "parcels", uri.replace(".shp", ".zip") if zipped else uri)
    assert done["metadata"]["state"] == "SUCCEEDED", done
    table = running.tree.table(f"{running.home}/parcels")
    rows = [{name: value for name, value in row.items() if name != "system:index" and value is not None}
            for row in table.properties]
    assert rows == [{"crop": "wheat", "code": 12, "area": 1.5, "seen": 1}, {},
                    {"crop": "é", "code": -3, "area": 2, "seen": 0},
                    {"crop": "a", "code": 0, "area": 0, "seen": 1}, {"crop": "b", "code": 1, "area": 1, "seen": 0}]
    for found, expected in zip(table.geometries, SHAPES, strict=True):
        assert (found is None) == (expected is None)
        assert found is None or shapely.from_wkb(found).equals(expected)


def test_a_shapefile_in_metres_is_placed_in_degrees(running):
    files = shapefile_of([record(1, 1, struct.pack("<2d", 500000, 5400000))], [(False, "1")], [("v", "N", 3)],
                         "EPSG:32631")
    start(running, "metres", stored(running, "metres", files))
    found = shapely.from_wkb(running.tree.table(f"{running.home}/metres").geometries[0])
    expected = Transformer.from_crs(32631, 4326, always_xy=True).transform(500000, 5400000)
    np.testing.assert_allclose([found.x, found.y], expected, atol=1e-7)


@pytest.mark.parametrize(("harm", "words"), [
    (lambda files: files.pop(".prj"), r"lacks \.prj"), (lambda files: files.pop(".shx"), r"lacks \.shx"),
    (lambda files: files.update({".shp": files[".shp"][:150]}), "record 1: it is cut off"),
    (lambda files: files.update({".shp": b"PK"}), "is not a shapefile"),
    (lambda files: files.update({".dbf": files[".dbf"][:-40]}), "cut off after 4 of 6 rows"),
    (lambda files: files.update({".dbf": b""}), "its .dbf file cannot be read"),
    (lambda files: files.update({".prj": b"nowhere"}), "its .prj file cannot be read"),
    (lambda files: files.update({".shp": files[".shp"] + record(7, 31, b"")}), "record 7: shapes of type 31"),
    (lambda files: files.update({".shp": files[".shp"] + record(7, 0, b"")}), "7 shapes and 6 rows")])
def test_a_broken_shapefile_fails_with_a_sentence(running, harm, words):
    files = dict(FILES)
    harm(files)
    for ending in (".shp", ".shx", ".dbf", ".prj"):
        running.object(f"shapes/broken{ending}").unlink(missing_ok=True)
    uri = stored(running, "broken", files)
    for address in (uri, uri.replace(".shp", ".zip")):
        done = start(running, "broken", address)
        assert re.search(words, done["error"]["message"]), done
        assert not running.tree.exists(f"{running.home}/broken")


def test_what_is_no_zip_file_fails_with_a_sentence(running):
    running.object("shapes").mkdir(parents=True, exist_ok=True)
    running.object("shapes/no.zip").write_bytes(b"PK no")
    assert "cannot be unpacked" in start(running, "no", "gs://bucket/shapes/no.zip")["error"]["message"]


def test_a_real_shapefile_fills_the_bounds_that_its_header_names(running):
    folder = os.environ.get("AGRISPEC_TEST_DATA")
    source = Path(folder or ".", "parcels", "LEM_dataset.shp")
    if not source.exists():
        pytest.skip("AGRISPEC_TEST_DATA does not name a folder with parcels/LEM_dataset.shp")
    uri = stored(running, "lem", {each.suffix: each.read_bytes() for each in source.parent.glob("LEM_dataset.*")
                                  if each.suffix in (".shp", ".shx", ".dbf", ".prj")})
    done = start(running, "lem", uri)
    assert done["metadata"]["state"] == "SUCCEEDED", done
    table = running.tree.table(f"{running.home}/lem")
    assert len(table.geometries) == (source.with_suffix(".shx").stat().st_size - 100) // 8
    west, south, east, north = struct.unpack_from("<4d", source.read_bytes(), 36)
    change = Transformer.from_crs(CRS.from_wkt(source.with_suffix(".prj").read_text()), 4326, always_xy=True)
    bounds = shapely.total_bounds(shapely.from_wkb(np.array(table.geometries)))
    np.testing.assert_allclose(bounds, change.transform_bounds(west, south, east, north), atol=2e-3)
    assert shapely.is_valid(shapely.from_wkb(np.array(table.geometries))).mean() > 0.95
