"""Where assets come from: the protocol the evaluator asks, and its answer from an asset tree."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import shapely

from agrispec.errors import AssetMissing, CorruptRecord
from agrispec.formats.asset_names import canonical_id
from agrispec.formats.asset_reading import AssetReader
from agrispec.formats.stac import Asset, AssetType
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.files import BucketFile
from gee_scripts.engine.local.images.loading import GeoTiffBand, asset_bands, footprint
from gee_scripts.engine.local.rasters.pyramids import Pyramid
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Image


class Catalog(Protocol):
    """A store of assets. Each method raises `AssetMissing` where there is none of that id and kind."""

    def image(self, asset_id: str) -> Image:
        """The image of an id."""

    def collection(self, asset_id: str) -> Collection:
        """The images of a collection, in order of time, then of id."""

    def table(self, asset_id: str) -> Collection:
        """The features of a table."""


class TreeCatalog:
    """The assets of a folder. Descriptions are read and kept; pixels are not opened."""

    def __init__(self, tree: AssetReader) -> None:
        self._tree = tree
        self._collections: dict[str, tuple[Any, Collection]] = {}

    def image(self, asset_id: str) -> Image:
        """The image of an id.

        Raises:
            AssetMissing: there is none.
        """
        asset = self._find(asset_id, AssetType.IMAGE, f"Image.load: Image asset '{asset_id}'")
        return image_of(asset)

    def collection(self, asset_id: str) -> Collection:
        """The images of a collection, in order of time, then of id.

        Raises:
            AssetMissing: there is no such collection.
        """
        asset = self._find(asset_id, AssetType.IMAGE_COLLECTION,
                           f"ImageCollection.load: ImageCollection asset '{asset_id}'")
        found = self._tree.images(asset.id)
        kept = self._collections.get(asset.id)
        if kept is None or kept[0] is not found:
            images = sorted((item for item in found if item.type is AssetType.IMAGE),
                            key=lambda item: (item.time_start or 0, item.index))
            kept = found, Collection(tuple(map(image_of, images)), "Image", dict(asset.properties), asset.id)
            self._collections[asset.id] = kept
        return kept[1]

    def table(self, asset_id: str) -> Collection:
        """The features of a table, in the order written.

        Raises:
            AssetMissing: there is no such table.
        """
        asset = self._find(asset_id, AssetType.TABLE, f"Collection.loadTable: Collection asset '{asset_id}'")
        rows = self._tree.table(asset.id)
        features = tuple(
            Feature(geometry=None if wkb is None else Geometry(shapely.from_wkb(wkb)),
                    properties={name: value for name, value in properties.items() if value is not None})
            for properties, wkb in zip(rows.properties, rows.geometries, strict=True))
        return Collection(features, "Feature", dict(asset.properties), asset.id)

    def _find(self, asset_id: str, kind: AssetType, title: str) -> Asset:
        asset = self._tree.find(canonical_id(asset_id))
        if asset is None or asset.type is not kind:
            raise AssetMissing(f"{title} not found (does not exist or caller does not have access)",
                               mend="check the asset id, and that it is an asset of this kind")
        return asset


def image_of(asset: Asset) -> Image:
    """The image an asset's description promises; its pixels are opened when they are read."""
    if asset.grid is None:
        raise CorruptRecord(f"image {asset.id!r} does not say where its pixels are", mend="write the asset again")
    grid, bands = asset.grid, asset.bands

    def source(number: int) -> GeoTiffBand:
        band = bands[number]
        file = band.file if band.uri is None else BucketFile(path=band.file, uri=band.uri)
        return GeoTiffBand(file=file, index=band.index, dtype=np.dtype(band.dtype), grid=grid,
                           pyramid=Pyramid(policy=band.pyramiding, stored=band.levels))

    return Image(bands=asset_bands([(band.id, band.dtype) for band in bands], source, grid, asset.nodata),
                 properties={**asset.properties, SYSTEM_INDEX: asset.index},
                 footprint=(footprint(grid),), id=asset.id)
