"""Table assets come as files, whatever their rows hold and however many there are."""

from types import SimpleNamespace

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from agrispec.errors import DataError
from exports import declarations

ASSET = "projects/p/assets/fields"
GRAPHS = SimpleNamespace(table_size=lambda asset_id: "size", table=lambda asset_id: "table")


class Table:
    """An engine with one table, which it gives in pages of two rows."""

    def __init__(self, *rows):
        self.rows = rows

    def asset(self, asset_id):
        return {"type": "TABLE"}

    def compute(self, expression):
        return len(self.rows)

    def pages(self, expression):
        for first in range(0, len(self.rows), 2):
            yield [{"geometry": {"type": "Point", "coordinates": [row, 48]}, "properties": properties}
                   for row, properties in enumerate(self.rows[first:first + 2], first)]


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    def run(*rows):
        monkeypatch.setattr(declarations, "_ROWS", 3)
        told = []
        moved = declarations.download(Table(*rows), GRAPHS, ASSET, tmp_path / "back.parquet", told.append)
        assert moved.rows == len(rows)
        assert told[-1] == f"{len(rows)} of {len(rows)} rows"
        assert [path.name for path in tmp_path.iterdir()] == ["back.parquet"]
        return pq.read_table(tmp_path / "back.parquet")
    return run


def test_a_property_of_late_rows_is_a_column_and_numbers_keep_their_fractions(downloaded, tmp_path):
    rows = [{"area": 3}] * 5 + [{"area": 3.5, "note": "wet"}] * 4
    table = downloaded(*rows)
    assert table["area"].to_pylist() == [3.0] * 5 + [3.5] * 4
    assert table["note"].to_pylist() == [None] * 5 + ["wet"] * 4
    outlines = shapely.from_wkb(table["geometry"].to_numpy())
    assert [outline.x for outline in outlines] == list(range(9))
    assert geopandas.read_parquet(tmp_path / "back.parquet").shape == (9, 3)


def test_harmonised_declarations_have_their_columns_wherever_their_values_begin(downloaded):
    table = downloaded(*[{"parcel": str(number), "code": "MIS", **({"hcat": "3301010600"} if number > 6 else {})}
                         for number in range(9)])
    assert table.schema.remove(table.schema.get_field_index("geometry")).equals(pa.schema(declarations._HARMONISED))
    assert table["hcat"].to_pylist() == [None] * 7 + ["3301010600"] * 2
    assert table["flags"].to_pylist() == [""] * 9


@pytest.mark.parametrize("rows", [[{"code": 1}] * 5 + [{"code": "a"}], [{"code": 1}, {"code": "a"}]])
def test_texts_among_numbers_are_refused_and_leave_no_file(downloaded, tmp_path, rows):
    with pytest.raises(DataError, match="rows of .* differ in the types of a property"):
        downloaded(*rows)
    assert list(tmp_path.iterdir()) == []
