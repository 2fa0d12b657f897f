"""Rows arrive as they were, whatever their ids look like, and what differs is found."""

import pytest

from agrispec.errors import TaskFailed
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


def replace(engine, rows):
    return tables.replace(engine, "agrispec-local", rows, f"{FOLDER}/rows", {"season": 2023}, Season.of(2023),
                          lambda done: None)


def test_ids_of_digits_stay_texts_and_a_lost_row_is_found(engine):
    replace(engine, ROWS)
    asset = graphs.table(f"{FOLDER}/rows")
    assert tables.compare(engine, asset, ROWS, "field") == 2
    with pytest.raises(TaskFailed, match="1 are missing"):
        tables.compare(engine, asset, [*ROWS, {**ROWS[0], "field": "13"}], "field")
    with pytest.raises(TaskFailed, match="parcel '12' has class = 1 instead of 4"):
        tables.compare(engine, asset, [ROWS[0], {**ROWS[1], "class": 4}], "field")


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
        tables.compare(engine, graphs.table(f"{FOLDER}/rows"), ROWS, "field")


@pytest.mark.parametrize(("outline", "same"), [(SQUARE, True), (TURNED, True), (HOLED, False), (MOVED, False)])
def test_an_outline_is_the_same_from_whatever_corner_it_begins(engine, outline, same):
    replace(engine, [{"field": "a", "geometry": outline}])
    table, sent = graphs.table(f"{FOLDER}/rows"), [{"field": "a", "geometry": SQUARE}]
    if same:
        assert tables.compare(engine, table, sent, "field") == 1
        return
    with pytest.raises(TaskFailed, match="parcel 'a' has another outline"):
        tables.compare(engine, table, sent, "field")


def test_a_table_of_that_id_is_replaced(engine):
    replace(engine, ROWS)
    replace(engine, ROWS[:1])
    assert tables.compare(engine, graphs.table(f"{FOLDER}/rows"), ROWS[:1], "field") == 1


def test_what_a_row_lacks_it_lacks_in_the_table(engine, tmp_path):
    path = tmp_path / "parcels.parquet"
    rows = [{"field": "a", "third": None, "entropy": float("nan")}, {"field": "b", "third": 3, "entropy": 0.5}]
    # A point, as well-known binary.
    point = bytes.fromhex("0101000000" + "0000000000001240" + "cdcccccccc5c4840")
    path.write_bytes(encode_table(rows, [point, point])[0])
    read = tables.read(path)
    assert read == [{"field": "a", "geometry": {"type": "Point", "coordinates": [4.5, 48.725]}},
                    {"field": "b", "third": 3, "entropy": 0.5, "geometry": {"type": "Point",
                                                                            "coordinates": [4.5, 48.725]}}]
    replace(engine, read)
    table = graphs.table(f"{FOLDER}/rows")
    found = {each["properties"]["field"]: each["properties"] for each in engine.features(table)}
    assert found["b"] == {"field": "b", "third": 3, "entropy": 0.5}
    assert tables.compare(engine, table, read, "field") == 2
    assert not found["a"].get("third")
    assert not found["a"].get("entropy")
