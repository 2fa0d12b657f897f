"""The asset tree: what was written is read, by us and by rasterio and pyarrow; what is changed changes as a whole."""

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import rasterio.warp
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.errors import AssetExists, DataError
from agrispec.formats.asset_tree import AssetTree, AssetType
from agrispec.grid import Grid

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=6, height=4)
HOME = "projects/agrispec-local/assets"

numbers = st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
properties = st.dictionaries(st.text(min_size=1, max_size=12), numbers | st.text(max_size=12) |
                             st.lists(numbers, max_size=3), max_size=5)


def arrays(**types):
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 100, GRID.shape).astype(dtype) for name, dtype in types.items()}


@settings(max_examples=50, deadline=None)
@given(wanted=properties)
def test_properties_of_any_name_come_back_as_they_were_given(wanted, tmp_path_factory):
    tree = AssetTree(tmp_path_factory.mktemp("tree"))
    tree.write_image(f"{HOME}/a", arrays=arrays(b="uint8"), grid=GRID, properties=wanted)
    assert tree.get(f"{HOME}/a").properties == wanted
    tree.create_collection(f"{HOME}/c", properties=wanted)
    assert tree.get(f"{HOME}/c").properties == wanted


def test_an_image_comes_back_band_by_band(tree):
    given_ = arrays(B2="uint16", SCL="uint8", cs="float32")
    tree.write_image("COPERNICUS/S2/x", arrays=given_, grid=GRID, nodata=0, properties={"tile": "31UFQ"},
                     time_start=datetime(2024, 1, 2, tzinfo=UTC), time_end=datetime(2024, 1, 3))
    asset = tree.get("COPERNICUS/S2/x")
    assert asset.type is AssetType.IMAGE
    assert (asset.grid, asset.nodata) == (GRID, 0)
    assert [(band.id, band.dtype) for band in asset.bands] == [("B2", "uint16"), ("SCL", "uint8"), ("cs", "float32")]
    assert asset.properties == {"tile": "31UFQ", "system:time_start": 1704153600000, "system:time_end": 1704240000000}
    for name, values in given_.items():
        np.testing.assert_array_equal(tree.pixels(asset, [name])[0], values)
    np.testing.assert_array_equal(tree.pixels(asset, ["SCL", "B2"], (1, 2, 2, 3))[1], given_["B2"][1:3, 2:5])


def test_an_image_is_a_stac_item_beside_a_geotiff(tree):
    given_ = arrays(crop="uint8")
    tree.write_image(f"{HOME}/maps/crop", arrays=given_, grid=GRID, nodata=0, properties={"datetime": "mine"},
                     time_start=datetime(2024, 1, 2, tzinfo=UTC), pyramiding={"crop": "MODE"})
    item = json.loads((tree.root / "assets" / HOME / "maps" / "crop.json").read_text())
    assert item["type"] == "Feature"
    assert item["stac_version"] == "1.1.0"
    assert item["properties"]["datetime"] == "2024-01-02T00:00:00.000000Z"
    west, south, east, north = item["bbox"]
    assert (west, south, east, north) == shapely.from_geojson(json.dumps(item["geometry"])).bounds
    file = next(iter(item["assets"].values()))
    with rasterio.open(tree.root / "assets" / HOME / "maps" / file["href"]) as source:
        np.testing.assert_array_equal(source.read(1), given_["crop"])
        assert list(source.shape) == file["proj:shape"]
        assert f"EPSG:{source.crs.to_epsg()}" == file["proj:code"]
        assert list(source.transform)[:6] == file["proj:transform"]
        assert source.nodata == file["nodata"]
        x, y = source.xy(0, 0, offset="ul")
        lons, lats = rasterio.warp.transform(source.crs, "EPSG:4326", [x], [y])
        assert (west, north) == pytest.approx((lons[0], lats[0]), abs=1e-6)
    assert tree.get(f"{HOME}/maps/crop").properties["datetime"] == "mine"


