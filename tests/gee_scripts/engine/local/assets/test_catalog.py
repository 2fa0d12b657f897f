"""Assets of a tree on disk as images, collections and tables, against rasterio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
import shapely

from agrispec.errors import AssetMissing, CorruptRecord
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.catalog import TreeCatalog
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.rasters.raster import read

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=24, height=20)
HOME = "projects/agrispec-local/assets"


@pytest.fixture
def tree(tmp_path: Path, client: None) -> AssetTree:
    """A tree with a collection of two images, later one first, and a table."""
    found = AssetTree(tmp_path)
    rng = np.random.default_rng(2)
    found.create_collection("COPERNICUS/S2")
    for name, start in [("a", 20), ("b", 10)]:
        arrays = {"B2": rng.integers(0, 3, GRID.shape).astype(np.uint16),
                  "QA": rng.integers(0, 9, GRID.shape).astype(np.uint8)}
        found.write_image(f"COPERNICUS/S2/{name}", grid=GRID, nodata=0, properties={"system:time_start": start},
                          arrays=arrays)
    found.write_table(f"{HOME}/fields", properties=[{"crop": 1, "name": "x"}, {"crop": 2, "name": None}],
                      geometries=[shapely.box(3, 48, 3.1, 48.1).wkb, None])
    return found


def value(graph: Any, tree: AssetTree) -> Any:
    return evaluate(json.loads(ee.serializer.toJSON(graph, for_cloud_api=True)), TreeCatalog(tree))


def test_pixels_equal_rasterios_with_no_data_masked(tree: AssetTree) -> None:
    image = value(ee.Image("COPERNICUS/S2/a"), tree)
    assert image.names == ["B2", "QA"]
    with rasterio.open(tree.get("COPERNICUS/S2/a").bands[0].file) as source:
        expected = source.read()
    for window in (GRID, GRID.window(3, 5, 7, 11), GRID.window(-4, -4, 40, 40)):
        row, column = round((5_400_000 - window.transform[5]) / 10), round((window.transform[2] - 500_000) / 10)
        whole = np.zeros((2, 60, 60), np.uint16)
        whole[:, 20:40, 20:44] = expected
        part = whole[:, 20 + row:20 + row + window.height, 20 + column:20 + column + window.width]
        for number, (values, mask) in enumerate(read(image.bands, window)):
            assert mask is not None
            np.testing.assert_array_equal(mask, part[number] != 0)
            np.testing.assert_array_equal(values[mask], part[number][mask])
    assert image.bands[1].type.dtype == np.uint8


def test_a_collection_is_in_order_of_time_and_kept_until_the_folder_changes(tree: AssetTree) -> None:
    catalog = TreeCatalog(tree)
    first = catalog.collection("COPERNICUS/S2")
    assert [image.properties["system:index"] for image in first.items] == ["b", "a"]
    tree.write_image("COPERNICUS/S2/c", grid=GRID, arrays={"B2": np.ones(GRID.shape, np.uint16)},
                     properties={"system:time_start": 15})
    assert [image.properties["system:index"] for image in catalog.collection("COPERNICUS/S2").items] == ["b", "c", "a"]


def test_an_image_that_is_replaced_is_read_anew(tree: AssetTree) -> None:
    graph = ee.Image("COPERNICUS/S2/a").select("B2")
    for number in (5, 6):
        tree.write_image("COPERNICUS/S2/a", grid=GRID, overwrite=True,
                         arrays={"B2": np.full(GRID.shape, number, np.uint16)})
        (values, _), = read(value(graph, tree).bands, GRID)
        assert (values == number).all()


def test_a_tables_features_have_geometries_and_no_nulls(tree: AssetTree) -> None:
    first, second = value(ee.FeatureCollection(f"{HOME}/fields"), tree).items
    assert {k: v for k, v in first.properties.items() if k != "system:index"} == {"crop": 1, "name": "x"}
    assert first.geometry.shape.equals(shapely.box(3, 48, 3.1, 48.1))
    assert "name" not in second.properties
    assert second.geometry is None
    near = ee.FeatureCollection(f"{HOME}/fields").filterBounds(ee.Geometry.Point([3.05, 48.05]))
    assert value(near.size(), tree) == 1


@pytest.mark.parametrize(("graph", "text"), [
    (lambda: ee.Image("COPERNICUS/S2/zz"), "Image.load: Image asset 'COPERNICUS/S2/zz' not found "
                                           "(does not exist or caller does not have access)"),
    (lambda: ee.ImageCollection("COPERNICUS/S9"),
     "ImageCollection.load: ImageCollection asset 'COPERNICUS/S9' not found"),
    (lambda: ee.Image("COPERNICUS/S2"), "Image.load: Image asset 'COPERNICUS/S2' not found"),
    (lambda: ee.FeatureCollection(f"{HOME}/none"), "Collection.loadTable: Collection asset"),
    (lambda: ee.ImageCollection("COPERNICUS/S9").map(lambda i: i.add(1)).median(), "ImageCollection.load: "),
])
def test_a_missing_asset_is_named_as_the_service_does(tree: AssetTree, graph: Any, text: str) -> None:
    with pytest.raises(AssetMissing) as caught:
        value(graph(), tree)
    assert caught.value.message.startswith(text)


def test_a_damaged_file_is_named(tree: AssetTree) -> None:
    file = tree.get("COPERNICUS/S2/a").bands[0].file
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CorruptRecord, match=file.name):
        read(value(ee.Image("COPERNICUS/S2/a"), tree).bands, GRID)


def test_threads_may_read_one_file_at_once(tree: AssetTree) -> None:
    from concurrent.futures import ThreadPoolExecutor

    image = value(ee.Image("COPERNICUS/S2/a"), tree)
    windows = [GRID.window(row, column, 5, 5) for row in range(15) for column in range(15)]
    alone = [read(image.bands, window)[0][0] for window in windows]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda window: read(image.bands, window)[0][0], windows))
    np.testing.assert_array_equal(alone, together)
