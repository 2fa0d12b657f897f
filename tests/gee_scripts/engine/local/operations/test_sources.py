"""GeoTIFFs of every kind, ingested by the real client: as rasterio reads them, or refused by name."""

from __future__ import annotations

import itertools
import re
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.formats import example, mixer
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from gee_scripts.engine.local.operations.sources import Source, mosaic

RNG = np.random.default_rng(9)
NUMBERS = itertools.count()


def ingest(running: Any, *uris: str, tileset: Any = (), **more: Any) -> tuple[str, dict[str, Any]]:
    name = f"{running.home}/kind{next(NUMBERS)}"
    tilesets = [{"id": "t", "sources": [{"uris": [uri]} for uri in uris], **dict(tileset)}]
    started = ee.data.startIngestion("r", {"name": name, "tilesets": tilesets, **more})
    return name, running.finished(started["name"])


def written(running: Any, values: np.ndarray, **options: Any) -> str:
    return running.geotiff(f"kinds/{next(NUMBERS)}.tif", values, **options)


def loaded(running: Any, name: str) -> np.ma.MaskedArray:
    """(band, row, column) of an asset as graphs see it."""
    image, (a, b, c, d, e, f) = ee.Image(name), running.tree.get(name).grid.transform
    grid = running.tree.get(name).grid
    found = ee.data.computePixels({"expression": image.toDouble().addBands(image.mask()), "fileFormat": "NUMPY_NDARRAY",
                                   "grid": {"crsCode": grid.crs, "dimensions": {"width": grid.width,
                                                                               "height": grid.height},
                                            "affineTransform": {"scaleX": a, "shearX": b, "translateX": c,
                                                                "shearY": d, "scaleY": e, "translateY": f}}})
    names = found.dtype.names
    half = len(names) // 2
    return np.ma.stack([np.ma.MaskedArray(found[value], found[mask] == 0)
                        for value, mask in zip(names[:half], names[half:], strict=True)])


def same(found: np.ma.MaskedArray, path: Any) -> None:
    """Values and mask as rasterio reads them."""
    with rasterio.open(path) as source:
        expected = source.read(masked=True)
    np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(expected))
    np.testing.assert_array_equal(found.filled(0), expected.filled(0))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32",
                                   "float64"])
def test_pixels_of_each_type_are_kept(running, dtype):
    limits = np.finfo(dtype) if dtype.startswith("f") else np.iinfo(dtype)
    values = RNG.integers(0, 100, (2, 50, 70)).astype(dtype)
    values[0, 0, :2] = limits.min, limits.max
    uri = written(running, values)
    name, done = ingest(running, uri)
    assert done["metadata"]["state"] == "SUCCEEDED", done
    assert [band.dtype for band in running.tree.get(name).bands] == [dtype] * 2
    np.testing.assert_array_equal(running.tree.pixels(running.tree.get(name), ["b1", "b2"]), values)


@pytest.mark.parametrize("dtype", ["uint64", "complex64", "complex128", "complex_int16"])
def test_types_that_no_image_has_are_refused_by_name(running, dtype):
    path = running.object(f"kinds/{dtype}.tif")
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", count=1, height=5, width=7, dtype=dtype, crs="EPSG:32631",
                       transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5.4e6)):
        pass
    name, done = ingest(running, f"gs://bucket/kinds/{dtype}.tif")
    assert f"gs://bucket/kinds/{dtype}.tif holds pixels of type {dtype}" in done["error"]["message"]
    assert not running.tree.exists(name)


@pytest.mark.parametrize("options", [{"nbits": 1}, {"nbits": 4}, {"compress": "lzw"}, {"interleave": "band"},
                                     {"tiled": True, "blockxsize": 16, "blockysize": 32}, {"photometric": "palette"}])
def test_however_bytes_are_laid_out_pixels_are_the_same(running, options):
    values = RNG.integers(0, 2, (1, 50, 70)).astype(np.uint8)
    uri = written(running, values, **options)
    if "photometric" in options:
        with rasterio.open(running.tree.object_path(uri), "r+") as target:
            target.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 0, 0, 255)})
    name, _ = ingest(running, uri)
    same(loaded(running, name), running.tree.object_path(uri))


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("int16", -9999), ("float32", float("nan")),
                                               ("float32", -9999.0), ("float64", 1e300)])
def test_no_data_is_masked(running, dtype, nodata):
    values = RNG.integers(1, 9, (2, 50, 70)).astype(dtype)
    values[:, RNG.random((50, 70)) < 0.3] = nodata
    uri = written(running, values, nodata=nodata)
    name, _ = ingest(running, uri)
    same(loaded(running, name), running.tree.object_path(uri))


