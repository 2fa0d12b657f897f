"""A harmonised file is written by row groups, and read by them."""

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from agrispec.errors import CorruptRecord
from labels import harmonised
from labels.harmonised import About

ABOUT = About(class_set="agrispec-17", country="FR", year=2018, mapping_table="fr_2018.csv", mapping_digest="ab",
              sources={"rpg.gpkg": "cd"}, inward_m=10.0, crs={"rpg.gpkg": "EPSG:2154"}, counts={"mapped": 3},
              left_out={"without a code": 1})
BOUNDS = (5.0, 48.0, 5.01, 48.01)


def rows(*ids):
    outline = shapely.box(*BOUNDS)
    return pa.Table.from_pylist([{
        "parcel": name, "class": "maize", "class_number": 7, "code": "MIS", "name": None, "hcat": "3301010600",
        "status": "mapped", "country": "FR", "year": 2018, "source": "rpg.gpkg", "crop_from": None, "crop_to": None,
        "area_ha": 83.0, "small": False, "flags": "", "geometry": shapely.to_wkb(outline),
        "inside": shapely.to_wkb(outline.buffer(-0.001)) if name != "c" else None} for name in ids], harmonised.SCHEMA)


@pytest.fixture
def path(tmp_path):
    kinds = {"geometry": {"Polygon"}, "inside": {"Polygon"}}
    with harmonised.writing(tmp_path / "fr.parquet", ABOUT, BOUNDS, kinds) as file:
        file.add(rows("a", "b"))
        file.add(rows("c"))
    return tmp_path / "fr.parquet"


def test_what_is_read_is_what_was_written_a_row_group_at_a_time(path):
    groups = list(harmonised.read(path))
    assert [group["parcel"].to_pylist() for group in groups] == [["a", "b"], ["c"]]
    assert groups[0].equals(rows("a", "b"))
    assert [group.column_names for group in harmonised.read(path, ["parcel", "inside"])] == [["parcel", "inside"]] * 2


def test_a_file_says_what_it_was_made_of(path):
    assert harmonised.about(path) == ABOUT


def test_other_programs_read_both_outlines(path):
    frame = geopandas.read_parquet(path)
    assert frame.geometry.name == "geometry"
    assert frame.crs.to_epsg(min_confidence=20) in (4326, None)
    assert frame.crs.to_string() == "OGC:CRS84"
    assert tuple(frame.total_bounds) == BOUNDS
    assert frame["inside"].notna().tolist() == [True, True, False]
    assert frame.set_geometry("inside").crs == frame.crs


def test_a_file_that_breaks_off_leaves_nothing(tmp_path):
    def break_off():
        kinds = {"geometry": {"Polygon"}, "inside": ()}
        with harmonised.writing(tmp_path / "fr.parquet", ABOUT, BOUNDS, kinds) as file:
            file.add(rows("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path, path):
    pq.write_table(pa.table({"parcel": ["a"]}), tmp_path / "plain.parquet")
    (tmp_path / "torn.parquet").write_bytes(path.read_bytes()[:-20])
    for name in ("plain", "torn", "none"):
        with pytest.raises(CorruptRecord, match=f"{name}.parquet is not a file of harmonised declarations"):
            harmonised.about(tmp_path / f"{name}.parquet")
        with pytest.raises(CorruptRecord, match=f"{name}.parquet is not a file of harmonised declarations"):
            next(harmonised.read(tmp_path / f"{name}.parquet"))
