"""Images made from where their pixels are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, pixels_of, transformer
from gee_scripts.engine.local.rasters.raster import Band, PixelType, Place
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
# Lambert's cylindrical equal-area projection of the ellipsoid: meridians and parallels are straight in it.
_EQUAL_AREA = "+proj=cea +datum=WGS84 +units=m +type=crs"
# https://prng.di.unimi.it/splitmix64.c
_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _made(name: str, place: Place) -> Image:
    return Image(bands=(Band(name=name, type=PixelType.of(np.float64), composite=True, values=place),))


@algorithm("Image.pixelArea")
def pixel_area() -> Image:
    """Square metres of every pixel on the ellipsoid."""
    return _made("area", Place(_areas))


def _areas(domain: Domain) -> Array:
    columns, rows, (a, b, c, d, e, f) = pixels_of(domain)
    change = transformer(domain.crs, _EQUAL_AREA)
    xs, ys = [], []
    for right, down in ((0, 0), (1, 0), (1, 1), (0, 1)):
        across, along = np.broadcast_arrays(columns + right, rows + down)
        x, y = change.transform(a * across + b * along + c, d * across + e * along + f)
        xs.append(np.asarray(x))
        ys.append(np.asarray(y))
    whole = float(2 * transformer("EPSG:4326", _EQUAL_AREA).transform(180.0, 0.0)[0])
    # A pixel across the antimeridian has corners at both ends of the map.
    xs = [xs[0] + (x - xs[0] + whole / 2) % whole - whole / 2 if place else x for place, x in enumerate(xs)]
    doubled = sum(xs[i] * ys[(i + 1) % 4] - xs[(i + 1) % 4] * ys[i] for i in range(4))
    area: Array = np.abs(np.asarray(doubled)) / 2
    return area


@algorithm("Image.random", differs="other numbers than the service's, as steady: one a pixel of a grid and a seed")
def random(seed: int, distribution: str) -> Image:
    """A random number a pixel, the same wherever and however often the pixel is computed."""
    if distribution not in ("uniform", "normal"):
        raise AlgorithmError(f"'{distribution}' is no distribution", mend="use uniform or normal")
    return _made("random", Place(partial(_numbers, seed, distribution == "normal")))


def _numbers(seed: int, normal: bool, domain: Domain) -> Array:
    columns, rows, (a, b, c, d, e, f) = pixels_of(domain)
    # A pixel is known by its place in pixels from the CRS's origin; a millionth absorbs what tiles round off.
    across = np.rint((a * (columns + 0.5) + b * (rows + 0.5) + c) / np.hypot(a, d) * 2**20)
    along = np.rint((d * (columns + 0.5) + e * (rows + 0.5) + f) / np.hypot(b, e) * 2**20)
    with np.errstate(over="ignore"):
        state = _mixed(np.array([seed & (2**64 - 1)], np.uint64))
        for place in (across, along):
            state = _mixed(state ^ place.astype(np.int64).view(np.uint64))
    share = ((state >> np.uint64(11)).astype(np.float64) + (0.5 if normal else 0.0)) * 2.0**-53
    return ndtri(share) if normal else share


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + _STEP
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
