"""Files of declared parcels are read as they come, and what cannot be read is said."""

import datetime
import json
import struct
from decimal import Decimal

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import ConfigError, DataError
from labels import declarations

SQUARES = np.array([shapely.box(5 + i / 100, 48, 5.005 + i / 100, 48.004) for i in range(7)], dtype=object)
NAMES = ["Blé", "Rübe", "Maïs", "Orge", "Blé", "Colza", "Blé"]
WRITERS = {"gpkg": geopandas.GeoDataFrame.to_file, "shp": geopandas.GeoDataFrame.to_file,
           "geojson": geopandas.GeoDataFrame.to_file, "parquet": geopandas.GeoDataFrame.to_parquet}


def frame(crs="EPSG:4326", **columns):
    made = geopandas.GeoDataFrame({"code": range(7), "name": NAMES, **columns}, geometry=SQUARES, crs="EPSG:4326")
    return made.to_crs(crs) if crs else made.set_crs(None, allow_override=True)


@pytest.fixture
def file(tmp_path):
    def write(made, name="parcels.gpkg", **options):
        WRITERS[name.rpartition(".")[2]](made, tmp_path / name, **options)
        return tmp_path / name
    return write


def everything(found, rows=3):
    batches = list(found.batches(["code", "name"], rows=rows))
    assert [batch.first for batch in batches] == list(range(0, 7, rows))
    outlines = np.concatenate([found.degrees(batch.outlines) for batch in batches])
    return outlines, [name for batch in batches for name in batch.columns["name"].to_pylist()]


@pytest.mark.parametrize("name", ["parcels.gpkg", "parcels.shp", "parcels.parquet"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2154", "EPSG:3035"])
def test_every_format_and_crs_gives_the_same_outlines_in_batches(file, name, crs):
    found = declarations.find(file(frame(crs), name))
    assert found.rows == 7
    assert found.columns[:2] == ("code", "name")
    outlines, names = everything(found)
    assert names == NAMES
    assert shapely.hausdorff_distance(outlines, SQUARES).max() < 1e-8


def test_geojson_is_in_degrees_and_its_outlines_are_flat(file):
    found = declarations.find(file(frame().set_geometry(shapely.force_3d(SQUARES, 7)), "parcels.geojson"))
    outlines, names = everything(found)
    assert names == NAMES
    assert not shapely.has_z(outlines).any()


def test_a_file_that_does_not_say_its_crs_is_refused_until_it_is_told(file):
    metres = frame("EPSG:2154").set_crs(None, allow_override=True)
    for name in ("parcels.gpkg", "parcels.shp"):
        with pytest.warns(UserWarning, match="crs"):
            path = file(metres, name)
        with pytest.raises(DataError, match="does not say its CRS; name it with --crs"):
            declarations.find(path)
        outlines, _ = everything(declarations.find(path, crs="EPSG:2154"))
        assert shapely.hausdorff_distance(outlines, SQUARES).max() < 1e-8


def test_geoparquet_without_a_crs_is_in_degrees_and_with_null_is_refused(file):
    path = file(frame(), "parcels.parquet")
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"geo"])

    def rewritten(column):
        about["columns"]["geometry"] = column
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
        return path

    assert everything(declarations.find(rewritten({"encoding": "WKB"})))[1] == NAMES
    with pytest.raises(DataError, match="does not say its CRS"):
        declarations.find(rewritten({"encoding": "WKB", "crs": None}))
    with pytest.raises(DataError, match="holds its outlines as polygon, not as WKB"):
        declarations.find(rewritten({"encoding": "polygon"}))
    with pytest.raises(DataError, match="is a Parquet file without outlines"):
        declarations.find(rewritten(None))
    about["primary_column"] = "outline"
    about["columns"]["outline"] = {"encoding": "WKB"}
    with pytest.raises(DataError, match="has no column 'outline', where its"):
        declarations.find(rewritten({"encoding": "WKB"}))


