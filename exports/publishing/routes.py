"""Three ways of an image into Earth Engine, through a bucket; none of them replaces an asset.

`geotiff` ingests a GeoTIFF, `tfrecord` ingests patches with the mixer of their export, `cog` leaves a Cloud Optimized
GeoTIFF in the bucket and lets an asset point to it.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.engine import Engine, Operation
from agrispec.errors import AssetMissing, CorruptRecord, DataError, EngineError, StorageError, TaskFailed
from agrispec.formats import geotiff, mixer
from agrispec.formats.mixer import Mixer
from agrispec.season import Season
from exports import shards, storage, tasks
from exports.publishing import patches
from exports.publishing.plan import FILE_DIGEST, Pixels, Product
from exports.publishing.versions import is_of
from exports.runs import Run
from exports.storage import Storage

GEOTIFF, TFRECORD, COG = ROUTES = ("geotiff", "tfrecord", "cog")

# https://developers.google.com/earth-engine/guides/image_manifest#pixeldatatype
_TYPES = {"uint8": "UINT8", "float32": "FLOAT"}

_COG_HEADER_BYTES = 10 * 2**20
"""What describes a GeoTIFF that stays in its bucket, at most: https://github.com/wri/gfw-data-api/issues/587"""

_TILE_BYTES = 16
"""In a header, of a tile: where it stands and how long it is, 8 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What all routes need.

    Attributes:
        engine: where to.
        objects: the bucket that it goes through.
        season: that the map is of.
        progress: told of each ingestion that has ended.
    """

    engine: Engine
    objects: Storage
    season: Season
    progress: Callable[[Operation], None]


def place(objects: Storage) -> str:
    """Where the bucket is, in words; an account that may write into it need not be told."""
    try:
        return " with ".join(objects.places()) or "a folder on this machine"
    except StorageError:
        return "at a place that this account is not told"


def check(route: str, run: Run, objects: Storage, images: Sequence[Product]) -> None:
    """Nothing, if images may go this way; asked before anything is written.

    Raises:
        StorageError: the bucket cannot be used, or is where Earth Engine reads no GeoTIFFs in place.
        RunError, SchemaMismatch: there are no patches, or others than the images are of.
        CorruptRecord: an image is not a Cloud Optimized GeoTIFF.
        DataError: one is too large to stay in its bucket.
    """
    objects.check()
    if route == COG:
        found = objects.places()
        if not storage.serves_cogs(found):
            raise StorageError(f"the bucket is in {' with '.join(found)}, where Earth Engine does not read GeoTIFFs in"
                               " place", mend="set [engine] bucket to one in US, NAM4 or US-CENTRAL1, or publish by"
                                              " --route geotiff")
        for image in images:
            _check_cog(image.file)
    elif route == TFRECORD:
        layout = _mixer(run)
        for image in images:
            patches.check(image.file, layout)


def _mixer(run: Run) -> Mixer:
    """The mixer of a run's patches, which are as many as it says."""
    folder = run.need(run.patches, "predict")
    found, side = shards.mixer_of(folder), shards.layout_of(folder).patch
    if (found.patch_height, found.patch_width) != (side, side):
        raise CorruptRecord(f"the mixer in {folder} is of patches of {found.patch_height} by {found.patch_width}"
                            f" pixels, the export was of {side} by {side}",
                            mend="remove that folder, and predict again: the patches are exported anew")
    return found


