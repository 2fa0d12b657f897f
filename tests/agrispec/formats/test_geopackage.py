"""A GeoPackage holds the table that it was made of, as SQLite and GDAL read it, and the same bytes each time."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely

from agrispec.formats import geopackage

BOXES = shapely.box(np.arange(3) + 4.5, 48.7, np.arange(3) + 4.6, [48.8, 48.9, 49.0])
HOLED = shapely.Polygon(BOXES[0].exterior, [shapely.box(4.52, 48.72, 4.53, 48.73).exterior])
MIXED = np.array([HOLED, shapely.MultiPolygon([BOXES[1], BOXES[2]]), BOXES[2]])
# A GeoPackage's geometry: 8 bytes of header, the bounds as 4 floats, then WKB.
# https://www.geopackage.org/spec131/#gpb_format
HEADER = 40


def table_of(shapes, **columns):
    return pa.table({"parcel_id": ["0012", "é, \"b\"", "c"], "class": pa.array([3, 0, 2**40], pa.int64()),
                     "probability": [0.7013, None, 1 / 3], **columns,
                     "geometry": pa.array(shapely.to_wkb(shapes), pa.binary())})


def read(path, columns):
    with closing(sqlite3.connect(path)) as found:
        rows = found.execute(f"select {', '.join(columns)} from parcels").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_sqlite_reads_what_was_written(tmp_path):
    table = table_of(BOXES)
    geopackage.write(tmp_path / "a.gpkg", table, "parcels")
    found = read(tmp_path / "a.gpkg", table.column_names)
    for row in found:
        row["geometry"] = shapely.from_wkb(row["geometry"][HEADER:])
    assert found == [row | {"geometry": shape} for row, shape in zip(table.to_pylist(), BOXES, strict=True)]
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as content:
        assert content.execute("select table_name, column_name, geometry_type_name, srs_id from gpkg_geometry_columns"
                               ).fetchall() == [("parcels", "geometry", "POLYGON", 4326)]


def test_polygons_and_multipolygons_are_one_layer_of_the_same_outlines(tmp_path):
    geopackage.write(tmp_path / "a.gpkg", table_of(MIXED), "parcels")
    found = shapely.from_wkb([row["geometry"][HEADER:] for row in read(tmp_path / "a.gpkg", ["geometry"])])
    assert pyogrio.read_info(tmp_path / "a.gpkg")["geometry_type"] == "MultiPolygon"
    assert shapely.equals(found, MIXED).all()


@pytest.mark.parametrize("name", ["fid", "FID", "ogc_fid", "row"])
def test_whatever_the_ids_are_called_they_stay_a_column(tmp_path, name):
    table = table_of(BOXES).rename_columns([name, "class", "probability", "geometry"])
    geopackage.write(tmp_path / "a.gpkg", table, "parcels")
    assert [row[name] for row in read(tmp_path / "a.gpkg", [name])] == table.column(name).to_pylist()


def test_of_no_row_there_is_an_empty_layer(tmp_path):
    table = table_of(BOXES).slice(0, 0).append_column("class_name", pa.array([], pa.null()))
    geopackage.write(tmp_path / "a.gpkg", table, "parcels")
    assert read(tmp_path / "a.gpkg", ["class_name"]) == []


def test_the_same_table_makes_the_same_bytes_whenever_it_is_written(tmp_path):
    for name in ("a.gpkg", "b.gpkg"):
        geopackage.write(tmp_path / name, table_of(MIXED), "parcels")
        time.sleep(0.01)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
