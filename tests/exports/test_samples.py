"""Tables of samples keep their columns, and those of earlier versions are read as they were meant."""

import pandas as pd
import pytest

from agrispec.errors import CorruptRecord
from exports import samples

TABLE = pd.DataFrame({"row": [0, 2], "lon": [4.5, 4.6], "lat": [48.7, 48.7], "cell": "E0045N0487", "season": 2023,
                      "fold": "train", "label": [0, -1], "parcel": ["0012", ""]})


def test_a_table_is_read_as_it_was_written(tmp_path):
    (tmp_path / "samples.parquet").write_bytes(samples.encode(TABLE))
    pd.testing.assert_frame_equal(samples.read(tmp_path / "samples.parquet"), TABLE, check_dtype=False)


def test_a_table_of_before_there_were_parcels_has_none(tmp_path):
    TABLE.drop(columns="parcel").to_parquet(tmp_path / "samples.parquet")
    assert samples.read(tmp_path / "samples.parquet")["parcel"].tolist() == ["", ""]


def test_another_column_must_be_there(tmp_path):
    TABLE.drop(columns="fold").to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(CorruptRecord, match="lacks the columns fold"):
        samples.read(tmp_path / "samples.parquet")