def test_a_crs_that_contradicts_the_file_is_refused_but_for_geojson(file):
    with pytest.raises(DataError, match="is in RGF93 v1 / Lambert-93, --crs says WGS 84; leave --crs out"):
        declarations.find(file(frame("EPSG:2154")), crs="EPSG:4326")
    wrong = declarations.find(file(frame(), "parcels.geojson"), crs="EPSG:2154")
    assert wrong.crs == "EPSG:2154"


def test_a_crs_that_is_none_is_refused(file):
    with pytest.raises(ConfigError, match="--crs EPSG:0 is no CRS"):
        declarations.find(file(frame()), crs="EPSG:0")


def test_a_crs_that_cannot_be_read_is_replaced_by_the_one_given(file):
    path = file(frame("EPSG:2154"), "parcels.parquet")
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"geo"])
    about["columns"]["geometry"]["crs"] = {"type": "none"}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), path)
    with pytest.raises(DataError, match="the CRS of .* cannot be read .*; name it with --crs"):
        declarations.find(path)
    outlines, _ = everything(declarations.find(path, crs="EPSG:2154"))
    assert shapely.hausdorff_distance(outlines, SQUARES).max() < 1e-8


def test_an_encoding_that_is_none_is_refused(file):
    for name in ("parcels.gpkg", "parcels.parquet"):
        with pytest.raises(ConfigError, match="--encoding foo is no encoding; name one"):
            declarations.find(file(frame(), name), encoding="foo")


def test_places_beyond_degrees_are_none(file):
    metres = frame("EPSG:2154").set_crs("EPSG:4326", allow_override=True)
    found = declarations.find(file(metres))
    assert shapely.is_missing(everything(found)[0]).all()


def test_outlines_on_both_sides_of_180_degrees_are_none_and_their_neighbours_are_kept(file):
    # The meridian is at 180,548 m east there (pyproj): the first lies beyond it, the second across.
    metres = [shapely.box(x, 8_118_000, x + 400, 8_118_400) for x in (179_900, 180_350, 180_900)]
    beside = geopandas.GeoDataFrame({"code": range(3), "name": NAMES[:3]}, geometry=metres, crs="EPSG:32701")
    found = declarations.find(file(beside))
    (batch,) = found.batches(["code"], rows=9)
    assert shapely.is_missing(found.degrees(batch.outlines)).tolist() == [False, True, False]


def test_of_several_layers_one_is_chosen(file):
    path = file(frame(), layer="2018")
    frame().to_file(path, layer="2019")
    with pytest.raises(DataError, match="has 2 layers: 2018, 2019; choose one with --layer"):
        declarations.find(path)
    assert declarations.find(path, layer="2019").layer == "2019"
    with pytest.raises(DataError, match="no layer '2020' with outlines; choose of 2018, 2019"):
        declarations.find(path, layer="2020")


def test_tables_without_outlines_are_no_layers(file):
    import pyogrio
    path = file(frame(), layer="parcels")
    pyogrio.write_dataframe(frame().drop(columns="geometry"), path, layer="legend")
    assert declarations.find(path).layer == "parcels"


