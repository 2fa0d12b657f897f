"""Pixels drawn from images as features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.bands import chosen
from gee_scripts.engine.local.algorithms.regions import gathered
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import bounding_grid, in_one, lon_lat, projection_for, region_pixels
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Points, Projection, centres
from gee_scripts.engine.local.rasters.raster import GO_ON, read, read_masks
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Image, geometry_of, get

Array = NDArray[Any]
TILE = 256
MOST_PIXELS = 10_000_000_000
"""Pixels of the rectangle around a region that are looked through; the service's bound is not documented."""
MOST_FOUND = 50_000_000
"""Pixels of which some are drawn, and whose columns and rows are held: 1 GB."""
MOST_FEATURES = 1_000_000
"""Features that are made of pixels."""


@algorithm("Image.sampleRegions")
def sample_regions(image: Image, collection: Collection, names: list[str] | None, scale: float | None,
                   projection: Projection | None, tile_scale: float, geometries: bool) -> Collection:
    """A feature for every pixel whose centre lies in a region (or that holds a point), with a property a band and
    the region's own. Pixels masked in any band are left out."""
    target = projection_for(image, scale, projection)
    owners: list[int] = []
    columns: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.int64]] = []
    for place, feature in enumerate(collection.items):
        shape = geometry_of(feature)
        if shape is None:
            raise AlgorithmError("a feature has no geometry", mend="drop features without geometry first")
        if shape.shape.geom_type not in ("Point", "MultiPoint"):
            # Before they are counted one by one: about as many as go into the area.
            a, b, _, d, e, _ = target.transform
            _check_features(round(in_one(shape, target.crs).area / abs(a * e - b * d) / 2))
        found = region_pixels(shape, target)
        owners += [place] * int(found.central.sum())
        _check_features(len(owners))
        columns.append(found.columns[found.central])
        rows.append(found.rows[found.central])
    properties = []
    for feature in collection.items:
        kept = names if names is not None else [name for name in feature.properties if not name.startswith("system:")]
        properties.append({name: get(feature, name) for name in kept if get(feature, name) is not None})
    numbers: dict[int, int] = {}
    own = []
    for place in owners:
        number = numbers[place] = numbers.get(place, -1) + 1
        index = get(collection.items[place], SYSTEM_INDEX)
        own.append({**properties[place], SYSTEM_INDEX: f"{place if index is None else index}_{number}"})
    return Collection(tuple(_features(image, target, _joined(columns), _joined(rows), own, geometries, True)))


def _check_features(number: int) -> None:
    if number > MOST_FEATURES:
        raise AlgorithmError(f"User memory limit exceeded. {number} pixels or more are to become features",
                             mend=f"draw at most {MOST_FEATURES} pixels, or give a smaller region or a larger scale")


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _features(image: Image, projection: Projection, columns: NDArray[np.int64], rows: NDArray[np.int64],
              own: Sequence[dict[str, Any]], geometries: bool, drop_nulls: bool) -> list[Feature]:
    """A feature for every pixel, with the properties `own` gives it and one a band."""
    _check_features(len(columns))
    values, masks = gathered(image, projection, columns, rows)
    valid = [mask > 0 for mask in masks]
    places = lon_lat(Points(projection, columns, rows)) if geometries and len(columns) else None
    plain = [column.tolist() if column.dtype != object else column for column in values]
    features = []
    for number, properties in enumerate(own):
        if drop_nulls and not all(known[number] for known in valid):
            continue
        found = {band.name: column[number] for band, column, known in zip(image.bands, plain, valid, strict=True)
                 if known[number]}
        shape = None if places is None else Geometry(shapely.Point(places[number]))
        features.append(Feature(geometry=shape, properties={**properties, **found}))
    return features


@algorithm("Image.stratifiedSample")
def stratified_sample(image: Image, number: int, class_band: str | None, region: Geometry | None,
                      scale: float | None, projection: Projection | None, seed: int,
                      class_values: list[int] | None, class_points: list[int] | None, drop_nulls: bool,
                      tile_scale: float, geometries: bool) -> Collection:
    """As many pixels of every class as asked for, or all there are, drawn by the seed.

    Masked pixels are skipped before the draw. The draw depends on the seed, the class and the pixels alone, not
    on tiles or other classes. It is this engine's own: the service's generator is not published.
    """
    if (class_values is None) != (class_points is None) or len(class_values or ()) != len(class_points or ()):
        raise AlgorithmError("classValues and classPoints must have the same size",
                             mend="give as many numbers of points as classes")
    wanted = dict(zip(class_values or (), class_points or (), strict=True))
    target = projection_for(image, scale, projection)
    band = chosen(image, [class_band] if class_band is not None else [0])[0]
    tested = image.with_bands([band]) if not drop_nulls else image
    classes, columns, rows = _candidates(tested, band.name, _region(image, region), target, True)
    picked = []
    for value in np.unique(classes):
        places = np.flatnonzero(classes == value)
        count = min(wanted.get(int(value), number), len(places))
        generator = np.random.default_rng([abs(seed), int(seed < 0), abs(int(value)), int(value < 0)])
        picked.append(np.sort(generator.choice(places, count, replace=False)))
    at = _joined(picked)
    own = [{SYSTEM_INDEX: str(place)} for place in range(len(at))]
    return Collection(tuple(_features(image, target, columns[at], rows[at], own, geometries, drop_nulls)))