def test_nan_is_masked_beside_another_no_data_value(running):
    values = RNG.integers(1, 9, (1, 50, 70)).astype(np.float32)
    values[0, 3, 4:7] = np.nan, -1, 5
    name, _ = ingest(running, written(running, values, nodata=-1))
    np.testing.assert_array_equal(np.ma.getmaskarray(loaded(running, name))[0, 3, 4:7], [True, True, False])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_mask_inside_of_the_file_masks_all_bands(running, dtype):
    values = np.resize(np.arange(256), (2, 50, 70)).astype(dtype)
    uri = written(running, values)
    seen = RNG.random((50, 70)) < 0.6
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), \
            rasterio.open(running.tree.object_path(uri), "r+") as target:
        target.write_mask(seen)
    name, done = ingest(running, uri)
    assert done["metadata"]["state"] == "SUCCEEDED", done
    found = loaded(running, name)
    np.testing.assert_array_equal(np.ma.getmaskarray(found), np.broadcast_to(~seen, found.shape))
    same(found, running.tree.object_path(uri))


def test_an_alpha_band_is_a_band(running):
    """The service masks by a band only where the manifest's maskBands say so, which are refused here by name."""
    values = RNG.integers(0, 256, (4, 50, 70)).astype(np.uint8)
    uri = written(running, values, photometric="rgb", alpha="yes")
    name, _ = ingest(running, uri)
    found = loaded(running, name)
    np.testing.assert_array_equal(found.data, values)
    assert not np.ma.getmaskarray(found).any()


def test_a_rotated_file_keeps_its_place(running):
    transform = rasterio.Affine(8, 3, 500000, 2, -9, 5400000)
    values = RNG.integers(0, 256, (1, 50, 70)).astype(np.uint8)
    name, _ = ingest(running, written(running, values, transform=transform))
    assert running.tree.get(name).grid.transform == tuple(transform)[:6]
    np.testing.assert_array_equal(loaded(running, name).data, values)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_file_without_crs_needs_that_of_the_manifest(running):
    values = RNG.integers(0, 256, (1, 50, 70)).astype(np.uint8)
    uri = written(running, values, crs=None)
    _, done = ingest(running, uri)
    assert "has no coordinate reference system" in done["error"]["message"]
    name, _ = ingest(running, uri, tileset={"crs": "EPSG:32633"})
    assert running.tree.get(name).grid.crs == "EPSG:32633"
    np.testing.assert_array_equal(loaded(running, name).data, values)


def test_files_of_one_image_in_two_projections_are_refused(running):
    values = np.ones((1, 50, 70), np.uint8)
    uris = [written(running, values), written(running, values, crs="EPSG:32632")]
    _, done = ingest(running, *uris)
    assert "differ in projection" in done["error"]["message"]
    name = f"{running.home}/two"
    started = ee.data.startIngestion("r", {"name": name, "tilesets": [
        {"id": str(i), "sources": [{"uris": [uri]}]} for i, uri in enumerate(uris)]})
    assert "have different grids" in running.finished(started["name"])["error"]["message"]


def test_a_data_type_is_converted_to_unless_it_cannot_hold_what_is_missing(running):
    uri = written(running, np.full((1, 50, 70), 300, np.int16), nodata=-9999)
    name, _ = ingest(running, uri, tileset={"dataType": "DOUBLE"})
    assert running.tree.get(name).bands[0].dtype == "float64"
    _, done = ingest(running, uri, tileset={"dataType": "UINT8"})
    assert "no-data value -9999.0 cannot be held as UINT8" in done["error"]["message"]


def test_a_truncated_file_is_named_and_leaves_no_asset(running):
    uri = written(running, RNG.integers(0, 256, (3, 300, 300)).astype(np.uint8), tiled=True, blockxsize=16,
                  blockysize=16)
    path = running.tree.object_path(uri)
    path.write_bytes(path.read_bytes()[:-100_000])
    name, done = ingest(running, uri)
    assert done["metadata"]["state"] == "FAILED"
    assert path.name in done["error"]["message"]
    assert "cannot be read as a GeoTIFF" in done["error"]["message"]
    assert not running.tree.exists(name)
    assert not list(running.tree.root.rglob("*.part"))


