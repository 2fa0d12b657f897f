"""What a parcel's surroundings look like from above: pictures of clear looks, asked of the engine."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.config import Config
from agrispec.engine import Engine
from agrispec.grid import Bounds, Grid
from agrispec.season import Window
from exports.review.curves import Graphs, asked

_TIMES, _LEAST_M, _MOST_M = 1.6, 900.0, 3000.0
"""How many times as long as a parcel a picture is, and how long at least and at most, metres on the ground."""

_SHOWN_DAYS = 30
"""Around the season's peak."""

_WEB = "EPSG:3857"
"""The CRS of web maps: a picture in it lies on one without being warped."""

# Reflectance that is drawn at full brightness. Vegetation is bright in the near infrared alone.
_TRUE = (("B4", 0.25), ("B3", 0.25), ("B2", 0.25))
_FALSE = (("B8", 0.75), ("B11", 0.6), ("B4", 0.4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Two pictures of one place.

    Attributes:
        bounds: west, south, east, north in degrees.
        true, false: PNGs as data URLs: red, green, blue; and near infrared, short-wave infrared, red.
        first, last: the steps that they are the median of, [first, last).
    """

    bounds: Bounds
    true: str
    false: str
    first: int
    last: int


def peak(curve: NDArray[np.float32], steps: Window, step_days: int) -> Window:
    """The steps around the highest value of a curve (T,) over `steps`, NaN where nothing was seen; around the middle
    where nothing was."""
    at = int(np.nanargmax(curve)) if np.isfinite(curve).any() else steps.steps // 2
    half = max(_SHOWN_DAYS // 2 // step_days, 1)
    return Window(max(steps.start + at - half, steps.start), min(steps.start + at + half + 1, steps.stop))


def take(engine: Engine, graphs: Graphs, config: Config, season: int, shape: shapely.Geometry,
         steps: Window) -> Pictures:
    """The median of the clear looks of some steps around a shape in degrees; transparent where there was none.

    Raises:
        EngineError: the engine refuses or does not answer.
    """
    grid = _grid(shape, config.spec.scale_m)
    found = asked(engine, graphs.look(config.spec, config.season_of(season), steps, grid), grid)
    west, south, east, north = grid.bounds
    degrees = Transformer.from_crs(_WEB, "EPSG:4326", always_xy=True)
    (left, right), (bottom, top) = degrees.transform([west, east], [south, north])
    true, false = (_png(np.stack([found[band] / full for band, full in bands], axis=-1)) for bands in (_TRUE, _FALSE))
    return Pictures(bounds=(left, bottom, right, top), true=true, false=false, first=steps.start, last=steps.stop)


def _grid(shape: shapely.Geometry, scale_m: float) -> Grid:
    west, south, east, north = shape.bounds
    # Mercator stretches lengths by 1 / cos(latitude).
    stretch = 1 / math.cos(math.radians((south + north) / 2))
    web = Transformer.from_crs("EPSG:4326", _WEB, always_xy=True)
    (left, right), (bottom, top) = web.transform([west, east], [south, north])
    longest = max(right - left, top - bottom) / stretch
    half = min(max(longest * _TIMES, _LEAST_M), _MOST_M) / 2 * stretch
    x, y = (left + right) / 2, (bottom + top) / 2
    return Grid.covering(_WEB, (x - half, y - half, x + half, y + half), scale_m * stretch)


def _png(brightness: NDArray[np.floating]) -> str:
    from matplotlib import image
    # The square root lifts what is dark, as a photograph would.
    levels = np.sqrt(np.clip(brightness, 0, 1))
    seen = (levels > 0).any(axis=-1, keepdims=True)
    levels = (np.concatenate([levels, seen], axis=-1) * 255).round().astype(np.uint8)
    content = io.BytesIO()
    image.imsave(content, levels, format="png")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
