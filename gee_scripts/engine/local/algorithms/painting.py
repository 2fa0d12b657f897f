"""Features painted on images, as numbers and in colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.casting import cast
from gee_scripts.engine.local.algorithms.masks import only_numbers
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.colours import Colour, parsed
from gee_scripts.engine.local.images.drawing import (
    MARKERS,
    Placed,
    at_domain,
    broken,
    burnt,
    marked,
    outline,
    parts,
    raster_of,
)
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, Node, PixelType, Place
from gee_scripts.engine.local.values import Collection, Image, geometry_of, get

Array = NDArray[Any]
_BYTE = PixelType.of(np.uint8)


def _placed(collection: Collection) -> tuple[list[Any], Placed]:
    """The features that have a geometry, and their geometries."""
    found = [(item, geometry_of(item)) for item in collection.items]
    shapes: list[Geometry] = [shape for _, shape in found if shape is not None and not shape.shape.is_empty]
    return [item for item, shape in found if shape is not None and not shape.shape.is_empty], Placed(shapes)


def _numbers(features: Sequence[Any], given: Any, what: str) -> list[float]:
    """A number for every feature: one for all, or that of a property."""
    if isinstance(given, str):
        values = [get(feature, given) for feature in features]
        if not all(isinstance(value, int | float) for value in values):
            raise AlgorithmError(f"the property '{given}' of a feature is missing or no number",
                                 mend=f"give {what} as a number, or the name of a property that all features have")
        return [float(value) for value in values]
    if not isinstance(given, int | float):
        raise AlgorithmError(f"{what} is neither a number nor the name of a property", mend="give one of them")
    return [float(given)] * len(features)


@algorithm("Image.paint",
           differs="a pixel is painted whole or not at all: where its centre lies inside, or no further than half the "
                   "width from a line; the bands keep their type; a shape across the antimeridian has an outline there")
def paint(image: Image, collection: Collection, colour: Any, width: Any) -> Image:
    """The image with a number where features are, or where their outlines are."""
    only_numbers(image)
    features, placed = _placed(collection)
    colours = _numbers(features, colour, "color")
    widths = None if width is None else _numbers(features, width, "width")
    burn = Place(partial(_painted, placed, colours, widths))
    masks: dict[int, Node] = {}
    bands = []
    for band in image.bands:
        mask = masks.setdefault(id(band.mask), Apply(_shown, (burn, band.mask)))
        bands.append(replace(band, mask=mask, values=Apply(partial(_over, band.type.dtype), (burn, band.values))))
    footprint = None if image.footprint is None else image.footprint + tuple(placed.geometries)
    return replace(image, bands=tuple(bands), footprint=footprint, id=None)


def _painted(placed: Placed, colours: Sequence[float], widths: Sequence[float] | None, domain: Domain) -> Array:
    grid = raster_of(domain)
    reach = 1.0 if not widths else max(widths) / 2 + 1
    places, shapes = placed.near(grid, reach)
    shown = [_filled(shape) if widths is None else _stroked(shape, widths[place])
             for place, shape in zip(places, shapes, strict=True)]
    return at_domain(domain, burnt(shown, [colours[place] for place in places], grid))


def _filled(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape with points and lines as the pixels that they are in, or near to."""
    return shapely.GeometryCollection(
        [part if part.geom_type == "Polygon" else _thick(part, 1) for part in parts(shape)])


def _stroked(shape: shapely.Geometry, width: float) -> shapely.Geometry:
    points = [_thick(part, width) for part in parts(shape) if part.geom_type == "Point"]
    return shapely.GeometryCollection([outline(shape).buffer(width / 2), *points])


def _thick(part: shapely.Geometry, width: float) -> shapely.Geometry:
    if part.geom_type == "Point":
        # The pixel that holds it, and as many around it as the width says.
        x, y, half = np.floor(part.x) + 0.5, np.floor(part.y) + 0.5, max(width, 1) / 2
        return shapely.box(x - half, y - half, x + half, y + half)
    return part.buffer(width / 2)


def _over(dtype: np.dtype[Any], burn: Array, values: Array) -> Array:
    there = ~np.isnan(burn)
    return np.where(there, cast(np.where(there, burn, 0), dtype), values).astype(dtype, copy=False)


def _shown(burn: Array, known: Mask) -> Mask:
    if known is None:
        return None
    there = ~np.isnan(burn)
    return there | known if known.dtype == np.bool_ else np.where(there, np.float32(1), known)


# -- in colours

@dataclass(frozen=True, slots=True)
class Style:
    """How a feature is drawn; sizes in pixels.

    Attributes:
        colour, fill: of lines and outlines, of insides.
        radius, marker: of points.
        width, pattern: of lines and outlines: solid, dashed or dotted.
    """

    colour: Colour
    fill: Colour
    radius: float
    marker: str
    width: float
    pattern: str


_PATTERNS = ("solid", "dotted", "dashed")
_KEYS = ("color", "pointSize", "pointShape", "width", "fillColor", "lineType")


