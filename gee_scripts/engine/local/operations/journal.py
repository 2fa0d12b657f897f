"""Operations on disk: what a server was asked to do outlives it.

    root/.operations/lock          locked while a server serves the folder; says where it listens
    root/.operations/open          there while one does: found at the start, it tells of a server that was killed
    root/.operations/config.json   settings of the project
    root/.operations/ID.json       where an operation stands
    root/.operations/ID.request    what was asked for, until the operation is done

docs/decisions/0008-durable-operations.md says why.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agrispec.errors import EngineError
from agrispec.formats import lock
from agrispec.formats.atomic import storage_error, write_files

_log = logging.getLogger(__name__)

_FOLDER = ".operations"
# As `agrispec.formats.atomic` and `staging` name what is unfinished.
_PART = re.compile(r"\.(.+\.[0-9a-f]{12}|[0-9a-f]{32})\.part")


class FolderServed(EngineError):
    """Another server has the folder.

    Attributes:
        url: where it listens; "" while it starts.
    """

    def __init__(self, root: Path, where: str) -> None:
        super().__init__(f"{root} is served already, by {where or 'a server that is starting'}",
                         mend="use that server, or stop it first")
        self.url = where.rpartition(" at ")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One operation as it was left.

    Attributes:
        id: last part of its name.
        state: what was recorded last.
        request: what was asked for; None where it is done, or lost.
    """

    id: str
    state: Mapping[str, Any]
    request: Mapping[str, Any] | None


class Journal:
    """The record of one folder's operations; one server at a time holds it.

    Attributes:
        killed: the server before this one did not close it.

    Raises:
        FolderServed: another server holds it.
        StorageError: the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._folder = self.root / _FOLDER
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(self._folder, error) from error
        try:
            lock.take(self._lock)
        except OSError as error:
            os.close(self._lock)
            where = ""
            with suppress(OSError):
                where = (self._folder / "lock").read_text(encoding="utf-8", errors="replace").strip()
            raise FolderServed(self.root, where) from error
        self.killed = (self._folder / "open").exists()
        try:
            # What the server before this one said of itself.
            os.ftruncate(self._lock, 0)
            (self._folder / "open").touch()
        except OSError as error:
            os.close(self._lock)
            raise storage_error(self._folder, error) from error

    def listens(self, url: str) -> None:
        """Say where the server of this folder listens, for whoever tries to start a second one."""
        with suppress(OSError):  # a full disk: the lock holds without words
            os.ftruncate(self._lock, 0)
            os.lseek(self._lock, 0, os.SEEK_SET)
            os.write(self._lock, f"process {os.getpid()} at {url}".encode())

    def close(self) -> None:
        """Let the folder go."""
        try:
            (self._folder / "open").unlink(missing_ok=True)
        finally:
            os.close(self._lock)

    def accept(self, operation: str, request: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Record a new operation: from here on it will be done, or said to have failed.

        Raises:
            StorageError: it cannot be recorded.
        """
        write_files({self._folder / f"{operation}.request": json.dumps(request).encode(),
                     self._folder / f"{operation}.json": json.dumps(state).encode()})

    def record(self, operation: str, state: Mapping[str, Any], *, done: bool) -> None:
        """Record where an operation stands.

        Raises:
            StorageError: it cannot be recorded; what was recorded before stands.
        """
        write_files({self._folder / f"{operation}.json": json.dumps(state).encode()})
        if done:
            (self._folder / f"{operation}.request").unlink(missing_ok=True)

    def forget(self, operation: str) -> None:
        """Drop an operation that is done."""
        (self._folder / f"{operation}.json").unlink(missing_ok=True)
        (self._folder / f"{operation}.request").unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """All operations in the order they were asked for. What cannot be read is logged, and left out and alone; of
        an operation whose request cannot be read, the request is lost."""
        found = []
        for path in self._folder.glob("[!.]*.json"):
            if path.name == "config.json":
                continue
            try:
                state = _object(path)
                if not isinstance(state.get("created"), str):
                    raise ValueError("it does not say when it was asked for")
                found.append(Entry(id=path.stem, state=state, request=_request(path.with_suffix(".request"))))
            except (OSError, ValueError) as error:
                _log.warning("operation %s cannot be read and is left alone: %s", path.stem, error)
        return sorted(found, key=lambda entry: (entry.state["created"], entry.id))

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the project; {} where nobody set any, or where they cannot be read."""
        try:
            return _object(self._folder / "config.json")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            _log.warning("the settings of the project cannot be read and are left alone: %s", error)
            return {}

    def configure(self, config: Mapping[str, Any]) -> None:
        """Replace the settings of the project.

        Raises:
            StorageError: they cannot be written.
        """
        write_files({self._folder / "config.json": json.dumps(config).encode()})

    def sweep(self) -> None:
        """Remove what a killed server had not finished writing: nothing that stands under a final name."""
        for path in _parts(self.root):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
        # A request whose operation was never recorded: nobody got an answer to it.
        for request in self._folder.glob("[!.]*.request"):
            if not request.with_suffix(".json").exists():
                request.unlink(missing_ok=True)


def _object(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"it holds {type(found).__name__}, not an object")
    return found


def _request(path: Path) -> dict[str, Any] | None:
    try:
        return _object(path)
    except (FileNotFoundError, ValueError):
        return None


def _parts(folder: Path) -> Iterator[Path]:
    """Unfinished files and folders."""
    for place, folders, files in os.walk(folder):
        unfinished = [name for name in (*folders, *files) if _PART.fullmatch(name)]
        folders[:] = [name for name in folders if name not in unfinished]
        yield from (Path(place) / name for name in unfinished)
