"""Whether the bucket and the disk take what a run keeps there; each look says so, and raises nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from agrispec.engine import Engine
from agrispec.errors import AgrispecError, StorageError
from agrispec.health import Finding, doubtful, failed, passed, unseen
from exports import storage

_REST = 10**9
"""Bytes that models, predictions and a report may take, however few the samples."""

def bucket(engine: Engine | None, name: str) -> Finding:
    """Whether the account may keep objects in a bucket; None stands for an engine that does not open."""
    if engine is None:
        return unseen("bucket", "the engine does not open")
    try:
        storage.open(engine, name).check()
    except AgrispecError as error:
        return failed("bucket", error)
    return passed("bucket", f"gs://{name} can be written" if engine.buckets is None else
                  f"{engine.buckets / name}, which stands for gs://{name}, can be written")


def location(engine: Engine | None, name: str) -> Finding:
    """Whether a bucket is where assets may stay in it as GeoTIFFs; all else works anywhere."""
    if engine is None:
        return unseen("location", "the engine does not open")
    try:
        places = storage.open(engine, name).places()
    except AgrispecError as error:
        return doubtful("location", error)
    if not places:
        return passed("location", "a folder on this machine")
    told = " with ".join(places)
    if not storage.serves_cogs(places):
        return doubtful("location", StorageError(
            f"gs://{name} is in {told}, where Earth Engine does not read GeoTIFFs in place",
            mend="export, training and publishing work; for assets that stay GeoTIFFs take a bucket in US, NAM4 or"
                 " US-CENTRAL1"))
    return passed("location", f"{told}, where Earth Engine reads GeoTIFFs in place")


def disk(path: Path, samples: int) -> Finding:
    """Whether there is room below `path`, which need not be there yet, for so many bytes of samples."""
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    need = _REST + samples
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return doubtful("disk", StorageError(f"{there} does not say how much is free ({error.strerror or error})",
                                             mend="check that it is mounted"))
    said = f"{free / 1e9:,.1f} GB free, {need / 1e9:,.1f} GB wanted for samples and models"
    if free < need:
        return failed("disk", StorageError(said, mend="free space, or make the run on another disk"))
    return passed("disk", said)
