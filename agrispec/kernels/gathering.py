"""Series of pixels out of images of single steps and bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled

_TILE = 32  # pixels and bands turned at once: few enough pages and lines to stay in the nearest caches


def series(bands: NDArray[np.float32], pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, B) float32, what B images (B, P) hold at N pixels, given by their numbers (N,)."""
    return _series(np.ascontiguousarray(bands, np.float32), pixels)


def series_numpy(bands: NDArray[np.float32], pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The twin."""
    return np.ascontiguousarray(bands[:, pixels].T)


@compiled(series_numpy)
def _series(bands, pixels):  # type: ignore[no-untyped-def]
    found = np.empty((len(pixels), len(bands)), np.float32)
    for top in range(0, len(bands), _TILE):
        for first in range(0, len(pixels), _TILE):
            for pixel in range(first, min(first + _TILE, len(pixels))):
                place = pixels[pixel]
                for band in range(top, min(top + _TILE, len(bands))):
                    found[pixel, band] = bands[band, place]
    return found
