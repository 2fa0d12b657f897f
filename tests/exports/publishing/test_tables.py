"""Rows arrive as they were, whatever their ids look like, and what differs is found."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from agrispec.errors import CorruptRecord, TaskFailed
from agrispec.formats.geoparquet import encode_table
from agrispec.season import Season
from exports.publishing import tables
from gee_scripts import export as graphs

FOLDER = "projects/agrispec-local/assets/maps"
ROWS = [{"field": name, "class": number, "probability": 0.5 + number,
         "geometry": {"type": "Point", "coordinates": [4.5, 48.7 + number / 100]}}
        for number, name in enumerate(("0012", "12"))]


@pytest.fixture
def engine(published):
    published.engine.create_folder(FOLDER)
    return published.engine


def table_of(rows):
    shapes = [shapely.to_wkb(shapely.geometry.shape(row["geometry"])) for row in rows]
    return pa.Table.from_pylist([{**row, "geometry": shape} for row, shape in zip(rows, shapes, strict=True)],
                                pa.schema([(name, pa.array([value]).type if name != "geometry" else pa.binary())
                                           for name, value in {**rows[0], **rows[-1]}.items()]))


def replace(engine, rows):
    return tables.replace(engine, "agrispec-local", table_of(rows), f"{FOLDER}/rows", {"season": 2023}, Season.of(2023),
                          lambda done: None)


def compare(engine, asset, rows):
    return tables.compare(engine, asset, table_of(rows), "field")


def test_ids_of_digits_stay_texts_and_a_lost_row_is_found(engine):
    replace(engine, ROWS)
    asset = graphs.table(f"{FOLDER}/rows")
    assert compare(engine, asset, ROWS) == 2
    with pytest.raises(TaskFailed, match="of 3 published parcels 1 are missing and 2 were found"):
        compare(engine, asset, [*ROWS, {**ROWS[0], "field": "13"}])
    with pytest.raises(TaskFailed, match="parcel '12' has class = 1 instead of 4"):
        compare(engine, asset, [ROWS[0], {**ROWS[1], "class": 4}])


SQUARE = {"type": "Polygon", "coordinates": [[[4.5, 48.7], [4.51, 48.7], [4.51, 48.71], [4.5, 48.71], [4.5, 48.7]]]}
TURNED = {"type": "Polygon", "coordinates": [[[4.51, 48.71], [4.51, 48.7], [4.5, 48.7], [4.5, 48.71], [4.51, 48.71]]]}
HOLED = {"type": "Polygon", "coordinates": [*SQUARE["coordinates"], [[4.503, 48.703], [4.504, 48.703], [4.504, 48.704],
                                                                     [4.503, 48.703]]]}
MOVED = {"type": "Polygon", "coordinates": [[[lon + 2e-6, lat] for lon, lat in SQUARE["coordinates"][0]]]}


@pytest.mark.parametrize(("arrived", "words"), [
    ([*ROWS, ROWS[1]], "of 2 published parcels 0 are missing and 3 were found"),
    ([ROWS[0], {**ROWS[1], "grown": 5}], "parcel '12' has grown = 5 instead of None"),
    ([{**ROWS[0], "geometry": ROWS[1]["geometry"]}, ROWS[1]], "parcel '0012' has another outline"),
    ([{**ROWS[0], "geometry": SQUARE}, ROWS[1]], "parcel '0012' has another outline")])
def test_rows_columns_and_places_that_nobody_sent_are_found(engine, arrived, words):
    replace(engine, arrived)
    with pytest.raises(TaskFailed, match=words):
        compare(engine, graphs.table(f"{FOLDER}/rows"), ROWS)


# The same corners, joined in another order; and the same two rings, one of which is no hole.
CROSSED = {"type": "Polygon", "coordinates": [[[4.5, 48.7], [4.51, 48.71], [4.51, 48.7], [4.5, 48.71], [4.5, 48.7]]]}
NOTCHED, MIRRORED = (
    {"type": "Polygon", "coordinates": [[[4.5 + x / 300, 48.7 + y / 300] for x, y in corners]]} for corners in (
        [(0, 0), (3, 0), (3, 3), (0, 3), (2, 1.5), (1, 1.5), (0, 0)],
        [(0, 0), (3, 0), (1, 1.5), (2, 1.5), (3, 3), (0, 3), (0, 0)]))
ISLAND = {"type": "MultiPolygon", "coordinates": [[ring] for ring in HOLED["coordinates"]]}


def nudged(outline):
    """An outline whose corners are off by less than is looked at, each in its own direction."""
    return json.loads(shapely.to_geojson(shapely.transform(
        shapely.geometry.shape(outline), lambda corners: corners + 1e-8 * np.sin(1e7 * corners[:, ::-1]))))


@pytest.mark.parametrize(("outline", "sent", "same"), [
    (TURNED, SQUARE, True), (nudged(TURNED), SQUARE, True), (nudged(HOLED), HOLED, True), (CROSSED, SQUARE, False),
    (nudged(CROSSED), SQUARE, False), (MIRRORED, NOTCHED, False), (nudged(NOTCHED), NOTCHED, True),
    (HOLED, SQUARE, False), (ISLAND, HOLED, False), (MOVED, SQUARE, False), (None, SQUARE, False)])
def test_outlines_are_compared_as_rings_and_not_as_corners(outline, sent, same):
    engine = SimpleNamespace(features=lambda asset: [{"properties": {"field": "a"}, "geometry": outline}])
    if same:
        assert compare(engine, "", [{"field": "a", "geometry": sent}]) == 1
        return
    with pytest.raises(TaskFailed, match="parcel 'a' has another outline"):
        compare(engine, "", [{"field": "a", "geometry": sent}])


def test_of_a_table_that_differs_everywhere_the_first_parcel_and_column_are_named(tmp_path):
    count = 3000
    sent = pa.table({"field": [f"p{number}" for number in range(count)], "class": pa.array(range(count), pa.int64()),
                     "name": ["", *["wheat"] * (count - 1)], "share": np.linspace(0, 1, count),
                     "geometry": pa.array([shapely.Point(4.5, 48.7).wkb] * count, pa.binary())})
    def arrived(**changes):
        rows = [{name: value for name, value in row.items() if name != "geometry"} for row in sent.to_pylist()]
        del rows[0]["name"]  # in a CSV an empty text is none
        for number, change in changes.items():
            rows[int(number[1:])].update(change)
        features = [{"properties": row, "geometry": {"type": "Point", "coordinates": [4.5, 48.7]}} for row in rows]
        return SimpleNamespace(features=lambda asset: features[::-1])
    assert tables.compare(arrived(), "", sent, "field") == count
    assert tables.compare(arrived(p7={"class": 7.0, "grown": None}), "", sent, "field") == count
    for changes, words in (
            ({"p9": {"share": 2.0, "class": -1}, "p2000": {"class": -1}}, "'p9' has class = -1 instead of 9"),
            ({"p9": {"grown": 1}, "p8": {"name": None}}, "'p8' has name = None instead of 'wheat'"),
            ({"p9": {"grown": 1}, "p10": {"class": 0}}, "'p9' has grown = 1 instead of None"),
            ({"p9": {"class": "9"}}, "'p9' has class = '9' instead of 9")):
        with pytest.raises(TaskFailed, match=words):
            tables.compare(arrived(**changes), "", sent, "field")
    with pytest.raises(TaskFailed, match="of 3000 published parcels 1 are missing and 3000 were found"):
        tables.compare(arrived(p5={"field": "another"}), "", sent, "field")
    with pytest.raises(TaskFailed, match="of 3000 published parcels 3000 are missing and 0 were found"):
        tables.compare(SimpleNamespace(features=lambda asset: []), "", sent, "field")


@pytest.mark.parametrize("outline", [SQUARE, TURNED])
def test_an_outline_is_the_same_from_whatever_corner_it_begins(engine, outline):
    replace(engine, [{"field": "a", "geometry": outline}])
    assert compare(engine, graphs.table(f"{FOLDER}/rows"), [{"field": "a", "geometry": SQUARE}]) == 1


def test_texts_with_commas_quotes_and_lines_arrive(engine):
    rows = [{"field": 'a, "b"\nc', "class_name": "Betterave; été", "geometry": SQUARE}]
    replace(engine, rows)
    assert compare(engine, graphs.table(f"{FOLDER}/rows"), rows) == 1


def test_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "parcels.parquet"
    pq.write_table(pa.table({"field": ["a"]}), path)
    with pytest.raises(CorruptRecord, match="cannot be read as GeoParquet"):
        tables.read(path)


def test_a_table_of_that_id_is_replaced(engine):
    replace(engine, ROWS)
    replace(engine, ROWS[:1])
    assert compare(engine, graphs.table(f"{FOLDER}/rows"), ROWS[:1]) == 1


def test_what_a_row_lacks_it_lacks_in_the_table(engine, tmp_path):
    path = tmp_path / "parcels.parquet"
    rows = [{"field": "a", "third": None, "entropy": float("nan"), "empty": float("nan")},
            {"field": "b", "third": 3, "entropy": 0.5, "empty": float("nan")}]
    # A point, as well-known binary.
    point = bytes.fromhex("0101000000" + "0000000000001240" + "cdcccccccc5c4840")
    path.write_bytes(encode_table(rows, [point, point])[0])
    read = tables.read(path)
    assert read.to_pylist() == [{"field": "a", "third": None, "entropy": None, "geometry": point},
                                {"field": "b", "third": 3, "entropy": 0.5, "geometry": point}]
    tables.replace(engine, "agrispec-local", read, f"{FOLDER}/rows", {}, Season.of(2023), lambda done: None)
    table = graphs.table(f"{FOLDER}/rows")
    found = {each["properties"]["field"]: each["properties"] for each in engine.features(table)}
    assert found["b"] == {"field": "b", "third": 3, "entropy": 0.5}
    assert tables.compare(engine, table, read, "field") == 2
    assert not found["a"].get("third")
    assert not found["a"].get("entropy")


def test_columns_of_other_widths_are_read_as_those_that_a_table_knows(tmp_path):
    rows = {"narrow": pa.array([1, 2], pa.int16()), "single": pa.array([0.5, np.nan], pa.float32()),
            "coded": pa.array(["a", "b"]).dictionary_encode(), "geometry": shapely.to_wkb(shapely.box(0, [0, 1], 1, 2))}
    pq.write_table(pa.table(rows), tmp_path / "table.parquet")
    found = tables.read(tmp_path / "table.parquet")
    assert found.drop_columns("geometry").to_pydict() == {"narrow": [1, 2], "single": [0.5, None], "coded": ["a", "b"]}
    assert set(tables.manifest("gs://b/t.csv", found, "a", {}, Season.of(2023))["columnDataTypeOverrides"]) == {
        "narrow", "single", "coded"}
    pq.write_table(pa.table(rows)[:0], tmp_path / "table.parquet")
    assert tables.read(tmp_path / "table.parquet").column_names == list(rows)
