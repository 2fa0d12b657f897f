"""Uploads to Cloud Storage: in one piece, with a description before it, or resumable in any number of pieces.

https://cloud.google.com/storage/docs/uploads-downloads and …/performing-resumable-uploads
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.object_store import ObjectStore
from gee_scripts.engine.local.storage.objects import Preconditions, Stored, said
from gee_scripts.engine.local.storage.requests import MOST_JSON, content_range, hashes, json_object

_BLOCK = 2**20
# The service keeps sessions for a week. https://cloud.google.com/storage/docs/resumable-uploads
_KEPT_SECONDS = 7 * 24 * 3600.0
_KEPT = 1000
# Of a part of multipart/related, which may have none; up to the empty line after them.
_HEADERS = rb"((?:[^\r\n]+\r?\n)*)\r?\n"


@dataclass(slots=True, kw_only=True)
class _Session:
    """A resumable upload: what arrived is `size` bytes of `part`, out of `total` once that is known."""

    bucket: str
    name: str
    properties: Mapping[str, Any]
    conditions: Preconditions
    part: Path
    begun: float
    size: int = 0
    stored: Stored | None = None
    ending: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uploads:
    """The uploads into a store. Resumable ones live as long as the server."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        self._store = store
        self._url = url
        self._sessions: dict[str, _Session] = {}

    async def answer(self, request: Request, bucket: str, conditions: Preconditions) -> Response | Stored:
        """The answer to a request, or the version that it stored."""
        query, kind = request.query_params, request.query_params.get("uploadType")
        if kind == "resumable" and "upload_id" in query:
            return await self._continue(request, query["upload_id"])
        if request.method != "POST":
            raise Refusal(404, "Not Found")
        await run_in_threadpool(self._store.bucket, bucket)
        if kind == "resumable":
            return await self._begin(request, bucket, conditions)
        if kind not in ("media", "multipart"):
            raise Refusal(400, f"Invalid upload type: '{kind}'")
        part = await run_in_threadpool(self._store.part)
        try:
            arrived = await _receive(request, part, 0)
            if arrived.cut:
                raise Refusal(400, "The request ended before its content.")
            properties: dict[str, Any] = _typed(request.headers.get("content-type"))
            name = query.get("name")
            if kind == "multipart":
                described = await run_in_threadpool(_split, part, request.headers.get("content-type", ""))
                name = described.pop("name", None) or name
                properties = described
            return await run_in_threadpool(self._store.put, bucket, _named(name), part, _said(properties, request),
                                           conditions)
        finally:
            await run_in_threadpool(part.unlink, missing_ok=True)

    async def _begin(self, request: Request, bucket: str, conditions: Preconditions) -> Response:
        described = await description(request)
        name = _named(described.pop("name", None) or request.query_params.get("name"))
        properties = {**_typed(request.headers.get("x-upload-content-type")), **_said(described, request)}
        conditions.check(await run_in_threadpool(self._store.find, bucket, name))
        self._drop_old()
        key = uuid.uuid4().hex
        self._sessions[key] = _Session(bucket=bucket, name=name, properties=properties, conditions=conditions,
                                       part=await run_in_threadpool(self._store.part), begun=time.monotonic())
        where = f"{self._url}{request.scope['raw_path'].decode()}"
        return Response(status_code=200, headers={"Location": f"{where}?uploadType=resumable&upload_id={key}",
                                                  "X-GUploader-UploadID": key})

    async def _continue(self, request: Request, key: str) -> Response | Stored:
        session = self._sessions.get(key)
        if session is None:
            raise Refusal(404, "No such upload session.")
        if request.method == "DELETE":
            self._drop(key)
            return Response(status_code=499)
        if request.method != "PUT":
            raise Refusal(404, "Not Found")
        first, last, total = content_range(request.headers)
        if session.stored is not None:
            await drain(request)
            return session.stored
        if first > session.size:
            await drain(request)
            raise Refusal(400, f"Invalid request. According to the Content-Range header, the upload offset is {first} "
                               f"byte(s), which exceeds already uploaded size of {session.size} byte(s).")
        # What is here already may be sent again: after a broken connection no client knows how much arrived.
        arrived = await _receive(request, session.part, first, None if last is None else last + 1)
        session.size = max(session.size, arrived.end)
        if arrived.cut:
            raise Refusal(400, "The request ended before its content.")
        if last is None and total is None and "content-range" not in request.headers:
            total = arrived.end
        if total is not None and session.size > total:
            raise Refusal(400, f"Invalid request. {session.size} byte(s) were uploaded of {total}.")
        async with session.ending:
            if session.stored is None and total is not None and session.size >= total:
                try:
                    properties = {**session.properties, **hashes(request.headers)}
                    session.stored = await run_in_threadpool(self._store.put, session.bucket, session.name,
                                                             session.part, properties, session.conditions)
                except Refusal:
                    self._sessions.pop(key, None)
                    raise
        if session.stored is not None:
            return session.stored
        return Response(status_code=308, headers={"Range": f"bytes=0-{session.size - 1}"} if session.size else {})

    def _drop_old(self) -> None:
        begun = time.monotonic() - _KEPT_SECONDS
        for key in [key for key, session in self._sessions.items() if session.begun < begun]:
            self._drop(key)
        while len(self._sessions) >= _KEPT:
            self._drop(next(iter(self._sessions)))

    def _drop(self, key: str) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """How far a request's content reaches, and whether the connection broke before its end."""

    end: int
    cut: bool


