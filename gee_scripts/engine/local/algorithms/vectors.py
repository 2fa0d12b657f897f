"""Images to features and features to images: segments, properties per pixel, distances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import Affine

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms import tuples
from gee_scripts.engine.local.algorithms.around import Around, as_mask
from gee_scripts.engine.local.algorithms.distances import components
from gee_scripts.engine.local.algorithms.records import table
from gee_scripts.engine.local.algorithms.reducers import plain
from gee_scripts.engine.local.algorithms.regions import titled
from gee_scripts.engine.local.algorithms.runs import over_runs
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import bounding_grid, in_one, projection_for, region_pixels
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection, centres, coordinates, is_geographic, transformer
from gee_scripts.engine.local.rasters.raster import Apply, Band, Node, PixelType, read
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Image, Part, Reducer, geometry_of, get

Array = NDArray[Any]
TILE = 256
EARTH_RADIUS = 6371010.0
"""Metres. https://s2geometry.io/resources/earthcube"""


@algorithm("Image.reduceToVectors", differs="Pixels count where their centre is inside; corners that touch make parts.")
def reduce_to_vectors(image: Image, reducer: Reducer | None, geometry: Geometry | None, scale: float | None,
                      kind: str, eight: bool, label: str | None, crs: Projection | None,
                      transform: list[float] | None, best_effort: bool, most: int, tile_scale: float,
                      native: bool) -> Collection:
    """A feature for every segment of connected pixels of equal value in the first band, with its value and the
    reducer's outputs over the other bands."""
    projection = projection_for(image, scale, crs, transform)
    if image.bands[0].type.dtype.kind not in "biu":
        raise AlgorithmError("The first band must be an integer type", mend="cast it with toInt()")
    if kind not in ("polygon", "bb", "centroid"):
        raise AlgorithmError(f"'{kind}' is no geometryType", mend="use polygon, bb or centroid")
    shape = geometry if geometry is not None else geometry_of(image)
    if shape is None:
        raise AlgorithmError("The image has no limits", mend="give a geometry")
    if shape.shape.is_empty:
        return Collection(())
    grid = bounding_grid(shape, projection)
    while grid.width * grid.height > most:
        if not best_effort:
            raise AlgorithmError(f"Too many pixels in the region. Found {grid.width * grid.height}, but maxPixels "
                                 f"allows only {most}", mend="use a larger scale, a higher maxPixels, or bestEffort")
        projection = projection.at_scale(projection.nominal_scale * 2)
        grid = bounding_grid(shape, projection)
    values, masks = _whole(image.bands, grid)
    inside = shapely.contains_xy(in_one(shape, grid.crs), *centres(grid)) & (masks[0] > 0)
    offsets = ((0, 1), (1, 0), (1, 1), (1, -1)) if eight else ((0, 1), (1, 0))
    labels = components(values[0], inside, offsets)
    segments = np.unique(labels[inside], return_inverse=True)
    numbers = np.full(grid.shape, -1, np.int32)
    numbers[inside] = segments[1].ravel()
    properties = _over_segments(image, reducer or plain("countEvery"), values, masks, numbers, len(segments[0]))
    shapes = _outlines(numbers, len(segments[0]), grid, kind)
    first = np.zeros(len(segments[0]), values[0].dtype)
    first[numbers[inside]] = values[0][inside]
    target = grid.crs if native else "EPSG:4326"
    found = []
    for place, (outline, outputs) in enumerate(zip(_moved(shapes, grid.crs, target), properties, strict=True)):
        own = {SYSTEM_INDEX: str(place)} | ({} if label is None else {label: first[place].item()})
        found.append(Feature(geometry=Geometry(outline, target), properties=own | {
            name: value for name, value in outputs.items() if value is not None}))
    return Collection(tuple(found))


