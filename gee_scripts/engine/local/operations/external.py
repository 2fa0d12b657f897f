"""External images: assets whose pixels stay in their bucket.

https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.errors import AgrispecError, DataError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetBand, AssetTree
from agrispec.formats.geotiff import Windows
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.images.pixels import TILE
from gee_scripts.engine.local.operations.manifests import GEOTIFF, checked_manifest, chosen_bands, shared_missing
from gee_scripts.engine.local.operations.sources import (
    OpenFiles,
    Source,
    geotiff_source,
    is_extreme,
    means_nothing,
    placed,
)
from gee_scripts.engine.local.refusals import Refusal, refusal_of

# https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff#configuration
_TILES = (256, 512, 1024, 2048)
_LARGEST = np.finfo(np.float32).max


def import_external(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> str:
    """The id of a new image asset whose pixels stay in the bucket, with the overviews that the files hold.

    Each object is meant as it is now (its generation); an asset whose object is replaced or deleted cannot be read
    any more.

    Raises:
        Refusal: the manifest cannot be served, its asset exists, or a file is not fit.
    """
    manifest = checked_manifest(body, assets)
    read: dict[str, Source] = {}
    objects: dict[str, tuple[Path, str]] = {}
    try:
        with OpenFiles() as files:
            for tileset in manifest.fields["tilesets"]:
                key, (uri, *more) = tileset.get("id", ""), [uri for each in tileset["sources"] for uri in each["uris"]]
                if more or "dataType" in tileset:
                    raise Refusal(400, f"Tileset '{key}': a tileset of an external image is one file, as it is.")
                path, versioned = _version(manifest.fields.get("uriPrefix", "") + uri, tree)
                found = _external(path, versioned, tileset.get("crs"), files)
                read[key], objects[key] = placed(found, tileset, tileset["sources"][0]), (path, versioned)
        bands, grid = chosen_bands(manifest, read)
        nodata = shared_missing(bands)
        if nodata is None and any(band.missing for band in bands):
            raise DataError("the bands of this external image differ in what is missing",
                            mend="use files of one no-data value, or ingest them by image:import")
        tree.publish_image(manifest.asset_id, grid=grid, properties=manifest.properties, nodata=nodata, bands=[
            AssetBand(id=band.id, dtype=read[band.tileset].dtypes[band.index].name, pyramiding=band.policy,
                      file=objects[band.tileset][0], index=band.index, levels=read[band.tileset].levels,
                      uri=objects[band.tileset][1]) for band in bands], overwrite=bool(body.get("overwrite")))
    except AgrispecError as error:
        raise refusal_of(error) from error
    return manifest.asset_id


def _version(uri: str, tree: AssetTree) -> tuple[Path, str]:
    """Where an object stands, and its address with its generation.

    Raises:
        Refusal: it is no GeoTIFF by name.
        DataError: it is not there, or not of the generation that was asked for.
    """
    name, _, asked = uri.rpartition("#") if re.search(r"#\d+$", uri) else (uri, "", "")
    if not name.lower().endswith(GEOTIFF):
        raise Refusal(400, f"An external image is made of cloud optimized GeoTIFFs, not of {uri}.")
    path = tree.existing_object(name)
    # As `storage.object_store` counts it.
    generation = str(path.stat().st_mtime_ns // 1000)
    if asked not in ("", generation):
        raise DataError(f"Failed to load the GeoTIFF at `{uri}`: the object is of generation {generation} now",
                        mend="leave the generation out, or give the present one")
    return path, f"{name}#{generation}"


def _external(path: Path, uri: str, crs: str | None, files: OpenFiles) -> Source:
    layout = geotiff.describe(path, crs)
    if layout.tile is None or layout.tile[0] != layout.tile[1] or layout.tile[0] not in _TILES:
        raise DataError(f"{uri} is not tiled by 256, 512, 1024 or 2048 pixels",
                        mend="write it as a cloud optimized GeoTIFF (gdal_translate -of COG)")
    if not layout.headers_first:
        raise DataError(f"{uri} has pixels before all of its headers",
                        mend="write it as a cloud optimized GeoTIFF (gdal_translate -of COG)")
    if layout.masked:
        raise DataError(f"{uri} has a mask inside, which the local engine does not read in an external image",
                        mend="write masked pixels as a no-data value, or ingest it by image:import")
    return _as_written(geotiff_source(path, uri, crs, files), files.get(path), uri)


def _as_written(source: Source, file: Windows, uri: str) -> Source:
    """The source with its no-data value as the pixels hold it, which the file may say rounded: they are read as they
    are, now and later. For a value that is not rounded nothing is read.

    Raises:
        DataError: they hold several such values.
    """
    nodata = source.nodata
    if nodata is None or not is_extreme(nodata, source.dtypes[0]) or abs(np.float32(nodata)) == _LARGEST:
        return source
    found: set[float] = set()
    for row, column, tile in source.grid.tiles(TILE):
        pixels = file.pixels((row, column, tile.height, tile.width))
        found.update(pixels[means_nothing(pixels, nodata)].tolist())
    if len(found) > 1:
        raise DataError(f"{uri} has the no-data value {nodata}, and pixels of {', '.join(map(str, sorted(found)[:3]))}",
                        mend="write one value into all of them, or ingest it by image:import")
    written = found.pop() if found else nodata
    # What GDAL makes overviews of is the value that the file says.
    return replace(source, nodata=written, levels=source.levels if written == np.float32(nodata) else 0)
