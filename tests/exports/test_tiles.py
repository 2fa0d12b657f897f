"""What is written of a map tile by tile is read as windows of the map."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.grid import Grid
from exports import tiles
from exports.tiles import Tiling


def tiling(width, height, side):
    return Tiling(grid=Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=width,
                            height=height), side=side)


@given(width=st.integers(1, 50), height=st.integers(1, 50), side=st.integers(1, 16), several=st.integers(1, 7),
       depth=st.sampled_from([1, 3]), data=st.data())
def test_an_image_cut_into_tiles_is_read_as_its_windows(tmp_path_factory, width, height, side, several, depth, data):
    cut, folder = tiling(width, height, side), tmp_path_factory.mktemp("canvas")
    padded = cut.grid.padded(side)
    image = np.random.default_rng(0).integers(0, 1000, (*padded.shape, depth)).astype(np.int32)
    parts = np.stack([image[row:row + side, column:column + side] for row, column, _ in padded.tiles(side)])
    assert len(parts) == cut.count
    with tiles.canvas(folder, cut, {"image": (np.dtype(np.int32), depth)}) as canvas:
        for first in range(0, cut.count, several):
            canvas.write(first, {"image": parts[first:first + several]})
    with tiles.canvas(folder, cut, {"image": (np.dtype(np.int32), depth)}) as canvas:
        row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        rows, columns = data.draw(st.integers(1, height - row)), data.draw(st.integers(1, width - column))
        expected = image[row:row + rows, column:column + columns]
        np.testing.assert_array_equal(canvas.window("image", row, column, rows, columns),
                                      expected if depth > 1 else expected[..., 0])


@pytest.mark.parametrize(("width", "columns"), [(50, 16), (48, 16), (10, 16), (3000, None)])
def test_windows_cover_a_map_once_and_none_is_as_wide_as_the_map(tmp_path, monkeypatch, width, columns):
    if columns:
        monkeypatch.setattr(tiles, "_COLUMNS", columns)
    most, covered = columns or 1024, np.zeros((20, width), int)
    with tiles.canvas(tmp_path, tiling(width, 20, 8), {}) as canvas:
        for row, column, rows, several in canvas.windows():
            assert rows <= 8
            assert several <= most
            covered[row:row + rows, column:column + several] += 1
    assert (covered == 1).all()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    from agrispec.errors import StorageError
    with pytest.raises(StorageError, match="nowhere"), tiles.canvas(
            tmp_path / "nowhere", tiling(2, 2, 1), {"image": (np.dtype(np.uint8), 1)}):
        pass


def test_tiles_cover_a_grid_and_their_insides_are_its_pixels(tiny):
    tiling = Tiling(grid=tiny.grid, side=7)
    assert tiling.count == 4 * 3
    assert sum(tiling.inside(number).width * tiling.inside(number).height for number in range(12)) == 480
    assert tiling.inside(11).bounds == (613210, 5401800, 613240, 5401860)
    assert tiling.tile(11).shape == (7, 7)


def test_threads_read_windows_at_once(tmp_path):
    cut = tiling(256, 256, 16)
    image = np.random.default_rng(0).integers(0, 2**31, (256, 256)).astype(np.int32)
    parts = np.stack([image[row:row + 16, column:column + 16] for row, column, _ in cut.grid.tiles(16)])
    with tiles.canvas(tmp_path, cut, {"image": (np.dtype(np.int32), 1)}) as canvas, ThreadPoolExecutor(8) as pool:
        canvas.write(0, {"image": parts})
        at = np.random.default_rng(1).integers(0, 200, (2000, 2)).tolist()
        for (row, column), found in zip(at, pool.map(lambda each: canvas.window("image", *each, 40, 50), at),
                                        strict=True):
            np.testing.assert_array_equal(found, image[row:row + 40, column:column + 50])
