"""Pixels of files: many of them, replaced ones, broken ones, compressed or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.grid import Grid
from gee_scripts.engine.local.images import files

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=70, height=50)


def written(path: Path, seed: int = 0, *, compress: bool = False) -> Path:
    values = np.random.default_rng(seed).integers(0, 5000, (3, 50, 70)).astype(np.uint16)
    path.write_bytes(geotiff.encode(values, GRID, names=["a", "b", "c"], compress=compress))
    return path


@pytest.fixture
def few_files() -> Iterator[int]:
    """The system lets the process have no more files than macOS does: how many."""
    resource: Any = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files._open.clear()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("compress", [True, False])
def test_more_files_than_may_be_open_are_read(tmp_path: Path, few_files: int, compress: bool) -> None:
    names = [written(tmp_path / f"{number}.tif", number, compress=compress) for number in range(few_files + 10)]
    for name in names:
        plane, = files.read(name, 0, [1], (0, 0, 50, 70))
        with rasterio.open(name) as source:
            np.testing.assert_array_equal(plane, source.read(2))


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("scattered", [True, False])
@pytest.mark.parametrize("window", [(0, 0, 50, 70), (3, 5, 20, 1), (49, 69, 1, 1)])
def test_windows_of_bands_in_any_order_are_rasterios(tmp_path: Path, compress: bool, scattered: bool,
                                                     window: tuple[int, int, int, int]) -> None:
    path = written(tmp_path / "a.tif", compress=compress)
    row, column, height, width = window
    found = files.read(path, 0, [2, 0], window, scattered=scattered)
    with rasterio.open(path) as source:
        expected = source.read([3, 1], window=rasterio.windows.Window(column, row, width, height))
    np.testing.assert_array_equal(found, expected)


def test_a_tile_is_a_copy_that_outlives_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    plane, = files.read(path, 0, [0], (0, 0, 50, 70))
    before = plane.copy()
    path.write_bytes(b"something else")
    np.testing.assert_array_equal(plane, before)
    assert plane.flags.c_contiguous
    assert plane.base is None


@pytest.mark.parametrize("compress", [True, False])
def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path, compress: bool) -> None:
    path = written(tmp_path / "a.tif", compress=compress)
    first, = files.read(path, 0, [0], (0, 0, 50, 70))
    written(tmp_path / "b.tif", 1, compress=not compress).replace(path)
    second, = files.read(path, 0, [0], (0, 0, 50, 70))
    assert (first != second).any()
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(second, source.read(1))


@pytest.mark.parametrize("compress", [True, False])
def test_a_truncated_file_is_told(tmp_path: Path, compress: bool) -> None:
    path = written(tmp_path / "a.tif", compress=compress)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CorruptRecord, match=r"a\.tif cannot be read as a GeoTIFF"):
        files.read(path, 0, [0, 1, 2], (0, 0, 50, 70))