def test_a_table_comes_back_row_by_row_and_is_geoparquet(tree):
    rows = [{"parcel": "a", "area": 1.5, "n": 3, "cube": [1.0, 2.0]}, {"parcel": "b", "area": None}]
    shapes = [shapely.Point(4.5, 48.5), None]
    tree.write_table(f"{HOME}/t", properties=rows, geometries=[s and shapely.to_wkb(s) for s in shapes],
                     asset_properties={"year": 2024})
    asset, found = tree.get(f"{HOME}/t"), tree.table(f"{HOME}/t")
    assert (asset.type, asset.rows, asset.properties) == (AssetType.TABLE, 2, {"year": 2024})
    assert found.properties == [
        {"parcel": "a", "area": 1.5, "n": 3, "cube": [1.0, 2.0], "system:index": "00000000000000000000"},
        {"parcel": "b", "system:index": "00000000000000000001"}]
    assert [None if g is None else shapely.from_wkb(g) for g in found.geometries] == shapes
    meta = json.loads(pq.read_schema(asset.data).metadata[b"geo"])
    assert meta["columns"][meta["primary_column"]] == {"encoding": "WKB", "geometry_types": ["Point"],
                                                        "bbox": [4.5, 48.5, 4.5, 48.5]}


def test_an_empty_table_is_a_table(tree):
    tree.write_table(f"{HOME}/t", properties=[], geometries=[])
    assert tree.table(f"{HOME}/t").properties == []


def test_what_exists_is_not_overwritten_unasked(tree):
    first, second = arrays(b="uint8", c="float32"), arrays(b="uint16")
    tree.write_image(f"{HOME}/a", arrays=first, grid=GRID, pyramiding={"b": "MODE"})
    with pytest.raises(AssetExists):
        tree.write_image(f"{HOME}/a", arrays=second, grid=GRID)
    with pytest.raises(AssetExists):
        tree.write_table(f"{HOME}/a", properties=[], geometries=[])
    tree.write_image(f"{HOME}/a", arrays=second, grid=GRID, overwrite=True)
    assert [band.dtype for band in tree.get(f"{HOME}/a").bands] == ["uint16"]
    # The second file of the first version is gone with it.
    image, = (p.name for p in (tree.root / "assets" / HOME).iterdir() if p.suffix == ".tif")
    # Under another name: until the new description stands, the old one has its own pixels.
    assert image != "a.tif"
    assert sorted(p.name for p in (tree.root / "assets" / HOME).iterdir()) == sorted(["a.json", image, "catalog.json"])
    for make in (tree.create_folder, tree.create_collection):
        make(f"{HOME}/{make.__name__}")
        with pytest.raises(AssetExists):
            make(f"{HOME}/{make.__name__}")


def test_no_folder_takes_the_id_of_an_image_or_table(tree):
    tree.write_image(f"{HOME}/a", arrays=arrays(b="uint8"), grid=GRID)
    tree.create_folder(f"{HOME}/f")
    for make in (lambda: tree.create_folder(f"{HOME}/a"), lambda: tree.create_collection(f"{HOME}/a"),
                 lambda: tree.copy(f"{HOME}/f", f"{HOME}/a"), lambda: tree.move(f"{HOME}/f", f"{HOME}/a")):
        with pytest.raises(AssetExists):
            make()
    assert tree.get(f"{HOME}/a").type is AssetType.IMAGE


def test_copies_are_independent_and_moves_leave_nothing(tree):
    tree.write_image(f"{HOME}/a", arrays=arrays(b="uint8"), grid=GRID, properties={"v": 1})
    tree.copy(f"{HOME}/a", f"{HOME}/b")
    tree.delete(f"{HOME}/a")
    copied = tree.get(f"{HOME}/b")
    np.testing.assert_array_equal(tree.pixels(copied, ["b"])[0], arrays(b="uint8")["b"])
    tree.create_folder(f"{HOME}/f")
    tree.move(f"{HOME}/b", f"{HOME}/f/b")
    tree.move(f"{HOME}/f", f"{HOME}/g")
    assert [a.id for a in tree.list(HOME)] == [f"{HOME}/g"]
    assert tree.get(f"{HOME}/g/b").properties == {"v": 1}
    with pytest.raises(DataError, match="not empty"):
        tree.delete(f"{HOME}/g")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, object()])
def test_properties_that_earth_engine_lacks_are_refused(tree, value):
    with pytest.raises(DataError, match="'odd'"):
        tree.write_image(f"{HOME}/a", arrays=arrays(b="uint8"), grid=GRID, properties={"odd": value})
    assert not tree.exists(f"{HOME}/a")
