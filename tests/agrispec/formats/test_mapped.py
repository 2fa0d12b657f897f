"""Uncompressed GeoTIFFs mapped into memory: pixels equal rasterio's, and any other file is left to it."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from agrispec.formats.mapped import mapped

PLAIN = {"driver": "GTiff", "crs": "EPSG:32631", "transform": Affine(10, 0, 500000, 0, -10, 5400000)}


def written(path: Path, values: np.ndarray, **options: object) -> Path:
    count, height, width = values.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, dtype=values.dtype.name,
                       **(PLAIN | options)) as target:
        target.write(values)
    return path


def pixels(shape: tuple[int, int, int], dtype: str) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 120, shape).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(bands=st.integers(1, 4), height=st.integers(1, 40), width=st.integers(1, 40), bigtiff=st.booleans(),
       strip=st.integers(1, 50),
       dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int64"]))
def test_every_uncompressed_file_that_gdal_writes_by_itself_holds_rasterios_pixels(
        tmp_path_factory, bands, height, width, bigtiff, strip, dtype):
    values = pixels((bands, height, width), dtype)
    path = written(tmp_path_factory.mktemp("plain") / "a.tif", values, bigtiff="yes" if bigtiff else "no",
                   blockysize=strip)
    found = mapped(path)
    assert found is not None
    assert found.dtype == values.dtype
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(found.open().transpose(2, 0, 1), source.read())


def test_overviews_and_a_mask_inside_of_the_file_do_not_move_its_pixels(tmp_path):
    values = pixels((2, 64, 64), "uint16")
    path = written(tmp_path / "a.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        target.write_mask(np.eye(64, dtype=bool))
        target.build_overviews([2, 4])
    found = mapped(path)
    assert found is not None
    np.testing.assert_array_equal(found.open().transpose(2, 0, 1), values)


def test_one_band_may_be_called_separate_from_the_others(tmp_path):
    values = pixels((1, 5, 7), "int16")
    found = mapped(written(tmp_path / "a.tif", values, interleave="band"))
    assert found is not None
    np.testing.assert_array_equal(found.open()[..., 0], values[0])


@pytest.mark.parametrize("options", [
    {"compress": "deflate"}, {"compress": "lzw", "predictor": 2}, {"compress": "zstd"}, {"interleave": "band"},
    {"tiled": True, "blockxsize": 16, "blockysize": 16}, {"nbits": 4}, {"ENDIANNESS": "BIG"}, {"driver": "COG"}],
    ids=str)
def test_a_file_of_another_layout_is_left_to_gdal(tmp_path, options):
    assert mapped(written(tmp_path / "a.tif", pixels((3, 64, 64), "uint8") % 16, **options)) is None


def test_complex_and_half_precision_numbers_are_left_to_gdal(tmp_path):
    assert mapped(written(tmp_path / "a.tif", pixels((1, 4, 4), "complex64"))) is None
    assert mapped(written(tmp_path / "b.tif", pixels((1, 4, 4), "float32"), nbits=16)) is None


def test_a_file_with_missing_strips_is_left_to_gdal(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", count=1, height=64, width=64, dtype="uint16", SPARSE_OK=True, blockysize=4,
                       **PLAIN) as target:
        target.write(pixels((1, 4, 64), "uint16"), window=Window(0, 8, 64, 4))
    assert mapped(path) is None


def test_a_truncated_file_is_never_read_beyond_its_end(tmp_path):
    path = written(tmp_path / "a.tif", pixels((2, 64, 64), "uint16"))
    found = mapped(path)
    assert found is not None
    path.write_bytes(path.read_bytes()[:-1])
    assert mapped(path) == found
    with pytest.raises(ValueError, match="greater than file size"):
        found.open()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_of_the_header_ends_in_another_error(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("damaged") / "a.tif", pixels((2, 8, 8), "uint16"),
                   bigtiff=data.draw(st.sampled_from(["yes", "no"])))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[:data.draw(st.integers(0, len(content)))]))
    found = mapped(path)
    if found is not None:
        try:
            assert found.open().shape == found.shape
        except ValueError as error:
            assert "mmap" in str(error) or "offset" in str(error)  # noqa: PT017


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0" + b"\xff" * 8,
                                     b"not a TIFF at all, but long enough"])
def test_what_is_no_tiff_is_left_to_gdal(tmp_path, content):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert mapped(path) is None