def _style(given: Mapping[str, Any]) -> Style:
    colour = parsed(given["color"])
    fill = parsed(given["fillColor"]) if given.get("fillColor") is not None else (*colour[:3], colour[3] * 0.66)
    if given["pointShape"] not in MARKERS:
        raise AlgorithmError(f"'{given['pointShape']}' is no marker", mend=f"use one of {', '.join(MARKERS)}")
    if given["lineType"] not in _PATTERNS:
        raise AlgorithmError(f"'{given['lineType']}' is no line type", mend=f"use one of {', '.join(_PATTERNS)}")
    try:
        radius, width = float(given["pointSize"]) / 2, float(given["width"])
    except (TypeError, ValueError) as error:
        raise AlgorithmError("a width or a point size is no number", mend="give pixels") from error
    if not (math.isfinite(radius) and math.isfinite(width)):
        raise AlgorithmError(f"a width of {width} or a point size of {2 * radius} cannot be drawn", mend="give pixels")
    return Style(colour, fill, radius, given["pointShape"], width, given["lineType"])


_DIFFERS = ("edges are not smoothed; neighbours in a collection that share a style are one layer; a point is as wide "
            "as its size and lies under its outline; a shape across the antimeridian has an outline there")


@algorithm("Collection.style", differs=_DIFFERS,
           source="https://developers.google.com/earth-engine/apidocs/ee-featurecollection-style")
def style(collection: Collection, colour: str, size: float, shape: str, width: float, fill: str | None,
          own: str | None, neighbourhood: int, pattern: str) -> Image:
    """Features in colours, transparent where there are none."""
    usual = dict(zip(_KEYS, (colour, size, shape, width, fill, pattern), strict=True))
    features, placed = _placed(collection)
    styles = []
    for feature in features:
        special = get(feature, own) if own else None
        if special is not None and not isinstance(special, Mapping):
            raise AlgorithmError(f"the property '{own}' of a feature is no dictionary",
                                 mend="set it to a dictionary such as {'color': 'red'}")
        styles.append(_style({**usual, **(special or {})}))
    if not features:
        _style(usual)  # a wrong colour is wrong without features, too
    return _picture(placed, styles)


@algorithm("Collection.draw", differs=f"drawn as Collection.style does, insides at 0.66 of the opacity; {_DIFFERS}")
def draw(collection: Collection, colour: str, radius: int, width: int) -> Image:
    """Features in one colour."""
    features, placed = _placed(collection)
    one = _style({"color": colour, "pointSize": 2 * radius, "pointShape": "circle", "width": width,
                  "lineType": "solid"})
    return _picture(placed, [one] * len(features))


def _picture(placed: Placed, styles: Sequence[Style]) -> Image:
    drawn = Place(partial(_drawn, placed, styles))
    mask = Apply(_opacity, (drawn,))
    return Image(bands=tuple(
        Band(name=name, type=_BYTE, composite=True, mask=mask, values=Apply(partial(_channel, place), (drawn,)))
        for place, name in enumerate(("vis-red", "vis-green", "vis-blue"))))


def _channel(place: int, drawn: Array) -> Array:
    return np.asarray(np.floor(drawn[place] + 0.5), np.uint8)


def _opacity(drawn: Array) -> Mask:
    return np.asarray(drawn[3], np.float32)


def _drawn(placed: Placed, styles: Sequence[Style], domain: Domain) -> Array:
    """(red, green, blue, opacity) over a domain."""
    grid = raster_of(domain)
    reach = max((max(one.radius * 1.5, 0) + one.width for one in styles), default=0) + 1
    places, shapes = placed.near(grid, reach)
    picture = np.zeros((4, *grid.shape))
    start = 0
    while start < len(places):
        one = styles[places[start]]
        stop = start
        while stop < len(places) and styles[places[stop]] == one:
            stop += 1
        _layer(picture, list(shapes[start:stop]), one, grid)
        start = stop
    return at_domain(domain, picture)


def _layer(picture: Array, shapes: Sequence[shapely.Geometry], one: Style, grid: Grid) -> None:
    insides: list[shapely.Geometry] = []
    lines: list[shapely.Geometry] = []
    for part in (part for shape in shapes for part in parts(shape)):
        shown = marked(part, one.marker, one.radius) if part.geom_type == "Point" else part
        insides += [piece for piece in parts(shown) if piece.geom_type == "Polygon"]
        lines.append(outline(shown))
    _tint(picture, insides, one.fill, grid)
    if one.width > 0:
        _tint(picture, [broken(line, one.width, one.pattern).buffer(one.width / 2) for line in lines], one.colour, grid)


def _tint(picture: Array, shapes: Sequence[shapely.Geometry], colour: Colour, grid: Grid) -> None:
    """Lay a colour over the picture where shapes are."""
    opacity = np.where(np.isnan(burnt(shapes, [1.0] * len(shapes), grid)), 0.0, colour[3])
    whole = opacity + picture[3] * (1 - opacity)
    share = np.divide(opacity, whole, out=np.zeros_like(whole), where=whole > 0)
    for channel in range(3):
        picture[channel] += (colour[channel] - picture[channel]) * share
    picture[3] = whole