async def _receive(request: Request, part: Path, first: int, most: int | None = None) -> _Arrived:
    """Write the content of a request into a file from byte `first` on, as it comes; up to byte `most`."""
    end, waiting = first, bytearray()
    try:
        file = await run_in_threadpool(os.open, part, os.O_WRONLY)
    except OSError as error:
        raise Refusal(404, "No such upload session.") from error
    cut = False
    try:
        with suppress(ClientDisconnect):
            cut = True
            async for piece in request.stream():
                waiting += piece
                if most is not None and end + len(waiting) > most:
                    raise Refusal(400, "The content is longer than its Content-Range says.")
                if len(waiting) >= _BLOCK:
                    block, waiting = bytes(waiting), bytearray()
                    await run_in_threadpool(_write, file, block, end)
                    end += len(block)
            cut = False
        await run_in_threadpool(_write, file, bytes(waiting), end)
        return _Arrived(end=end + len(waiting), cut=cut)
    except OSError as error:
        raise Refusal(507, f"The local engine cannot keep the object: {error.strerror or error}.") from error
    finally:
        os.close(file)


def _write(file: int, block: bytes, first: int) -> None:
    while block:
        written = os.pwrite(file, block, first)
        block, first = block[written:], first + written


async def description(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body, which is not read beyond the largest one.

    Raises:
        Refusal: it is too large, or none.
    """
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_JSON:
            break
    return json_object(content)


async def drain(request: Request) -> None:
    """Read what is left of a request: no client looks at an answer before it has sent everything."""
    with suppress(ClientDisconnect, RuntimeError):  # RuntimeError: nothing is left
        async for _ in request.stream():
            pass


def _split(part: Path, content_type: str) -> dict[str, Any]:
    """Leave only the content in a file of multipart/related; what its first part says of the object."""
    found = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', content_type)
    if not found:
        raise Refusal(400, "Malformed multipart body.")
    line = b"--" + (found[1] or found[2]).encode()
    with part.open("r+b") as file:
        head = file.read(MOST_JSON)
        parts = re.match(re.escape(line) + rb"\r?\n" + _HEADERS + rb"(.*?)\r?\n" + re.escape(line)
                         + rb"\r?\n" + _HEADERS, head, re.DOTALL)
        file.seek(max(0, part.stat().st_size - len(line) - 16))
        end = re.search(rb"\r?\n" + re.escape(line) + rb"--\s*\Z", tail := file.read())
        if not parts or not end:
            raise Refusal(400, "Malformed multipart body.")
        described = json_object(parts[2])
        kind = re.search(rb"(?im)^content-type:\s*(.+?)\s*$", parts[3])
        first, last = parts.end(), part.stat().st_size - len(tail) + end.start()
        if last < first:
            raise Refusal(400, "Malformed multipart body.")
        for start in range(first, last, _BLOCK):
            block = os.pread(file.fileno(), min(_BLOCK, last - start), start)
            _write(file.fileno(), block, start - first)
        file.truncate(last - first)
    return {**_typed(kind[1].decode(errors="replace") if kind else None), **described}


def _typed(content_type: str | None) -> dict[str, Any]:
    return {"contentType": content_type} if content_type else {}


def _said(properties: Mapping[str, Any], request: Request) -> dict[str, Any]:
    return {**said(properties), **hashes(request.headers)}


def _named(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise Refusal(400, "Required object name is missing.")
    return name
