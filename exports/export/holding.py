"""One process at a time exports a run, and one maps or publishes it; the system lets go of it when that process ends,
however."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from agrispec.errors import RunError, StorageError
from agrispec.formats import lock
from agrispec.formats.atomic import storage_error

_LOCK, _PREDICTIONS = ".lock", ".predicting.lock"
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def held(folder: Path, *, file: str = _LOCK, work: str = "exported", go_on: str = "go on with --resume"
         ) -> Iterator[None]:
    """A run directory that this process alone exports, for as long as the block lasts.

    Args:
        folder: the run directory.
        file: name of the lock in it: another one for other work, which does not wait for this.
        work: what is done to the run, as another process is told.
        go_on: and how that one may go on once it has interrupted this.

    Raises:
        RunError: another process has it.
        StorageError: it cannot be written.
    """
    path = folder / file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        _take(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in _HELD:
            raise StorageError(f"{path} cannot be locked: {error.strerror}",
                               mend="keep runs on a disk of this machine") from error
        raise RunError(f"{folder} is being {work} already, by {_holder(path)}",
                       mend=f"wait for it, or interrupt it and {go_on}") from error
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()}".encode())
        yield
    finally:
        os.close(descriptor)


def predictions_held(folder: Path) -> AbstractContextManager[None]:
    """A run directory whose predictions this process alone replaces, or takes as one map; as `held`."""
    return held(folder, file=_PREDICTIONS, work="mapped or published", go_on="start this again, which goes on")


def _take(descriptor: int) -> None:
    """Lock a file; `status` looks who has it and holds it for a moment."""
    for _ in range(20):
        try:
            lock.take(descriptor)
        except OSError as error:
            if error.errno not in _HELD:
                raise
            time.sleep(0.05)
        else:
            return
    lock.take(descriptor)


def holder(folder: Path) -> str:
    """Which process exports a run directory now, in words; "" where none does."""
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return ""
    try:
        lock.take(descriptor)
    except OSError:
        return _holder(path)
    finally:
        os.close(descriptor)
    return ""


def _holder(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
    return "another process"
