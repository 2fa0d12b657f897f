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
