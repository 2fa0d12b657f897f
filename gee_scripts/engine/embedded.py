"""The embedded engine, started on loopback for one client: no account, no network, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import ee
from google.auth.credentials import AnonymousCredentials

from agrispec.config import LOCAL_PROJECT, Service
from agrispec.errors import ConfigError
from gee_scripts.engine import script
from gee_scripts.engine.client import Client
from gee_scripts.engine.local.server import LocalServer


def open(service: Service, home: Path) -> Client:
    """The embedded engine over the folder `service.landscape`, with the unmodified `ee` client speaking to it.

    Raises:
        ConfigError: the folder is not there.
        EngineError: no port can be had.
    """
    root = home / service.landscape
    if not root.is_dir():
        raise ConfigError(f"the local engine's folder {root} is not there",
                          mend="set [engine] landscape to a folder of assets; agrispec-gee demo makes one")
    server = LocalServer(root, service.project).start()
    try:
        ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project=service.project)
    except BaseException:
        server.stop()
        raise
    return Client(name="local", project=service.project, buckets=root / "buckets", on_close=server.stop)


@contextmanager
def session(root: Path, project: str = LOCAL_PROJECT) -> Iterator[ModuleType]:
    """An initialised `ee` over a folder of assets, for as long as the block lasts.

        with session(Path("landscape")) as ee:
            print(ee.Number(1).add(2).getInfo())

    `ee.Initialize` inside of the block, as of a script that was written for Earth Engine, stays on the folder.

    Args:
        root: folder of assets and buckets; made where it is not there.
        project: Cloud project id that assets and tasks belong to.

    Raises:
        EngineError: no port can be had, or the folder is another server's.
    """
    root.mkdir(parents=True, exist_ok=True)
    with LocalServer(root, project) as server, script.redirected(server.url, project) as client:
        yield client
