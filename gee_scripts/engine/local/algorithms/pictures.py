"""Pixels to colours."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.bands import chosen
from gee_scripts.engine.local.images.colours import parsed
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import VALID, Apply, Band, Mask, Node, PixelType, both
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
_BYTE = PixelType.of(np.uint8)
_COLOURS = ("vis-red", "vis-green", "vis-blue")


def _each(value: Any, number: int, name: str) -> list[float | None]:
    """A number for every band, from one, a list, or a text of numbers between commas."""
    if value is None:
        return [None] * number
    if isinstance(value, str):
        value = [item for item in value.split(",") if item.strip()]
    try:
        found = [float(item) for item in (value if isinstance(value, list | tuple) else [value])]
    except (TypeError, ValueError) as error:
        raise AlgorithmError(f"'{name}' holds no numbers: {str(value)[:80]}",
                             mend="give a number, or one a band") from error
    if len(found) == 1:
        return [found[0]] * number
    if len(found) != number:
        raise AlgorithmError(f"'{name}' holds {len(found)} numbers for {number} bands",
                             mend="give one number, or one a band")
    return list(found)


def stretched(values: Array, low: float, high: float, gamma: float) -> Array:
    """0 at `low`, 1 at `high` and what lies beyond them cut off, to the power of 1 / gamma."""
    share = (values.astype(np.float64) - low) / ((high - low) or 1)
    return np.asarray(np.clip(np.nan_to_num(share), 0, 1) ** (1 / gamma))


def to_bytes(share: Array) -> Array:
    """Shares as whole numbers from 0 to 255, to the nearest."""
    return np.floor(share * 255 + 0.5).astype(np.uint8)


def tinted(share: Array, palette: Array) -> Array:
    """Colours of shares, between those of a palette (colours, channels); (channels, *shape)."""
    place = share * (len(palette) - 1)
    return np.stack([np.interp(place, np.arange(len(palette)), channel) for channel in palette.T])


def palette_of(given: Any) -> Array:
    """(colours, 4): red, green, blue and 255 times opacity; given as a list, or as one text with commas.

    Raises:
        EngineError: one of them is no colour.
    """
    words = given.split(",") if isinstance(given, str) else list(given)
    colours = [parsed(str(word)) for word in words]
    return np.array([(*colour[:3], 255 * colour[3]) for colour in colours], np.float64)


@algorithm("Image.visualize",
           differs="a band without range is stretched from 0 to 255 if it holds bytes and from 0 to 1 otherwise; "
                   "shares are rounded to the nearest of 256 levels",
           source="https://developers.google.com/earth-engine/guides/image_visualization")
def visualize(image: Image, names: Any, gain: Any, bias: Any, low: Any, high: Any, gamma: Any, opacity: float | None,
              palette: Any, force: bool) -> Image:
    """Bytes of red, green and blue, or of grey."""
    for argument, given in (("bands", names), ("palette", palette)):
        if not isinstance(given, str | list | None):
            raise AlgorithmError(f"{argument} must be a string or a list of strings, not a value of type "
                                 f"{type_name(given)}", mend="give names with commas between them, or a list")
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    bands = chosen(image, names) if names else list(image.bands[:3] if len(image.bands) >= 3 else image.bands[:1])
    if len(bands) not in (1, 3):
        raise AlgorithmError(f"Must specify one or three bands. Got {len(bands)}", mend="name one band or three")
    if palette and len(bands) != 1:
        raise AlgorithmError("Cannot provide a palette when visualizing more than one band", mend="name one band")
    if (gain is not None or bias is not None) and (low is not None or high is not None):
        raise AlgorithmError("Cannot give gain and bias together with min and max", mend="give one of the two")
    if gamma is not None and palette:
        raise AlgorithmError("Cannot give gamma together with a palette", mend="give one of the two")
    number = len(bands)
    gammas = [1.0 if value is None else value for value in _each(gamma, number, "gamma")]
    if any(not value > 0 for value in gammas):
        raise AlgorithmError("gamma must be positive", mend="give a number such as 1.4")
    shares: list[Node] = []
    gains, biases = _each(gain, number, "gain"), _each(bias, number, "bias")
    lows, highs = _each(low, number, "min"), _each(high, number, "max")
    levels = len(palette_of(palette)) - 1 if palette else 255
    for place, band in enumerate(bands):
        if gain is not None or bias is not None:
            # value · gain + bias is the byte, or the number of a colour in the palette.
            slope, start = gains[place] if gains[place] is not None else 1.0, biases[place] or 0.0
            limits = (-start / slope, (levels - start) / slope) if slope else (0.0, 1.0)
        else:
            top = 255.0 if band.type.dtype == np.uint8 else 1.0
            limits = (lows[place] or 0.0, top if highs[place] is None else float(highs[place] or 0.0))
        shares.append(Apply(partial(stretched, low=limits[0], high=limits[1], gamma=gammas[place]), (band.values,)))
    mask = VALID
    for band in bands:
        mask = both(mask, band.mask)
    colours = palette_of(palette) if palette else None
    if colours is not None and (colours[:, 3] < 255).any():
        mask = Apply(partial(_opaque, colours), (shares[0], mask))
    if opacity is not None and opacity < 1:
        mask = Apply(partial(_faded, float(opacity)), (mask,))
    planes: list[Node]
    if colours is not None:
        picture = Apply(partial(_tinted, colours[:, :3]), (shares[0],))
        planes = [Apply(partial(_channel, place), (picture,)) for place in range(3)]
    else:
        planes = [Apply(to_bytes, (share,)) for share in shares]
        if number == 1 and force:
            planes *= 3
    titles = _COLOURS if len(planes) == 3 else ("vis-gray",)
    lead = next((band for band in bands if not band.composite), bands[0])
    return replace(image, id=None, bands=tuple(
        Band(name=name, type=_BYTE, projection=lead.projection, composite=lead.composite, values=plane, mask=mask)
        for name, plane in zip(titles, planes, strict=True)))


def _tinted(palette: Array, share: Array) -> Array:
    return np.floor(tinted(share, palette) + 0.5).astype(np.uint8)


def _channel(place: int, picture: Array) -> Array:
    return np.asarray(picture[place])


def _opaque(palette: Array, share: Array, known: Mask) -> Mask:
    return _faded(tinted(share, palette[:, 3:])[0] / 255, known)


def _faded(opacity: Any, known: Mask) -> Mask:
    return np.asarray(opacity * (1.0 if known is None else known), np.float32)


@algorithm("Image.rgbToHsv")
def rgb_to_hsv(image: Image) -> Image:
    """Hue, saturation and value of red, green and blue."""
    return _converted(image, ("hue", "saturation", "value"), _hsv)


@algorithm("Image.hsvToRgb")
def hsv_to_rgb(image: Image) -> Image:
    """Red, green and blue of hue, saturation and value."""
    return _converted(image, ("red", "green", "blue"), _rgb)


def _converted(image: Image, names: tuple[str, str, str], function: Any) -> Image:
    if len(image.bands) != 3:
        raise AlgorithmError(f"Image must have three bands. Got {len(image.bands)}", mend="select three bands")
    mask = VALID
    for band in image.bands:
        mask = both(mask, band.mask)
    kind = np.dtype(np.float32 if all(band.type.dtype == np.float32 for band in image.bands) else np.float64)
    picture = Apply(function, tuple(band.values for band in image.bands))
    return image.with_bands(replace(
        band, name=name, type=PixelType(kind), mask=mask, values=Apply(partial(_channel, place), (picture,)))
        for place, (band, name) in enumerate(zip(image.bands, names, strict=True)))


def _hsv(*channels: Array) -> Array:
    """Source: A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978; hue as a share of the circle."""
    red, green, blue = np.broadcast_arrays(*(np.asarray(plane, np.float64) for plane in channels))
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    span = most - least
    some = np.where(span == 0, 1, span)
    hue = np.where(most == red, (green - blue) / some,
                   np.where(most == green, 2 + (blue - red) / some, 4 + (red - green) / some))
    hue = np.where(span == 0, 0, (hue / 6) % 1)
    return np.stack([hue, np.where(most == 0, 0, span / np.where(most == 0, 1, most)), most])


def _rgb(*channels: Array) -> Array:
    hue, saturation, value = np.broadcast_arrays(*(np.asarray(plane, np.float64) for plane in channels))
    sector = np.floor(hue * 6)
    part = hue * 6 - sector
    low, down, up = value * (1 - saturation), value * (1 - saturation * part), value * (1 - saturation * (1 - part))
    choices = [(value, up, low), (down, value, low), (low, value, up), (low, down, value), (up, low, value),
               (value, low, down)]
    at = sector.astype(np.int64) % 6
    return np.stack([np.choose(at, [choice[channel] for choice in choices]) for channel in range(3)])
