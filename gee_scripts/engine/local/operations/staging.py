"""Files of one export in a bucket: all of them appear when the last one is whole, or none."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.atomic import storage_error


class Staging:
    """Where the files of one export are written before they appear.

    Attributes:
        names: the objects asked for, in order.
    """

    def __init__(self, folder: Path, bucket: str) -> None:
        self._folder = folder
        self._bucket = bucket
        self.names: list[str] = []

    def path(self, name: str) -> Path:
        """Where to write what shall be the object `name`."""
        self.names.append(name)
        return self.part(name)

    def part(self, name: str) -> Path:
        """Where the object `name` stands until it appears."""
        return self._folder / f"{self.names.index(name):05d}"

    @property
    def written(self) -> list[str]:
        """Addresses of the objects, in the order written."""
        return [f"gs://{self._bucket}/{name}" for name in self.names]


@contextmanager
def staged(tree: AssetTree, bucket: str) -> Iterator[Staging]:
    """A `Staging` in a bucket. At the end its files are renamed, in order; after an error they are deleted.

    Raises:
        StorageError: files cannot be renamed.
    """
    # A name that no bucket has, on the same disk.
    folder = tree.buckets / f".{uuid.uuid4().hex}.part"
    staging = Staging(folder, bucket)
    try:
        folder.mkdir(parents=True)
        yield staging
        for name in staging.names:
            target = tree.object_path(f"gs://{bucket}/{name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging.part(name), target)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def separated(prefix: str) -> str:
    """A file name prefix, ready for a number: the service puts a hyphen after a name, none after a separator."""
    return f"{prefix}-" if prefix[-1:].isalnum() else prefix
