import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.kernels import gathering
from agrispec.kernels.gathering import Tiles


def scattered(images, generator):
    """The same tiles with bytes of something else around each of them."""
    tiles, _, pixels = images.shape
    gaps = generator.integers(0, 50, tiles)
    parts = [part for gap, tile in zip(gaps, images, strict=True)
             for part in (generator.integers(0, 256, gap, dtype=np.uint8), tile.reshape(-1).view(np.uint8))]
    each = 4 * images[0].size
    return Tiles(buffer=np.concatenate(parts), starts=np.cumsum(gaps) + each * np.arange(tiles),
                 offsets=4 * pixels * np.arange(images.shape[1]), pixels=pixels)


@given(seed=st.integers(0, 2**32 - 1), tiles=st.integers(1, 4), bands=st.integers(1, 70), pixels=st.integers(1, 100))
def test_series_are_the_bands_at_their_pixels(seed, tiles, bands, pixels):
    generator = np.random.default_rng(seed)
    images = generator.random((tiles, bands, pixels)).astype(np.float32)
    chosen = np.flatnonzero(generator.random(tiles * pixels) < 0.7)
    order = generator.permutation(bands)[:generator.integers(1, bands + 1)]
    together = images.transpose(0, 2, 1).reshape(-1, bands)
    for made in (Tiles.of(images), scattered(images, generator)):
        np.testing.assert_array_equal(gathering.series(made, order, chosen), together[chosen][:, order])
        np.testing.assert_array_equal(gathering.series(made, order), together[:, order])


def test_the_twin_is_equal():
    generator = np.random.default_rng(0)
    floats = generator.random(5000).astype(np.float32)
    pixels, bands = generator.permutation(1000)[:77], generator.permutation(4000)[:33]
    np.testing.assert_array_equal(gathering._series(floats, pixels, bands),
                                  gathering.series_numpy(floats, pixels, bands))


def test_nothing_beyond_the_buffer_is_read():
    tiles = Tiles.of(np.zeros((2, 3, 4), np.float32))
    with pytest.raises(ValueError, match="does not lie within the 96 bytes"):
        Tiles(buffer=tiles.buffer, starts=tiles.starts + 1, offsets=tiles.offsets, pixels=4)
    for pixel in (-9, 8):
        with pytest.raises(IndexError):
            gathering.series(tiles, np.arange(3), np.array([pixel]))
