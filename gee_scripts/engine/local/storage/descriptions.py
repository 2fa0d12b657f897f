"""What was said of objects, on disk: one file a version, beside the buckets.

    root/buckets/.metadata/BUCKET/DIGEST.GENERATION.json

A version without one, as exports leave it, has nothing said of it, and needs none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from agrispec.formats.atomic import write_files
from gee_scripts.engine.local.storage.objects import Stored

_FOLDER = ".metadata"


class Descriptions:
    """The descriptions of the objects of a folder of buckets."""

    def __init__(self, buckets: Path) -> None:
        self._folder = buckets / _FOLDER

    def read(self, bare: Stored) -> Stored:
        """A version with what is said of it."""
        try:
            said = json.loads(self._path(bare).read_bytes())
            return replace(bare, metageneration=said["metageneration"], properties=said["properties"],
                           components=said["components"], updated=said["updated"])
        except (OSError, ValueError, KeyError, TypeError):
            return bare

    def write(self, stored: Stored, present: Stored | None) -> None:
        """Record what is said of a version; what was said of those before it goes, but for the `present` one.

        Raises:
            StorageError: it cannot be recorded.
        """
        path = self._path(stored)
        write_files({path: json.dumps({"name": stored.name, "metageneration": stored.metageneration,
                                       "properties": dict(stored.properties), "components": stored.components,
                                       "updated": stored.updated}).encode()})
        kept = {path, self._path(present) if present else path}
        for other in path.parent.glob(f"{path.name.partition('.')[0]}.*.json"):
            if other not in kept:
                other.unlink(missing_ok=True)

    def remove(self, stored: Stored) -> None:
        """Forget what is said of a version."""
        self._path(stored).unlink(missing_ok=True)

    def _path(self, stored: Stored) -> Path:
        digest = hashlib.sha256(stored.name.encode()).hexdigest()
        return self._folder / stored.bucket / f"{digest}.{stored.generation}.json"
