"""The buckets of a folder: objects as the files that the engine's exports write, in versions that nobody mixes.

    root/buckets/BUCKET/OBJECT     content, whole or absent; its time is its generation

Differs from the service: an object is a file, so that "a" and "a/b" cannot both be there, and no part of a name begins
with a dot; a replaced version is gone. https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from agrispec.errors import DataError, StorageError
from agrispec.formats.asset_names import is_object_part
from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.atomic import take_name, temporary_name
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.checksums import Checksums, Sums
from gee_scripts.engine.local.storage.descriptions import Descriptions
from gee_scripts.engine.local.storage.objects import Preconditions, Stored, merged, precondition_failed

_BLOCK = 2**20
# https://cloud.google.com/storage/docs/json_api/v1/objects/compose
_MOST_SOURCES = 32


class ObjectStore:
    """The buckets of a folder. All methods may be called from several threads, and raise `Refusal`."""

    def __init__(self, tree: AssetTree) -> None:
        self._tree = tree
        self._lock = threading.RLock()
        self._newest = 0
        self._checksums = Checksums()
        self._descriptions = Descriptions(tree.buckets)
        # Uploads that an earlier server of the folder did not see the end of.
        for part in tree.buckets.glob(".object.*.part"):
            part.unlink(missing_ok=True)

    # -- buckets

    def buckets(self) -> list[str]:
        """Names of the buckets, in order."""
        folder = self._tree.buckets
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".") \
            if folder.is_dir() else []

    def bucket(self, name: str) -> Path:
        """The folder of a bucket."""
        folder = self._bucket_path(name)
        if not folder.is_dir():
            raise Refusal(404, "The specified bucket does not exist.")
        return folder

    def create_bucket(self, name: str) -> None:
        """Make a bucket."""
        with _disk():
            try:
                self._bucket_path(name).mkdir(parents=True)
            except FileExistsError as error:
                raise Refusal(409, "Your previous request to create the named bucket succeeded and you already own "
                                   "it.") from error

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        with self._lock:
            if self.names(name, ""):
                raise Refusal(409, "The bucket you tried to delete is not empty.")
            with _disk():
                _remove_empty(self.bucket(name))

    def _bucket_path(self, name: str) -> Path:
        try:
            return self._tree.object_path(f"gs://{name}/object").parent
        except DataError as error:
            raise Refusal(400, f"Invalid bucket name: '{name}'") from error

    # -- reading

    def names(self, bucket: str, prefix: str) -> list[str]:
        """Names of the objects that begin with `prefix`, in order; files of names that no object has are none."""
        root = self.bucket(bucket)
        above = prefix.rpartition("/")[0]
        if above and not all(is_object_part(part) for part in above.split("/")):
            return []
        found = []
        for folder, folders, files in os.walk(root / above):
            folders[:] = [name for name in folders if is_object_part(name)]
            below = Path(folder).relative_to(root).as_posix()
            start = "" if below == "." else f"{below}/"
            found += [name for file in files if is_object_part(file) and (name := start + file).startswith(prefix)]
        return sorted(found, key=str.encode)

    def get(self, bucket: str, name: str, generation: int | None = None) -> Stored:
        """The present version of an object; where `generation` is given, only that one."""
        self.bucket(bucket)
        found = self.find(bucket, name)
        if found is None or generation not in (None, found.generation):
            version = "" if generation is None else f"#{generation}"
            raise Refusal(404, f"No such object: {bucket}/{name}{version}")
        return found

    def listed(self, bucket: str, name: str) -> Stored | None:
        """The present version of an object that was listed, None where it is gone or a link that leads out."""
        try:
            return self.find(bucket, name)
        except Refusal:
            return None

    def find(self, bucket: str, name: str) -> Stored | None:
        """The present version of an object, None where there is none."""
        path = self._path(bucket, name)
        try:
            state = path.stat()
        except OSError:
            return None
        return self._stored(bucket, name, path, state) if path.is_file() else None

    def open(self, stored: Stored) -> tuple[BinaryIO, Sums]:
        """The content of a version, to read, and its checksums."""
        try:
            file = stored.path.open("rb")
        except OSError as error:
            raise Refusal(404, f"No such object: {stored.bucket}/{stored.name}") from error
        if os.fstat(file.fileno()).st_mtime_ns // 1000 != stored.generation:
            file.close()
            raise Refusal(404, f"No such object: {stored.bucket}/{stored.name}#{stored.generation}")
        return file, self._checksums.of(file)

    def sums(self, stored: Stored) -> Sums:
        """The checksums of a version."""
        file, found = self.open(stored)
        file.close()
        return found

    # -- writing

    def part(self) -> Path:
        """A new file for what is not whole yet; a name that no bucket has, on the same disk."""
        path = temporary_name(self._tree.buckets / "object")
        with _disk():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        return path

    def put(self, bucket: str, name: str, part: Path, properties: Mapping[str, Any], conditions: Preconditions,
            components: int = 0) -> Stored:
        """Make a whole file the present version of an object; `part` is gone afterwards, however it ends."""
        properties = merged({}, properties)
        try:
            path = self._path(bucket, name)
            with _disk():
                conditions.check(self.find(bucket, name))
                sums = self._checksums.compare(part, properties)
                with self._lock:
                    self.bucket(bucket)
                    present = self.find(bucket, name)
                    conditions.check(present)
                    before = max(self._newest, present.generation if present else 0)
                    self._newest = max(time.time_ns() // 1000, before + 1)
                    os.utime(part, ns=(self._newest * 1000,) * 2)
                    state = part.stat()
                    self._checksums.keep(state, sums)
                    stored = self._stored(bucket, name, path, state)
                    stored = replace(stored, properties=properties, components=components,
                                     updated=stored.generation)
                    self._descriptions.write(stored, present)
                    try:
                        self._place(part, path, new=conditions.generation == 0)
                    except BaseException:
                        self._descriptions.remove(stored)
                        raise
            return stored
        finally:
            part.unlink(missing_ok=True)

    def _place(self, part: Path, path: Path, *, new: bool) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                _remove_empty(path)
            if new:
                # An export of this engine may have left an object since the conditions were checked.
                take_name(part, path)
            else:
                part.replace(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            if path.is_file():
                raise precondition_failed() from error
            raise Refusal(400, "The local engine keeps objects as files: none stands above or below another one.") \
                from error

    def patch(self, stored: Stored, changes: Mapping[str, Any], conditions: Preconditions) -> Stored:
        """Change what is said about an object; None takes a property away."""
        with self._lock, _disk():
            present = self.get(stored.bucket, stored.name, stored.generation)
            conditions.check(present)
            changed = replace(present, metageneration=present.metageneration + 1, updated=time.time_ns() // 1000,
                              properties=merged(present.properties, changes))
            self._descriptions.write(changed, present)
            return changed

    def delete(self, bucket: str, name: str, generation: int | None, conditions: Preconditions) -> None:
        """Remove an object."""
        with self._lock, _disk():
            present = self.get(bucket, name, generation)
            conditions.check(present)
            present.path.unlink(missing_ok=True)
            self._descriptions.remove(present)

    def compose(self, bucket: str, name: str, sources: list[Stored], properties: Mapping[str, Any],
                conditions: Preconditions) -> Stored:
        """Make an object of others of its bucket, one after the other."""
        if not 1 <= len(sources) <= _MOST_SOURCES:
            raise Refusal(400, f"The number of source components provided ({len(sources)}) is not between 1 and "
                               f"{_MOST_SOURCES}.")
        return self.put(bucket, name, self._joined(sources), properties, conditions,
                        sum(max(1, source.components) for source in sources))

    def copy(self, source: Stored, bucket: str, name: str, properties: Mapping[str, Any],
             conditions: Preconditions) -> Stored:
        """Make an object like `source`."""
        return self.put(bucket, name, self._joined([source]), properties, conditions, source.components)

    def _joined(self, sources: list[Stored]) -> Path:
        part = self.part()
        try:
            with _disk(), part.open("wb") as target:
                for source in sources:
                    with self.open(source)[0] as file:
                        shutil.copyfileobj(file, target, _BLOCK)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    # -- where things stand

    def _path(self, bucket: str, name: str) -> Path:
        try:
            path = self._tree.object_path(f"gs://{bucket}/{name}")
        except DataError as error:
            raise Refusal(400, f"Invalid object name: '{name}'") from error
        if not path.resolve().is_relative_to(self._tree.buckets.resolve()):
            raise Refusal(400, f"Invalid object name: '{name}'")
        return path

    def _stored(self, bucket: str, name: str, path: Path, state: os.stat_result) -> Stored:
        generation = state.st_mtime_ns // 1000
        bare = Stored(bucket=bucket, name=name, path=path, size=state.st_size, generation=generation,
                      updated=generation)
        return self._descriptions.read(bare)


def _remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but empty folders; one that holds files stays."""
    for inner, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(inner)


@contextmanager
def _disk() -> Iterator[None]:
    """What the disk refuses, in an answer that the client does not repeat."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Refusal(400, "The local engine keeps objects as files: a part of that name is too long for one.") \
                from error
        raise Refusal(507, f"The local engine cannot keep the object: {error.strerror or error}.") from error
    except StorageError as error:
        raise Refusal(507, f"The local engine cannot keep the object: {error.message}.") from error
