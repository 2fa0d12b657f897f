"""Predictions that are kept, so that whoever was interrupted goes on instead of training again."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import CorruptRecord
from agrispec.formats.atomic import write_files

Numbers = TypeVar("Numbers", bound=np.generic)


def key(made_by: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of what predictions follow from, JSON types."""
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]


def digest_of(*arrays: NDArray[Any]) -> str:
    """16 hexadecimal digits of arrays: their shapes, types and numbers."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def predicted(path: Path, make: Callable[[], NDArray[Numbers]]) -> tuple[NDArray[Numbers], float]:
    """Class numbers or probabilities, and the seconds it took to make them: those of a file, or new ones, which the
    file keeps.

    Args:
        path: the file; its name says what the predictions follow from.
        make: what predicts; it is not called where the file is there.

    Raises:
        CorruptRecord: the file cannot be read.
        StorageError: it cannot be written.
    """
    if not path.exists():
        started = time.perf_counter()
        found = make()
        content = io.BytesIO()
        np.savez_compressed(content, predicted=found, seconds=time.perf_counter() - started)
        write_files({path: content.getvalue()})
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            return kept["predicted"], float(kept["seconds"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CorruptRecord(f"{path} cannot be read ({error})", mend="remove it; it is made again") from error
