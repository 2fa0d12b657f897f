"""The files of one asset: the document that describes it and its data beside that, replaced as a whole.

The path of an asset is that of its folder where it holds others, else what the names of its files begin with.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from agrispec.formats import stac
from agrispec.formats.atomic import storage_error, write_files
from agrispec.formats.stac import Asset, AssetType

DESCRIPTIONS: Mapping[AssetType, str] = {AssetType.FOLDER: "catalog.json",
                                         AssetType.IMAGE_COLLECTION: "collection.json"}
"""Types of assets that hold others -> name of the document in their folder."""


def description(path: Path, kind: AssetType = AssetType.IMAGE) -> Path:
    """The document of an asset; that of an image or table stands beside its data."""
    return path / DESCRIPTIONS[kind] if kind in DESCRIPTIONS else path.with_name(f"{path.name}.json")


def data_files(asset: Asset) -> set[Path]:
    """Its own: objects of buckets are not."""
    return {band.file for band in asset.bands if band.uri is None} | ({asset.data} if asset.data else set())


def new_files(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Names of an asset's new data files.

    The data of an asset that is replaced stays until its new description stands, whatever happens in between.
    """
    stem = f"{path.name}.{uuid.uuid4().hex[:8]}" if description(path).exists() else path.name
    return [path.with_name(f"{stem}{f'.{number}' if number else ''}{suffix}") for number, suffix in enumerate(suffixes)]


def publish(path: Path, asset: Asset, contents: Mapping[Path, bytes | memoryview | Path],
            replaced: Asset | None) -> Asset:
    """Write the data files of an image or table (a path stands for a file to copy), then its description.

    Args:
        path: of the asset.
        asset: what it is to be; its data files are those of `contents`, and others that stand already.
        contents: of data files.
        replaced: what it has been; its data files go.

    Raises:
        StorageError: the disk is full or not writable; nothing has changed.
    """
    write_files({**contents, description(path): stac.encode(asset)})
    if replaced is not None:
        for file in data_files(replaced) - data_files(asset):
            file.unlink(missing_ok=True)
    return asset


def publish_moved(path: Path, asset: Asset, moves: Mapping[Path, Path], replaced: Asset | None) -> Asset:
    """Let whole files take the names of data files of an image, then write its description.

    Args:
        moves: present name -> name as a data file.
        path, asset, replaced: as of `publish`.

    Raises:
        DataError: it cannot be described.
        StorageError: as of `publish`.
    """
    moved: list[Path] = []
    try:
        stac.encode(asset)  # refuses what cannot be described before anything stands
        for part, file in moves.items():
            os.replace(part, file)
            moved.append(file)
        return publish(path, asset, {}, replaced)
    except BaseException as error:
        for file in moved:
            file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(path, error) from error
        raise
