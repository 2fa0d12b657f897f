"""Image manifests to image assets.

https://developers.google.com/earth-engine/guides/image_manifest: tilesets of GeoTIFFs, or of TFRecord files with
their mixer, in Cloud Storage. What the manifest asks for and this does not know is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import AgrispecError, DataError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetBand, AssetTree
from agrispec.formats.stac import check_band_ids
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.tree import Assets, milliseconds
from gee_scripts.engine.local.images.pixels import TILE, Pixels
from gee_scripts.engine.local.operations import assembling
from gee_scripts.engine.local.operations.sources import (
    OpenFiles,
    Source,
    converted,
    geotiff_source,
    mosaic,
    patches_source,
    placed,
)
from gee_scripts.engine.local.operations.tasks import Progress, Work
from gee_scripts.engine.local.refusals import Refusal, refusal_of

_KNOWN = {"name", "tilesets", "bands", "properties", "startTime", "endTime", "pyramidingPolicy", "missingData",
          "uriPrefix", "memo"}
_GEOTIFF = (".tif", ".tiff")
# https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff#configuration
_EXTERNAL_TILES = (256, 512, 1024, 2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenBand:
    """A band of the new asset.

    Attributes:
        id: its name.
        tileset: it is from.
        index: of the band there, from 0.
        missing: values that mean nothing.
        policy: how coarser pixels are made.
    """

    id: str
    tileset: str
    index: int
    missing: tuple[float, ...]
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest whose form was checked.

    Attributes:
        fields: as they came.
        asset_id: of the new asset.
        properties: of the new asset, times included.
    """

    fields: Mapping[str, Any]
    asset_id: str
    properties: Mapping[str, Any]


def _manifest(body: Mapping[str, Any], assets: Assets) -> Manifest:
    manifest, overwrite = body.get("imageManifest") or {}, bool(body.get("overwrite"))
    unknown = sorted(set(manifest) - _KNOWN)
    if unknown:
        raise Refusal(400, f"The local engine does not know these fields of an image manifest: {', '.join(unknown)}.")
    tilesets = manifest.get("tilesets") or []
    if not tilesets:
        raise Refusal(400, "Image manifest has no tilesets.")
    for tileset in tilesets:
        if not tileset.get("sources") or not all(source.get("uris") for source in tileset["sources"]):
            raise Refusal(400, f"Tileset '{tileset.get('id', '')}' has a source without uris.")
    if len({tileset.get("id", "") for tileset in tilesets}) < len(tilesets):
        raise Refusal(400, "Two tilesets have the same ID. Give each tileset its own id.")
    if not all("id" in band for band in manifest.get("bands") or ()):
        raise Refusal(400, "Image manifest has a band without id.")
    asset_id = assets.free_name(manifest.get("name", ""), overwrite=overwrite)
    properties = dict(manifest.get("properties") or {})
    for key, name in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        if manifest.get(key):
            properties[name] = milliseconds(moment(manifest[key]))
    return Manifest(fields=manifest, asset_id=asset_id, properties=properties)


