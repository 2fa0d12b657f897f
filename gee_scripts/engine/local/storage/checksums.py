"""Checksums of objects: computed once for each content, and compared with those that an uploader names.

https://cloud.google.com/storage/docs/data-validation
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from gee_scripts.engine.local.recent import Recent
from gee_scripts.engine.local.refusals import Refusal

# The library has no types.
_new_crc32c: Callable[[], Any] = google_crc32c.Checksum

_BLOCK = 2**20
_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Checksums of a content, in base64."""

    crc32c: str
    md5: str


class Checksums:
    """The checksums of files, remembered; several threads may ask for them."""

    def __init__(self) -> None:
        self._kept: Recent[tuple[int, ...], Sums] = Recent(_KEPT)

    def of(self, file: BinaryIO) -> Sums:
        """The checksums of an open file, which is at its beginning afterwards."""
        state = os.fstat(file.fileno())
        found = self._kept.get(_key(state))
        if found is None:
            file.seek(0)
            crc, md5 = _new_crc32c(), hashlib.md5(usedforsecurity=False)
            while block := file.read(_BLOCK):
                crc.update(block)
                md5.update(block)
            found = Sums(crc32c=base64.b64encode(crc.digest()).decode(), md5=base64.b64encode(md5.digest()).decode())
            self.keep(state, found)
        file.seek(0)
        return found

    def keep(self, state: os.stat_result, sums: Sums) -> None:
        """Remember the checksums of a file, which are known although its time has changed."""
        self._kept.put(_key(state), sums)

    def compare(self, path: Path, properties: Mapping[str, Any]) -> Sums:
        """The checksums of a file, which is what was said of it.

        Raises:
            Refusal: 400, it is another content.
        """
        with path.open("rb") as file:
            found = self.of(file)
        for key, label, sum_ in (("crc32c", "CRC32C", found.crc32c), ("md5Hash", "MD5 hash", found.md5)):
            if properties.get(key, sum_) != sum_:
                raise Refusal(400, f'Provided {label} "{properties[key]}" doesn\'t match calculated {label} "{sum_}".')
        return found


def _key(state: os.stat_result) -> tuple[int, ...]:
    return state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size
