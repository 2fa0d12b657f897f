"""Cloud Storage, or the folder that stands for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import requests
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from agrispec.engine import Engine
from agrispec.errors import StorageError
from agrispec.formats.atomic import storage_error, temporary_name

# What a run does with objects. https://cloud.google.com/storage/docs/access-control/iam-permissions
_NEEDED = ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list")


class Storage(Protocol):
    """One bucket."""

    def check(self) -> None:
        """Raise `StorageError` where objects cannot be kept here; to be asked before hours are spent on them."""

    def list(self, prefix: str) -> list[str]:
        """Names of the objects that start with `prefix`, in order."""

    def download(self, name: str, path: Path) -> None:
        """Fetch an object; the file stands under `path` only when it is whole."""

    def upload(self, path: Path, name: str) -> str:
        """Store a file as an object, replacing what is there; returns its gs:// URI."""

    def delete(self, prefix: str) -> int:
        """Delete the objects below `prefix`, which ends in "/" so that no neighbour goes with it; how many."""


class Folder:
    """A folder as a bucket; the embedded engine reads and writes the same folder.

    Args:
        root: folder of buckets.
        bucket: the bucket's name.
    """

    def __init__(self, root: Path, bucket: str) -> None:
        self._bucket = bucket
        self._folder = root / bucket

    def check(self) -> None:
        probe = temporary_name(self._folder / "check")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise storage_error(self._folder, error) from error
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(name for path in files if (name := path.relative_to(self._folder).as_posix()).startswith(prefix))

    def download(self, name: str, path: Path) -> None:
        _copy(self._folder / name, path)

    def upload(self, path: Path, name: str) -> str:
        _copy(path, self._folder / name)
        return f"gs://{self._bucket}/{name}"

    def delete(self, prefix: str) -> int:
        _need_folder(prefix)
        names = self.list(prefix)
        try:
            for name in names:
                path = self._folder / name
                path.unlink(missing_ok=True)
                # A bucket has no folders: none is left empty.
                for folder in path.relative_to(self._folder).parents[:-1]:
                    with suppress(OSError):
                        (self._folder / folder).rmdir()
        except OSError as error:
            raise StorageError(f"the objects under {self._folder / prefix} cannot be deleted ({error.strerror})",
                               mend="check who owns them, and delete them by hand") from error
        return len(names)


class CloudStorage:
    """A bucket of Google Cloud Storage.

    Args:
        project: Cloud project that is asked.
        bucket: the bucket's name.
        credentials: a `google.auth` object; None stands for application default credentials.
    """

    def __init__(self, project: str, bucket: str, credentials: object | None) -> None:
        try:
            self._bucket = storage.Client(project=project, credentials=credentials).bucket(bucket)
        except auth_exceptions.GoogleAuthError as error:
            raise StorageError(f"there are no credentials for gs://{bucket} ({error})",
                               mend="sign in with: gcloud auth application-default login") from error

    def check(self) -> None:
        with self._refusals(""):
            granted = self._bucket.test_iam_permissions(list(_NEEDED))
        lacking = sorted(set(_NEEDED) - set(granted))
        if lacking:
            raise StorageError(f"the account lacks {', '.join(lacking)} on gs://{self._bucket.name}",
                               mend="grant it the role Storage Object User (roles/storage.objectUser) on the bucket,"
                                    " or set [engine] bucket to one it may write to")

    def list(self, prefix: str) -> list[str]:
        with self._refusals(prefix):
            return sorted(blob.name for blob in self._bucket.list_blobs(prefix=prefix))

    def download(self, name: str, path: Path) -> None:
        part = temporary_name(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._refusals(name):
                # The client compares the CRC32C that Cloud Storage keeps with what arrived.
                self._bucket.blob(name).download_to_filename(part, raw_download=True, checksum="crc32c")
            part.replace(path)
        except OSError as error:
            raise storage_error(path, error) from error
        finally:
            part.unlink(missing_ok=True)

    def upload(self, path: Path, name: str) -> str:
        with self._refusals(name):
            self._bucket.blob(name).upload_from_filename(path, checksum="crc32c")
        return f"gs://{self._bucket.name}/{name}"

    def delete(self, prefix: str) -> int:
        _need_folder(prefix)
        names = self.list(prefix)
        with self._refusals(prefix):
            for name in names:
                # Somebody else may have deleted it in between.
                with suppress(api_exceptions.NotFound):
                    self._bucket.blob(name).delete()
        return len(names)

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """The client's exceptions as ours, and the network's; a local file's `OSError` passes."""
        uri = f"gs://{self._bucket.name}/{name}"
        try:
            yield
        except api_exceptions.NotFound as error:
            raise StorageError(f"{uri} is not there ({error.message})",
                               mend="check [engine] bucket, or make the bucket") from error
        except api_exceptions.GoogleAPICallError as error:
            raise StorageError(f"Cloud Storage refused {uri} ({error.message})",
                               mend="check [engine] bucket, and that the account may read and write objects in it") \
                from error
        except auth_exceptions.RefreshError as error:
            raise StorageError(f"the credentials for {uri} are not accepted ({error})",
                               mend="sign in with: gcloud auth application-default login; or set [engine]"
                                    " service_account_key to a key that is in force") from error
        except (api_exceptions.RetryError, auth_exceptions.TransportError, requests.RequestException,
                ConnectionError, TimeoutError) as error:
            raise StorageError(f"Cloud Storage cannot be reached for {uri} ({error})",
                               mend="check the network, then run the command again") from error
        except DataCorruption as error:
            raise StorageError(f"{uri} did not arrive as it was sent ({error})",
                               mend="run the command again") from error


def open(engine: Engine, bucket: str) -> Storage:
    """A bucket as `engine` sees it."""
    if engine.buckets is None:
        return CloudStorage(engine.project, bucket, engine.credentials)
    return Folder(engine.buckets, bucket)


def _need_folder(prefix: str) -> None:
    if not prefix.strip("/") or not prefix.endswith("/"):
        raise ValueError(f"the prefix {prefix!r} of what to delete does not name a folder: end it in '/'")


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
