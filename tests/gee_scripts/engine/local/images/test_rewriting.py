"""Rewritten graphs give the plain graph's pixels, and are what the rules promise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.catalog import TreeCatalog
from gee_scripts.engine.local.images.loading import GeoTiffBand, OneOf
from gee_scripts.engine.local.images.rewriting import TabulatedMedian, fused
from gee_scripts.engine.local.rasters.domains import Points, Projection
from gee_scripts.engine.local.rasters.nodes import Pixelwise
from gee_scripts.engine.local.rasters.raster import Band, Constant, Mask, read, seen

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=24, height=20)
# What happens to a stored band before the median is taken, by name: increasing or not, of one type or another.
FUNCTIONS = {
    "none": lambda image: image,
    "scale": lambda image: image.divide(1e4).toFloat(),
    "offset": lambda image: image.multiply(2.75e-5).add(-0.2).toFloat(),
    "double": lambda image: image.divide(1e4),
    "falling": lambda image: image.divide(-1e4).toFloat(),
    "clamped": lambda image: image.clamp(2, 5).toFloat(),
    "bent": lambda image: image.multiply(image).toFloat(),
    "undefined": lambda image: image.log().toFloat(),
    "itself": lambda image: image.divide(image.add(3)).toFloat(),
}


def same(one: list[tuple[np.ndarray, Mask]], other: list[tuple[np.ndarray, Mask]]) -> None:
    """Equal masks, types and valid values, to the last bit."""
    for (values, mask), (others, other_mask) in zip(one, other, strict=True):
        assert values.dtype == others.dtype
        kept, other_kept = (np.broadcast_to(True if item is None else seen(item), values.shape)
                            for item in (mask, other_mask))
        np.testing.assert_array_equal(kept, other_kept)
        np.testing.assert_array_equal(values[kept], others[kept])


def scenes(world: Any, seed: int, count: int, dtype: str, shifted: bool, nodata: float | None) -> None:
    """A collection of `count` images of two bands and a cloud score, the last one on another grid if asked."""
    rng = np.random.default_rng(seed)
    images = []
    for number in range(count):
        limits = np.iinfo(dtype)
        planes = {name: rng.integers(0, 9, GRID.shape).astype(dtype) for name in ("a", "b")}
        planes["a"][rng.random(GRID.shape) < 0.1] = limits.max
        planes["b"][rng.random(GRID.shape) < 0.1] = limits.min
        where = GRID.window(3, 2, *GRID.shape) if shifted and number == count - 1 else GRID
        image = world.make({**planes, "cs": rng.random(GRID.shape).astype(np.float32)}, grid=where,
                           properties={"system:index": str(number)}, nodata=nodata)
        images.append(image)
    world.add_collection("scenes", images)


def medians(function: str, masked: bool, fill: float | None) -> ee.Image:
    def look(image: ee.Image) -> ee.Image:
        found = FUNCTIONS[function](image.select(["a", "b"]))
        return found.updateMask(image.select("cs").gte(0.6)) if masked else found

    looks = ee.ImageCollection("scenes").map(look)
    found = looks.median()
    if fill is not None:
        found = found.unmask(fill, False)
    # What is made of medians is rewritten below what makes it.
    return found.addBands(found.select("a").subtract(found.select("b")).rename("d")).addBands(
        looks.select(["a"], ["n"]).count())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 7),
       dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "int32"]),
       function=st.sampled_from(sorted(FUNCTIONS)), masked=st.booleans(), shifted=st.booleans(),
       fill=st.sampled_from([None, 0.0, -9999.0]), nodata=st.sampled_from([None, 3.0]))
def test_rewritten_graphs_give_the_plain_graphs_pixels(world: Any, seed: int, count: int, dtype: str, function: str,
                                                       masked: bool, shifted: bool, fill: float | None,
                                                       nodata: float | None) -> None:
    scenes(world, seed, count, dtype, shifted, nodata)
    bands = world.value(medians(function, masked, fill)).bands
    rewritten = fused(bands)
    rng = np.random.default_rng(seed)
    points = Points(Projection(GRID.crs, GRID.transform), rng.integers(-3, 27, 40), rng.integers(-3, 23, 40))
    for domain in (GRID, GRID.window(-4, 5, 9, 30), points):
        same(read(rewritten, domain), read(bands, domain))


@pytest.mark.parametrize(("function", "dtype", "expected"), [
    ("scale", "uint16", True), ("scale", "int16", True), ("offset", "uint16", True), ("scale", "uint8", True),
    ("none", "uint16", True), ("scale", "int32", False), ("double", "uint16", False), ("falling", "uint16", False),
    ("bent", "int16", False), ("bent", "uint16", True), ("undefined", "uint16", False), ("itself", "uint16", True),
])
def test_medians_of_increasing_functions_of_small_integers_are_tabulated(world: Any, function: str, dtype: str,
                                                                         expected: bool) -> None:
    scenes(world, 0, 3, dtype, False, None)
    bands = fused(world.value(medians(function, True, None)).bands)
    assert [isinstance(band.values, TabulatedMedian) for band in bands[:2]] == [expected] * 2


def test_the_fill_of_what_no_image_saw_is_written_by_the_median(world: Any) -> None:
    scenes(world, 0, 3, "uint16", False, None)
    filled = fused(world.value(medians("scale", True, -9999)).bands)[0].values
    assert isinstance(filled, TabulatedMedian)
    assert filled.empty == -9999


def test_a_fill_that_depends_on_another_mask_is_left_alone(world: Any) -> None:
    scenes(world, 0, 3, "uint16", False, None)
    found = medians("scale", True, None).select(["a"]).updateMask(ee.Image.pixelLonLat().select("latitude").gt(48.7))
    bands = world.value(found.unmask(-1, False)).bands
    rewritten = fused(bands)
    assert not isinstance(rewritten[0].values, TabulatedMedian)
    same(read(rewritten, GRID), read(bands, GRID))


def test_images_scaled_by_different_numbers_are_left_alone(world: Any) -> None:
    scenes(world, 0, 2, "uint16", False, None)
    images = [ee.Image(image).select("a").divide(scale).toFloat() for image, scale in zip(
        [ee.ImageCollection("scenes").toList(2).get(0), ee.ImageCollection("scenes").toList(2).get(1)], (10, 20),
        strict=True)]
    bands = world.value(ee.ImageCollection(images).median()).bands
    rewritten = fused(bands)
    assert not isinstance(rewritten[0].values, TabulatedMedian)
    same(read(rewritten, GRID), read(bands, GRID))


def test_nodes_that_bands_share_stay_shared(world: Any) -> None:
    scenes(world, 0, 3, "uint16", False, None)
    bands = world.value(medians("scale", True, None)).bands
    rewritten = fused([*bands, bands[0].renamed("again")])
    assert rewritten[0].values is rewritten[-1].values


def test_chains_of_any_length_are_rewritten_in_no_time(world: Any) -> None:
    scenes(world, 0, 1, "uint16", False, None)
    band: Band = world.value(ee.ImageCollection("scenes").select("a").first()).bands[0]
    values: Any = band.values
    for _ in range(20_000):
        # Each is used twice: as a tree there would be 2 ** 20000.
        values = Pixelwise(partial(np.maximum, dtype=np.float32), (values, values))
    values = Pixelwise(np.add, (values, Constant(np.float32(1))))
    assert fused([replace(band, values=values)])[0].values is values


@pytest.mark.parametrize("nodata", [None, 3.0])
def test_bands_of_one_file_are_read_at_once_and_are_what_each_is_alone(world: Any, tmp_path: Path,
                                                                       nodata: float | None) -> None:
    rng = np.random.default_rng(0)
    planes = {"a": rng.integers(0, 9, GRID.shape).astype(np.uint8),
              "b": rng.integers(-9, 9, GRID.shape).astype(np.int16),
              "c": rng.integers(0, 9, GRID.shape).astype(np.float32)}
    tree = AssetTree(tmp_path)
    tree.write_image("file", arrays=planes, grid=GRID, nodata=nodata)
    world.images["file"] = TreeCatalog(tree).image("file")
    stored = ee.Image("file")
    made = stored.addBands(stored.select("a").add(stored.select("c")).rename("s")).updateMask(stored.select("b").gt(-5))
    bands = world.value(made).bands
    rewritten = fused(bands)
    sources = {id(band.values.bands) for band in rewritten[:3] if isinstance(band.values, OneOf)}
    assert len(sources) == 1
    assert all(isinstance(band.values, OneOf) for band in rewritten[:3])
    outside = GRID.window(100, 100, 4, 4)
    points = Points(Projection(GRID.crs, GRID.transform), rng.integers(-3, 27, 40), rng.integers(-3, 23, 40))
    for domain in (GRID, GRID.window(-4, 5, 9, 30), outside, points):
        same(read(rewritten, domain), read(bands, domain))


def test_a_band_alone_is_read_alone(world: Any, tmp_path: Path) -> None:
    tree = AssetTree(tmp_path)
    tree.write_image("file", arrays={name: np.zeros(GRID.shape, np.uint8) for name in "ab"}, grid=GRID)
    world.images["file"] = TreeCatalog(tree).image("file")
    band, = fused(world.value(ee.Image("file").select("b")).bands)
    assert isinstance(band.values, GeoTiffBand)