def test_a_truncated_scene_of_a_collection_is_named(running):
    collection = f"{running.home}/scenes"
    running.tree.create_collection(collection)
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=300, height=300)
    for name in ("good", "bad"):
        running.tree.write_image(f"{collection}/{name}", grid=grid, arrays={"b": RNG.random(grid.shape)})
    path = running.tree.get(f"{collection}/bad").bands[0].file
    path.write_bytes(path.read_bytes()[:-50_000])
    mean = ee.ImageCollection(collection).mean()
    request = {"expression": mean, "fileFormat": "NUMPY_NDARRAY", "grid": {
        "crsCode": grid.crs, "dimensions": {"width": 300, "height": 300},
        "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5400000}}}
    with pytest.raises(ee.EEException, match="bad.tif cannot be read as a GeoTIFF") as failed:
        ee.data.computePixels(request)
    assert failed.value.__context__.resp.status == 400


def predicted(running: Any, records: list[tuple[str, dict[str, np.ndarray]]], total: int = 6) -> tuple[str, Any]:
    folder = running.object(f"patches{next(NUMBERS)}/mixer.json").parent
    folder.mkdir(parents=True, exist_ok=True)
    mixer.write(folder / "mixer.json", Mixer(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5400000),
                                             patch_width=4, patch_height=2, patches_per_row=3, total_patches=total))
    for name, columns in records:
        example.write(folder / name, columns)
    name = f"{running.home}/patches{next(NUMBERS)}"
    started = ee.data.startIngestion("r", {"name": name, "tilesets": [{"id": "t", "sources": [
        {"uris": [f"gs://bucket/{folder.name}/{each}" for each in (*(name for name, _ in records), "mixer.json")]}]}]})
    return name, running.finished(started["name"])


def test_patches_of_whole_numbers_and_of_floats_are_laid_out_and_surplus_ones_are_padding(running):
    codes, shares = RNG.integers(0, 99, (8, 8)), RNG.random((8, 8), np.float32)
    name, _ = predicted(running, [(f"p{i}.tfrecord.gz", {"code": codes[part], "share": shares[part]})
                                  for i, part in enumerate((slice(0, 4), slice(4, 8)))])
    asset = running.tree.get(name)
    assert {band.id: band.dtype for band in asset.bands} == {"code": "int64", "share": "float32"}
    for band, values in (("code", codes), ("share", shares)):
        expected = np.block([[values[3 * row + column].reshape(2, 4) for column in range(3)] for row in range(2)])
        np.testing.assert_array_equal(running.tree.pixels(asset, [band])[0], expected)


@pytest.mark.parametrize(("columns", "words"), [
    ({"b": np.zeros((3, 8), np.float32)}, "p1.tfrecord.gz hold b, those before a"),
    ({"a": np.zeros((3, 9), np.float32)}, "'a' in gs://.*p1.tfrecord.gz does not hold patches of 4x2"),
    ({"a": np.zeros((3, 8), np.int64)}, "holds int64, before that float32"),
    ({"a": np.zeros((2, 8), np.float32)}, "5 records, but the mixer has 6 patches"),
])
def test_records_that_do_not_fit_are_named_and_leave_nothing(running, columns, words):
    name, done = predicted(running, [("p0.tfrecord.gz", {"a": np.zeros((3, 8), np.float32)}),
                                     ("p1.tfrecord.gz", columns)])
    assert re.search(words, done["error"]["message"])
    assert not running.tree.exists(name)
    assert not list(running.tree.root.rglob("*.part"))


@st.composite
def laid_out(draw: Any) -> list[tuple[int, int, np.ndarray, np.ndarray | None]]:
    """Row, column, values and where they are shown, of some files."""
    return [(draw(st.integers(-6, 6)), draw(st.integers(-6, 6)),
             RNG.integers(1, 250, (2, draw(st.integers(1, 7)), draw(st.integers(1, 7)))).astype(np.uint8), None)
            for _ in range(draw(st.integers(1, 4)))]


@settings(max_examples=60, deadline=None)
@given(files=laid_out(), row=st.integers(0, 12), column=st.integers(0, 12), side=st.integers(1, 6))
def test_any_part_of_a_mosaic_is_that_of_the_whole_and_reads_no_more_of_each_file(files, row, column, side):
    asked: list[tuple[int, int, int, int]] = []

    def source(top: int, left: int, values: np.ndarray) -> Source:
        def read(part, bands):
            r, c, h, w = part
            assert 0 <= r < r + h <= values.shape[1]
            assert 0 <= c < c + w <= values.shape[2]
            asked.append(part)
            return [values[band, r:r + h, c:c + w] for band in bands], None

        return Source(names=("a", "b"), dtypes=(values.dtype,) * 2, nodata=None, read=read, grid=Grid(
            crs="EPSG:32631", transform=(10.0, 0.0, 10.0 * left, 0.0, -10.0, -10.0 * top), width=values.shape[2],
            height=values.shape[1]))

    whole = mosaic([source(top, left, values) for top, left, values, _ in files])
    top, left = min(each[0] for each in files), min(each[1] for each in files)
    canvas, there = np.zeros((2, *whole.grid.shape), np.uint8), np.zeros(whole.grid.shape, bool)
    for r, c, values, _ in files:
        place = slice(r - top, r - top + values.shape[1]), slice(c - left, c - left + values.shape[2])
        canvas[(slice(None), *place)] = values
        there[place] = True
    row, column = min(row, whole.grid.height - 1), min(column, whole.grid.width - 1)
    height, width = min(side, whole.grid.height - row), min(side, whole.grid.width - column)
    asked.clear()
    found, shown = whole.read((row, column, height, width), [1, 0])
    part = slice(row, row + height), slice(column, column + width)
    np.testing.assert_array_equal(np.stack(found), canvas[(slice(None), *part)][::-1])
    np.testing.assert_array_equal(there[part], np.ones((height, width), bool) if shown is None else shown)
    assert all(high <= height and wide <= width for _, _, high, wide in asked)