def _check_cog(file: Path) -> None:
    layout = geotiff.describe(file)
    large = layout.tile is not None and max(layout.grid.shape) > max(layout.tile)
    if layout.tile is None or not layout.headers_first or (large and not layout.levels):
        raise CorruptRecord(f"{file} is not a Cloud Optimized GeoTIFF with overviews", mend="predict again")
    # Overviews add a third.
    tiles = math.prod(-(-size // side) for size, side in zip(layout.grid.shape, layout.tile, strict=True)) * 4 / 3
    if tiles * _TILE_BYTES > _COG_HEADER_BYTES:
        raise DataError(f"the headers of {file} take about {tiles * _TILE_BYTES / 2**20:.0f} MiB, and Earth Engine"
                        " reads at most 10 of an asset that stays in its bucket", mend="publish by --route geotiff")


def send(route: str, way: Way, run: Run, image: Product, asset_id: str) -> None:
    """Make an asset of an image, and wait until it is there; what it was made of stands in `uploads` then.

    Raises:
        StorageError: a file could not be uploaded.
        TaskFailed: the ingestion failed.
        EngineError: the engine refused.
    """
    pixels = image.pixels
    assert pixels is not None  # an image has them
    if route == COG:
        # Named by what is in it: an asset stays true as long as this object is not deleted.
        uri = way.objects.upload(image.file, f"maps/{below_assets(asset_id)}/{image.properties[FILE_DIGEST]}.tif")
        with writing(asset_id):
            way.engine.import_external(_manifest(way, image, pixels, asset_id, [uri]))
        return
    below = uploads(asset_id, image)
    if route == GEOTIFF:
        uris, data_type = [way.objects.upload(image.file, f"{below}image.tif")], None
    else:
        uris, data_type = _upload_patches(way, _mixer(run), image, pixels.missing, below)
    ingest(way, _manifest(way, image, pixels, asset_id, uris, data_type), image)


def uploads(asset_id: str, product: Product) -> str:
    """The part of a bucket where a product stands until it is ingested, named by what is in it: after a kill it is not
    uploaded twice."""
    return f"uploads/{below_assets(asset_id)}/{product.properties[FILE_DIGEST]}/"


def _upload_patches(way: Way, layout: Mixer, image: Product, missing: float, below: str) -> tuple[list[str], str]:
    """Addresses of an image's patches and of their mixer, and the type of its pixels, which records do not keep."""
    with tempfile.TemporaryDirectory() as scratch:
        records, described = Path(scratch, "image.tfrecord"), Path(scratch, "image-mixer.json")
        patches.write(image.file, image.name, missing, layout, records)
        mixer.write(described, layout)
        uris = [way.objects.upload(each, f"{below}{each.name}") for each in (records, described)]
    return uris, _TYPES[geotiff.describe(image.file).dtypes[0]]


def ingest(way: Way, manifest: Mapping[str, Any], product: Product) -> None:
    """Ingest what a manifest names and wait for it; `product` is what it is of. Raises as `send`."""
    asset_id = manifest["name"]
    start = way.engine.ingest_table if product.pixels is None else way.engine.ingest_image
    try:
        with writing(asset_id):
            tasks.wait(way.engine, start(manifest), way.progress)
    except (TaskFailed, EngineError):
        # A call that was killed may have begun the same ingestion, which took the id meanwhile.
        if not is_of(way.engine.asset(asset_id), product):
            raise


@contextmanager
def writing(asset_id: str) -> Iterator[None]:
    """Tells of an asset that may not be written, which the service says in the words of one that is not there."""
    try:
        yield
    except AssetMissing as error:
        raise EngineError(f"{asset_id} may not be written: {error.message}",
                          mend="grant the account the role Earth Engine Resource Writer (roles/earthengine.writer) on"
                               " the project, or set [engine] project to one of its own") from error


def _manifest(way: Way, image: Product, pixels: Pixels, asset_id: str, uris: Sequence[str],
              data_type: str | None = None) -> dict[str, Any]:
    tileset = {"id": image.name, "sources": [{"uris": list(uris)}], **({"dataType": data_type} if data_type else {})}
    missing = np.float64(pixels.missing).item()
    return {"name": asset_id, "tilesets": [tileset], **times(way.season), "properties": dict(image.properties),
            "bands": [{"id": image.name, "tilesetId": image.name, "tilesetBandIndex": 0,
                       "pyramidingPolicy": pixels.pyramiding, "missingData": {"values": [missing]}}]}


def times(season: Season) -> dict[str, str]:
    """The first moment of a season and that after its last, as manifests say them."""
    return {"startTime": _midnight(season.start), "endTime": _midnight(season.end)}


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def below_assets(asset_id: str) -> str:
    """What of an id follows its project: the part of a bucket where what belongs to the asset stands."""
    return asset_id.partition("/assets/")[2]
