"""Cloud Storage's JSON API over an `ObjectStore`, for the unmodified google-cloud-storage client.

    STORAGE_EMULATOR_HOST=http://127.0.0.1:PORT python …

Buckets get/list/insert/delete/testPermissions; objects insert (media, multipart, resumable), get, media with ranges,
list, patch, delete, compose, copyTo, rewriteTo. A parameter that would change an answer and is not known is refused.
https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gee_scripts.engine.local.language.encode import as_json
from gee_scripts.engine.local.refusals import Refusal, internal_error
from gee_scripts.engine.local.storage.object_store import ObjectStore
from gee_scripts.engine.local.storage.objects import Stored, said
from gee_scripts.engine.local.storage.requests import byte_range, integer, page, preconditions
from gee_scripts.engine.local.storage.resources import bucket_resource, error_body, etag, object_resource
from gee_scripts.engine.local.storage.uploads import Uploads, description, drain

_log = logging.getLogger(__name__)

_BLOCK = 2**20
_UNKNOWN = ("matchGlob", "filter", "softDeleted", "customerEncryption")


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
        except Refusal as refusal:
            # Nothing of it is read.
            return _refused(refusal)
        try:
            path = request.scope["raw_path"].decode("ascii", "replace")
            if path.startswith("/upload/"):
                bucket = re.fullmatch(r"/upload/storage/v1/b/([^/]+)/o", path)
                if bucket is None:
                    raise Refusal(404, "Not Found")
                conditions = preconditions(request.query_params)
                done = await uploads.answer(request, unquote(bucket[1]), conditions)
                return done if isinstance(done, Response) else _json(await run_in_threadpool(api.described, done))
            body = await description(request)
            return await run_in_threadpool(api.answer, request, path, body)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Refusal as refusal:
            await drain(request)
            if refusal.code == 304:
                return Response(status_code=304)
            if request.query_params.get("alt") == "media":
                return Response(refusal.message, refusal.code, media_type="text/plain")
            return _refused(refusal)
        except Exception as error:
            _log.exception("%s %s", request.method, request.scope["path"])
            return _refused(internal_error(error))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [Route(f"{root}/v1/{{path:path}}", answer, methods=methods)
            for root in ("/storage", "/upload/storage", "/download/storage")]


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
        raise Refusal(404, "Not Found")

    # -- buckets

    def _buckets(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        prefix = request.query_params.get("prefix", "")
        names, token = page([name for name in self._store.buckets() if name.startswith(prefix)], request.query_params)
        return {"kind": "storage#buckets", "items": [bucket_resource(name, self._url) for name in names], **token}

    def _create_bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.create_bucket(str(body.get("name", "")))
        return bucket_resource(str(body["name"]), self._url)

    def _bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.bucket(path["bucket"])
        return bucket_resource(path["bucket"], self._url)

    def _delete_bucket(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        self._store.delete_bucket(path["bucket"])
        return Response(status_code=204)

    def _permissions(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        self._store.bucket(path["bucket"])
        # Whoever reaches this server may do everything.
        return {"kind": "storage#testIamPermissionsResponse",
                "permissions": request.query_params.getlist("permissions")}

    # -- objects

    def _list(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        query = request.query_params
        unknown = [name for name in _UNKNOWN if query.get(name)]
        if unknown or query.get("versions") == "true":
            raise Refusal(400, f"The local engine lists no objects by {', '.join(unknown) or 'versions'}.")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", ""), query.get("endOffset", "")
        # Each name, or the prefix that stands for several: whether it does.
        shown: dict[str, bool] = {}
        for name in self._store.names(path["bucket"], prefix):
            if name >= start and (not end or name < end):
                below = name[len(prefix):].partition(delimiter) if delimiter else (name, "", "")
                shown[prefix + below[0] + below[1] if below[1] else name] = bool(below[1])
        names, token = page(list(shown), request.query_params)
        fields = query.get("fields", "crc32c")
        summed = any(word in fields for word in ("crc32c", "md5Hash", "*"))
        found = [stored for name in names
                 if not shown[name] and (stored := self._store.listed(path["bucket"], name)) is not None]
        prefixes = [name for name in names if shown[name]]
        return {"kind": "storage#objects", "items": [self.described(stored, summed=summed) for stored in found],
                **({"prefixes": prefixes} if prefixes else {}), **token}

    def _get(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response | dict[str, Any]:
        query = request.query_params
        stored = self._store.get(path["bucket"], path["name"], integer(query, "generation"))
        preconditions(query).check(stored, reading=True)
        return self._media(request, stored) if query.get("alt") == "media" else self.described(stored)

    def _media(self, request: Request, stored: Stored) -> Response:
        first, last = byte_range(request.headers.get("range"), stored.size)
        file, sums = self._store.open(stored)
        properties = stored.properties
        headers = {"Content-Length": str(last - first), "Accept-Ranges": "bytes",
                   "X-Goog-Generation": str(stored.generation), "X-Goog-Metageneration": str(stored.metageneration),
                   "X-Goog-Stored-Content-Length": str(stored.size),
                   "X-Goog-Stored-Content-Encoding": properties.get("contentEncoding", "identity"),
                   "Content-Type": properties.get("contentType", "application/octet-stream"), "ETag": etag(stored)}
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
        stored = self._store.get(path["bucket"], path["name"], integer(request.query_params, "generation"))
        return self.described(self._store.patch(stored, _unsummed(said(body)), preconditions(request.query_params)))

    def _delete(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        query = request.query_params
        self._store.delete(path["bucket"], path["name"], integer(query, "generation"), preconditions(query))
        return Response(status_code=204)

    def _compose(self, request: Request, path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        sources = []
        for each in _maps(body.get("sourceObjects")):
            source = self._store.get(path["bucket"], str(each.get("name", "")), integer(each, "generation"))
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
        source = self._store.get(path["bucket"], path["name"], integer(query, "sourceGeneration"))
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
        return object_resource(stored, self._store.sums(stored) if summed else None, self._url)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(as_json(body), status, media_type="application/json")


def _refused(refusal: Refusal) -> Response:
    return _json(error_body(refusal), refusal.code)


def _maps(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refusal(400, "Invalid value for sourceObjects.")
    return value


def _blocks(file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while first < last and (block := file.read(min(_BLOCK, last - first))):
            first += len(block)
            yield block


def _unsummed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in ("crc32c", "md5Hash")}
