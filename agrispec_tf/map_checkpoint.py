"""How far a map is, kept so that a killed one goes on: which tiles are done, and what their parcels sum up to.

Both stand in one file that is replaced as a whole, so that no pixel is added twice or lost. Tiles that were written
after it was are written again.
"""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from agrispec.errors import CorruptRecord
from agrispec.formats.atomic import storage_error, write_files
from agrispec_tf.predict import ParcelSums

FILE = "progress.npz"

_EVERY_S = 5.0
"""A kill loses no more than this."""


@dataclass(slots=True, kw_only=True, eq=False)
class Checkpoint:
    """How far a map is.

    Attributes:
        folder: of the unfinished map.
        made_of: what it is made of, JSON text.
        sums: of the parcels, of the tiles that are done.
        done: tiles, from the first one on.
        stopped: pixels whose temperatures stop before the model's window does.
        pixels: that the model has seen.
        seconds: that it took.
        runtime: what computes it, as `runtimes.Chosen.said`; None until it is chosen.
    """

    folder: Path
    made_of: str
    sums: ParcelSums
    done: int = 0
    stopped: int = 0
    pixels: int = 0
    seconds: float = 0.0
    runtime: Mapping[str, Any] | None = None
    _saved: float = 0.0

    def save_now_and_then(self) -> None:
        """Writes it, if the last time was seconds ago. Raises StorageError."""
        now = time.monotonic()
        if now - self._saved < _EVERY_S:
            return
        said = {"made_of": self.made_of, "done": self.done, "stopped": self.stopped, "pixels": self.pixels,
                "seconds": self.seconds, "runtime": self.runtime}
        content = io.BytesIO()
        np.savez(content, said=json.dumps(said), log_probability=self.sums.log_probability, votes=self.sums.votes)
        write_files({self.folder / FILE: content.getbuffer()})
        self._saved = now


def opened(folder: Path, made_of: Mapping[str, Any], parcels: int, classes: int, doubt: Callable[[str], None]
           ) -> Checkpoint:
    """The checkpoint of a folder, if it is of a map of the same make; else a new one, and the folder is emptied.

    Args:
        folder: of the unfinished map.
        made_of: what the map is made of, JSON types.
        parcels: of the map.
        classes: of the map.
        doubt: told what is dropped, and which of `made_of` differ.

    Raises:
        CorruptRecord: it is damaged.
        StorageError: the folder cannot be written.
    """
    make = json.dumps(made_of, sort_keys=True)
    if (folder / FILE).is_file():
        said, sums = _read(folder)
        if said["made_of"] == make:
            return Checkpoint(folder=folder, sums=sums, **said)
        before, now = json.loads(said["made_of"]), json.loads(make)
        changed = [key for key in now if before.get(key) != now[key]]
        doubt(f"the unfinished map in {folder}, {said['done']} tiles, is dropped: this one has another"
              f" {', '.join(changed)}")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return Checkpoint(folder=folder, made_of=make, sums=ParcelSums.none(parcels, classes))


def _read(folder: Path) -> tuple[dict[str, Any], ParcelSums]:
    try:
        with np.load(folder / FILE, allow_pickle=False) as found:
            return json.loads(str(found["said"])), ParcelSums(found["log_probability"], found["votes"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CorruptRecord(f"{folder / FILE} does not say how far the map is ({error})",
                            mend=f"remove {folder} and predict again") from error
