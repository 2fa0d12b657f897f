"""The asset tree: what was written is read, by us and by rasterio and pyarrow; nothing is ever half there."""

import json
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import rasterio.warp
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.errors import AssetExists, AssetMissing, DataError
from agrispec.formats.asset_tree import AssetTree, AssetType, canonical_id
from agrispec.grid import Grid

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=6, height=4)
HOME = "projects/agrispec-local/assets"

numbers = st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
properties = st.dictionaries(st.text(min_size=1, max_size=12), numbers | st.text(max_size=12) |
                             st.lists(numbers, max_size=3), max_size=5)


@pytest.fixture
def tree(tmp_path):
    return AssetTree(tmp_path)


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


def test_a_collection_lists_its_images_and_sees_each_change(tree):
    tree.create_collection(f"{HOME}/c")
    assert list(tree.images(f"{HOME}/c")) == []
    for number in range(5):
        tree.write_image(f"{HOME}/c/i{number}", arrays=arrays(b="uint8"), grid=GRID)
        assert len(tree.images(f"{HOME}/c")) == number + 1
    tree.update(f"{HOME}/c/i3", properties={"seen": 1})
    assert tree.images(f"{HOME}/c")[3].properties == {"seen": 1}
    tree.delete(f"{HOME}/c/i0")
    assert [image.index for image in tree.images(f"{HOME}/c")] == ["i1", "i2", "i3", "i4"]
    time.sleep(0.1)
    assert tree.images(f"{HOME}/c") is tree.images(f"{HOME}/c")  # read once while nothing changes


def test_folders_list_all_kinds_and_projects_have_a_root(tree):
    assert tree.get(HOME).type is AssetType.FOLDER
    assert tree.list(HOME) == []
    tree.create_folder(f"{HOME}/deep/er")
    tree.create_collection(f"{HOME}/deep/c")
    tree.write_table(f"{HOME}/deep/t", properties=[{"a": 1}], geometries=[None])
    tree.write_image(f"{HOME}/deep/i", arrays=arrays(b="uint8"), grid=GRID)
    assert [(a.index, a.type.value) for a in tree.list(f"{HOME}/deep")] == [
        ("c", "IMAGE_COLLECTION"), ("er", "FOLDER"), ("i", "IMAGE"), ("t", "TABLE")]


def test_what_is_missing_is_named(tree):
    for ask in (tree.get, tree.list, tree.images, tree.table, tree.delete):
        with pytest.raises(AssetMissing, match="nothing"):
            ask(f"{HOME}/nothing")


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


def test_public_and_legacy_names_are_the_same_asset():
    assert canonical_id("projects/earthengine-public/assets/COPERNICUS/S2") == "COPERNICUS/S2"
    assert canonical_id("projects/earthengine-legacy/assets/users/me/x") == "users/me/x"
    assert canonical_id("projects/example.com:prj/assets/x") == "projects/example.com:prj/assets/x"


@pytest.mark.parametrize("name", ["", "a//b", "../x", "a/../b", "a b", "a/b.tif", "a/.hidden"])
def test_ids_never_leave_the_tree(tree, name):
    with pytest.raises(DataError):
        tree.get(name)


@pytest.mark.parametrize("uri", ["gs://bucket", "s3://bucket/x", "gs://bucket/../x", "gs://../x", "gs://bucket//x", "gs://b/x"])
def test_objects_never_leave_their_bucket(tree, uri):
    with pytest.raises(DataError):
        tree.object_path(uri)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, object()])
def test_properties_that_earth_engine_lacks_are_refused(tree, value):
    with pytest.raises(DataError, match="'odd'"):
        tree.write_image(f"{HOME}/a", arrays=arrays(b="uint8"), grid=GRID, properties={"odd": value})
    assert not tree.exists(f"{HOME}/a")


def test_a_full_disk_leaves_nothing_and_keeps_what_was_there(tmp_path):
    """A limit on the size of files stands for the full disk; it needs a process of its own."""
    script = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from agrispec.errors import StorageError
        from agrispec.formats.asset_tree import AssetTree
        from agrispec.grid import Grid

        grid = Grid(crs="EPSG:32631", transform=(10, 0, 5e5, 0, -10, 5.4e6), width=200, height=200)
        tree = AssetTree(Path(sys.argv[1]))
        home = "projects/agrispec-local/assets"
        small = {"b": np.ones(grid.shape, np.uint8)}
        large = {"b": np.random.default_rng(0).random(grid.shape)}
        tree.write_image(f"{home}/old", arrays=small, grid=grid)
        before = sorted(p.name for p in tree.root.rglob("*"))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for act in (lambda: tree.write_image(f"{home}/new", arrays=large, grid=grid),
                    lambda: tree.write_image(f"{home}/old", arrays=large, grid=grid, overwrite=True),
                    lambda: tree.write_table(f"{home}/new", geometries=[None] * 50_000,
                                             properties=[
                                                 {"v": float(i) ** 1.37} for i in range(50_000)])):
            try:
                act()
            except StorageError as error:
                assert "free space" in error.mend, error
            else:
                raise SystemExit("nothing was raised")
            assert sorted(p.name for p in tree.root.rglob("*")) == before
            assert (tree.pixels(tree.get(f"{home}/old"), ["b"]) == 1).all()
    """)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