def test_what_holds_no_parcels_is_refused(file, tmp_path):
    with pytest.raises(DataError, match=r"none.gpkg is not there"):
        declarations.find(tmp_path / "none.gpkg")
    (tmp_path / "text.gpkg").write_text("parcel,code\n")
    with pytest.raises(DataError, match=r"text.gpkg cannot be read"):
        declarations.find(tmp_path / "text.gpkg")
    with pytest.raises(DataError, match=r"empty.gpkg is empty: it has no row"):
        declarations.find(file(frame().iloc[:0], "empty.gpkg"))
    with pytest.raises(DataError, match=r"points.gpkg holds Point geometries; give the outlines"):
        declarations.find(file(frame().set_geometry(shapely.centroid(SQUARES)), "points.gpkg"))
    pq.write_table(pa.table({"code": [1]}), tmp_path / "plain.parquet")
    with pytest.raises(DataError, match="is a Parquet file without outlines"):
        declarations.find(tmp_path / "plain.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "plain.parquet").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"torn.parquet cannot be read"):
        declarations.find(tmp_path / "torn.parquet")


def test_a_column_that_is_not_there_is_named_with_those_that_are(file):
    with pytest.raises(DataError, match="has no column 'CULTURE'; choose of code, name"):
        list(declarations.find(file(frame())).batches(["CULTURE"], 3))


def test_a_shapefile_of_another_encoding_than_it_says_asks_for_it(file):
    path = file(frame(), "parcels.shp", encoding="ISO-8859-1")
    path.with_suffix(".cpg").write_text("UTF-8")

    def names(encoding):
        found = declarations.find(path, encoding=encoding)
        return [name for batch in found.batches(["code", "name"], 7)
                for name in declarations.texts(batch.columns["name"], "name")[0]]

    with pytest.raises(DataError, match="of another encoding than .* says; name it with --encoding"):
        names(None)
    assert names("ISO-8859-1") == list(dict.fromkeys(NAMES))


def test_a_file_that_ends_early_is_said_to(file):
    path = file(frame(), "parcels.parquet")
    content = bytearray(path.read_bytes())
    content[40:120] = bytes(80)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read after row 0"):
        list(declarations.find(path).batches(["code", "name"], 3))


def curve_polygon():
    """A circle as WKB: a CurvePolygon of one CircularString."""
    ring = np.array([(5, 48), (5.001, 48.001), (5.002, 48), (5.001, 47.999), (5, 48)], "<f8")
    return struct.pack("<BII", 1, 10, 1) + struct.pack("<BII", 1, 8, len(ring)) + ring.tobytes()


def test_curves_are_refused_with_how_to_flatten_them(file):
    found = declarations.find(file(frame()))
    with pytest.raises(DataError, match="an outline of .* is a curve; .*CONVERT_TO_LINEAR"):
        found.degrees(pa.array([curve_polygon()], pa.binary()))


@pytest.mark.parametrize("outline", [shapely.to_wkb(SQUARES[0])[:-9], b"", b"\x01\xff\x00\x00\x00"])
def test_damaged_outlines_are_not_called_curves(file, outline):
    with pytest.raises(DataError, match="an outline of .* is damaged .*; get the file again"):
        declarations.find(file(frame())).degrees(pa.array([outline], pa.binary()))


@given(values=st.one_of(*(st.lists(st.none() | each, min_size=1, max_size=20) for each in (
    st.integers(-(2 ** 40), 2 ** 40), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)))))
def test_texts_are_what_values_read_as(values):
    distinct, place = declarations.texts(pa.array(values), "code")
    expected = [None if value is None or not str(value).strip() else str(value).strip() for value in values]
    assert [distinct[at] if at >= 0 else None for at in place] == expected
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize(("values", "expected"), [
    (pa.array([12.0, 12.5, None, np.nan, np.inf]), ["12", "12.5", None, None, "inf"]),
    (pa.array([Decimal("12.00"), None]), ["12", None]),
    (pa.array(["12", " 12 ", "", "012"]), ["12", "12", None, "012"]),
    (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    (pa.nulls(2), [None, None])])
def test_codes_as_floats_blanks_and_categories_become_texts(values, expected):
    distinct, place = declarations.texts(values, "code")
    assert [distinct[at] if at >= 0 else None for at in place] == expected


def test_a_column_that_is_no_code_is_refused():
    with pytest.raises(DataError, match="column 'sown' is of type date32"):
        declarations.texts(pa.array([datetime.date(2018, 1, 1)]), "sown")
    with pytest.raises(DataError, match="column 'crops' is of type list"):
        declarations.texts(pa.array([["MIS"]]), "crops")


def test_real_declarations_are_read(real_data):
    found = declarations.find(real_data / "parcels" / "ref_african_crops_kenya_01_labels_00.geojson")
    assert (found.rows, found.crs) == (159, "EPSG:32636")
    outlines = np.concatenate([found.degrees(batch.outlines) for batch in found.batches(["Crop1"], rows=50)])
    frame = geopandas.read_file(found.path).to_crs(4326)
    assert shapely.equals_exact(outlines, frame.geometry.to_numpy(), 1e-9).all()
