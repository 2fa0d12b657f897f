"""Reading assets: lists show what is there now, and what is missing is named."""

import time

import numpy as np
import pytest

from agrispec.errors import AssetMissing
from agrispec.formats.asset_tree import AssetType
from agrispec.grid import Grid

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=6, height=4)
PIXELS = np.ones(GRID.shape, np.uint8)
HOME = "projects/agrispec-local/assets"


def test_a_collection_lists_its_images_and_sees_each_change(tree):
    tree.create_collection(f"{HOME}/c")
    assert list(tree.images(f"{HOME}/c")) == []
    for number in range(5):
        tree.write_image(f"{HOME}/c/i{number}", arrays={"b": PIXELS}, grid=GRID)
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
    tree.write_image(f"{HOME}/deep/i", arrays={"b": PIXELS}, grid=GRID)
    assert [(a.index, a.type.value) for a in tree.list(f"{HOME}/deep")] == [
        ("c", "IMAGE_COLLECTION"), ("er", "FOLDER"), ("i", "IMAGE"), ("t", "TABLE")]


def test_what_is_missing_is_named(tree):
    for ask in (tree.get, tree.list, tree.images, tree.table, tree.delete):
        with pytest.raises(AssetMissing, match="nothing"):
            ask(f"{HOME}/nothing")


def test_a_folder_lists_what_is_in_it_as_it_is_now(tree):
    tree.create_collection(f"{HOME}/c")
    time.sleep(0.1)
    assert tree.list(HOME)[0].properties == {}
    tree.update(f"{HOME}/c", properties={"seen": 1})  # changes nothing in the folder above
    assert tree.list(HOME)[0].properties == {"seen": 1}
