"""Table manifests through the real client."""

import ee
import pytest
import shapely


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
    ("shape", "geometry\nPOLYGON((\n", "line 2: the geometry cannot be read"),
])
def test_a_bad_line_is_named_and_leaves_no_asset(running, name, text, words):
    done = ingest(running, name, text)
    assert words in done["error"]["message"]
    assert not running.tree.exists(f"{running.home}/{name}")


def test_a_request_id_is_honoured_and_other_formats_are_refused(running):
    running.object("tables").mkdir(parents=True, exist_ok=True)
    running.object("tables/once.csv").write_text("a\n1\n")
    wanted = {"name": f"{running.home}/once", "sources": [{"uris": ["gs://bucket/tables/once.csv"]}]}
    first = ee.data.startTableIngestion("the-same", wanted)
    assert ee.data.startTableIngestion("the-same", wanted)["id"] == first["id"]
    with pytest.raises(ee.EEException, match="one CSV file, not from gs://bucket/x.zip"):
        ee.data.startTableIngestion("zip", {"name": f"{running.home}/z", "sources": [{"uris": ["gs://bucket/x.zip"]}]})
