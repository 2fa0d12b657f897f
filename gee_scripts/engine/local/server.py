"""The embedded Earth Engine on a loopback port, for the unmodified `ee` client.

    with LocalServer(root, "agrispec-local") as server:
        ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project=server.project)

It binds 127.0.0.1 and knows no passwords: whoever can reach the port can read and write its folder.
"""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import uvicorn

from agrispec.errors import EngineError
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.rest.application import application
from gee_scripts.engine.local.rest.service import Service

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
        # Uvicorn's own logging would close and forget the handlers of whatever process the server runs in.
        config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", loop="asyncio", log_level="warning",
                                log_config=None, access_log=False, timeout_keep_alive=60,
                                timeout_graceful_shutdown=_STOP_SECONDS)
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
