"""Series of pixels out of images of single steps and bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled

_PIXELS, _BANDS = 64, 16  # turned at once: few enough pages and lines to stay in the nearest caches


def series(images: NDArray[np.float32], bands: NDArray[np.int64], pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, B) float32, what B of some images (I, P) hold at N of their pixels.

    Args:
        images: one after another.
        bands: (B,) their numbers, in the order wanted.
        pixels: (N,) theirs.
    """
    return _series(np.ascontiguousarray(images, np.float32), bands, pixels)


def series_numpy(images: NDArray[np.float32], bands: NDArray[np.int64],
                 pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The twin."""
    return np.ascontiguousarray(images[bands][:, pixels].T)


@compiled(series_numpy)
def _series(images, bands, pixels):  # type: ignore[no-untyped-def]
    found = np.empty((len(pixels), len(bands)), np.float32)
    for top in range(0, len(bands), _BANDS):
        for first in range(0, len(pixels), _PIXELS):
            for band in range(top, min(top + _BANDS, len(bands))):
                image = bands[band]
                for pixel in range(first, min(first + _PIXELS, len(pixels))):
                    found[pixel, band] = images[image, pixels[pixel]]
    return found
