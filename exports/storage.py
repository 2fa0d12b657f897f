"""Cloud Storage, or the folder that stands for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage

from agrispec.engine import Engine
from agrispec.errors import StorageError
from agrispec.formats.atomic import storage_error, temporary_name


class Storage(Protocol):
    """One bucket."""

    def list(self, prefix: str) -> list[str]:
        """Names of the objects that start with `prefix`, in order."""

    def download(self, name: str, path: Path) -> None:
        """Fetch an object; the file stands under `path` only when it is whole."""

    def upload(self, path: Path, name: str) -> str:
        """Store a file as an object, replacing what is there; returns its gs:// URI."""


class Folder:
    """A folder as a bucket; the embedded engine reads and writes the same folder.

    Args:
        root: folder of buckets.
        bucket: the bucket's name.
    """

    def __init__(self, root: Path, bucket: str) -> None:
        self._bucket = bucket
        self._folder = root / bucket

    def list(self, prefix: str) -> list[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(name for path in files if (name := path.relative_to(self._folder).as_posix()).startswith(prefix))

    def download(self, name: str, path: Path) -> None:
        _copy(self._folder / name, path)

    def upload(self, path: Path, name: str) -> str:
        _copy(path, self._folder / name)
        return f"gs://{self._bucket}/{name}"


class CloudStorage:
    """A bucket of Google Cloud Storage, by application default credentials.

    Args:
        project: Cloud project that is asked.
        bucket: the bucket's name.
    """

    def __init__(self, project: str, bucket: str) -> None:
        try:
            self._bucket = storage.Client(project=project).bucket(bucket)
        except auth_exceptions.GoogleAuthError as error:
            raise StorageError(f"there are no credentials for gs://{bucket} ({error})",
                               mend="sign in with: gcloud auth application-default login") from error

    def list(self, prefix: str) -> list[str]:
        try:
            return sorted(blob.name for blob in self._bucket.list_blobs(prefix=prefix))
        except api_exceptions.GoogleAPICallError as error:
            raise self._refused(prefix, error) from error

    def download(self, name: str, path: Path) -> None:
        part = temporary_name(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The client compares the CRC32C that Cloud Storage keeps with what arrived.
            self._bucket.blob(name).download_to_filename(part, raw_download=True, checksum="crc32c")
            part.replace(path)
        except api_exceptions.GoogleAPICallError as error:
            raise self._refused(name, error) from error
        except OSError as error:
            raise storage_error(path, error) from error
        finally:
            part.unlink(missing_ok=True)

    def upload(self, path: Path, name: str) -> str:
        try:
            self._bucket.blob(name).upload_from_filename(path, checksum="crc32c")
        except api_exceptions.GoogleAPICallError as error:
            raise self._refused(name, error) from error
        return f"gs://{self._bucket.name}/{name}"

    def _refused(self, name: str, error: Exception) -> StorageError:
        return StorageError(f"Cloud Storage refused gs://{self._bucket.name}/{name} ({error})",
                            mend="check [engine] bucket, and that the account may read and write objects in it")


def open(engine: Engine, bucket: str) -> Storage:
    """A bucket as `engine` sees it."""
    if engine.buckets is None:
        return CloudStorage(engine.project, bucket)
    return Folder(engine.buckets, bucket)


def _copy(source: Path, target: Path) -> None:
    part = temporary_name(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        part.unlink(missing_ok=True)
