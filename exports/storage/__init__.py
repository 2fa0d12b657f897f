"""Cloud Storage, or the folder that stands for it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from agrispec.engine import Engine

COG_PLACES = frozenset({"US", "NAM4", "US-CENTRAL1"})
"""Where a bucket must be for assets that stay in it as Cloud Optimized GeoTIFFs; NAM4 is us-central1 with us-east1.
https://developers.google.com/earth-engine/guides/cog_registration#bucket_location"""


class Storage(Protocol):
    """One bucket."""

    def check(self) -> None:
        """Raise `StorageError` where objects cannot be kept here; to be asked before hours are spent on them."""

    def places(self) -> tuple[str, ...]:
        """Where its objects are kept, as Cloud Storage names regions: two of a pair of regions, none of a folder."""

    def list(self, prefix: str) -> list[str]:
        """Names of the objects that start with `prefix`, in order."""

    def download(self, name: str, path: Path) -> int:
        """Fetch an object; its size in bytes. The file stands under `path` only when it is whole.

        What stands there already is read first, and left as it is where it is the object. Threads may share a bucket.

        Raises:
            StorageUnreachable: it may come when asked for again.
            StorageError: it will not.
        """

    def upload(self, path: Path, name: str) -> str:
        """Store a file as a new object; returns its gs:// URI.

        What is there already counts as stored where it is the same, and is left as it is where it is not: a
        `StorageError`.
        """

    def delete(self, prefix: str) -> int:
        """Delete the objects below `prefix`, which ends in "/" so that no neighbour goes with it; how many."""


def open(engine: Engine, bucket: str) -> Storage:
    """A bucket as `engine` sees it."""
    if engine.buckets is not None:
        from exports.storage.folder import Folder
        return Folder(engine.buckets, bucket)
    from exports.storage.cloud import CloudStorage
    return CloudStorage(engine.project, bucket, engine.credentials)


def serves_cogs(places: tuple[str, ...]) -> bool:
    """Whether Earth Engine reads GeoTIFFs in place in a bucket of these `Storage.places`; a folder is as good."""
    return not places or not COG_PLACES.isdisjoint(places)
