"""Patches of an image, laid where their mixer says, are that image."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.formats import example, geotiff
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from exports.publishing import patches


def of(height, width):
    return Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=width, height=height)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("patches")


@given(height=st.integers(1, 40), width=st.integers(1, 40), side=st.integers(1, 17),
       kind=st.sampled_from([np.uint8, np.float32]), seed=st.integers(0, 9))
def test_patches_are_as_many_as_the_mixer_says_and_assemble_to_the_image(folder, height, width, side, kind, seed):
    grid, file = of(height, width), folder / "image.tif"
    values = (np.random.default_rng(seed).random(grid.shape) * 200).astype(kind)
    geotiff.write(file, values[None], grid)
    padded = grid.padded(side)
    mixer = Mixer(crs=grid.crs, transform=grid.transform, patch_width=side, patch_height=side,
                  patches_per_row=padded.width // side, total_patches=padded.width * padded.height // side**2)
    patches.check(file, mixer)
    assert patches.write(file, "band", 3, mixer, folder / "image.tfrecord") == mixer.total_patches
    found = example.read(folder / "image.tfrecord")["band"]
    assert found.shape == (mixer.total_patches, side**2)
    assert found.dtype == (np.float32 if kind == np.float32 else np.int64)
    whole = np.full(padded.shape, -1, found.dtype)
    for number, patch in enumerate(found):
        row, column = mixer.corner(number)
        whole[row:row + side, column:column + side] = patch.reshape(side, side)
    np.testing.assert_array_equal(whole[:height, :width], values)
    assert (np.delete(whole, range(height), axis=0) == 3).all()
    assert (np.delete(whole, range(width), axis=1)[:height] == 3).all()


def test_only_a_row_of_patches_is_held(folder):
    grid = of(2048, 1024)
    geotiff.write(folder / "large.tif", np.ones((1, *grid.shape), np.float32), grid)
    mixer = Mixer(crs=grid.crs, transform=grid.transform, patch_width=32, patch_height=32, patches_per_row=32,
                  total_patches=32 * 64)
    tracemalloc.start()
    patches.write(folder / "large.tif", "band", -1, mixer, folder / "large.tfrecord")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A row of patches is 128 KiB, the image 8 MiB.
    assert most < 2 * 2**20
