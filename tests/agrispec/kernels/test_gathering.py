import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agrispec.kernels import gathering


@given(seed=st.integers(0, 2**32 - 1), bands=st.integers(1, 70), pixels=st.integers(1, 100))
def test_series_are_the_bands_at_their_pixels(seed, bands, pixels):
    generator = np.random.default_rng(seed)
    images = generator.random((bands, pixels)).astype(np.float32)
    chosen = np.flatnonzero(generator.random(pixels) < 0.7)
    order = generator.permutation(bands)[:generator.integers(1, bands + 1)]
    found = gathering.series(images, order, chosen)
    np.testing.assert_array_equal(found, gathering.series_numpy(images, order, chosen))
    for column, band in enumerate(order):
        np.testing.assert_array_equal(found[:, column], images[band, chosen])
