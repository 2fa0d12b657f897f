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
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from agrispec.errors import AssetExists, DataError
from agrispec.formats import geotiff, stac
from agrispec.formats.asset_files import DESCRIPTIONS, data_files, description, new_files, publish, publish_moved
from agrispec.formats.asset_names import canonical_id, is_project_root
from agrispec.formats.asset_reading import AssetReader
from agrispec.formats.atomic import storage_error, temporary_name, write_files
from agrispec.formats.geoparquet import encode_table
from agrispec.formats.stac import Asset, AssetBand, AssetType, Property
from agrispec.grid import Grid

__all__ = ["Asset", "AssetBand", "AssetTree", "AssetType"]


class AssetTree(AssetReader):
    """The assets and buckets below a folder, to read and to change.

    Safe to read and write from several threads; two writers of one asset leave the later one.

    Attributes:
        root: the folder; made on the first write.
    """

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
        path = self._path(asset.id)
        # The root of a project is there before its folder is.
        if self.exists(asset.id) and (path.exists() or not is_project_root(asset.id)):
            raise _exists(asset.id)
        self._make_parents(asset.id)
        write_files({description(path, asset.type): stac.encode(asset)})
        return self.get(asset.id)

    def _make_parents(self, asset_id: str) -> None:
        parent = asset_id.rpartition("/")[0]
        if parent and not self._path(parent).is_dir():
            if self.exists(parent) and not is_project_root(parent):
                raise AssetExists(f"asset {parent!r} is not a folder", mend="choose another place for the new asset")
            self._make_parents(parent)
            folder = Asset(id=parent, type=AssetType.FOLDER)
            write_files({description(self._path(parent), folder.type): stac.encode(folder)})

    def _place(self, asset_id: str, overwrite: bool) -> Path:
        """The path of a new image or table, whose parents are there."""
        path = self._path(asset_id)
        if path.is_dir() or (not overwrite and description(path).exists()):
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
        file, = new_files(path, [".tif"])
        # One file holds one type: the narrowest that holds all bands. The item keeps each band's own type.
        values = np.stack(list(arrays.values()), dtype=np.result_type(*arrays.values()))
        content = geotiff.encode(values, grid, names=list(arrays), nodata=nodata, compress=False)
        asset = Asset(id=canonical_id(asset_id), type=AssetType.IMAGE, grid=grid, nodata=nodata,
                      bands=tuple(AssetBand(id=name, dtype=array.dtype.name, pyramiding=policies[name], file=file,
                                            index=index) for index, (name, array) in enumerate(arrays.items())),
                      properties=_with_times(properties, time_start, time_end))
        return publish(path, asset, {file: content}, self._replaced(path, asset.id))

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
        named = dict(zip(parts, new_files(path, [".tif"] * len(parts)), strict=True))
        asset = Asset(id=canonical_id(asset_id), type=AssetType.IMAGE, grid=grid, nodata=nodata,
                      bands=tuple(band.with_file(named.get(band.file, band.file)) for band in bands),
                      properties=_with_times(properties, None, None))
        return publish_moved(path, asset, named, self._replaced(path, asset.id))

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
        file, = new_files(path, [".parquet"])
        content, rows, bounds = encode_table(properties, geometries)
        asset = Asset(id=canonical_id(asset_id), type=AssetType.TABLE, data=file, rows=rows, bounds=bounds,
                      properties=dict(asset_properties or {}))
        return publish(path, asset, {file: content}, self._replaced(path, asset.id))

    def _replaced(self, path: Path, asset_id: str) -> Asset | None:
        """The image or table that a new one takes the place of, if there is one."""
        return self.get(asset_id) if description(path).exists() else None

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
        write_files({description(path, asset.type): stac.encode(asset)})
        return asset

    def delete(self, asset_id: str) -> None:
        """Delete an asset; folders and collections must be empty.

        Raises:
            AssetMissing: there is no such asset.
            DataError: it holds others.
        """
        asset, path = self.get(asset_id), self._path(asset_id)
        if asset.type in DESCRIPTIONS:
            if self._children(asset.id):
                raise DataError(f"asset {asset.id!r} is not empty", mend="delete what is in it first")
            shutil.rmtree(path, ignore_errors=True)
            return
        description(path).unlink()
        for file in data_files(asset):
            file.unlink(missing_ok=True)

    def copy(self, source_id: str, target_id: str, *, overwrite: bool = False) -> Asset:
        """Copy an image, a table or an empty folder or collection.

        Raises:
            AssetMissing, AssetExists, StorageError: as their names say.
            DataError: the source holds others.
        """
        asset = self.get(source_id)
        target = asset.with_changes(id=canonical_id(target_id), policy=None)
        if asset.type in DESCRIPTIONS:
            if self._children(asset.id):
                raise DataError(f"asset {asset.id!r} is not empty", mend="copy the images in it one by one")
            return self._create(target)
        path = self._place(target_id, overwrite)
        files = sorted(data_files(asset))
        copies = dict(zip(files, new_files(path, [file.suffix for file in files]), strict=True))
        bands = tuple(band.with_file(copies.get(band.file, band.file)) for band in asset.bands)
        target = target.with_changes(bands=bands, data=copies[asset.data] if asset.data else None)
        return publish(path, target, {new: old for old, new in copies.items()}, self._replaced(path, target.id))

    def move(self, source_id: str, target_id: str) -> Asset:
        """Rename an asset, with what it holds.

        Raises:
            AssetMissing, AssetExists, StorageError: as their names say.
        """
        asset = self.get(source_id)
        if asset.type not in DESCRIPTIONS:
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

