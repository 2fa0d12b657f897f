"""The review page and its answers over HTTP, on loopback alone.

Whoever may read the terminal has the token; it is in the fragment of the page's address, which no browser sends to a
server, and the page sends it as a header, which no other page can: there is no cookie that a foreign page could ride
on. `Host` is compared, so that a name which resolves to 127.0.0.1 is refused, and `Origin` where it is sent.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from importlib import resources
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agrispec.errors import AgrispecError, ConfigError, DataError, EngineError
from exports.review.desk import Desk

_FILES = {"/": ("index.html", "text/html; charset=utf-8"),
          **{f"/{name}": (name, f"{kind}; charset=utf-8") for name, kind in (
              ("review.js", "text/javascript"), ("review.css", "text/css"), ("icon.svg", "image/svg+xml"),
              ("vendor/leaflet/leaflet.js", "text/javascript"), ("vendor/leaflet/leaflet.css", "text/css"),
              ("vendor/uplot/uPlot.iife.min.js", "text/javascript"), ("vendor/uplot/uPlot.min.css", "text/css"))}}
"""Address -> file of `static/` and its type: nothing else of the disk has an address."""

_HEADERS = {
    # No inline script or style; pictures come as data URLs within JSON.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                               " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store"}

_MOST_BYTES = 10_000
"""Of a request's body."""

_STOP_SECONDS = 2


def application(desk: Desk, token: str, port: int) -> ASGIApp:
    """The page and its answers, for requests to 127.0.0.1 or localhost at `port`.

    Every answer of `/api/` asks for the header `Authorization: Bearer TOKEN`.
    """
    def answered(make: Callable[[Request, Mapping[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                return _refused(401, "the token of this session is missing or wrong; open the address that"
                                     " `agrispec-gee review serve` printed")
            try:
                body = await _body(request) if request.method == "POST" else {}
                return JSONResponse(await run_in_threadpool(make, request, body))
            except (CancelledError, asyncio.CancelledError):
                return _refused(503, "nobody waits for this any more: another parcel is shown, or the server ends")
            except AgrispecError as error:
                return _refused(502 if isinstance(error, EngineError) else 400, str(error))
        return answer

    def position(request: Request, body: Mapping[str, Any]) -> int:
        return int(request.path_params["position"])

    def tab(request: Request) -> str:
        return request.query_params.get("tab", "")

    def bounds(request: Request) -> tuple[float, float, float, float]:
        try:
            west, south, east, north = (float(request.query_params[side]) for side in ("west", "south", "east",
                                                                                      "north"))
        except (KeyError, ValueError) as error:
            raise DataError("no part of the map is named", mend="give west, south, east and north in degrees") \
                from error
        return west, south, east, north

    def judge(request: Request, body: Mapping[str, Any]) -> Any:
        verdict, name = body.get("verdict"), body.get("class")
        if not isinstance(verdict, str) or not (name is None or isinstance(name, str)):
            raise DataError("that is no verdict", mend="send verdict, and with correct a class")
        return desk.judge(position(request, body), verdict, name)

    at = "/api/parcels/{position:int}"
    routes = [Route(address, _file(name, kind)) for address, (name, kind) in _FILES.items()]
    routes += [
        Route("/api/state", answered(lambda request, body: desk.state())),
        Route("/api/classes", answered(lambda request, body: desk.classes())),
        Route("/api/outlines", answered(lambda request, body: desk.outlines(bounds(request)))),
        Route(at, answered(lambda request, body: desk.parcel(position(request, body)))),
        Route(f"{at}/series", answered(lambda request, body: desk.series(position(request, body), tab(request)))),
        Route(f"{at}/pictures", answered(lambda request, body: desk.pictures(position(request, body), tab(request)))),
        Route(f"{at}/verdict", answered(judge), methods=["POST"]),
        Route(f"{at}/undo", answered(lambda request, body: desk.undo(position(request, body))), methods=["POST"])]
    return _guarded(Starlette(routes=routes), port)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("exports.review").joinpath("static", *name.split("/")).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, headers={"Content-Type": kind})
    return answer


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise DataError("what was sent is not JSON", mend="send Content-Type: application/json")
    received = b""
    async for part in request.stream():
        received += part
        if len(received) > _MOST_BYTES:
            raise DataError("what was sent is too long for a verdict", mend=f"send at most {_MOST_BYTES} bytes")
    try:
        found = json.loads(received)
    except (ValueError, RecursionError) as error:
        raise DataError("what was sent is not JSON", mend="send an object") from error
    if not isinstance(found, dict):
        raise DataError("what was sent is no JSON object", mend="send an object")
    return found


def _refused(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status_code=status)


def _guarded(inner: ASGIApp, port: int) -> ASGIApp:
    """`inner` behind checks of where a request comes from; every answer has `_HEADERS`."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"],
                                      *((key.lower().encode(), value.encode()) for key, value in _HEADERS.items())]
            await send(message)

        request = Request(scope)
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if request.headers.get("host") not in hosts:
            await _refused(421, "this server answers to 127.0.0.1 and localhost only")(scope, receive, with_headers)
        # Another page may lead to the page itself, which holds no data: the file that a browser opens does.
        elif scope["path"] != "/" and ((origin is not None and origin not in origins)
                                       or site not in ("none", "same-origin")):
            await _refused(403, "this server answers its own page only")(scope, receive, with_headers)
        else:
            await inner(scope, receive, with_headers)
    return app


class ReviewServer:
    """The page of a desk, served from a thread of this process until the block ends.

    Args:
        desk: what is shown.
        port: where on 127.0.0.1; 0 for a free one.
    """

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self._desk, self._wanted, self.token = desk, port, secrets.token_urlsafe(32)
        self.port = 0

    @property
    def url(self) -> str:
        """Where the page is, with the token that lets it in."""
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    def __enter__(self) -> ReviewServer:
        """Raises ConfigError: the port cannot be had."""
        try:
            listener = socket.create_server(("127.0.0.1", self._wanted))
        except OSError as error:
            self._desk.close()
            raise ConfigError(f"the review page got no port on 127.0.0.1: {error}",
                              mend="choose another --port, or none") from error
        self.port = listener.getsockname()[1]
        # Its own logging would forget the handlers of this process.
        config = uvicorn.Config(application(self._desk, self.token, self.port), http="h11", ws="none", lifespan="off",
                                loop="asyncio", log_level="warning", log_config=None, access_log=False,
                                server_header=False, timeout_graceful_shutdown=_STOP_SECONDS)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True,
                                        name="review")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._desk.close()
        self._thread.join()
