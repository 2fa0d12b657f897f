"""The embedded engine on loopback, for one client or several: no account, no network, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

from google.auth.credentials import AnonymousCredentials

from agrispec.config import LOCAL_PROJECT, Service
from agrispec.errors import ConfigError
from gee_scripts.engine import script
from gee_scripts.engine.client import Client, initialise
from gee_scripts.engine.local.operations.journal import FolderServed
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
    held = ExitStack()
    url = held.enter_context(served(root, service.project))
    try:
        initialise(AnonymousCredentials(), service.project, url)
    except BaseException:
        held.close()
        raise
    return Client(name="local", project=service.project, buckets=root / "buckets", on_close=held.close)


@contextmanager
def served(root: Path, project: str) -> Iterator[str]:
    """The address of a folder's server: of the one that serves it already, else of one that ends with the block.

    Raises:
        EngineError: no port can be had, or another server is just starting.
    """
    server = LocalServer(root, project)
    try:
        url = server.start().url
    except FolderServed as other:
        if not other.url:
            raise
        url = other.url
    try:
        yield url
    finally:
        server.stop()


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
        EngineError: no port can be had, or another server is just starting.
    """
    root.mkdir(parents=True, exist_ok=True)
    with served(root, project) as url, script.redirected(url, project) as client:
        yield client
