"""The web application: HTTP requests from this machine's own programs to calls of routes, answers to responses."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from gee_scripts.engine.local.language.encode import as_json
from gee_scripts.engine.local.language.json_text import decoded
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.refusals import Refusal, internal_error
from gee_scripts.engine.local.rest import discovery
from gee_scripts.engine.local.rest.calls import Call, File, error_body
from gee_scripts.engine.local.rest.service import Service
from gee_scripts.engine.local.storage import storage_api
from gee_scripts.engine.local.storage.object_store import ObjectStore

_log = logging.getLogger(__name__)


def application(service: Service, url: str, computing: ThreadPoolExecutor, quick: ThreadPoolExecutor,
                limits: Limits) -> Starlette:
    """The web application: finds a request's route, lets a thread answer it, and puts errors into their form."""
    routes = [(route, route.expression) for route in discovery.ROUTES]
    document = json.dumps(discovery.document(url)).encode()
    port = url.rpartition(":")[2]
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def serve(request: Request) -> Response:
        path = str(request.scope["path"]).removeprefix("/")
        try:
            _check_origin(request, hosts)
            if path == "$discovery/rest":
                return Response(document, media_type="application/json")
            verb, query, body = await _decoded(request, limits.request_bytes)
            for route, expression in routes:
                found = expression.fullmatch(path.removeprefix("v1/")) if route.verb == verb else None
                if found is not None:
                    call = Call(path=found.groupdict(), query=query, body=body)
                    pool = computing if route.computes else quick
                    answer = await asyncio.get_running_loop().run_in_executor(pool, service.answer, route, call)
                    return _response(answer)
            raise Refusal(404, f"The local engine has no method for {request.method} /{path}.")
        except Refusal as refusal:
            return _refused(refusal)
        except Exception as error:
            _log.exception("%s %s", request.method, path)
            return _refused(internal_error(error))

    async def refuse(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 400
        return _refused(Refusal(code, f"The local engine has no method for {request.method} "
                                      f"{request.scope['path']}."))

    objects = storage_api.routes(ObjectStore(service.tree), url, lambda request: _check_origin(request, hosts))
    return Starlette(routes=[*objects,
                             StarletteRoute("/{path:path}", serve, methods=["GET", "POST", "PATCH", "DELETE"])],
                     exception_handlers={HTTPException: refuse})


def _check_origin(request: Request, hosts: Collection[str]) -> None:
    """Whether a request comes from this machine's own programs, and from no page of the web in a browser here.

    Raises:
        Refusal: 403, it was sent to another name than ours (DNS rebinding), or would change something and comes
            from another site's page. https://owasp.org/www-community/attacks/csrf
    """
    host = request.headers.get("host", "")
    if host not in hosts:
        raise Refusal(403, f"The local engine does not answer for the host '{host}'.")
    origin = request.headers.get("origin")
    # Tiles are fetched by pages of notebooks, wherever they come from.
    if origin is not None and request.method != "GET" and \
            not re.fullmatch(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", origin):
        raise Refusal(403, f"The local engine takes no {request.method} requests from pages of '{origin}'.")


async def _decoded(request: Request, most: int) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Method, query and JSON body of a request; {} where it has none.

    Raises:
        Refusal: the body is too long, or not a JSON object.
    """
    query, size, pieces = dict(request.query_params), 0, []
    # Read to its end, or the client would not look at the answer; but not kept.
    async for piece in request.stream():
        size += len(piece)
        if size <= most:
            pieces.append(piece)
    if size > most:
        raise Refusal(400, f"Request payload size exceeds the limit: {most} bytes.")
    content = b"".join(pieces)
    # The client sends what would be too long an address as the body of a POST.
    override = request.headers.get("x-http-method-override")
    if override:
        return override, query | dict(parse_qsl(content.decode(errors="replace"))), {}
    if not content:
        return request.method, query, {}
    try:
        body = decoded(content)
    except ValueError as error:
        raise Refusal(400, f"Invalid JSON payload received. {error}.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON payload received. An object is expected.")
    return request.method, query, body


def _response(answer: dict[str, Any] | File, status: int = 200) -> Response:
    # Maps in notebooks fetch tiles from a page of another origin.
    headers = {"Access-Control-Allow-Origin": "*"}
    if isinstance(answer, File):
        if answer.name:
            headers["Content-Disposition"] = f'attachment; filename="{re.sub(r"[^A-Za-z0-9_.-]", "_", answer.name)}"'
        return Response(answer.content, media_type=answer.media_type, headers=headers)
    return Response(as_json(answer), status, media_type="application/json", headers=headers)


def _refused(refusal: Refusal) -> Response:
    return _response(error_body(refusal), refusal.code)
