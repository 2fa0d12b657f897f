"""Reading assets: what there is, the pixels of images and the features of tables."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agrispec.errors import AssetMissing, DataError
from agrispec.formats import asset_names, geotiff, stac
from agrispec.formats.asset_files import DESCRIPTIONS, description
from agrispec.formats.asset_names import canonical_id
from agrispec.formats.geoparquet import TableRows, decode_table
from agrispec.formats.stac import Asset, AssetType

# A folder changed less than this ago may change again within the same tick of the file system's clock.
_CLOCK_TICK_NS = 50_000_000


class AssetReader:
    """The assets and buckets below a folder, to read; several threads may.

    Attributes:
        root: the folder, which need not be there.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[int, list[Asset]]] = {}

    @property
    def buckets(self) -> Path:
        """The folder that stands for Cloud Storage."""
        return asset_names.bucket_folder(self.root)

    def object_path(self, uri: str) -> Path:
        """Where the object of `gs://bucket/object` stands.

        Raises:
            DataError: not such an address.
        """
        return asset_names.object_path(self.root, uri)

    def existing_object(self, uri: str) -> Path:
        """Where the object of `gs://bucket/object` stands.

        Raises:
            DataError: not such an address, or nothing stands there.
        """
        path = self.object_path(uri)
        if not path.is_file():
            raise DataError(f"{uri}: no such object", mend="check the bucket and the name")
        return path

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
            for kind in DESCRIPTIONS:
                if (document := description(path, kind)).exists():
                    return stac.read(asset_id, document, self.buckets)
            return Asset(id=asset_id, type=AssetType.FOLDER)
        item = description(path)
        if item.exists():
            return stac.read(asset_id, item, self.buckets)
        return Asset(id=asset_id, type=AssetType.FOLDER) if asset_names.is_project_root(asset_id) else None

    def exists(self, asset_id: str) -> bool:
        """Whether there is an asset of that id."""
        return self.find(asset_id) is not None

    def list(self, asset_id: str) -> list[Asset]:
        """The assets directly in a folder or collection, by id.

        Raises:
            AssetMissing: there is no such folder or collection.
        """
        parent = self.get(asset_id)
        if parent.type not in DESCRIPTIONS:
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

    def _path(self, asset_id: str) -> Path:
        return asset_names.asset_path(self.root, asset_id)

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
                       if not entry.name.startswith(".") and entry.name not in DESCRIPTIONS.values()
                       and (entry.is_dir() or entry.name.endswith(".json")))
        found = [asset for name in names if (asset := self.find(f"{asset_id}/{name}")) is not None]
        # What is said of a folder changes within that one.
        images_and_tables = not any(asset.type in DESCRIPTIONS for asset in found)
        if images_and_tables and time.time_ns() - changed > _CLOCK_TICK_NS:
            with self._lock:
                self._seen[folder] = (changed, found)
        return found
