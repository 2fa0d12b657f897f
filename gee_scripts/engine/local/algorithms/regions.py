"""Images reduced over regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.runs import over_runs
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import RegionPixels, blocks, bounding_grid, projection_for, region_pixels
from gee_scripts.engine.local.images.rewriting import fused
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.raster import read
from gee_scripts.engine.local.values import Collection, Feature, Image, Reducer, geometry_of, put

Array = NDArray[Any]


@algorithm("Image.reduceRegions")
def reduce_regions(image: Image, collection: Collection, reducer: Reducer, scale: float | None,
                   crs: Projection | None, transform: list[float] | None, tile_scale: float,
                   most: int | None) -> Collection:
    """The features with the reducer's outputs as properties; null where a region has no valid pixel."""
    projection = projection_for(image, scale, crs, transform)
    regions = [_pixels(geometry_of(feature), projection, most) for feature in collection.items]
    single = len(image.bands) == 1
    features = []
    for feature, found in zip(collection.items, _statistics(image, regions, projection, reducer), strict=True):
        outputs = {titled(name, output, reducer, single): value for (name, output), value in found.items()}
        features.append(put(feature, outputs) if isinstance(feature, Feature)
                        else Feature(geometry=geometry_of(feature), properties={**feature.properties, **outputs}))
    return Collection(tuple(features), "Feature", collection.properties)


def _pixels(geometry: Geometry | None, projection: Projection, most: float | None) -> RegionPixels:
    if geometry is None:
        raise AlgorithmError("a feature has no geometry", mend="drop features without geometry first")
    return region_pixels(geometry, projection, most)


def titled(name: str, output: str, reducer: Reducer, single: bool) -> str:
    """The name of a reducer's output over a band (no name: over all bands), alone (`single`) or one of several."""
    if single or not name:
        return output
    return name if len(reducer.outputs) == 1 else f"{name}_{output}"


def _statistics(image: Image, regions: Sequence[RegionPixels], projection: Projection,
                reducer: Reducer) -> list[dict[tuple[str, str], Any]]:
    """For each region the value of every (band, output), or ("", output) where the reducer takes all bands together.
    All pixels of all regions are read together, so that many small parcels cost little more than their pixels."""
    columns = np.concatenate([region.columns for region in regions] or [np.empty(0, np.int64)])
    rows = np.concatenate([region.rows for region in regions] or [np.empty(0, np.int64)])
    values, masks = gathered(image, projection, columns, rows)
    starts = np.cumsum([0, *(len(region.columns) for region in regions)], dtype=np.int64)
    weights = np.concatenate([region.weights for region in regions] or [np.empty(0, np.float32)])
    central = np.concatenate([region.central for region in regions] or [np.empty(0, np.bool_)])
    results: list[dict[tuple[str, str], Any]] = [{} for _ in regions]
    bands = list(range(len(image.bands)))
    for group in [bands] if reducer.width > 1 else [[band] for band in bands]:
        name = "" if reducer.width > 1 else image.bands[group[0]].name
        titles = [(name, output) for output in reducer.outputs]
        found = over_runs(reducer, [values[band] for band in group], [masks[band] for band in group], weights,
                          central, starts)
        for result, outputs in zip(results, found, strict=True):
            result.update(zip(titles, outputs, strict=True))
    return results


def gathered(image: Image, projection: Projection, columns: NDArray[np.int64],
             rows: NDArray[np.int64]) -> tuple[list[Array], list[Array]]:
    """Values and masks (float32, 0 … 1) of every band at N pixels: (N,) each; array bands give object arrays."""
    values = [np.empty(len(columns), object if band.type.dimensions else band.type.dtype) for band in image.bands]
    masks = [np.ones(len(columns), np.float32) for _ in image.bands]
    bands = fused(image.bands)
    for places, points in blocks(projection, columns, rows):
        for number, (found, mask) in enumerate(read(bands, points)):
            if image.bands[number].type.dimensions:
                for place, cell in zip(places, found, strict=True):
                    values[number][place] = cell
            else:
                values[number][places] = found
            if mask is not None:
                masks[number][places] = mask
    return values, masks


@algorithm("Image.reduceRegion")
def reduce_region(image: Image, reducer: Reducer, geometry: Geometry | None, scale: float | None,
                  crs: Projection | None, transform: list[float] | None, best_effort: bool, most: int,
                  tile_scale: float) -> dict[str, Any]:
    """The reducer's outputs over one region, by band."""
    shape = geometry if geometry is not None and not geometry.unbounded else geometry_of(image)
    if shape is None:
        raise AlgorithmError("The image has no limits", mend="give a geometry")
    projection = projection_for(image, scale, crs, transform)
    if best_effort and not shape.shape.is_empty:
        while math.prod(bounding_grid(shape, projection).shape) > max(most, 1):
            projection = projection.at_scale(projection.nominal_scale * 2)
    found, = _statistics(image, [region_pixels(shape, projection, most)], projection, reducer)
    return {titled(name, output, reducer, False): value for (name, output), value in found.items()}

