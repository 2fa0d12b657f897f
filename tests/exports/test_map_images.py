"""Pictures of a map, thinned to a size that a page shows."""

import numpy as np
import pytest

from agrispec.grid import Grid
from exports import map_images, tiles
from exports.tiles import Tiling


@pytest.mark.parametrize("columns", [1024, 16])
def test_a_picture_is_of_every_so_manieth_pixel(tmp_path, monkeypatch, columns):
    monkeypatch.setattr("exports.tiles._COLUMNS", columns)
    monkeypatch.setattr(map_images, "_PICTURE", 13)
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=50, height=30)
    image = np.random.default_rng(0).integers(0, 255, (32, 56)).astype(np.uint8)
    with tiles.canvas(tmp_path, Tiling(grid=grid, side=8), {"class": (np.dtype(np.uint8), 1)}) as canvas:
        canvas.write(0, {"class": np.stack([image[row:row + 8, column:column + 8] for row in range(0, 32, 8)
                                            for column in range(0, 56, 8)])})
        np.testing.assert_array_equal(map_images.thinned(canvas, ["class"])[0], image[:30, :50][::4, ::4])