def _moved(shapes: list[shapely.Geometry], crs: str, target: str) -> list[shapely.Geometry]:
    """Shapes in another CRS: long ones one by one, since they need more vertices first, the others at once."""
    if crs == target or not shapes:
        return shapes
    west, south, east, north = shapely.bounds(shapes).T
    long = np.maximum(east - west, north - south) > (0.02 if is_geographic(crs) else 2000.0)
    moved = np.empty(len(shapes), object)
    for place in np.flatnonzero(long):
        moved[place] = Geometry(shapes[place], crs).to(target)
    change = transformer(crs, target)
    rest = np.array(shapes, object)[~long]
    moved[~long] = shapely.transform(rest, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    return list(moved)


def _whole(bands: Sequence[Band], grid: Grid) -> tuple[list[Array], list[Array]]:
    """Values and masks of bands over a grid, read tile by tile."""
    values = [np.zeros(grid.shape, band.type.dtype) for band in bands]
    masks = [np.ones(grid.shape, np.float32) for _ in bands]
    for row, column, tile in grid.tiles(TILE):
        here = slice(row, row + tile.height), slice(column, column + tile.width)
        for place, (found, mask) in enumerate(read(bands, tile)):
            values[place][here] = found
            if mask is not None:
                masks[place][here] = mask
    return values, masks


def _over_segments(image: Image, reducer: Reducer, values: Sequence[Array], masks: Sequence[Array], numbers: Array,
                   count: int) -> list[dict[str, Any]]:
    bands = list(range(1, len(image.bands)))
    every = all(part.kind == "countEvery" for part in reducer.parts)
    # Counting needs no band beside the one of segments.
    if (reducer.width > 1 and reducer.width != len(bands)) or not (bands or every):
        raise AlgorithmError(f"Need {reducer.width}+1 bands for the reducer, image has {len(image.bands)}",
                             mend="give a band of segments first, then one for every input")
    order = np.argsort(numbers, axis=None, kind="stable")
    order = order[numbers.ravel()[order] >= 0]
    starts = np.searchsorted(numbers.ravel()[order], np.arange(count + 1))
    if every:
        return [dict.fromkeys(reducer.outputs, int(size)) for size in np.diff(starts)]
    columns, shares = [v.ravel()[order] for v in values], [m.ravel()[order] for m in masks]
    groups = [bands] if reducer.width > 1 else [[band] for band in bands]
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    ones = np.ones(len(order))
    for group in groups:
        name = "" if reducer.width > 1 else image.bands[group[0]].name
        titles = [titled(name, output, reducer, len(groups) == 1) for output in reducer.outputs]
        for outputs, results in zip(found, over_runs(reducer, [columns[band] for band in group],
                                                     [shares[band] for band in group], ones, ones > 0, starts),
                                    strict=True):
            outputs.update(zip(titles, results, strict=True))
    return found


def _polygons(outlines: Iterable[tuple[dict[str, Any], float]], count: int) -> list[shapely.Geometry]:
    """The polygon of each number, or its polygons together, from GeoJSON of one polygon and its number each."""
    points: list[tuple[float, float]] = []
    lengths, holders, owners = [], [], []
    for place, (outline, number) in enumerate(outlines):
        owners.append(int(number))
        for ring in outline["coordinates"]:
            points += ring
            lengths.append(len(ring))
            holders.append(place)
    if not owners:
        return []
    rings = shapely.linearrings(np.array(points), indices=np.repeat(np.arange(len(lengths)), lengths))
    parts, of = shapely.polygons(rings, indices=np.array(holders)), np.array(owners)
    order = np.argsort(of, kind="stable")
    parts, of = parts[order], of[order]
    found = np.empty(count, object)
    found[of] = parts
    several = np.flatnonzero(np.bincount(of, minlength=count) > 1)
    among = np.isin(of, several)
    if len(several):
        found[several] = shapely.multipolygons(parts[among], indices=np.searchsorted(several, of[among]))
    return list(found)


def _outlines(numbers: Array, count: int, grid: Grid, kind: str) -> list[shapely.Geometry]:
    a, b, c, d, e, f = grid.transform
    inside = numbers >= 0
    if kind == "polygon":
        return _polygons(features.shapes(numbers, inside, 4, Affine(a, b, c, d, e, f)), count)
    rows, columns = np.nonzero(inside)
    of = numbers[inside]
    if kind == "centroid":
        size = np.bincount(of, minlength=count)
        x, y = np.bincount(of, columns + 0.5, count) / size, np.bincount(of, rows + 0.5, count) / size
        return list(shapely.points(a * x + b * y + c, d * x + e * y + f))
    low, high = np.full((2, count), np.inf), np.full((2, count), -np.inf)
    for axis, place in enumerate((columns, rows)):
        np.minimum.at(low[axis], of, place)
        np.maximum.at(high[axis], of, place + 1)
    corners = np.stack([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    x, y = corners[:, 0], corners[:, 1]
    return list(shapely.polygons(np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1).transpose(1, 0, 2)))


@algorithm("Collection.reduceToImage", lacks="Texts.",
           differs="A polygon intersects a pixel from 1/256 of its area.")
def reduce_to_image(collection: Collection, names: list[str], reducer: Reducer) -> Image:
    """The reducer over the features that intersect each pixel; masked where none does."""
    if len(names) != reducer.width:
        raise AlgorithmError(f"Need {reducer.width} input(s) for the reducer, got {len(names)}",
                             mend="give a property for every input")
    columns, masks, _ = table([[get(item, name) for name in names] for item in collection.items], len(names))
    if any(column.dtype == object for column in columns):
        raise AlgorithmError("the properties hold texts", mend="give properties that hold numbers")
    shapes = [geometry_of(item) for item in collection.items]

    def computed(part: Part) -> Node:
        return Around(bands=(), reach=lambda grid: 0, function=partial(_burnt, part, shapes, columns, masks))

    kinds = [column.dtype if column.dtype.kind == "f" else np.dtype(np.float64) for column in columns]
    return Image(bands=tuple(tuples.results(reducer, kinds, [0] * len(kinds), computed, "")))


def _burnt(part: Part, shapes: Sequence[Geometry | None], columns: Sequence[Array], masks: Sequence[Array],
           values: list[Array], known: list[Array], grid: Grid) -> tuple[list[Array], Array]:
    # A pixel wider all around, so that what only touches the grid is not cut down to a line in it.
    frame = shapely.box(*grid.window(-1, -1, grid.height + 2, grid.width + 2).bounds)
    base = Projection(grid.crs, grid.transform)
    pixels, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for place, shape in enumerate(shapes):
        here = None if shape is None else shapely.intersection(shape.to(grid.crs), frame)
        if here is None or here.is_empty:
            continue
        found = region_pixels(Geometry(here, grid.crs), base)
        inside = (found.columns >= 0) & (found.columns < grid.width) & (found.rows >= 0) & (found.rows < grid.height)
        pixels.append(found.rows[inside] * grid.width + found.columns[inside])
        owners.append(np.full(int(inside.sum()), place))
    at, of = np.concatenate(pixels), np.concatenate(owners)
    order = np.argsort(at, kind="stable")
    at, of = at[order], of[order]
    places, starts = np.unique(at, return_index=True)
    rank = np.arange(len(at)) - np.repeat(starts, np.diff([*starts, len(at)]))
    deep = int(rank.max(initial=0)) + 1
    slot = np.searchsorted(places, at)
    stacks, valid = [], []
    for number in part.inputs:
        stack, there = np.zeros((deep, len(places))), np.zeros((deep, len(places)), np.bool_)
        stack[rank, slot], there[rank, slot] = columns[number][of], masks[number][of] > 0
        stacks.append(stack)
        valid.append(there)
    outputs, seen_there = tuples.reduced(part, stacks, valid, [0] * len(stacks))
    full = np.zeros(grid.width * grid.height, np.bool_)
    full[places] = seen_there
    spread = []
    for output in outputs:
        plane = np.zeros((grid.width * grid.height, *output.shape[1:]), output.dtype)
        plane[places] = output
        spread.append(plane.reshape((*grid.shape, *output.shape[1:])))
    return spread, full.reshape(grid.shape)


@algorithm("Collection.distance", differs="On a sphere of 6371010 m.")
def distance(collection: Collection, radius: float, error: float) -> Image:
    """Metres from each pixel's centre to the nearest point, line or boundary; masked beyond the radius."""
    shapes = []
    for item in collection.items:
        found = geometry_of(item)
        for part in [] if found is None else shapely.get_parts(found.to("EPSG:4326")):
            if not part.is_empty:
                shapes.append(part.boundary if part.geom_type == "Polygon" else part)
    node = Around(bands=(), reach=lambda grid: 0, function=partial(_to_nearest, shapes, radius))
    return Image(bands=(Band(name="distance", type=PixelType.of(np.float64), composite=True,
                             values=Apply(lambda found: found[0], (node,)),
                             mask=Apply(lambda found: as_mask(found[1]), (node,))),))


def _to_nearest(shapes: Sequence[shapely.Geometry], radius: float, values: list[Array], masks: list[Array],
                grid: Grid) -> tuple[Array, Array]:
    longitude, latitude = (place.ravel() for place in coordinates(grid, "EPSG:4326"))
    if not shapes:
        return np.zeros(grid.shape), np.zeros(grid.shape, np.bool_)
    # Around the middle of the grid a plane is nearly the globe; only the nearest place is sought in it.
    plane = (f"+proj=aeqd +lon_0={float(longitude.mean())!r} +lat_0={float(latitude.mean())!r} "
             f"+R={EARTH_RADIUS} +units=m +no_defs")
    change = transformer("EPSG:4326", plane)
    flat = [shapely.transform(shapely.segmentize(shape, 0.05), lambda xy: np.column_stack(
        change.transform(xy[:, 0], xy[:, 1]))) for shape in shapes]
    points = shapely.points(*change.transform(longitude, latitude))
    tree = shapely.STRtree(flat)
    nearest = tree.geometries[tree.nearest(points)]
    ends = shapely.get_coordinates(shapely.shortest_line(nearest, points)).reshape(-1, 2, 2)[:, 0]
    other_longitude, other_latitude = change.transform(ends[:, 0], ends[:, 1], direction="INVERSE")
    found = _on_sphere(longitude, latitude, other_longitude, other_latitude).reshape(grid.shape)
    return found, found <= radius


def _on_sphere(longitude: Array, latitude: Array, other_longitude: Array, other_latitude: Array) -> Array:
    """Metres between places, by the haversine formula."""
    x, y, u, v = (np.radians(place) for place in (longitude, latitude, other_longitude, other_latitude))
    half = np.sin((v - y) / 2) ** 2 + np.cos(y) * np.cos(v) * np.sin((u - x) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(half, 1))))