def image_work(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> Work:
    """The work of an image:import request: its files are copied into an asset, tile by tile.

    Raises:
        Refusal: the manifest cannot be served, or its asset exists.
    """
    manifest, overwrite = _manifest(body, assets), bool(body.get("overwrite"))

    def work(progress: Progress) -> Sequence[str]:
        with ExitStack() as stack:
            folder = stack.enter_context(tree.unfinished(manifest.asset_id, overwrite=overwrite))
            files = stack.enter_context(OpenFiles())
            read: dict[str, Source] = {}
            for tileset in manifest.fields["tilesets"]:
                progress.check(0.0)
                read[tileset.get("id", "")] = _tileset(tileset, manifest.fields.get("uriPrefix", ""), tree, folder,
                                                       files, progress)
            _write(tree, manifest, read, progress, overwrite)
        return [manifest.asset_id]

    return work


def import_file(tree: AssetTree, path: Path, asset_id: str, *, time: datetime | None) -> str:
    """A GeoTIFF of this machine as an image asset, made as image:import makes it of one in a bucket.

    Args:
        tree: where the image goes.
        path: GeoTIFF.
        asset_id: `projects/P/assets/...`; folders above it are made.
        time: becomes `system:time_start`; without a zone it is UTC.

    Returns: the id.

    Raises:
        CorruptRecord: the file is not a GeoTIFF.
        DataError: it has no CRS, or pixels, a no-data value or band names that no image has.
        AssetExists: there is such an asset.
    """
    properties: dict[str, Any] = {"agrispec:imported_from": path.name}
    if time is not None:
        properties["system:time_start"] = milliseconds(time.isoformat())
    with OpenFiles() as files:
        _write(tree, Manifest(fields={}, asset_id=asset_id, properties=properties),
               {"": geotiff_source(path, str(path), None, files)}, Progress(), overwrite=False)
    return asset_id


def _write(tree: AssetTree, manifest: Manifest, read: Mapping[str, Source], progress: Progress,
           overwrite: bool) -> None:
    bands, grid = _bands(manifest, read)
    dtypes = {band.id: read[band.tileset].dtypes[band.index] for band in bands}
    nodata = _shared(bands)
    if nodata is not None and not all(geotiff.fits(nodata, dtype) for dtype in dtypes.values()):
        nodata = None
    assembling.write_image(tree, manifest.asset_id, _tiles(bands, read, grid, nodata, progress), dtypes=dtypes,
                           grid=grid, policies={band.id: band.policy for band in bands}, nodata=nodata,
                           properties=manifest.properties, overwrite=overwrite, between=progress.go_on)


def import_external(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> str:
    """The id of a new image asset whose pixels stay in the bucket, with the overviews that the files hold.

    https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff: each object is meant as it is
    now (its generation); an asset whose object is replaced or deleted cannot be read any more.

    Raises:
        Refusal: the manifest cannot be served, its asset exists, or a file is not fit.
    """
    manifest = _manifest(body, assets)
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
        bands, grid = _bands(manifest, read)
        nodata = _shared(bands)
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
    if not name.lower().endswith(_GEOTIFF):
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
    if layout.tile is None or layout.tile[0] != layout.tile[1] or layout.tile[0] not in _EXTERNAL_TILES:
        raise DataError(f"{uri} is not tiled by 256, 512, 1024 or 2048 pixels",
                        mend="write it as a cloud optimized GeoTIFF (gdal_translate -of COG)")
    if not layout.headers_first:
        raise DataError(f"{uri} has pixels before all of its headers",
                        mend="write it as a cloud optimized GeoTIFF (gdal_translate -of COG)")
    if layout.masked:
        raise DataError(f"{uri} has a mask inside, which the local engine does not read in an external image",
                        mend="write masked pixels as a no-data value, or ingest it by image:import")
    return geotiff_source(path, uri, crs, files)


def _shared(bands: Sequence[ChosenBand]) -> float | None:
    """The one value that is missing in all bands, if there is one."""
    values = {repr(value): value for band in bands for value in band.missing}
    return next(iter(values.values())) if len(values) == 1 and all(band.missing for band in bands) else None


def _tiles(bands: Sequence[ChosenBand], read: Mapping[str, Source], grid: Grid, nodata: float | None,
           progress: Progress) -> Iterator[assembling.Tile]:
    """The pixels of the bands; where `nodata` masks them all, only what no file covers is masked."""
    for row, column, tile in grid.tiles(TILE):
        progress.check(row / grid.height)
        pixels: list[Pixels] = [(np.empty(0), None)] * len(bands)
        for name, source in read.items():
            places = [place for place, band in enumerate(bands) if band.tileset == name]
            if not places:
                continue
            planes, there = source.read((row, column, tile.height, tile.width), [bands[each].index for each in places])
            for place, values in zip(places, planes, strict=True):
                valid = None if nodata is not None else _valid(values, bands[place].missing)
                pixels[place] = values, there if valid is None else valid if there is None else valid & there
        yield row, column, pixels


def moment(value: Any) -> str:
    """A time of a manifest as ISO 8601: that, or {"seconds": …}."""
    if isinstance(value, Mapping):
        return str(np.datetime64(int(value.get("seconds", 0)), "s"))
    return str(value)


def _valid(values: NDArray[Any], missing: Sequence[float]) -> NDArray[np.bool_] | None:
    """Where values mean something; None: everywhere. NaN never does."""
    if not missing and values.dtype.kind != "f":
        return None
    valid: NDArray[np.bool_] = values == values
    for value in missing:
        valid &= ~np.isnan(values) if np.isnan(value) else values != value
    return valid


def _bands(manifest: Manifest, read: Mapping[str, Source]) -> tuple[list[ChosenBand], Grid]:
    """The bands of the asset, and the one grid of all.

    Raises:
        DataError: bands and tilesets do not match, or no band can have such a name.
    """
    fields = manifest.fields
    grids = {source.grid for source in read.values()}
    if len(grids) > 1:
        raise DataError(f"the tilesets of {manifest.asset_id!r} have different grids",
                        mend="give all bands of an image the same projection, size and origin")
    total = sum(len(source.names) for source in read.values())
    described = fields.get("bands") or _default_bands(read)
    if len(described) != total and not all("tilesetBandIndex" in band for band in described):
        raise DataError(f"the manifest names {len(described)} bands, the files have {total}",
                        mend="name as many bands as the files have, or give each its tilesetBandIndex")
    check_band_ids(band["id"] for band in described)
    common = _missing(fields.get("missingData"))
    found: dict[str, ChosenBand] = {}
    taken: dict[str, int] = {}
    for band in described:
        tileset = band.get("tilesetId", next(iter(read)))
        if tileset not in read:
            raise DataError(f"band {band['id']!r} is of tileset {tileset!r}, which the manifest lacks",
                            mend=f"use one of {', '.join(map(repr, read))}")
        source, name = read[tileset], band["id"]
        index = int(band.get("tilesetBandIndex", taken.get(tileset, 0)))
        if "tilesetBandIndex" not in band and name in source.names:
            index = source.names.index(name)
        taken[tileset] = index + 1
        if not 0 <= index < len(source.names):
            raise DataError(f"band {name!r} is band {index} of tileset {tileset!r}, which has {len(source.names)}",
                            mend="count tilesetBandIndex from 0")
        own = _missing(band.get("missingData")) or common
        found[name] = ChosenBand(id=name, tileset=tileset, index=index,
                                 missing=own or (() if source.nodata is None else (source.nodata,)),
                                 policy=band.get("pyramidingPolicy") or fields.get("pyramidingPolicy") or "MEAN")
    return list(found.values()), grids.pop()


def _default_bands(read: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Bands by the names in the files, b1, b2, … where they have none.

    Words: https://developers.google.com/earth-engine/guides/cog_registration, and
    https://github.com/tracek/gee_asset_manager/issues/38 of files without names.
    """
    found: list[dict[str, Any]] = []
    for tileset, source in read.items():
        for index, name in enumerate(source.names):
            found.append({"id": name or f"b{len(found) + 1}", "tilesetId": tileset, "tilesetBandIndex": index})
    return found


def _missing(described: Mapping[str, Any] | None) -> tuple[float, ...]:
    return tuple(float(value) for value in (described or {}).get("values", ()))


def _tileset(tileset: Mapping[str, Any], prefix: str, tree: AssetTree, folder: Path, files: OpenFiles,
             progress: Progress) -> Source:
    """All sources of a tileset, laid beside each other."""
    sources = []
    for source in tileset["sources"]:
        progress.go_on()
        uris = [prefix + uri for uri in source["uris"]]
        names = [uri.lower() for uri in uris]
        if any(name.endswith((".tfrecord", ".tfrecord.gz")) for name in names):
            found = patches_source(uris, tree, folder, files, progress)
        elif names[0].endswith(_GEOTIFF) and len(uris) == 1:
            found = geotiff_source(tree.existing_object(uris[0]), uris[0], tileset.get("crs"), files)
        else:
            raise DataError(f"{', '.join(uris)}: the local engine ingests a GeoTIFF, or TFRecord files with their "
                            "mixer", mend="convert the file to GeoTIFF")
        sources.append(placed(found, tileset, source))
    whole, kind = mosaic(sources), tileset.get("dataType")
    return whole if kind is None else converted(whole, kind)
