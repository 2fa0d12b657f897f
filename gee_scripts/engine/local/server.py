"""The embedded Earth Engine on a loopback port, for the unmodified `ee` client.

    with LocalServer(root, "agrispec-local") as server:
        ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project=server.project)

It binds 127.0.0.1 and knows no passwords: whoever can reach the port can read and write its folder.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from agrispec.errors import EngineError
from gee_scripts.engine.local.language.encode import as_json
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest import discovery
from gee_scripts.engine.local.rest.calls import Call, File
from gee_scripts.engine.local.rest.service import Service
from gee_scripts.engine.local.storage import storage_api
from gee_scripts.engine.local.storage.object_store import ObjectStore

_log = logging.getLogger(__name__)

# Threads for answers that compute nothing: polling stays alive while all others compute.
_QUICK = 8
_START_SECONDS = 30.0
_STOP_SECONDS = 5


class LocalServer:
    """An embedded Earth Engine that runs in threads of this process.

    Args:
        root: folder of its assets and buckets, see `agrispec.formats.asset_tree`.
        project: id of the cloud project it stands for; 6 to 30 lower case letters, digits and hyphens.
        port: where it listens; 0 for a free one.
        limits: what it answers at most.
    """

    def __init__(self, root: Path, project: str, port: int = 0, limits: Limits = Limits()) -> None:  # noqa: B008
        self.root = Path(root)
        self.project = project
        self.url = ""
        self._port = port
        self._limits = limits
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._service: Service | None = None
        self._pools: tuple[ThreadPoolExecutor, ...] = ()

    def start(self) -> LocalServer:
        """Serve, until `stop`.

        Raises:
            EngineError: the port cannot be had, or another server serves the folder.
            StorageError: the folder cannot be written.
        """
        service = Service(self.root, self.project, self._limits)
        computing = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="compute")
        quick = ThreadPoolExecutor(max_workers=_QUICK, thread_name_prefix="answer")
        try:
            listener = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            service.close()
            raise EngineError(f"the local engine got no port on 127.0.0.1: {error}",
                              mend="choose another port, or allow this program to listen on the loopback "
                                   "interface") from error
        # Accepted sockets inherit it; asyncio sets it only on sockets that name their protocol. Without it the
        # second packet of every answer waits 40 ms for the first one's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        service.journal.listens(self.url)
        app = application(service, self.url, computing, quick, self._limits)
        config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", loop="asyncio", log_level="warning",
                                access_log=False, timeout_keep_alive=60, timeout_graceful_shutdown=_STOP_SECONDS)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True,
                                        name="earth-engine")
        self._thread.start()
        self._service, self._pools = service, (computing, quick)
        waited = threading.Event()
        for _ in range(round(_START_SECONDS / 0.01)):
            if self._server.started:
                return self
            waited.wait(0.01)
        self.stop()
        raise EngineError("the local engine did not start", mend="look at the log above")

    def stop(self) -> None:
        """Cancel what is under way, close the port and end all threads."""
        if self._server is None or self._thread is None or self._service is None:
            return
        self._server.should_exit = True
        self._service.close()
        self._thread.join()
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._server = self._thread = self._service = None

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()


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
            return _response(refusal.body, refusal.code)
        except Exception as error:
            # A fault of ours. The client would repeat a 500 five times, and it would fail five times.
            _log.exception("%s %s", request.method, path)
            return _response(Refusal(400, f"Internal error in the local engine: {type(error).__name__}: {error}").body,
                             400)

    async def refuse(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 400
        return _response(Refusal(code, f"The local engine has no method for {request.method} "
                                       f"{request.scope['path']}.").body, code)

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
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"Invalid JSON payload received. {error}") from error
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
