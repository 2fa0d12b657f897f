"""Series of pixels out of images of single steps and bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled

_PIXELS, _BANDS = 64, 16  # turned at once: few enough pages and lines to stay in the nearest caches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tiles:
    """Images of several tiles, wherever in a buffer they lie: pixel p of image i of tile t is the little-endian float32
    at byte starts[t] + offsets[i] + 4 p.

    Attributes:
        buffer: (B,) uint8.
        starts: (T,) of the tiles.
        offsets: (I,) of the images within each.
        pixels: P, of an image of a tile.
    """

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    pixels: int

    def __post_init__(self) -> None:
        if len(self.starts) and not (self.starts.min() >= 0 <= self.offsets.min() and self.starts.max()
                                     + self.offsets.max() + 4 * self.pixels <= self.buffer.size):
            raise ValueError(f"a tile does not lie within the {self.buffer.size} bytes")

    @classmethod
    def of(cls, images: NDArray[np.float32]) -> Tiles:
        """Images (T, I, P) side by side."""
        content = np.ascontiguousarray(images, "<f4")
        tiles, bands, pixels = content.shape
        return cls(buffer=content.reshape(-1).view(np.uint8), starts=4 * pixels * bands * np.arange(tiles),
                   offsets=4 * pixels * np.arange(bands), pixels=pixels)

    def __len__(self) -> int:
        return len(self.starts)


def series(tiles: Tiles, bands: NDArray[np.int64], pixels: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """(N, B) float32, what B of the images hold at N pixels.

    Args:
        bands: (B,) numbers of images, in the order wanted.
        pixels: (N,) numbers of pixels, through the tiles; None for all of them in their order.

    Raises:
        IndexError: there is no such pixel.
    """
    if pixels is None:
        pixels = np.arange(len(tiles) * tiles.pixels)
    elif len(pixels) and pixels.min() < 0:
        raise IndexError(f"there is no pixel {pixels.min()}")
    tile, place = np.divmod(pixels, tiles.pixels)
    # floats[i] lies in bytes i ... i + 3.
    floats = np.ndarray((max(tiles.buffer.size - 3, 0),), "<f4", tiles.buffer.data, 0, (1,))
    return _series(floats, tiles.starts[tile] + 4 * place, tiles.offsets[bands])


def series_numpy(floats: NDArray[np.float32], pixels: NDArray[np.int64],
                 bands: NDArray[np.int64]) -> NDArray[np.float32]:
    """The twin."""
    found: NDArray[np.float32] = floats[pixels[:, None] + bands]
    return found


@compiled(series_numpy)
def _series(floats, pixels, bands):  # type: ignore[no-untyped-def]
    found = np.empty((len(pixels), len(bands)), np.float32)
    for top in range(0, len(bands), _BANDS):
        for first in range(0, len(pixels), _PIXELS):
            for band in range(top, min(top + _BANDS, len(bands))):
                offset = bands[band]
                for pixel in range(first, min(first + _PIXELS, len(pixels))):
                    found[pixel, band] = floats[pixels[pixel] + offset]
    return found
