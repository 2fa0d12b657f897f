"""Images written tile by tile: no more than a tile is asked of a band, and the pyramid is that of the whole image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.images.pixels import TILE, tiles
from gee_scripts.engine.local.operations import assembling
from gee_scripts.engine.local.rasters.domains import Domain
from gee_scripts.engine.local.rasters.pyramids import Pyramid, block, last_level
from gee_scripts.engine.local.rasters.raster import Apply, Band, Node, PixelType

# Not whole tiles, and odd at every level.
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=777, height=1031)
HOME = "projects/agrispec-local/assets"
POLICIES = ["MEAN", "MODE", "SAMPLE", "MEDIAN", "MIN", "MAX"]


class Noted(Node):
    """Pixels of an array on `GRID`, which notes the sizes it is asked for."""

    __slots__ = ("asked", "values")

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.asked: list[int] = []

    def compute(self, domain: Domain, arrays: Any) -> np.ndarray:
        """The pixels of a tile."""
        assert isinstance(domain, Grid)
        self.asked.append(max(domain.shape))
        column = round((domain.transform[2] - GRID.transform[2]) / 10)
        row = round((GRID.transform[5] - domain.transform[5]) / 10)
        return self.values[row:row + domain.height, column:column + domain.width]


def bands_of(arrays: dict[str, np.ndarray], masks: dict[str, np.ndarray]) -> tuple[list[Band], list[Noted]]:
    notes = {name: Noted(values) for name, values in arrays.items()}
    bands = [Band(name=name, type=PixelType.of(arrays[name].dtype), values=node,
                  **({"mask": Apply(lambda mask: mask, (Noted(masks[name]),))} if name in masks else {}))
             for name, node in notes.items()]
    return bands, list(notes.values())


def written(tree: AssetTree, arrays: dict[str, np.ndarray], masks: dict[str, np.ndarray],
            policies: dict[str, str]) -> list[Noted]:
    bands, notes = bands_of(arrays, masks)
    assembling.write_image(tree, f"{HOME}/a", tiles(bands, GRID), dtypes={b.name: b.type.dtype for b in bands},
                           grid=GRID, policies=policies, properties={"v": 1})
    return notes


def test_no_more_than_a_tile_is_asked_of_a_band(tmp_path: Path) -> None:
    values = np.arange(GRID.width * GRID.height, dtype=np.float32).reshape(GRID.shape)
    notes, = written(AssetTree(tmp_path), {"a": values}, {}, {"a": "MEAN"})
    assert max(notes.asked) == TILE
    assert len(notes.asked) == 4 * 5


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_file_holds_the_pyramid_of_the_whole_image(tmp_path: Path, policy: str, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(1, 100, GRID.shape).astype(dtype)
    seen = rng.random(GRID.shape) < 0.6
    seen[:300, :300] = False
    tree = AssetTree(tmp_path)
    written(tree, {"a": values}, {"a": seen}, {"a": policy})
    asset = tree.get(f"{HOME}/a")
    band, = asset.bands
    last = last_level(GRID)
    assert (band.levels, band.pyramiding, asset.properties) == (last, policy, {"v": 1})
    assert np.isnan(asset.nodata) if dtype is np.float32 else asset.nodata == 0
    whole = np.where(seen, values, np.asarray(asset.nodata, dtype))
    np.testing.assert_array_equal(tree.pixels(asset, ["a"])[0], whole)
    for level in range(1, last + 1):
        with rasterio.open(band.file, overview_level=level - 1) as source:
            found = source.read(1)
            assert source.nodata == 0 or np.isnan(source.nodata)
        expected = block(lambda r, c, h, w: whole[r:r + h, c:c + w], GRID, (0, 0, *found.shape), level,
                         Pyramid(policy=policy, nodata=asset.nodata))
        np.testing.assert_array_equal(found, expected)


def test_the_pyramid_of_many_bands_is_made_of_parts_and_is_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    arrays = {f"b{i}": rng.integers(0, 200, GRID.shape).astype(np.uint8) for i in range(20)}
    tree = AssetTree(tmp_path)
    written(tree, arrays, {}, dict.fromkeys(arrays, "MAX"))
    file, = {band.file for band in tree.get(f"{HOME}/a").bands}
    for level in range(1, last_level(GRID) + 1):
        side = 2**level
        with rasterio.open(file, overview_level=level - 1) as source:
            found = source.read()
        for plane, values in zip(found, arrays.values(), strict=True):
            padded = np.pad(values, [(0, -size % side) for size in values.shape])
            np.testing.assert_array_equal(plane, padded.reshape(plane.shape[0], side, -1, side).max(axis=(1, 3)))


def test_masked_pixels_get_a_value_that_the_last_tile_does_not_use(tmp_path: Path) -> None:
    """0 is free until the last pixel, and the ends of the type are taken: known only when all was written."""
    values = np.full(GRID.shape, 255, np.uint8)
    values[-1, -1] = 0
    seen = np.ones(GRID.shape, bool)
    seen[5, 5:9] = False
    tree = AssetTree(tmp_path)
    written(tree, {"a": values, "b": values.astype(np.float32)}, {"a": seen}, {"a": "MODE", "b": "MEAN"})
    asset = tree.get(f"{HOME}/a")
    assert asset.nodata == 1
    assert [band.dtype for band in asset.bands] == ["uint8", "float32"]
    np.testing.assert_array_equal(tree.pixels(asset, ["a"])[0], np.where(seen, values, 1))
    np.testing.assert_array_equal(tree.pixels(asset, ["b"])[0], values)


def test_bands_that_use_every_value_of_their_type_get_a_wider_one(tmp_path: Path) -> None:
    values = np.resize(np.arange(256), GRID.shape).astype(np.uint8)
    seen = np.ones(GRID.shape, bool)
    seen[0, 0] = False
    tree = AssetTree(tmp_path)
    written(tree, {"a": values}, {"a": seen}, {"a": "MEAN"})
    asset = tree.get(f"{HOME}/a")
    assert (asset.bands[0].dtype, asset.nodata) == ("int16", 32767)
    np.testing.assert_array_equal(tree.pixels(asset, ["a"])[0], np.where(seen, values.astype(np.int16), 32767))


def test_an_image_that_is_not_whole_leaves_nothing(tmp_path: Path) -> None:
    bands, _ = bands_of({"a": np.ones(GRID.shape)}, {})

    def broken() -> Any:
        for number, tile in enumerate(tiles(bands, GRID)):
            if number == 3:
                raise KeyboardInterrupt
            yield tile

    tree = AssetTree(tmp_path)
    tree.create_folder(HOME + "/maps")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        assembling.write_image(tree, f"{HOME}/maps/a", broken(), dtypes={"a": np.dtype(float)}, grid=GRID,
                               policies={"a": "MEAN"}, properties={})
    assert sorted(tmp_path.rglob("*")) == before
