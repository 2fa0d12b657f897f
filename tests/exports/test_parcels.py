"""Parcels become rows that tell each other apart."""

import numpy as np
import pytest

from agrispec.errors import CorruptRecord, DataError
from exports import parcels

ARRAYS = {"classes": np.array([0, 1, 1]), "probability": np.array([0.9, 0.5, 0.7]),
          "confident": np.array([True, False, True]), "pixels": np.array([12, 0, 3])}


def fields(*ids):
    return [{"properties": {"parcel_id": name}, "geometry": {"type": "Point", "coordinates": [4.5, 48.7]}}
            for name in ids]


def test_parcels_without_a_pixel_on_the_map_have_no_row():
    found = parcels.rows(fields("0012", "b", "c"), "parcel_id", ["wheat", "maize"], **ARRAYS)
    assert [row["parcel_id"] for row in found] == ["0012", "c"]
    assert found[1] == {"parcel_id": "c", "class": 1, "class_name": "maize", "probability": 0.7, "confident": 1,
                        "pixels": 3, "geometry": {"type": "Point", "coordinates": [4.5, 48.7]}}


@pytest.mark.parametrize("ids", [("a", "b", "a"), ("", "b", "c"), (7, "b", "7")])
def test_parcels_that_cannot_be_told_apart_are_refused(ids):
    with pytest.raises(DataError, match="names no parcel, or more than one"):
        parcels.rows(fields(*ids), "parcel_id", ["wheat", "maize"], **ARRAYS)


def test_a_missing_id_is_named_with_what_there_is():
    with pytest.raises(DataError, match="no property 'id'; it has parcel_id"):
        parcels.rows(fields("a", "b", "c"), "id", ["wheat", "maize"], **ARRAYS)


def test_rows_read_back_and_damage_is_named(tmp_path):
    found = parcels.rows(fields("a", "b", "c"), "parcel_id", ["wheat", "maize"], **ARRAYS)
    parcels.write(tmp_path / "parcels.json", found)
    assert parcels.read(tmp_path / "parcels.json") == found
    (tmp_path / "parcels.json").write_text("[{")
    with pytest.raises(CorruptRecord, match="is not a table of parcels"):
        parcels.read(tmp_path / "parcels.json")
