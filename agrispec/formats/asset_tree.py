"""Earth Engine assets as a folder of STAC files.

    root/assets/COPERNICUS/S2_SR_HARMONIZED/collection.json      IMAGE_COLLECTION, a STAC Collection
    root/assets/COPERNICUS/S2_SR_HARMONIZED/20230105T….json      IMAGE, a STAC Item beside its GeoTIFFs
    root/assets/COPERNICUS/S2_SR_HARMONIZED/20230105T….tif
    root/assets/projects/P/assets/parcels.json, parcels.parquet  TABLE, a STAC Item beside its GeoParquet
    root/assets/projects/P/assets/maps/catalog.json              FOLDER, a STAC Catalog
    root/buckets/BUCKET/OBJECT                                   gs://BUCKET/OBJECT

The item of an external image names objects (gs://BUCKET/OBJECT#GENERATION) in place of GeoTIFFs beside it.
The file that describes an asset is written last, so an asset is seen whole or not at all. Names that begin
with a dot are unfinished. STAC: https://github.com/radiantearth/stac-spec/tree/v1.1.0
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from agrispec.errors import AssetExists, AssetMissing, DataError
from agrispec.formats import geotiff, stac
from agrispec.formats.atomic import storage_error, temporary_name, write_files
from agrispec.formats.geoparquet import TableRows, decode_table, encode_table
from agrispec.formats.stac import Asset, AssetBand, AssetType, Property
from agrispec.grid import Grid

__all__ = ["Asset", "AssetBand", "AssetTree", "AssetType", "Property", "TableRows", "canonical_id"]

# https://developers.google.com/earth-engine/guides/manage_assets ("Asset IDs")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_PROJECT = re.compile(r"([\w.-]+:)?[a-z0-9-]+")  # Projects of organisations look like example.com:project.
# Most file systems take 255 bytes, of which an unfinished file needs some for itself.
_LONGEST_NAME = 200
_PREFIX = re.compile(r"projects/earthengine-(public|legacy)/assets/")
_PROJECT_ROOT = re.compile(r"projects/[^/]+(/assets)?")
_DESCRIPTIONS = {AssetType.FOLDER: "catalog.json", AssetType.IMAGE_COLLECTION: "collection.json"}
# A folder changed less than this ago may change again within the same tick of the file system's clock.
_CLOCK_TICK_NS = 50_000_000


def canonical_id(name: str) -> str:
    """The id of an asset's resource name: public and legacy assets lose `projects/earthengine-…/assets/`.

    Raises:
        DataError: an asset cannot have that id.
    """
    asset_id = _PREFIX.sub("", name, count=1).rstrip("/")
    segments = asset_id.split("/")
    project = 1 if segments[0] == "projects" else -1
    for position, segment in enumerate(segments):
        if not (_PROJECT if position == project else _SEGMENT).fullmatch(segment) or len(segment) > _LONGEST_NAME:
            raise DataError(f"{name!r} is not an asset id",
                            mend=f"use letters, digits, hyphens and underscores, at most {_LONGEST_NAME} in a name, "
                                 "with slashes between folders")
    return asset_id


class AssetTree:
    """The assets and buckets below a folder.

    Safe to read and write from several threads; two writers of one asset leave the later one.

    Attributes:
        root: the folder; made on the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[int, list[Asset]]] = {}

    @property
    def buckets(self) -> Path:
        """The folder that stands for Cloud Storage."""
        return self.root / "buckets"

    def object_path(self, uri: str) -> Path:
        """Where the object of `gs://bucket/object` stands.

        Raises:
            DataError: not such an address.
        """
        # https://cloud.google.com/storage/docs/buckets#naming
        found = re.fullmatch(r"gs://([a-z0-9][-_.a-z0-9]{1,220}[a-z0-9])/([^\x00-\x1f\x7f]+)", uri)
        if not found or any(part in ("", ".", "..") or len(part.encode(errors="replace")) > _LONGEST_NAME
                            for part in found[2].split("/")):
            raise DataError(f"{uri!r} is not the address of an object",
                            mend="write it as gs://bucket/folder/file; a bucket has 3 or more lower case letters, "
                                 "digits or hyphens")
        return self.buckets / found[1] / found[2]

    def existing_object(self, uri: str) -> Path:
        """Where the object of `gs://bucket/object` stands.

        Raises:
            DataError: not such an address, or nothing stands there.
        """
        path = self.object_path(uri)
        if not path.is_file():
            raise DataError(f"{uri}: no such object", mend="check the bucket and the name")
        return path

    # -- reading

    def _path(self, asset_id: str) -> Path:
        return self.root / "assets" / canonical_id(asset_id)

    def get(self, asset_id: str) -> Asset:
        """The asset of an id.

        Raises:
            AssetMissing: there is none.
        """
        asset = self.find(asset_id)
        if asset is None:
            raise AssetMissing(f"asset {canonical_id(asset_id)!r} does not exist",
                               mend="check the id, or create the asset first")
        return asset

    def find(self, asset_id: str) -> Asset | None:
        """The asset of an id, None where there is none. The root of a project is a folder that always exists."""
        asset_id, path = canonical_id(asset_id), self._path(asset_id)
        if path.is_dir():
            for name in _DESCRIPTIONS.values():
                if (path / name).exists():
                    return stac.read(asset_id, path / name, self.buckets)
            return Asset(id=asset_id, type=AssetType.FOLDER)
        item = path.with_name(path.name + ".json")
        if item.exists():
            return stac.read(asset_id, item, self.buckets)
        return Asset(id=asset_id, type=AssetType.FOLDER) if _PROJECT_ROOT.fullmatch(asset_id) else None

    def exists(self, asset_id: str) -> bool:
        """Whether there is an asset of that id."""
        return self.find(asset_id) is not None

    def list(self, asset_id: str) -> list[Asset]:
        """The assets directly in a folder or collection, by id.

        Raises:
            AssetMissing: there is no such folder or collection.
        """
        parent = self.get(asset_id)
        if parent.type not in _DESCRIPTIONS:
            raise AssetMissing(f"asset {parent.id!r} is of type {parent.type} and holds no others",
                               mend="list a folder or an image collection")
        return list(self._children(parent.id))

    def images(self, collection_id: str) -> Sequence[Asset]:
        """The images of a collection, by id; read again only when the folder has changed.

        Raises:
            AssetMissing: there is no such collection.
        """
        collection = self.get(collection_id)
        if collection.type is not AssetType.IMAGE_COLLECTION:
            raise AssetMissing(f"asset {collection.id!r} is of type {collection.type}, not an image collection",
                               mend="check the id")
        return self._children(collection.id)

    def _children(self, asset_id: str) -> Sequence[Asset]:
        folder = self._path(asset_id)
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        with self._lock:
            seen = self._seen.get(folder)
        if seen is not None and seen[0] == changed:
            return seen[1]
        names = sorted(entry.name.removesuffix(".json") for entry in os.scandir(folder)
                       if not entry.name.startswith(".") and entry.name not in _DESCRIPTIONS.values()
                       and (entry.is_dir() or entry.name.endswith(".json")))
        found = [asset for name in names if (asset := self.find(f"{asset_id}/{name}")) is not None]
        if time.time_ns() - changed > _CLOCK_TICK_NS:
            with self._lock:
                self._seen[folder] = (changed, found)
        return found

    def pixels(self, asset: Asset, bands: Sequence[str], window: tuple[int, int, int, int] | None = None) -> np.ndarray:
        """Pixels of an image as (band, row, column), each band in the widest type asked for.

        Args:
            asset: an IMAGE.
            bands: ids of its bands.
            window: row, column, height, width inside the image; None for all of it.
        """
        chosen = [next(band for band in asset.bands if band.id == name) for name in bands]
        planes: list[np.ndarray] = [np.empty(0)] * len(chosen)
        for file in dict.fromkeys(band.file for band in chosen):
            places = [i for i, band in enumerate(chosen) if band.file == file]
            for i, plane in zip(places, geotiff.read(file, [chosen[i].index for i in places], window), strict=True):
                planes[i] = plane.astype(chosen[i].dtype, copy=False)
        return np.stack(planes)

    def table(self, asset_id: str) -> TableRows:
        """The features of a table, in the order written.

        Raises:
            AssetMissing: there is no such table.
        """
        asset = self.get(asset_id)
        if asset.type is not AssetType.TABLE or asset.data is None:
            raise AssetMissing(f"asset {asset.id!r} is of type {asset.type}, not a table", mend="check the id")
        return decode_table(asset.data)

    # -- writing

    def create_folder(self, asset_id: str) -> Asset:
        """Make a folder, and those above it.

        Raises:
            AssetExists: there is an asset of that id.
        """
        return self._create(Asset(id=canonical_id(asset_id), type=AssetType.FOLDER))

    def create_collection(self, asset_id: str, properties: Mapping[str, Property] | None = None) -> Asset:
        """Make an image collection, and the folders above it.

        Raises:
            AssetExists: there is an asset of that id.
        """
        return self._create(Asset(id=canonical_id(asset_id), type=AssetType.IMAGE_COLLECTION,
                                  properties=dict(properties or {})))

    def _create(self, asset: Asset) -> Asset:
        if self.exists(asset.id) and self._path(asset.id).exists():
            raise _exists(asset.id)
        self._make_parents(asset.id)
        path = self._path(asset.id)
        write_files({path / _DESCRIPTIONS[asset.type]: stac.encode(asset)})
        return self.get(asset.id)

    def _make_parents(self, asset_id: str) -> None:
        parent = asset_id.rpartition("/")[0]
        if parent and not self._path(parent).is_dir():
            if self.exists(parent) and not _PROJECT_ROOT.fullmatch(parent):
                raise AssetExists(f"asset {parent!r} is not a folder", mend="choose another place for the new asset")
            self._make_parents(parent)
            folder = Asset(id=parent, type=AssetType.FOLDER)
            write_files({self._path(parent) / "catalog.json": stac.encode(folder)})

    def _place(self, asset_id: str, overwrite: bool) -> Path:
        """Where the description of an image or table goes."""
        path = self._path(asset_id)
        if path.is_dir() or (not overwrite and path.with_name(path.name + ".json").exists()):
            raise _exists(canonical_id(asset_id))
        if not path.parent.is_dir():
            self._make_parents(canonical_id(asset_id))
        return path

    def write_image(self, asset_id: str, *, arrays: Mapping[str, np.ndarray], grid: Grid,
                    properties: Mapping[str, Property] | None = None, time_start: datetime | None = None,
                    time_end: datetime | None = None, nodata: float | None = None,
                    pyramiding: Mapping[str, str] | None = None, overwrite: bool = False) -> Asset:
        """Write an image that stands in memory, as one plain GeoTIFF.

        Args:
            asset_id: its id; missing folders above it are made.
            arrays: band id -> (row, column).
            grid: where the pixels are.
            properties: Earth Engine properties; those that are None are left out.
            time_start, time_end: become `system:time_start` and `system:time_end`; without a zone they are UTC.
            nodata: value of masked pixels, in every band.
            pyramiding: band id -> MEAN (default), MODE, SAMPLE, MIN, MAX or MEDIAN.
            overwrite: replace an image or table of that id.

        Raises:
            AssetExists: see `overwrite`.
            DataError: arrays, grid, properties and no-data value do not go together.
            StorageError: the disk is full or not writable; nothing has changed.
        """
        path = self._place(asset_id, overwrite)
        policies = {band: (pyramiding or {}).get(band, "MEAN") for band in arrays}
        for policy in policies.values():
            _check_policy(policy)
        if not arrays:
            raise DataError(f"image {asset_id!r} has no bands", mend="give at least one band")
        file = path.with_name(f"{_new_stem(path)}.tif")
        # One file holds one type: the narrowest that holds all bands. The item keeps each band's own type.
        values = np.stack(list(arrays.values()), dtype=np.result_type(*arrays.values()))
        content = geotiff.encode(values, grid, names=list(arrays), nodata=nodata, compress=False)
        asset = Asset(id=canonical_id(asset_id), type=AssetType.IMAGE, grid=grid, nodata=nodata,
                      bands=tuple(AssetBand(id=name, dtype=array.dtype.name, pyramiding=policies[name], file=file,
                                            index=index) for index, (name, array) in enumerate(arrays.items())),
                      properties=_with_times(properties, time_start, time_end))
        return self._publish(asset, path, {file: content})

    @contextmanager
    def unfinished(self, asset_id: str, *, overwrite: bool = False) -> Iterator[Path]:
        """A folder for the files of an asset while they are written; it is gone at the end of the block.

        Raises:
            AssetExists: there is an asset of that id, and `overwrite` does not allow to replace it.
            StorageError: the folder cannot be made.
        """
        folder = temporary_name(self._place(asset_id, overwrite))
        try:
            folder.mkdir()
            yield folder
        except OSError as error:
            raise storage_error(folder, error) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish_image(self, asset_id: str, *, bands: Sequence[AssetBand], grid: Grid,
                      properties: Mapping[str, Property] | None = None, nodata: float | None = None,
                      overwrite: bool = False) -> Asset:
        """Make an image of whole GeoTIFFs.

        Args:
            asset_id: its id; missing folders above it are made.
            bands: their files are taken from the folder of `unfinished`; objects of buckets, which have a `uri`,
                stay where they are.
            grid, properties, nodata, overwrite: as of `write_image`.

        Raises:
            AssetExists: see `overwrite`.
            DataError: a property or a pyramiding policy is none.
            StorageError: the disk is full or not writable; nothing has changed.
        """
        path = self._place(asset_id, overwrite)
        for band in bands:
            _check_policy(band.pyramiding)
        parts = list(dict.fromkeys(band.file for band in bands if band.uri is None))
        stem = _new_stem(path)
        named = {part: path.with_name(f"{stem}{f'.{number}' if number else ''}.tif")
                 for number, part in enumerate(parts)}
        asset = Asset(id=canonical_id(asset_id), type=AssetType.IMAGE, grid=grid, nodata=nodata,
                      bands=tuple(band.with_file(named.get(band.file, band.file)) for band in bands),
                      properties=_with_times(properties, None, None))
        moved: list[Path] = []
        try:
            stac.encode(asset)  # refuses what cannot be described before anything stands
            for part, file in named.items():
                os.replace(part, file)
                moved.append(file)
            return self._publish(asset, path, {}, kept=moved)
        except BaseException as error:
            for file in moved:
                file.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise storage_error(path, error) from error
            raise

    def write_table(self, asset_id: str, *, properties: Sequence[Mapping[str, Property]] | pa.Table,
                    geometries: Sequence[bytes | None], asset_properties: Mapping[str, Property] | None = None,
                    overwrite: bool = False) -> Asset:
        """Write a table of features.

        Args:
            asset_id: its id; missing folders above it are made.
            properties: of each feature; None means absent. `system:index` is numbered where it is not given.
            geometries: of each feature, WKB in EPSG:4326, longitude first, or None.
            asset_properties: Earth Engine properties of the table itself.
            overwrite: replace an image or table of that id.

        Raises:
            AssetExists: see `overwrite`.
            DataError: as many geometries as rows are needed, and one type in a column.
            StorageError: the disk is full or not writable; nothing has changed.
        """
        path = self._place(asset_id, overwrite)
        file = path.with_name(f"{_new_stem(path)}.parquet")
        content, rows, bounds = encode_table(properties, geometries)
        asset = Asset(id=canonical_id(asset_id), type=AssetType.TABLE, data=file, rows=rows, bounds=bounds,
                      properties=dict(asset_properties or {}))
        return self._publish(asset, path, {file: content})

    def _publish(self, asset: Asset, path: Path, contents: Mapping[Path, bytes | memoryview | Path],
                 kept: Sequence[Path] = ()) -> Asset:
        item = path.with_name(f"{path.name}.json")
        old = self._data_files(asset.id) if item.exists() else set()
        write_files({**contents, item: stac.encode(asset)})
        for file in old - set(contents) - set(kept):
            file.unlink(missing_ok=True)
        return asset

    def _data_files(self, asset_id: str) -> set[Path]:
        """Its own: objects of buckets are not."""
        asset = self.get(asset_id)
        return {band.file for band in asset.bands if band.uri is None} | ({asset.data} if asset.data else set())

    def update(self, asset_id: str, *, properties: Mapping[str, Property | None] | None = None,
               policy: Mapping[str, Any] | None = None) -> Asset:
        """Change properties of an asset (None removes one) or the policy of who may use it.

        Raises:
            AssetMissing: there is no such asset.
        """
        asset, path = self.get(asset_id), self._path(asset_id)
        changed = {**asset.properties, **(properties or {})}
        asset = asset.with_changes(properties={k: v for k, v in changed.items() if v is not None},
                                   policy=asset.policy if policy is None else policy)
        name = _DESCRIPTIONS.get(asset.type)
        write_files({path / name if name else path.with_name(f"{path.name}.json"): stac.encode(asset)})
        return asset

    def delete(self, asset_id: str) -> None:
        """Delete an asset; folders and collections must be empty.

        Raises:
            AssetMissing: there is no such asset.
            DataError: it holds others.
        """
        asset, path = self.get(asset_id), self._path(asset_id)
        if asset.type in _DESCRIPTIONS:
            if self._children(asset.id):
                raise DataError(f"asset {asset.id!r} is not empty", mend="delete what is in it first")
            shutil.rmtree(path, ignore_errors=True)
            return
        files = self._data_files(asset_id)
        path.with_name(f"{path.name}.json").unlink()
        for file in files:
            file.unlink(missing_ok=True)

    def copy(self, source_id: str, target_id: str, *, overwrite: bool = False) -> Asset:
        """Copy an image, a table or an empty folder or collection.

        Raises:
            AssetMissing, AssetExists, StorageError: as their names say.
            DataError: the source holds others.
        """
        asset = self.get(source_id)
        target = asset.with_changes(id=canonical_id(target_id), policy=None)
        if asset.type in _DESCRIPTIONS:
            if self._children(asset.id):
                raise DataError(f"asset {asset.id!r} is not empty", mend="copy the images in it one by one")
            return self._create(target)
        path = self._place(target_id, overwrite)
        stem = _new_stem(path)
        moved = {file: path.with_name(f"{stem}{'' if number == 0 else f'.{number}'}{file.suffix}")
                 for number, file in enumerate(sorted(self._data_files(source_id)))}
        bands = tuple(band.with_file(moved.get(band.file, band.file)) for band in asset.bands)
        target = target.with_changes(bands=bands,
                                     data=moved[asset.data] if asset.data else None)
        return self._publish(target, path, {new: old for old, new in moved.items()})

    def move(self, source_id: str, target_id: str) -> Asset:
        """Rename an asset, with what it holds.

        Raises:
            AssetMissing, AssetExists, StorageError: as their names say.
        """
        asset = self.get(source_id)
        if asset.type not in _DESCRIPTIONS:
            moved = self.copy(source_id, target_id)
            self.delete(source_id)
            return moved
        path = self._path(target_id)
        if self.exists(target_id):
            raise _exists(canonical_id(target_id))
        self._make_parents(canonical_id(target_id))
        try:
            os.rename(self._path(source_id), path)
        except OSError as error:
            raise storage_error(path, error) from error
        return self.get(target_id)


def _new_stem(path: Path) -> str:
    """What names of an asset's new data files begin with.

    Those of an asset that is replaced stay until its new description stands, whatever happens in between.
    """
    return f"{path.name}.{uuid.uuid4().hex[:8]}" if path.with_name(f"{path.name}.json").exists() else path.name


def _check_policy(policy: str) -> None:
    if policy not in geotiff.POLICIES:
        raise DataError(f"{policy!r} is not a pyramiding policy", mend=f"use one of {', '.join(geotiff.POLICIES)}")


def _exists(asset_id: str) -> AssetExists:
    return AssetExists(f"asset {asset_id!r} exists already", mend="choose another id, or allow it to be overwritten")


def _with_times(properties: Mapping[str, Property] | None, start: datetime | None,
                end: datetime | None) -> dict[str, Property]:
    found = dict(properties or {})
    for name, moment in (("system:time_start", start), ("system:time_end", end)):
        if moment is not None:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            found[name] = round(aware.timestamp() * 1000)
    return {name: value for name, value in found.items() if value is not None}

