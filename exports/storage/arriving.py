"""The content of one object of Cloud Storage as it arrives, from as many answers as it takes."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import google_crc32c
import requests
from google.api_core import exceptions as api_exceptions

# Beyond, an answer's pieces are no faster; the client's own 8 KiB take twice as long, in threads.
_BLOCK = 2**18
# Without an answer, or without its next byte, seconds; as the client's own.
_TIMEOUT_S = 60.0
# The library has no types.
new_crc32c: Callable[[], Any] = google_crc32c.Checksum


class Arriving:
    """Writes the content of an object to a file, as it is stored, and sums it.

    Args:
        session: sends requests, with credentials.
        url: of the object in the JSON API.
        generation: the version that is meant; None for the one that the first answer comes from.
        file: where to; empty.
    """

    def __init__(self, session: requests.Session, url: str, generation: int | None, file: BinaryIO) -> None:
        self._session = session
        self._url = url
        self._file = file
        self._checksum = new_crc32c()
        self.generation = generation
        self.size = 0
        self.sent: str | None = None
        """CRC32C that the service gave with the whole object; None where it gave none."""

    @property
    def crc32c(self) -> str:
        """CRC32C of what has arrived, as Cloud Storage writes it."""
        return base64.b64encode(self._checksum.digest()).decode()

    def go_on(self) -> None:
        """Ask for the rest, from the first byte on that has not arrived; to be called again where it fails.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: the service refuses, or cannot for now.
            requests.RequestException, urllib3.exceptions.HTTPError: the connection broke.
        """
        query = {"alt": "media"} | ({} if self.generation is None else {"generation": str(self.generation)})
        # Objects that are stored as GZIP come as they are only to those who take it.
        # https://cloud.google.com/storage/docs/transcoding
        headers = {"Accept-Encoding": "gzip"} | ({"Range": f"bytes={self.size}-"} if self.size else {})
        with self._session.get(self._url, params=query, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            if not answer.ok:
                raise api_exceptions.from_http_response(answer)
            if self.generation is None and "X-Goog-Generation" in answer.headers:
                self.generation = int(answer.headers["X-Goog-Generation"])
            # An answer with a part may come without, or with the part's.
            if answer.status_code == requests.codes.ok:
                found = re.search(r"crc32c=([^,\s]+)", answer.headers.get("X-Goog-Hash", ""))
                self.sent = found[1] if found else None
            for block in answer.raw.stream(_BLOCK, decode_content=False):
                self._file.write(block)
                self._checksum.update(block)
                self.size += len(block)
