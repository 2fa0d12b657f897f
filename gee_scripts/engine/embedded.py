"""The embedded engine, started on loopback for one client: no account, no network, the same answers."""

from __future__ import annotations

from pathlib import Path

import ee
from google.auth.credentials import AnonymousCredentials

from agrispec.config import Service
from agrispec.errors import ConfigError
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
