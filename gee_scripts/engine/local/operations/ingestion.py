"""Images that are ingested: files of manifests copied into assets, tile by tile.

Tilesets of GeoTIFFs, or of TFRecord files with their mixer, in Cloud Storage; and GeoTIFFs of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.tree import Assets, milliseconds
from gee_scripts.engine.local.images.pixels import TILE, Pixels
from gee_scripts.engine.local.operations import assembling
from gee_scripts.engine.local.operations.manifests import (
    GEOTIFF,
    ChosenBand,
    Manifest,
    checked_manifest,
    chosen_bands,
    shared_missing,
)
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


def image_work(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> Work:
    """The work of an image:import request: its files are copied into an asset, tile by tile.

    Raises:
        Refusal: the manifest cannot be served, or its asset exists.
    """
    manifest, overwrite = checked_manifest(body, assets), bool(body.get("overwrite"))

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
    bands, grid = chosen_bands(manifest, read)
    dtypes = {band.id: read[band.tileset].dtypes[band.index] for band in bands}
    nodata = shared_missing(bands)
    if nodata is not None and not all(geotiff.fits(nodata, dtype) for dtype in dtypes.values()):
        nodata = None
    assembling.write_image(tree, manifest.asset_id, _tiles(bands, read, grid, nodata, progress), dtypes=dtypes,
                           grid=grid, policies={band.id: band.policy for band in bands}, nodata=nodata,
                           properties=manifest.properties, overwrite=overwrite, between=progress.go_on)


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


def _valid(values: NDArray[Any], missing: Sequence[float]) -> NDArray[np.bool_] | None:
    """Where values mean something; None: everywhere. NaN never does."""
    if not missing and values.dtype.kind != "f":
        return None
    valid: NDArray[np.bool_] = values == values
    for value in missing:
        valid &= ~np.isnan(values) if np.isnan(value) else values != value
    return valid


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
        elif names[0].endswith(GEOTIFF) and len(uris) == 1:
            found = geotiff_source(tree.existing_object(uris[0]), uris[0], tileset.get("crs"), files)
        else:
            raise DataError(f"{', '.join(uris)}: the local engine ingests a GeoTIFF, or TFRecord files with their "
                            "mixer", mend="convert the file to GeoTIFF")
        sources.append(placed(found, tileset, source))
    whole, kind = mosaic(sources), tileset.get("dataType")
    return whole if kind is None else converted(whole, kind)
