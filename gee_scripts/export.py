"""Export tasks, described but not started, and graphs as serialised expressions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import ee
import pyarrow as pa

from agrispec.config import Labels
from agrispec.cube import CubeSpec
from agrispec.engine import DEFAULT_PRIORITY, Expression, ImageExport, PatchExport, TableExport
from agrispec.grid import Cell, Grid
from agrispec.harmonics import Harmonics
from agrispec.season import Season, Window
from agrispec.taxonomy import Taxonomy
from gee_scripts import catalog, clouds, composites, cube, forest, harmonics, labels, sampling


def expression(graph: ee.ComputedObject) -> Expression:
    """A graph as the text an `Engine` takes."""
    return json.dumps(ee.serializer.encode(graph, for_cloud_api=True), separators=(",", ":"))


def cubes(spec: CubeSpec, season: Season, cell: Cell, at: Iterable[tuple[int, float, float]], *, bucket: str,
          prefix: str, description: str, request_id: str, priority: int = DEFAULT_PRIORITY) -> TableExport:
    """The cubes at places (row, longitude, latitude) of one cell: properties `row` and `cube`."""
    gathered = sampling.gather(cube.array(spec, season, sampling.region(cell)), at, cell, spec.scale_m)
    return TableExport(description=description, expression=expression(gathered), bucket=bucket, prefix=prefix,
                       selectors=("row", "cube"), request_id=request_id, priority=priority)


def parcel_cubes(spec: CubeSpec, season: Season, cell: Cell, table: str, key: str, inward_m: float,
                 at: Iterable[tuple[int, str]], *, bucket: str, prefix: str, description: str, request_id: str,
                 priority: int = DEFAULT_PRIORITY) -> TableExport:
    """The median cubes of parcels (row, id) of a table asset: properties `row` and `cube`, see `sampling.medians`."""
    looks = cube.looks(spec, season, sampling.region(cell))
    found = sampling.medians(looks, spec, table, key, at, inward_m, cell)
    return TableExport(description=description, expression=expression(found), bucket=bucket, prefix=prefix,
                       selectors=("row", "cube"), request_id=request_id, priority=priority)


def patches(spec: CubeSpec, season: Season, grid: Grid, patch: int, *, bucket: str, prefix: str, description: str,
            request_id: str, mask: str = "") -> PatchExport:
    """Every pixel of a grid, padded to whole patches, as `spec.patch_bands()`; `mask` as in `window`."""
    padded = grid.padded(patch)
    return PatchExport(description=description, expression=window(spec, season, padded, mask), bucket=bucket,
                       prefix=prefix, grid=padded, patch=patch, fill=spec.fill, request_id=request_id)


def window(spec: CubeSpec, season: Season, grid: Grid, mask: str = "") -> Expression:
    """The pixels of a grid as `spec.patch_bands()`, to be asked for a window at a time.

    Args:
        mask: id of an image whose first band is 0, or masked, where nothing is wanted: all bands hold the fill there,
            counts, too. Empty hides nothing.
    """
    pixels = cube.patches(spec, season, _region(grid))
    if mask:
        pixels = pixels.updateMask(ee.Image(mask).select([0]).neq(0).unmask(0, False)).unmask(spec.fill, False)
    return expression(pixels)


def look(spec: CubeSpec, season: Season, steps: Window, grid: Grid) -> Expression:
    """What some steps look like at the pixels of a grid: `composites.look`, 0 where nothing was clear."""
    region = _region(grid)
    clear = clouds.clear(clouds.scenes(spec.collection, season, region, spec.clear), clouds.scores(season, region),
                         spec.clear)
    return expression(composites.look(clear, season, steps).unmask(0, False))


def forest_rows(texts: Sequence[str]) -> pa.Table | None:
    """Rows of the table asset that trees must be put into; none where they fit into a request. Raises as
    `gee_scripts.forest.rows`."""
    return None if forest.fits(texts) else forest.rows(texts)


def forest_map(spec: CubeSpec, made: Harmonics, season: Season, grid: Grid, trees: Sequence[str] | str, *,
               asset_id: str, properties: Mapping[str, str | float], description: str,
               request_id: str) -> ImageExport:
    """The class that a forest on harmonics gives each pixel of a grid, as an asset of one byte band `class`.

    A pixel without a clear look in the window of `spec` is masked.

    Args:
        made: the coefficients that the forest reads.
        trees: their texts, or the id of the table asset that holds them.
        properties: of the asset, beside the season's first and last moment.
    """
    region = _region(grid)
    classifier = forest.stored(trees) if isinstance(trees, str) else forest.inline(trees)
    mapped = forest.classes(harmonics.coefficients(spec, made, season, region), classifier, made.names(spec))
    seen = mapped.updateMask(harmonics.seen(spec, season, region))
    said = seen.set({**properties, "system:time_start": ee.Date(season.start.isoformat()).millis(),
                     "system:time_end": ee.Date(season.end.isoformat()).millis()})
    return ImageExport(description=description, expression=expression(said), asset_id=asset_id, grid=grid,
                       pyramiding="MODE", request_id=request_id)


def labelled_places(where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell, per_class: int, scale_m: float,
                    seed: int) -> Expression:
    """Places of every class in a cell, away from field edges and from doubtful pixels: `sampling.places`."""
    label = labels.eroded(_confident(where, taxonomy, season, cell), where.erode_m)
    return expression(sampling.places(label, cell, len(taxonomy), per_class, scale_m, seed))


def _confident(where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell) -> ee.Image:
    region = sampling.region(cell)
    return labels.confident(labels.classes(where, taxonomy, season, region), where, taxonomy, season, region)


def unlabelled_places(where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell, count: int, scale_m: float,
                      seed: int) -> Expression:
    """Places inside the fields that `season`'s label map knows, whatever grows there; property `label` is 0.

    How sure the map is of them does not count: nobody uses their label, and a sample of sure ones alone would not be
    like the season that is mapped.
    """
    label = labels.eroded(labels.classes(where, taxonomy, season, sampling.region(cell)), where.erode_m)
    return expression(sampling.places(label.multiply(0).toInt(), cell, 1, count, scale_m, seed))


def labels_at(where: Labels, taxonomy: Taxonomy, season: Season, cell: Cell,
              at: Iterable[tuple[int, float, float]], scale_m: float) -> Expression:
    """The class numbers at places of one cell: properties `row` and `label`, -1 where the map knows none, or is less
    sure than is asked."""
    label = _confident(where, taxonomy, season, cell).unmask(-1, False)
    return expression(sampling.gather(label, at, cell, scale_m))


def label_maps(where: Labels, season: Season, cell: Cell) -> Expression:
    """How many label maps touch a cell in a season."""
    return expression(labels.maps(where, season, sampling.region(cell)).size())


def scene_counts(spec: CubeSpec, season: Season, cell: Cell) -> Expression:
    """[scenes, scenes without Cloud Score+, scenes whose Cloud Score+ was derived, simulated scenes] of a cell in
    a season."""
    region = sampling.region(cell)
    found, scored = clouds.scenes(spec.collection, season, region, spec.clear), clouds.scores(season, region)
    simulated = found.filter(ee.Filter.eq(catalog.SIMULATED, "true"))
    counted = (found, clouds.unmatched(found, scored), clouds.derived(found, scored), simulated)
    return expression(ee.List([scenes.size() for scenes in counted]))


def image(asset_id: str, missing: float) -> Expression:
    """An image asset, `missing` where it is masked."""
    return expression(ee.Image(asset_id).unmask(missing, False))


def histogram(asset_id: str, grid: Grid) -> Expression:
    """{"value": {value: pixels}} of the only band of an image asset on a grid; masked pixels are not counted."""
    return _reduced(ee.Image(asset_id).select([0], ["value"]), ee.Reducer.frequencyHistogram().unweighted(), grid)


def spread(asset_id: str, grid: Grid) -> Expression:
    """{"value_count", "value_min", "value_max"} of the pixels that are not masked, as of `histogram`."""
    reducer = ee.Reducer.count().combine(ee.Reducer.minMax(), "", True)
    return _reduced(ee.Image(asset_id).select([0], ["value"]), reducer, grid)


def _reduced(image: ee.Image, reducer: ee.Reducer, grid: Grid) -> Expression:
    return expression(image.reduceRegion(reducer=reducer, geometry=_region(grid), crs=grid.crs,
                                         crsTransform=list(grid.transform), maxPixels=grid.width * grid.height + 1))


def table(asset_id: str) -> Expression:
    """A table asset."""
    return expression(ee.FeatureCollection(asset_id))


def table_size(asset_id: str) -> Expression:
    """How many features a table asset has."""
    return expression(ee.FeatureCollection(asset_id).size())


def table_head(asset_id: str) -> Expression:
    """The first feature of a table asset, as a table of one or none."""
    return expression(ee.FeatureCollection(asset_id).limit(1))


def collection_span(asset_id: str) -> Expression:
    """[images, first time, last time] of a collection asset, times in milliseconds since 1970; null without one."""
    images = ee.ImageCollection(asset_id)
    return expression(ee.List([images.size(), images.aggregate_min("system:time_start"),
                               images.aggregate_max("system:time_start")]))


def parcels(asset_id: str, grid: Grid) -> Expression:
    """The features of a table that touch a grid."""
    return expression(ee.FeatureCollection(asset_id).filterBounds(_region(grid)))


def _region(grid: Grid) -> ee.Geometry:
    """A grid as a planar rectangle in its CRS."""
    return ee.Geometry.Rectangle(list(grid.bounds), grid.crs, False)
