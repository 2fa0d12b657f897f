"""Files that stand under their final name whole, or not at all."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from agrispec.errors import StorageError

_ASIDE = ".replaced"
"""How the hidden name ends of a folder that another one replaces."""


def temporary_name(path: Path) -> Path:
    """A hidden name beside `path`, used by nobody else, for what is not whole yet."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")


def remove_parts(path: Path) -> None:
    """Remove what killed processes left of `path` before it was whole; nobody else may be writing it now.

    Raises:
        StorageError: the file system refuses.
    """
    try:
        for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """What a user is told when `path` could not be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return StorageError(f"{path} could not be written: {error.strerror or error}",
                        mend="free space on that disk and start again" if full else
                        "make the folder writable, or choose another one")


def write_files(contents: Mapping[Path, bytes | memoryview | Path]) -> None:
    """Write files that belong together, so that a reader sees all of them or none. A path stands for a file to copy.

    Everything is written under temporary names first and then renamed in the order given: put the file that
    makes the others visible last. Missing folders are made. Contents are not fsynced: a full disk is noticed
    here, a power cut may still lose files written in the last seconds.

    Raises:
        StorageError: a file could not be written; nothing new stands under a final name.
    """
    parts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path] = temporary_name(path)
            if isinstance(content, Path):
                shutil.copyfile(content, parts[path])
            else:
                parts[path].write_bytes(content)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        for part in parts.values():
            with suppress(OSError):  # renamed, or never made
                part.unlink()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which stands under `path` only when the block ends without an error.

    Missing folders are made. The content has reached the disk before it takes the name.

    Raises:
        StorageError: the file could not be written; what stood under the name before still does.
    """
    part = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):  # renamed, or never made
            part.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `path` when the block ends well and is removed when not.

    Raises:
        StorageError: a file could not be written; what stood at `path` before stands there still.
    """
    part = temporary_name(path)
    try:
        part.mkdir(parents=True)
        yield part
        take_place(part, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def take_place(part: Path, path: Path) -> None:
    """Let a whole folder stand under `path`; what stood there is moved aside first, and then removed.

    No file system renames a folder onto another that holds something. A process that is killed in between leaves
    nothing at `path`, until `put_back`.

    Raises:
        OSError: the file system refuses; what stood at `path` before stands there still.
    """
    old, taken = _aside(path), False
    while not taken:
        if path.exists():
            _discard(path)
            path.rename(old)
        try:
            part.rename(path)
            taken = True
        except OSError as error:
            # Another command may have put the old folder back meanwhile: then this begins again.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                if old.exists():
                    old.rename(path)
                raise
    _discard(path)


def put_back(folder: Path) -> None:
    """Let folders in `folder` stand again that a killed process had moved aside, see `take_place`; one that cannot
    stays aside."""
    for old in folder.glob(f".*{_ASIDE}"):
        path = old.with_name(old.name.removeprefix(".").removesuffix(_ASIDE))
        if path.exists():  # killed after it was replaced
            _discard(path)
        elif old.is_dir():
            with suppress(OSError):  # put back by another command meanwhile, or in a folder that is only read
                old.rename(path)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_ASIDE}")


def _discard(path: Path) -> None:
    """Remove what was moved aside, if anything was; a kill leaves it whole, or as what `remove_parts` removes."""
    gone = temporary_name(path)
    with suppress(OSError):
        _aside(path).rename(gone)
        if gone.is_symlink():
            gone.unlink()
        else:
            shutil.rmtree(gone, ignore_errors=True)


def take_name(part: Path, path: Path) -> None:
    """Let a whole file stand under `path`, unless something stands there; `part` is gone when it ends well.

    Raises:
        FileExistsError: something does, and stays as it is.
        OSError: the file system refuses.
    """
    try:
        os.link(part, path)
    except OSError as error:
        # Some file systems know no second name for a file.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS) or path.exists():
            raise
        os.rename(part, path)
    else:
        part.unlink()
