"""A bucket of Google Cloud Storage, through its client; downloads as in `exports.storage.arriving`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage
from google.cloud.storage import retry
from google.cloud.storage.exceptions import DataCorruption

from agrispec import network
from agrispec.errors import ObjectMissing, StorageError, StorageUnreachable
from agrispec.formats.atomic import replacing
from exports.storage.arriving import Arriving, new_crc32c
from exports.storage.refusals import need_folder, taken

# What a run does with objects. https://cloud.google.com/storage/docs/access-control/iam-permissions
_NEEDED = ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list")

# Of an upload, bytes; memory holds a few. https://cloud.google.com/storage/docs/performing-resumable-uploads
_PIECE = 8 * 2**20
_SIGN_IN = ("sign in with: gcloud auth application-default login; or set [engine] service_account_key to a key that is"
            " in force")
_GRANT = ("grant it the role Storage Object User (roles/storage.objectUser) on the bucket,"
          " or set [engine] bucket to one it may write to")


class CloudStorage:
    """A bucket of Google Cloud Storage.

    Args:
        project: Cloud project that is asked.
        bucket: the bucket's name.
        credentials: a `google.auth` object; None stands for application default credentials.
    """

    def __init__(self, project: str, bucket: str, credentials: object | None) -> None:
        try:
            client = storage.Client(project=project, credentials=credentials)
        except auth_exceptions.GoogleAuthError as error:
            raise StorageError(f"there are no credentials for gs://{bucket} ({error})",
                               mend="sign in with: gcloud auth application-default login") from error
        self._bucket = client.bucket(bucket)
        # The client's, made before threads ask for it; there is no public name for it.
        self._session, self._endpoint = client._http, client.api_endpoint

    def check(self) -> None:
        with self._refusals(""):
            granted = self._bucket.test_iam_permissions(list(_NEEDED))
        lacking = sorted(set(_NEEDED) - set(granted))
        if lacking:
            raise StorageError(f"the account lacks {', '.join(lacking)} on gs://{self._bucket.name}",
                               mend=_GRANT)

    def places(self) -> tuple[str, ...]:
        try:
            with self._refusals(""):
                self._bucket.reload()
        except StorageError as error:
            if isinstance(error.__cause__, api_exceptions.Forbidden):
                raise StorageError(error.message, mend="grant the account the role Storage Legacy Bucket Reader"
                                                       " (roles/storage.legacyBucketReader) on the bucket") from error
            raise
        return tuple(self._bucket.data_locations or (self._bucket.location,))

    def list(self, prefix: str) -> list[str]:
        return sorted(blob.name for blob in self._blobs(prefix))

    def download(self, name: str, path: Path) -> int:
        blob = self._bucket.blob(name)
        if path.is_file():
            # From here on it is this version that is meant.
            with self._refusals(name):
                blob.reload()
            with suppress(OSError):
                if path.stat().st_size == blob.size and _crc32c(path) == blob.crc32c:
                    return path.stat().st_size
        with replacing(path) as file, self._refusals(name):
            arriving = Arriving(self._session, f"{self._endpoint}/storage/v1{blob.path}", blob.generation, file)
            _arrived(arriving)
            sent = arriving.sent
            if sent is None:
                blob = self._bucket.blob(name, generation=arriving.generation)
                blob.reload()
                sent = blob.crc32c
            if arriving.crc32c != sent:
                raise StorageUnreachable(f"{self._uri(name)} did not arrive as it was sent (its CRC32C differs)",
                                         mend="run the command again")
            return arriving.size

    def upload(self, path: Path, name: str) -> str:
        # Beyond 8 MB the client sends pieces of this size, each again until it has arrived.
        blob = self._bucket.blob(name, chunk_size=_PIECE)
        try:
            with self._refusals(name):
                # Safe to repeat: what is there is never replaced.
                blob.upload_from_filename(path, if_generation_match=0, checksum="crc32c")
        except _Taken as error:
            # Perhaps by this very upload, the answer to which was lost.
            with self._refusals(name):
                stored = self._bucket.get_blob(name)
            if stored is None or stored.crc32c != _crc32c(path) or stored.size != path.stat().st_size:
                raise taken(self._uri(name)) from error
        except OSError as error:
            raise StorageError(f"{path} could not be read: {error.strerror or error}",
                               mend="check that it is there and readable") from error
        return self._uri(name)

    def delete(self, prefix: str) -> int:
        need_folder(prefix)
        blobs = self._blobs(prefix)
        for blob in blobs:
            # Somebody else, or a request whose answer was lost, may have deleted it in between.
            with self._refusals(blob.name), suppress(api_exceptions.NotFound):
                blob.delete(if_generation_match=blob.generation)
        return len(blobs)

    def _blobs(self, prefix: str) -> tuple[storage.Blob, ...]:
        with self._refusals(prefix):
            return tuple(self._bucket.list_blobs(prefix=prefix, fields="items(name,generation),nextPageToken"))

    def _uri(self, name: str) -> str:
        return f"gs://{self._bucket.name}/{name}"

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """The client's exceptions as ours, and the network's; a local file's `OSError` passes."""
        uri = self._uri(name)
        try:
            yield
        except api_exceptions.NotFound as error:
            raise ObjectMissing(f"{uri} is not there ({_words(error)})",
                               mend="check [engine] bucket, or make the bucket") from error
        except api_exceptions.PreconditionFailed as error:
            raise _Taken(f"{uri} was changed by somebody else at the same time", mend="run the command again") \
                from error
        except api_exceptions.Unauthorized as error:
            raise StorageError(f"there are no credentials for {uri}, or they are not accepted ({_words(error)})",
                               mend=_SIGN_IN) from error
        except api_exceptions.Forbidden as error:
            raise StorageError(f"the account may not do this with {uri} ({_words(error)})", mend=_GRANT) from error
        except (api_exceptions.TooManyRequests, api_exceptions.ServerError) as error:
            raise StorageUnreachable(f"Cloud Storage does not serve {uri} for now ({_words(error)})",
                                     mend="wait a few minutes, then run the command again") from error
        except api_exceptions.GoogleAPICallError as error:
            raise StorageError(f"Cloud Storage refused {uri} ({_words(error)})",
                               mend="check [engine] bucket and the name of the object") from error
        except auth_exceptions.RefreshError as error:
            raise StorageError(f"the credentials for {uri} are not accepted ({error})", mend=_SIGN_IN) from error
        except (api_exceptions.RetryError, auth_exceptions.TransportError, requests.RequestException,
                ConnectionError, TimeoutError) as error:
            raise StorageUnreachable(f"Cloud Storage cannot be reached for {uri} ({network.why(error)})",
                                     mend="check the network, then run the command again") from error
        except DataCorruption as error:
            raise StorageUnreachable(f"{uri} did not arrive as it was sent ({error})",
                                     mend="run the command again") from error


class _Taken(StorageError):
    """The object is not the version that was meant."""


def _arrived(arriving: Arriving) -> None:
    """Ask until all has arrived. The client's patience counts from the last byte, not from the first."""
    while True:
        before = arriving.size
        try:
            retry.DEFAULT_RETRY(arriving.go_on)()
            return
        except api_exceptions.RetryError:
            if arriving.size == before:
                raise


def _words(error: api_exceptions.GoogleAPICallError) -> str:
    """What the service said; the client puts the request before it."""
    said = getattr(error.response, "text", None)
    try:
        return str(json.loads(said or "")["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(said or error.message).strip()


def _crc32c(path: Path) -> str:
    """The CRC32C of a file as Cloud Storage writes it."""
    found = new_crc32c()
    with path.open("rb") as file:
        while block := file.read(_PIECE):
            found.update(block)
    return base64.b64encode(found.digest()).decode()
