"""Export requests to work for the task queue: what can be refused at once is refused here, the rest runs later.

https://developers.google.com/earth-engine/reference/rest/v1/projects.image/export and …/projects.table/export
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import EngineError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.images.frame import output_grid
from gee_scripts.engine.local.images.pixels import Pixels, as_image, chosen, common_type, tiles
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations import assembling, feature_files, patches
from gee_scripts.engine.local.operations.patches import PatchOptions
from gee_scripts.engine.local.operations.staging import Staging, separated, staged
from gee_scripts.engine.local.operations.tasks import Progress, Work
from gee_scripts.engine.local.rasters.pyramids import Pyramid
from gee_scripts.engine.local.rasters.raster import Band
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.values import Image

TABLE_FORMATS = tuple(feature_files.ENDINGS)
IMAGE_FORMATS = ("GEO_TIFF", "TF_RECORD_IMAGE")
"""Formats that are exported; the service has KML, KMZ and SHP of tables beside them."""
# Pixels; of no image.
_WHOLE = 2**62


class Exporter:
    """Makes the work of exports out of their requests."""

    def __init__(self, tree: AssetTree, catalog: Catalog, assets: Assets, limits: Limits) -> None:
        self._tree = tree
        self._catalog = catalog
        self._assets = assets
        self._limits = limits

    def table(self, body: Mapping[str, Any]) -> Work:
        """The work of a table export.

        Raises:
            Refusal: its destination, format or options cannot be served.
            DataError: no bucket or no file can have that name.
        """
        selectors = list(body.get("selectors") or [])
        if "assetExportOptions" in body:
            asset_id, overwrite = self._destination(body["assetExportOptions"])

            def to_asset(progress: Progress) -> Sequence[str]:
                rows, geometries = feature_files.table_rows(self._features(body, progress), selectors)
                self._tree.write_table(asset_id, properties=rows, geometries=geometries, overwrite=overwrite)
                return [asset_id]

            return to_asset
        options = _file_options(body)
        file_format = options.get("fileFormat")
        if file_format not in TABLE_FORMATS:
            raise Refusal(400, f"The local engine exports tables as TFRecord, CSV and GeoJSON, not {file_format}.")
        bucket, prefix = self._bucket(options, lambda prefix: [f"{prefix}{feature_files.ENDINGS[file_format]}"])

        def to_bucket(progress: Progress) -> Sequence[str]:
            features = self._features(body, progress)
            with staged(self._tree, bucket) as staging:
                if file_format == "TF_RECORD_TABLE":
                    feature_files.write_tfrecord(features, selectors, staging, prefix, progress)
                elif file_format == "CSV":
                    feature_files.write_csv(features, selectors, staging, prefix)
                else:
                    feature_files.write_geojson(features, selectors, staging, prefix)
            return staging.written

        return to_bucket

    def image(self, body: Mapping[str, Any]) -> Work:
        """The work of an image export.

        Raises:
            Refusal: its destination, format or options cannot be served.
            EngineError: nor can such patches.
            DataError: no bucket or no file can have that name.
        """
        most = int(body.get("maxPixels", {}).get("value", self._limits.export_pixels))
        if "assetExportOptions" in body:
            options = body["assetExportOptions"]
            asset_id, overwrite = self._destination(options)

            def to_asset(progress: Progress) -> Sequence[str]:
                image, bands, grid = self._image(body, most, progress)
                self._write_asset(asset_id, overwrite, options, image, bands, grid, progress)
                return [asset_id]

            return to_asset
        options = _file_options(body)
        if options.get("fileFormat") == "TF_RECORD_IMAGE":
            cut = PatchOptions.of(options.get("tfRecordOptions") or {})
            bucket, prefix = self._bucket(options, cut.names)

            def to_patches(progress: Progress) -> Sequence[str]:
                _, bands, grid = self._image(body, most, progress)
                with staged(self._tree, bucket) as staging:
                    patches.write(bands, grid, cut, staging, prefix, progress)
                return staging.written

            return to_patches
        if options.get("fileFormat") not in IMAGE_FORMATS:
            raise Refusal(400, f"The local engine exports images as GeoTIFF and TFRecord, not "
                               f"{options.get('fileFormat')}.")
        tiff = options.get("geoTiffOptions") or {}
        tile = _tile(tiff)
        bucket, prefix = self._bucket(options, lambda prefix: [_tiff_name(prefix)] if tile is None else
                                      [_tiff_name(prefix), _tiff_name(prefix, 0, 0)])

        def to_geotiff(progress: Progress) -> Sequence[str]:
            _, bands, grid = self._image(body, most, progress)
            with staged(self._tree, bucket) as staging:
                _write_geotiffs(bands, grid, tile or grid.shape, tiff, staging, prefix, progress)
            return staging.written

        return to_geotiff

    def _destination(self, options: Mapping[str, Any]) -> tuple[str, bool]:
        destination = options.get("earthEngineDestination") or {}
        overwrite = bool(destination.get("overwrite"))
        return self._assets.free_name(destination.get("name", ""), overwrite=overwrite), overwrite

    def _bucket(self, options: Mapping[str, Any], names: Callable[[str], Sequence[str]]) -> tuple[str, str]:
        """Bucket and file name prefix; `names` are those of the files that a prefix leads to.

        Raises:
            Refusal: there is no bucket, or no room for a file.
            DataError: no object can have that name.
        """
        destination = options.get("cloudStorageDestination")
        if not destination or not destination.get("bucket"):
            raise Refusal(400, "The local engine has no Google Drive: export to Cloud Storage or to an asset.")
        bucket, prefix = destination["bucket"], destination.get("filenamePrefix", "")
        for name in names(prefix):
            path = self._tree.object_path(f"gs://{bucket}/{name}")
            if path.is_dir() or any(above.is_file() for above in path.parents):
                raise Refusal(400, f"The local engine keeps objects as files: gs://{bucket}/{name} would stand above "
                                   "or below another one.")
        return bucket, prefix

    def _features(self, body: Mapping[str, Any], progress: Progress) -> list[Any]:
        progress.check(0.0)
        features = feature_files.as_features(evaluate(body["expression"], self._catalog))
        progress.check(0.5)
        return features

    def _image(self, body: Mapping[str, Any], most: int, progress: Progress) -> tuple[Image, tuple[Band, ...], Grid]:
        progress.check(0.0)
        image = as_image(evaluate(body["expression"], self._catalog))
        bands, grid = chosen(image, ()), output_grid(image)
        if grid.width * grid.height > most:
            raise EngineError(f"Export too large: specified {grid.width * grid.height} pixels (max: {most}). Specify "
                              "higher maxPixels value if you intend to export a large area.",
                              mend="raise maxPixels, or export a smaller region")
        return image, bands, grid

    def _write_asset(self, asset_id: str, overwrite: bool, options: Mapping[str, Any], image: Image,
                     bands: Sequence[Band], grid: Grid, progress: Progress) -> None:
        default, overrides = options.get("pyramidingPolicy", "MEAN"), options.get("pyramidingPolicyOverrides") or {}
        properties = {name: feature_files.plain(name, value) for name, value in image.properties.items()
                      if not name.startswith("system:") or name in ("system:time_start", "system:time_end")}
        assembling.write_image(self._tree, asset_id, tiles(bands, grid, progress.check),
                               dtypes={band.name: band.type.dtype for band in bands}, grid=grid, overwrite=overwrite,
                               policies={band.name: overrides.get(band.name, default) for band in bands},
                               properties={name: value for name, value in properties.items() if value is not None},
                               between=progress.go_on)


def _file_options(body: Mapping[str, Any]) -> Mapping[str, Any]:
    options: Mapping[str, Any] | None = body.get("fileExportOptions")
    if not options:
        raise Refusal(400, "The local engine exports to Cloud Storage and to assets only.")
    return options


def _tile(options: Mapping[str, Any]) -> tuple[int, int] | None:
    """Rows and columns of a GeoTIFF at most, None where the image is one file.

    Raises:
        Refusal: no image can be cut so.
    """
    size = options.get("tileDimensions")
    if not size:
        return None
    height, width = int(size.get("height", _WHOLE)), int(size.get("width", _WHOLE))
    if height < 1 or width < 1:
        raise Refusal(400, f"Invalid file dimensions: {width}x{height} pixels. Give at least 1x1.")
    return height, width


def _tiff_name(prefix: str, row: int | None = None, column: int = 0) -> str:
    """Of the one file of an image, or of the file of several that begins at a row and a column."""
    return f"{prefix}.tif" if row is None else f"{separated(prefix)}{row:010d}-{column:010d}.tif"


def _write_geotiffs(bands: Sequence[Band], grid: Grid, tile: tuple[int, int], options: Mapping[str, Any],
                    staging: Staging, prefix: str, progress: Progress) -> None:
    """One file, or files of the given size named by their first row and column."""
    height, width = tile
    nodata, dtype, names = options.get("noData", {}).get("floatValue"), common_type(bands), [b.name for b in bands]
    if nodata is not None and not geotiff.fits(nodata, dtype):
        raise EngineError(f"The no-data value {nodata} cannot be written as {dtype}",
                          mend="choose a value that the type can hold")
    for row in range(0, grid.height, height):
        for column in range(0, grid.width, width):
            part = grid.window(row, column, min(height, grid.height - row), min(width, grid.width - column))
            path = staging.path(_tiff_name(prefix) if part.shape == grid.shape else _tiff_name(prefix, row, column))
            if options.get("cloudOptimized"):
                _write_cog(bands, part, names, dtype, nodata, path, progress)
            else:
                _write_geotiff(bands, part, names, dtype, nodata, path, progress)


def _write_geotiff(bands: Sequence[Band], grid: Grid, names: Sequence[str], dtype: np.dtype[Any],
                   nodata: float | None, path: Path, progress: Progress, *, compress: bool = True) -> None:
    with geotiff.writing(path, grid, dtype, names, nodata=nodata, compress=compress) as write:
        for row, column, pixels in tiles(bands, grid, progress.check):
            write(row, column, np.stack([_filled(read, nodata) for read in pixels]))


def _write_cog(bands: Sequence[Band], grid: Grid, names: Sequence[str], dtype: np.dtype[Any], nodata: float | None,
               path: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="cog") as folder:
        base = Path(folder) / "base.tif"
        _write_geotiff(bands, grid, names, dtype, nodata, base, progress, compress=False)
        levels = assembling.write_levels(base, grid, names, dtype, Pyramid(nodata=nodata), progress.go_on)
        geotiff.cloud_optimise(base, levels, path)


def _filled(pixels: Pixels, nodata: float | None) -> NDArray[Any]:
    """Masked pixels hold the no-data value, else NaN where the type has it, else 0."""
    values, valid = pixels
    if valid is None:
        return values
    fill = nodata if nodata is not None else np.nan if values.dtype.kind == "f" else 0
    return np.where(valid, values, np.asarray(fill, values.dtype))
