"""Cloud Storage's JSON API over an `ObjectStore`, for the unmodified google-cloud-storage client.

    STORAGE_EMULATOR_HOST=http://127.0.0.1:PORT python …

Buckets get/list/insert/delete/testPermissions; objects insert (media, multipart, resumable), get, media with ranges,
list, patch, delete, compose, copyTo, rewriteTo. A parameter that would change an answer and is not known is refused.
https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gee_scripts.engine.local.language.encode import as_json
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.object_store import ObjectStore, Preconditions, Refused, Stored, said
from gee_scripts.engine.local.storage.uploads import Uploads, drain
from gee_scripts.engine.local.times import timestamp

_log = logging.getLogger(__name__)

_BLOCK = 2**20
_MOST_JSON = 2**20
# https://cloud.google.com/storage/docs/json_api/v1/objects/list
_PAGE = 1000
_UNKNOWN = ("matchGlob", "filter", "softDeleted", "customerEncryption")
_CONDITIONS = {"ifGenerationMatch": "generation", "ifGenerationNotMatch": "not_generation",
               "ifMetagenerationMatch": "metageneration", "ifMetagenerationNotMatch": "not_metageneration"}


def routes(store: ObjectStore, url: str, check: Callable[[Request], None]) -> list[Route]:
    """The routes below /storage, /upload/storage and /download/storage.

    Args:
        store: where the objects are.
        url: of this server, for the links in its answers.
        check: raises for a request that this server does not answer at all.
    """
    api, uploads = _Api(store, url), Uploads(store, url)

    async def answer(request: Request) -> Response:
        try:
            check(request)
            path = request.scope["raw_path"].decode("ascii", "replace")
            if path.startswith("/upload/"):
                bucket = re.fullmatch(r"/upload/storage/v1/b/([^/]+)/o", path)
                if bucket is None:
                    raise Refused(404, "Not Found")
                conditions = preconditions(request.query_params)
                done = await uploads.answer(request, unquote(bucket[1]), conditions)
                return done if isinstance(done, Response) else _json(await run_in_threadpool(api.described, done))
            body = await _body(request)
            return await run_in_threadpool(api.answer, request, path, body)
        except Refusal as refusal:
            return _json(refusal.body, refusal.code)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Refused as refused:
            await drain(request)
            if refused.code == 304:
                return Response(status_code=304)
            if request.query_params.get("alt") == "media":
                return Response(refused.message, refused.code, media_type="text/plain")
            return _json(refused.body, refused.code)
        except Exception as error:
            # A fault of ours. The client would repeat a 500, and it would fail again.
            _log.exception("%s %s", request.method, request.scope["path"])
            return _json(Refused(400, f"Internal error in the local engine: {type(error).__name__}: {error}").body, 400)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [Route(f"{root}/v1/{{path:path}}", answer, methods=methods)
            for root in ("/storage", "/upload/storage", "/download/storage")]


def preconditions(query: Mapping[str, str], source: bool = False) -> Preconditions:
    """The preconditions of a request; `source` for those of the object that is copied."""
    names = {name.replace("if", "ifSource", 1) if source else name: key for name, key in _CONDITIONS.items()}
    return Preconditions(**{key: _integer(query, name) for name, key in names.items()})


class _Api:
    """Answers to requests without content."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        self._store = store
        self._url = url
        one = r"/b/(?P<bucket>[^/]+)"
        each = rf"{one}/o/(?P<name>[^/]+)"
        target = r"/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)"
        self._routes = [(verb, re.compile(path), method) for verb, path, method in (
            ("GET", "/b", self._buckets), ("POST", "/b", self._create_bucket), ("GET", one, self._bucket),
            ("DELETE", one, self._delete_bucket), ("GET", f"{one}/iam/testPermissions", self._permissions),
            ("GET", f"{one}/o", self._list), ("GET", each, self._get), ("PATCH", each, self._patch),
            ("DELETE", each, self._delete), ("POST", f"{each}/compose", self._compose),
            ("POST", f"{each}/copyTo{target}", self._copy), ("POST", f"{each}/rewriteTo{target}", self._rewrite))]

    def answer(self, request: Request, path: str, body: Mapping[str, Any]) -> Response:
        path = path.removeprefix("/download").removeprefix("/storage/v1")
        for verb, expression, method in self._routes:
            found = expression.fullmatch(path) if verb == request.method else None
            if found is not None:
                answer = method(request, {key: unquote(part) for key, part in found.groupdict().items()}, body)
                return answer if isinstance(answer, Response) else _json(answer)
        raise Refused(404, "Not Found")

    # -- buckets

    def _buckets(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        prefix = request.query_params.get("prefix", "")
        page, token = _page([name for name in self._store.buckets() if name.startswith(prefix)], request)
        return {"kind": "storage#buckets", "items": [self._described_bucket(name) for name in page], **token}

    def _create_bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.create_bucket(str(body.get("name", "")))
        return self._described_bucket(str(body["name"]))

    def _bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.bucket(path["bucket"])
        return self._described_bucket(path["bucket"])

    def _delete_bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        self._store.delete_bucket(path["bucket"])
        return Response(status_code=204)

    def _permissions(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.bucket(path["bucket"])
        # Whoever reaches this server may do everything.
        return {"kind": "storage#testIamPermissionsResponse",
                "permissions": request.query_params.getlist("permissions")}

    def _described_bucket(self, name: str) -> dict[str, Any]:
        return {"kind": "storage#bucket", "id": name, "name": name, "selfLink": f"{self._url}/storage/v1/b/{name}",
                "location": "US", "storageClass": "STANDARD", "metageneration": "1", "etag": "CAE="}

    # -- objects

    def _list(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        query = request.query_params
        unknown = [name for name in _UNKNOWN if query.get(name)]
        if unknown or query.get("versions") == "true":
            raise Refused(400, f"The local engine lists no objects by {', '.join(unknown) or 'versions'}.")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", ""), query.get("endOffset", "")
        # Each name, or the prefix that stands for several.
        shown: dict[str, None] = {}
        for name in self._store.names(path["bucket"], prefix):
            if name >= start and (not end or name < end):
                below = name[len(prefix):].partition(delimiter) if delimiter else (name, "", "")
                shown[prefix + below[0] + delimiter if below[1] else name] = None
        page, token = _page(list(shown), request)
        ends = tuple(delimiter) and (delimiter,)
        items = [name for name in page if not ends or not name[len(prefix):].endswith(ends)]
        fields = query.get("fields", "crc32c")
        summed = any(word in fields for word in ("crc32c", "md5Hash", "*"))
        found = [stored for name in items if (stored := self._store.find(path["bucket"], name)) is not None]
        prefixes = [name for name in page if name not in set(items)]
        return {"kind": "storage#objects", "items": [self.described(stored, summed=summed) for stored in found],
                **({"prefixes": prefixes} if prefixes else {}), **token}

    def _get(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response | dict[str, Any]:
        query = request.query_params
        stored = self._store.get(path["bucket"], path["name"], _integer(query, "generation"))
        preconditions(query).check(stored, reading=True)
        return self._media(request, stored) if query.get("alt") == "media" else self.described(stored)

    def _media(self, request: Request, stored: Stored) -> Response:
        first, last = _range(request.headers.get("range"), stored.size)
        file, sums = self._store.open(stored)
        properties = stored.properties
        headers = {"Content-Length": str(last - first), "Accept-Ranges": "bytes",
                   "X-Goog-Generation": str(stored.generation), "X-Goog-Metageneration": str(stored.metageneration),
                   "X-Goog-Stored-Content-Length": str(stored.size),
                   "X-Goog-Stored-Content-Encoding": properties.get("contentEncoding", "identity"),
                   "Content-Type": properties.get("contentType", "application/octet-stream"), "ETag": _etag(stored)}
        if "contentEncoding" in properties:
            headers["Content-Encoding"] = properties["contentEncoding"]
        part = (first, last) != (0, stored.size) or ("range" in request.headers and stored.size > 0)
        if part:
            # No checksums: the client says that answers to ranges may lack them, so nothing may rely on them.
            headers["Content-Range"] = f"bytes {first}-{last - 1}/{stored.size}"
        else:
            headers["X-Goog-Hash"] = f"crc32c={sums.crc32c}" + ("" if stored.components else f",md5={sums.md5}")
        return StreamingResponse(_blocks(file, first, last), 206 if part else 200, headers=headers)

    def _patch(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        stored = self._store.get(path["bucket"], path["name"], _integer(request.query_params, "generation"))
        return self.described(self._store.patch(stored, _unsummed(said(body)), preconditions(request.query_params)))

    def _delete(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        query = request.query_params
        self._store.delete(path["bucket"], path["name"], _integer(query, "generation"), preconditions(query))
        return Response(status_code=204)

    def _compose(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        sources = []
        for each in _maps(body.get("sourceObjects")):
            source = self._store.get(path["bucket"], str(each.get("name", "")), _integer(each, "generation"))
            wanted = each.get("objectPreconditions")
            preconditions(wanted if isinstance(wanted, dict) else {}).check(source)
            sources.append(source)
        destination = body.get("destination")
        # A client that appends describes the object by what it was before.
        properties = _unsummed(said(destination if isinstance(destination, dict) else {}))
        return self.described(self._store.compose(path["bucket"], path["name"], sources, properties,
                                                  preconditions(request.query_params)))

    def _copy(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        query = request.query_params
        source = self._store.get(path["bucket"], path["name"], _integer(query, "sourceGeneration"))
        preconditions(query, source=True).check(source)
        properties = _unsummed(said(body) or source.properties)
        return self.described(self._store.copy(source, path["to_bucket"], path["to_name"], properties,
                                               preconditions(query)))

    def _rewrite(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        resource = self._copy(request, path, body)
        return {"kind": "storage#rewriteResponse", "totalBytesRewritten": resource["size"], "done": True,
                "objectSize": resource["size"], "resource": resource}

    def described(self, stored: Stored, *, summed: bool = True) -> dict[str, Any]:
        """A version as the API describes it; reading its content for the checksums only if `summed`."""
        address = f"/storage/v1/b/{stored.bucket}/o/{quote(stored.name, safe='')}"
        created, updated = _time(stored.generation), _time(stored.updated)
        resource: dict[str, Any] = {
            "kind": "storage#object", "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
            "selfLink": self._url + address,
            "mediaLink": f"{self._url}/download{address}?generation={stored.generation}&alt=media",
            "contentType": "application/octet-stream", **stored.properties,
            "bucket": stored.bucket, "name": stored.name, "size": str(stored.size), "storageClass": "STANDARD",
            "generation": str(stored.generation), "metageneration": str(stored.metageneration),
            "etag": _etag(stored), "timeCreated": created, "updated": updated, "timeStorageClassUpdated": created}
        if summed:
            sums = self._store.sums(stored)
            resource |= {"crc32c": sums.crc32c, "md5Hash": sums.md5}
        if stored.components:
            # https://cloud.google.com/storage/docs/composite-objects
            resource |= {"componentCount": stored.components}
            resource.pop("md5Hash", None)
        return resource


async def _body(request: Request) -> dict[str, Any]:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > _MOST_JSON:
            raise Refused(413, "Request body is too large.")
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError) as error:
        raise Refused(400, "Parse Error") from error
    if not isinstance(body, dict):
        raise Refused(400, "Parse Error")
    return body


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(as_json(body), status, media_type="application/json")


def _integer(query: Mapping[str, Any], name: str) -> int | None:
    text = "" if query.get(name) is None else str(query[name])
    if text and not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise Refused(400, f"Invalid value for {name}: '{text}'")
    return int(text) if text else None


def _maps(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refused(400, "Invalid value for sourceObjects.")
    return value


def _page(names: list[str], request: Request) -> tuple[list[str], dict[str, str]]:
    """The names of one page, and the token of the next."""
    size = _integer(request.query_params, "maxResults")
    if size is not None and size < 0:
        raise Refused(400, f"Invalid value for maxResults: '{size}'")
    try:
        after = base64.urlsafe_b64decode(request.query_params.get("pageToken", "")).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "Invalid value for pageToken.") from error
    left = [name for name in names if name.encode(errors="replace") > after.encode()] if after else names
    page = left[:min(size or _PAGE, _PAGE)]
    if len(page) == len(left):
        return page, {}
    return page, {"nextPageToken": base64.urlsafe_b64encode(page[-1].encode(errors="replace")).decode()}


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last of a Range header; all of them where there is none that is understood."""
    found = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", header or "")
    if not found or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        first, last = max(0, size - int(found[2])), size
    else:
        first, last = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if first >= last and not (size == 0 and first == 0):
        raise Refused(416, "Request range not satisfiable")
    return first, last


def _blocks(file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while first < last and (block := file.read(min(_BLOCK, last - first))):
            first += len(block)
            yield block


def _unsummed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in ("crc32c", "md5Hash")}


def _etag(stored: Stored) -> str:
    return base64.b64encode(f"{stored.generation}/{stored.metageneration}".encode()).decode()


def _time(microseconds: int) -> str:
    return timestamp(datetime.fromtimestamp(microseconds / 1e6, UTC))