def _region(image: Image, region: Geometry | None) -> Geometry:
    shape = region if region is not None else geometry_of(image)
    if shape is None:
        raise AlgorithmError("The image has no limits", mend="give a region")
    return shape


def _candidates(image: Image, class_band: str | None, region: Geometry,
                projection: Projection, drawn: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Class (0 without a class band), column and row of every pixel whose centre lies in the region and that no
    band masks, from the projection's origin row by row; `drawn` tells whether only some of them become features."""
    if region.shape.is_empty:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    grid = bounding_grid(region, projection)
    if grid.width * grid.height > MOST_PIXELS:
        raise AlgorithmError(f"Too many pixels in sample. Got {grid.width * grid.height}; must be <= {MOST_PIXELS}",
                             mend="give a smaller region or a larger scale")
    a, b, c, d, e, f = projection.transform
    size = a * e - b * d
    x, y = grid.transform[2], grid.transform[5]
    left, top = round((e * (x - c) - b * (y - f)) / size), round((a * (y - f) - d * (x - c)) / size)
    shape = in_one(region, projection.crs)
    shapely.prepare(shape)
    found: list[tuple[Array, Array, Array]] = []
    number, go_on = 0, GO_ON.get()
    for row, column, tile in grid.tiles(TILE):
        go_on()
        frame = shapely.box(*tile.bounds)
        if not shape.intersects(frame):
            continue
        kept = np.ones(tile.shape, np.bool_) if shape.contains(frame) else shapely.contains_xy(shape, *centres(tile))
        for mask in read_masks(image.bands, tile):
            if mask is not None:
                kept = kept & (mask > 0)
        inner_rows, inner_columns = np.nonzero(kept)
        if not len(inner_rows):
            continue
        number += len(inner_rows)
        if not drawn:
            _check_features(number)
        if number > MOST_FOUND:
            raise AlgorithmError(f"User memory limit exceeded. More than {MOST_FOUND} pixels would be drawn from",
                                 mend="give a smaller region or a larger scale")
        values = np.zeros(len(inner_rows))
        if class_band is not None:
            values = read(chosen(image, [class_band]), tile)[0][0][kept]
        found.append((values, inner_columns + column + left, inner_rows + row + top))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    values, columns, rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
    classes = values.astype(np.int64)
    if (classes != values).any():
        raise AlgorithmError(f"The class band '{class_band}' holds values that are not integers",
                             mend="cast it with toInt()")
    order = np.lexsort((columns, rows))
    return classes[order], columns[order].astype(np.int64), rows[order].astype(np.int64)


@algorithm("Image.sample")
def sample(image: Image, region: Geometry | None, scale: float | None, projection: Projection | None,
           factor: float | None, number: int | None, seed: int, drop_nulls: bool, tile_scale: float,
           geometries: bool) -> Collection:
    """The pixels of a region, or a share or number of them drawn by the seed."""
    target = projection_for(image, scale, projection)
    if factor is not None and not 0 < factor <= 1:
        raise AlgorithmError(f"factor must be more than 0 and at most 1, not {factor}",
                             mend="give a share of the pixels")
    if number is not None and number < 0:
        raise AlgorithmError(f"numPixels must not be negative, but is {number}", mend="give how many pixels to draw")
    tested = image if drop_nulls else image.with_bands([])
    drawn = factor is not None or number is not None
    _, columns, rows = _candidates(tested, None, _region(image, region), target, drawn)
    if drawn:
        count = round(len(columns) * factor) if factor is not None else min(number or 0, len(columns))
        picked = np.sort(np.random.default_rng([abs(seed), int(seed < 0)]).choice(len(columns), count, replace=False))
        columns, rows = columns[picked], rows[picked]
    own = [{SYSTEM_INDEX: str(place)} for place in range(len(columns))]
    return Collection(tuple(_features(image, target, columns, rows, own, geometries, drop_nulls)))
