"""Objects of Cloud Storage kept as the files that the engine's exports write: generations, preconditions, checksums.

    root/buckets/BUCKET/OBJECT                              content, whole or absent; its time is its generation
    root/buckets/.metadata/BUCKET/DIGEST.GENERATION.json    what an upload said of it, where one said anything

An object that an export left there has no such file, and needs none. Differs from the service: an object is a file,
so that "a" and "a/b" cannot both be there, and no part of a name begins with a dot; a replaced version is gone.
https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from agrispec.errors import DataError, StorageError
from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.atomic import take_name, temporary_name, write_files

# The library has no types.
_new_crc32c: Callable[[], Any] = google_crc32c.Checksum

_BLOCK = 2**20
_KEPT_SUMS = 10_000
# https://cloud.google.com/storage/docs/json_api/v1/objects/compose
_MOST_SOURCES = 32
# Words: https://cloud.google.com/storage/docs/json_api/v1/status-codes
_REASONS = {304: "notModified", 400: "invalid", 404: "notFound", 405: "methodNotAllowed", 409: "conflict",
            410: "gone", 412: "conditionNotMet", 413: "uploadTooLarge", 416: "requestedRangeNotSatisfiable",
            507: "insufficientStorage"}

# What an uploader may say of an object. https://cloud.google.com/storage/docs/json_api/v1/objects#resource
_SAID = ("contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl", "customTime",
         "metadata", "crc32c", "md5Hash")


class Refused(Exception):
    """A request is answered by an error.

    Args:
        code: HTTP status.
        message: the service's words.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The answer."""
        each = {"message": self.message, "domain": "global", "reason": _REASONS[self.code]}
        return {"error": {"code": self.code, "message": self.message, "errors": [each]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Checksums of a content, in base64."""

    crc32c: str
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One version of an object.

    Attributes:
        generation: of the content, microseconds; greater than that of every version before.
        metageneration: of what is said about it, from 1.
        properties: contentType, metadata, … as they were given.
        components: number of objects it was composed of; 0 for others.
        updated: when anything about it changed, microseconds.
    """

    bucket: str
    name: str
    path: Path
    size: int
    generation: int
    metageneration: int = 1
    properties: Mapping[str, Any] = field(default_factory=dict)
    components: int = 0
    updated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """What must hold of the present version. https://cloud.google.com/storage/docs/request-preconditions"""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    def check(self, present: Stored | None, *, reading: bool = False) -> None:
        """Raise `Refused` where they do not hold of `present`, None standing for no object: generation 0."""
        generation, metageneration = (present.generation, present.metageneration) if present else (0, 0)
        if (self.generation not in (None, generation)
                or (self.metageneration is not None and (not present or self.metageneration != metageneration))):
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
        if self.not_generation == generation or (present and self.not_metageneration == metageneration):
            raise Refused(304 if reading else 412, "At least one of the pre-conditions you specified did not hold.")


class ObjectStore:
    """The buckets of a folder. All methods may be called from several threads, and raise `Refused`."""

    def __init__(self, tree: AssetTree) -> None:
        self._tree = tree
        self._lock = threading.RLock()
        self._newest = 0
        self._sums: OrderedDict[tuple[int, ...], Sums] = OrderedDict()
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
            raise Refused(404, "The specified bucket does not exist.")
        return folder

    def create_bucket(self, name: str) -> None:
        """Make a bucket."""
        with _disk():
            try:
                self._bucket_path(name).mkdir(parents=True)
            except FileExistsError as error:
                raise Refused(409, "Your previous request to create the named bucket succeeded and you already own "
                                   "it.") from error

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        with self._lock:
            if self.names(name, ""):
                raise Refused(409, "The bucket you tried to delete is not empty.")
            with _disk():
                _remove_empty(self.bucket(name))

    def _bucket_path(self, name: str) -> Path:
        try:
            return self._tree.object_path(f"gs://{name}/object").parent
        except DataError as error:
            raise Refused(400, f"Invalid bucket name: '{name}'") from error

    # -- reading

    def names(self, bucket: str, prefix: str) -> list[str]:
        """Names of the objects that begin with `prefix`, in order."""
        root = self.bucket(bucket)
        above = prefix.rpartition("/")[0]
        if above and not all(_plain(part) for part in above.split("/")):
            return []
        found = []
        for folder, folders, files in os.walk(root / above):
            folders[:] = [name for name in folders if _plain(name)]
            below = Path(folder).relative_to(root).as_posix()
            start = "" if below == "." else f"{below}/"
            found += [name for file in files if _plain(file) and (name := start + file).startswith(prefix)]
        return sorted(found, key=os.fsencode)

    def get(self, bucket: str, name: str, generation: int | None = None) -> Stored:
        """The present version of an object; where `generation` is given, only that one."""
        self.bucket(bucket)
        found = self.find(bucket, name)
        if found is None or generation not in (None, found.generation):
            version = "" if generation is None else f"#{generation}"
            raise Refused(404, f"No such object: {bucket}/{name}{version}")
        return found

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
            raise Refused(404, f"No such object: {stored.bucket}/{stored.name}") from error
        if os.fstat(file.fileno()).st_mtime_ns // 1000 != stored.generation:
            file.close()
            raise Refused(404, f"No such object: {stored.bucket}/{stored.name}#{stored.generation}")
        return file, self._sums_of(file)

    def sums(self, stored: Stored) -> Sums:
        """The checksums of a version."""
        file, found = self.open(stored)
        file.close()
        return found

    def _sums_of(self, file: BinaryIO) -> Sums:
        state = os.fstat(file.fileno())
        key = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size)
        with self._lock:
            if key in self._sums:
                self._sums.move_to_end(key)
                return self._sums[key]
        file.seek(0)
        crc, md5 = _new_crc32c(), hashlib.md5(usedforsecurity=False)
        while block := file.read(_BLOCK):
            crc.update(block)
            md5.update(block)
        file.seek(0)
        found = Sums(crc32c=base64.b64encode(crc.digest()).decode(), md5=base64.b64encode(md5.digest()).decode())
        with self._lock:
            self._sums[key] = found
            while len(self._sums) > _KEPT_SUMS:
                self._sums.popitem(last=False)
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
        properties = _merged({}, properties)
        try:
            path = self._path(bucket, name)
            with _disk():
                conditions.check(self.find(bucket, name))
                self._compare(part, properties)
                with self._lock:
                    self.bucket(bucket)
                    present = self.find(bucket, name)
                    conditions.check(present)
                    before = max(self._newest, present.generation if present else 0)
                    self._newest = max(time.time_ns() // 1000, before + 1)
                    os.utime(part, ns=(self._newest * 1000,) * 2)
                    stored = self._stored(bucket, name, path, part.stat())
                    stored = replace(stored, properties=properties, components=components,
                                     updated=stored.generation)
                    self._describe(stored)
                    self._place(part, path, new=conditions.generation == 0)
            return stored
        finally:
            part.unlink(missing_ok=True)

    def _compare(self, part: Path, properties: Mapping[str, Any]) -> None:
        with part.open("rb") as file:
            found = self._sums_of(file)
        for key, label, sum_ in (("crc32c", "CRC32C", found.crc32c), ("md5Hash", "MD5 hash", found.md5)):
            if properties.get(key, sum_) != sum_:
                raise Refused(400, f'Provided {label} "{properties[key]}" doesn\'t match calculated {label} "{sum_}".')

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
                raise Refused(412, "At least one of the pre-conditions you specified did not hold.") from error
            raise Refused(400, "The local engine keeps objects as files: none stands above or below another one.") \
                from error

    def patch(self, stored: Stored, changes: Mapping[str, Any], conditions: Preconditions) -> Stored:
        """Change what is said about an object; None takes a property away."""
        with self._lock, _disk():
            present = self.get(stored.bucket, stored.name, stored.generation)
            conditions.check(present)
            changed = replace(present, metageneration=present.metageneration + 1, updated=time.time_ns() // 1000,
                              properties=_merged(present.properties, changes))
            self._describe(changed)
            return changed

    def delete(self, bucket: str, name: str, generation: int | None, conditions: Preconditions) -> None:
        """Remove an object."""
        with self._lock, _disk():
            present = self.get(bucket, name, generation)
            conditions.check(present)
            present.path.unlink(missing_ok=True)
            self._sidecar(present).unlink(missing_ok=True)

    def compose(self, bucket: str, name: str, sources: list[Stored], properties: Mapping[str, Any],
                conditions: Preconditions) -> Stored:
        """Make an object of others of its bucket, one after the other."""
        if not 1 <= len(sources) <= _MOST_SOURCES:
            raise Refused(400, f"The number of source components provided ({len(sources)}) is not between 1 and "
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
            raise Refused(400, f"Invalid object name: '{name}'") from error
        if "\0" in name or len(name.encode(errors="replace")) > 1024 or not all(map(_plain, name.split("/"))):
            raise Refused(400, f"Invalid object name: '{name}'")
        if not path.resolve().is_relative_to(self._tree.buckets.resolve()):
            raise Refused(400, f"Invalid object name: '{name}'")
        return path

    def _stored(self, bucket: str, name: str, path: Path, state: os.stat_result) -> Stored:
        generation = state.st_mtime_ns // 1000
        bare = Stored(bucket=bucket, name=name, path=path, size=state.st_size, generation=generation,
                      updated=generation)
        try:
            said = json.loads(self._sidecar(bare).read_bytes())
            return replace(bare, metageneration=said["metageneration"], properties=said["properties"],
                           components=said["components"], updated=said["updated"])
        except (OSError, ValueError, KeyError):
            return bare

    def _sidecar(self, stored: Stored) -> Path:
        digest = hashlib.sha256(stored.name.encode()).hexdigest()
        return self._tree.buckets / ".metadata" / stored.bucket / f"{digest}.{stored.generation}.json"

    def _describe(self, stored: Stored) -> None:
        """Record what is said about a version; what was said about those before it goes."""
        path = self._sidecar(stored)
        write_files({path: json.dumps({"name": stored.name, "metageneration": stored.metageneration,
                                       "properties": dict(stored.properties), "components": stored.components,
                                       "updated": stored.updated}).encode()})
        present = self.find(stored.bucket, stored.name)
        kept = {path, self._sidecar(present) if present else path}
        for other in path.parent.glob(f"{path.name.partition('.')[0]}.*.json"):
            if other not in kept:
                other.unlink(missing_ok=True)


def said(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a resource says of an object and may say."""
    texts = {key: body[key] for key in _SAID if key in body}
    metadata = texts.get("metadata")
    flat = list(metadata.values()) if isinstance(metadata, dict) else [metadata]
    if not all(value is None or isinstance(value, str) for value in
               [*flat, *(value for key, value in texts.items() if key != "metadata")]):
        raise Refused(400, "Invalid value in the object resource: texts are expected.")
    # They become headers of answers.
    if not all(value.isascii() and value.isprintable() for value in texts.values() if isinstance(value, str)):
        raise Refused(400, "Invalid value in the object resource: printable ASCII is expected.")
    return texts


def _plain(part: str) -> bool:
    """Whether a part of a name may stand in a bucket: what begins with a dot is unfinished."""
    return bool(part) and part[0] != "."


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**before, **changes}
    if isinstance(changes.get("metadata"), dict):
        both = {**(before.get("metadata") or {}), **changes["metadata"]}
        merged["metadata"] = {key: value for key, value in both.items() if value is not None}
    return {key: value for key, value in merged.items() if value is not None}


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
            raise Refused(400, "The local engine keeps objects as files: a part of that name is too long for one.") \
                from error
        raise Refused(507, f"The local engine cannot keep the object: {error.strerror or error}.") from error
    except StorageError as error:
        raise Refused(507, f"The local engine cannot keep the object: {error.message}.") from error
