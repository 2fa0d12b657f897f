"""Bands of many files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agrispec.formats import geotiff
from agrispec.grid import Grid
from gee_scripts.engine.local.images import loading

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=2, height=2)


@pytest.fixture
def few_files() -> Iterator[int]:
    """The system lets the process have no more files than macOS does: how many."""
    resource: Any = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    loading._open.clear()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_files_than_may_be_open_are_read(tmp_path: Path, few_files: int) -> None:
    names = [tmp_path / f"{number}.tif" for number in range(few_files + 10)]
    for number, name in enumerate(names):
        name.write_bytes(geotiff.encode(np.full((1, 2, 2), number, np.int16), GRID, names=["b"]))
    for number, name in enumerate(names):
        band = loading.GeoTiffBand(file=name, index=0, dtype=np.dtype(np.int16), grid=GRID)
        assert (band.compute(GRID, [loading.pick(GRID, GRID)]) == number).all()
