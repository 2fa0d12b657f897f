"""Pixels to pictures: ranges, gamma and palette to red, green, blue, and those to PNG.

https://developers.google.com/earth-engine/reference/rest/v1/VisualizationOptions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from gee_scripts.engine.local.pixels import Pixels
from gee_scripts.engine.local.refusals import Refusal


def visualise(pixels: Sequence[Pixels], options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Red, green, blue and opacity, (4, row, column) uint8.

    Args:
        pixels: one band, or three.
        options: VisualizationOptions; without ranges a byte band is taken as it is, others from 0 to 1.

    Raises:
        Refusal: another number of bands, or a gamma that is not positive.
    """
    if len(pixels) not in (1, 3):
        raise Refusal(400, f"Cannot visualize {len(pixels)} bands: select one band or three.")
    ranges = options.get("ranges") or [{}]
    palette = options.get("paletteColors")
    gamma = float((options.get("gamma") or {}).get("value", 1))
    if not gamma > 0:
        raise Refusal(400, f"Gamma must be positive, not {gamma}.")
    scaled = []
    for i, (values, _) in enumerate(pixels):
        limits = ranges[i if i < len(ranges) else -1]
        low = float(limits.get("min", 0))
        high = float(limits.get("max", 255 if values.dtype == np.uint8 else 1))
        share = (values.astype(np.float64) - low) / ((high - low) or 1)
        scaled.append(np.clip(np.nan_to_num(share), 0, 1) ** (1 / gamma))
    if palette:
        colours = np.array([_colour(each) for each in palette], np.float64)
        position = scaled[0] * (len(colours) - 1)
        rgb = [np.interp(position, np.arange(len(colours)), colours[:, i]) for i in range(3)]
    else:
        rgb = [255 * (scaled[i] if len(scaled) == 3 else scaled[0]) for i in range(3)]
    opaque = np.ones(scaled[0].shape, np.bool_)
    for _, valid in pixels:
        if valid is not None:
            opaque &= valid
    return np.stack([*(np.rint(band) for band in rgb), 255 * opaque]).astype(np.uint8)


def _colour(text: str) -> tuple[int, int, int]:
    digits = text.lstrip("#")
    try:
        return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    except ValueError as error:
        raise Refusal(400, f"Invalid color '{text}': the local engine reads colors as RRGGBB.") from error


def png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG file of (band, row, column)."""
    bands, height, width = picture.shape
    with MemoryFile() as memory:
        # A PNG has no place on the ground, which rasterio would warn of.
        with memory.open(driver="PNG", count=bands, height=height, width=width, dtype="uint8",
                         transform=Affine(1, 0, 0, 0, -1, 0)) as target:
            target.write(picture)
        return bytes(memory.getbuffer())
