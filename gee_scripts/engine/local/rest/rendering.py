"""Bands to pictures: red, green, blue and opacity, in PNG or JPEG files.

Sources: https://developers.google.com/earth-engine/reference/rest/v1/VisualizationOptions and
https://developers.google.com/earth-engine/reference/rest/v1/ImageFileFormat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.pictures import visualize
from gee_scripts.engine.local.images.pixels import compute
from gee_scripts.engine.local.rasters.raster import VALID, Apply, Band, Mask, PixelType
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.values import Image

FORMATS = ("PNG", "JPEG", "AUTO_JPEG_PNG")
"""Formats of pictures. AUTO_JPEG_PNG is PNG where anything is transparent."""
# Per cent; the service does not say which it takes.
_JPEG_QUALITY = 90


def picture(bands: Sequence[Band], grid: Grid, options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Red, green, blue and opacity over a grid, (4, row, column) uint8.

    Args:
        bands: one, or three.
        grid: bounded by the caller.
        options: VisualizationOptions; without ranges a byte band is taken as it is, others from 0 to 1.

    Raises:
        Refusal: another number of bands, a gamma that is not positive, or a colour that is none.
        EngineError: a band cannot be computed.
    """
    if len(bands) not in (1, 3):
        raise Refusal(400, f"Cannot visualize {len(bands)} bands: select one band or three.")
    palette = options.get("paletteColors") or None
    ranges = options.get("ranges") or []
    if palette and len(bands) != 1:
        raise Refusal(400, "Cannot provide a palette when visualizing more than one band.")
    if len(ranges) not in (0, 1, len(bands)):
        raise Refusal(400, f"{len(ranges)} ranges were given for {len(bands)} bands: give one, or one a band.")
    gamma, opacity = _number(options.get("gamma"), 1.0), _number(options.get("opacity"), 1.0)
    if not gamma > 0:
        raise Refusal(400, f"Gamma must be positive, not {gamma}.")
    if not 0 <= opacity <= 1:
        raise Refusal(400, f"Opacity must be from 0 to 1, not {opacity}.")
    lows = [float(limits.get("min", 0)) for limits in ranges] or None
    highs = [float(limits.get("max", 1)) for limits in ranges] or None
    # A palette is spread over the stretched values as they are.
    seen = visualize(Image(bands=tuple(bands)), None, None, None, lows, highs, None if palette else gamma, opacity,
                     palette, True).bands
    shown = Band(name="opacity", type=PixelType.of(np.uint8), values=Apply(_opacity, (seen[0].mask,)), mask=VALID)
    return np.stack([values for values, _ in compute([*seen, shown], grid)])


def _number(field: Any, otherwise: float) -> float:
    """A number, or the client's {"value": number}."""
    value = field.get("value") if isinstance(field, Mapping) else field
    try:
        return otherwise if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise Refusal(400, f"Invalid value at 'visualizationOptions': {str(value)[:80]!r} is not a number.") from error


def _opacity(mask: Mask) -> NDArray[np.uint8]:
    if mask is None:
        return np.full((), 255, np.uint8)
    return np.floor(mask.astype(np.float64) * 255 + 0.5).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8], file_format: str) -> tuple[bytes, str]:
    """A file of a picture (4, row, column), and its media type.

    JPEG has no opacity: what is transparent is as black as it is in the picture.

    Raises:
        Refusal: the format is none of pictures.
    """
    if file_format not in FORMATS:
        raise Refusal(400, f"The local engine renders pictures as {', '.join(FORMATS)}, not {file_format}.")
    if file_format == "JPEG" or (file_format == "AUTO_JPEG_PNG" and (pixels[3] == 255).all()):
        shade = pixels[3].astype(np.float64) / 255
        return _file(np.rint(pixels[:3] * shade).astype(np.uint8), "JPEG", QUALITY=_JPEG_QUALITY), "image/jpeg"
    return _file(pixels, "PNG"), "image/png"


def _file(pixels: NDArray[np.uint8], driver: str, **options: Any) -> bytes:
    bands, height, width = pixels.shape
    with MemoryFile() as memory:
        # A picture has no place on the ground, which rasterio would warn of.
        with memory.open(driver=driver, count=bands, height=height, width=width, dtype="uint8",
                         transform=Affine(1, 0, 0, 0, -1, 0), **options) as target:
            target.write(pixels)
        return bytes(memory.getbuffer())
