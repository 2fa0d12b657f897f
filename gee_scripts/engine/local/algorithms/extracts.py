"""Pixels of images as lists and arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.regions import gathered
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import bounding_grid, in_one, lon_lat, region_pixels
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Points, Projection, centres
from gee_scripts.engine.local.rasters.raster import read
from gee_scripts.engine.local.values import SYSTEM_INDEX, TIME_START, Collection, Feature, Image, geometry_of, get

Array = NDArray[Any]

MOST_VALUES = 1048576
"""https://developers.google.com/earth-engine/apidocs/ee-imagecollection-getregion"""
MOST_PIXELS = 262144
"""https://developers.google.com/earth-engine/apidocs/ee-image-samplerectangle"""


@algorithm("ImageCollection.getRegion", differs="Rows are ordered by pixel, then by image.")
def get_region(collection: Collection, geometry: Geometry, scale: float | None, crs: Projection,
               transform: list[float] | None) -> list[Any]:
    """A header, and a row of id, longitude, latitude, time and values for every pixel and image."""
    projection = crs
    if transform is not None:
        projection = crs.with_transform(transform)
    elif scale is not None:
        projection = crs.at_scale(scale)
    names = collection.items[0].names if collection.items else []
    a, b, _, d, e, _ = projection.transform
    area = in_one(geometry, projection.crs).area
    if math.isfinite(area) and a * e != b * d:
        # Before they are counted one by one: about as many as go into the area.
        _check_values(round(area / abs(a * e - b * d) / 2), collection, names)
    found = region_pixels(geometry, projection)
    inside = found.central if found.central.any() else found.weights > 0
    columns, rows = found.columns[inside], found.rows[inside]
    _check_values(len(columns), collection, names)
    points = Points(projection, columns, rows)
    places = lon_lat(points) if len(columns) else np.empty((0, 2))
    x, y = centres(points)
    table: list[tuple[Array, list[list[Any]]]] = []
    for image in collection.items:
        there = np.ones(len(columns), np.bool_)
        shape = geometry_of(image)
        if shape is not None and len(columns):
            there = shapely.contains_xy(shape.to(projection.crs), x, y)
        here = np.flatnonzero(there)
        values, masks = gathered(image, projection, columns[here], rows[here])
        known = {name: [value if share > 0 else None for value, share in zip(own.tolist(), mask, strict=True)]
                 for name, own, mask in zip(image.names, values, masks, strict=True)}
        time = get(image, TIME_START)
        head = [get(image, SYSTEM_INDEX), getattr(time, "milliseconds", time)]
        cells = [known.get(name, [None] * len(here)) for name in names]
        own_rows = [[head[0], *places[place].tolist(), head[1], *(cell[n] for cell in cells)]
                    for n, place in enumerate(here)]
        table.append((here, own_rows))
    listed = sorted(((int(place), image, row) for image, (here, own) in enumerate(table)
                     for place, row in zip(here, own, strict=True)), key=lambda item: item[:2])
    return [["id", "longitude", "latitude", "time", *names], *(row for _, _, row in listed)]


def _check_values(points: int, collection: Collection, names: list[str]) -> None:
    if points * len(collection.items) * max(len(names), 1) > MOST_VALUES:
        raise AlgorithmError(f"Too many values: {points} points x {len(names)} bands x "
                             f"{len(collection.items)} images > {MOST_VALUES}.",
                             mend="use a larger scale, a smaller region, or fewer images")


@algorithm("Image.sampleRectangle", source="https://developers.google.com/earth-engine/apidocs/ee-image-samplerectangle")
def sample_rectangle(image: Image, region: Geometry | None, names: list[str] | None, default: float | None,
                     default_array: Array | None) -> Feature:
    """A feature of a 2-D array a band, of the pixels in the region's bounds on the band's own grid."""
    shape = region if region is not None else geometry_of(image)
    if shape is None:
        raise AlgorithmError("The image has no limits", mend="give a region")
    kept = names if names is not None else [name for name in image.properties if not name.startswith("system:")]
    found: dict[str, Any] = {name: get(image, name) for name in kept if get(image, name) is not None}
    for band in image.bands:
        grid = bounding_grid(shape, band.projection)
        if grid.width * grid.height > MOST_PIXELS:
            raise AlgorithmError(f"Too many pixels in sample; must be <= {MOST_PIXELS}. "
                                 f"Got {grid.width * grid.height}.",
                                 mend="give a smaller region, or reproject to larger pixels")
        (values, mask), = read([band], grid)
        gone = np.zeros(grid.shape, np.bool_) if mask is None else np.asarray(mask) == 0
        if not gone.any():
            found[band.name] = np.array(values.tolist()) if values.dtype == object else values
            continue
        fill = default_array if band.type.dimensions else default
        if fill is None:
            raise AlgorithmError("Fully masked pixels / pixels outside of the image footprint when sampling band "
                                 f"'{band.name}' with no default value set.",
                                 mend=f"give {'defaultArrayValue' if band.type.dimensions else 'defaultValue'}")
        found[band.name] = _filled(values, gone, np.asarray(fill))
    return Feature(geometry=shape, properties=found)


def _filled(values: Array, gone: Array, fill: Array) -> Array:
    if values.dtype != object:
        wide = np.broadcast_to(gone.reshape(gone.shape + (1,) * (values.ndim - 2)), values.shape)
        return np.where(wide, fill, values)
    cells = [fill if lost else np.asarray(cell) for cell, lost in zip(values.ravel(), gone.ravel(), strict=True)]
    if len({cell.shape for cell in cells}) > 1:
        raise AlgorithmError("the arrays differ in shape", mend="give a defaultArrayValue of the shape of the arrays")
    return np.stack(cells).reshape((*gone.shape, *cells[0].shape))
