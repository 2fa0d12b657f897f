"""A running local engine and the real client, for tests of this folder that ask for them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from google.auth.credentials import AnonymousCredentials

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid

PROJECT = "agrispec-local"
HOME = f"projects/{PROJECT}/assets"
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=70, height=50)


class Running:
    """A server with a client that speaks to it."""

    home = HOME
    grid = GRID

    def __init__(self, server: Any) -> None:
        self.server = server
        self.url: str = server.url
        self.tree = AssetTree(server.root)

    def object(self, name: str) -> Any:
        """The path of gs://bucket/`name`."""
        return self.tree.object_path(f"gs://bucket/{name}")

    @staticmethod
    def pixel_grid(grid: Grid) -> dict[str, Any]:
        """A grid as requests name it."""
        a, b, c, d, e, f = grid.transform
        return {"crsCode": grid.crs, "dimensions": {"width": grid.width, "height": grid.height},
                "affineTransform": {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e,
                                    "translateY": f}}

    def finished(self, name: str, seconds: float = 60) -> dict[str, Any]:
        """The operation once it is done."""
        end = time.monotonic() + seconds
        while not (operation := ee.data.getOperation(name))["done"]:
            assert time.monotonic() < end, operation
            time.sleep(0.02)
        return operation

    def exported(self, task: Any) -> dict[str, Any]:
        """The operation of an export task, started and done."""
        task.start()
        return self.finished(f"projects/{PROJECT}/operations/{task.id}" if "/" not in task.id else task.id)

    def geotiff(self, name: str, values: np.ndarray, **options: Any) -> str:
        """A GeoTIFF in the bucket, written by rasterio; its address."""
        path = self.object(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"crs": GRID.crs, "transform": rasterio.Affine(*GRID.transform)} | options
        with rasterio.open(path, "w", driver="GTiff", count=len(values), height=values.shape[1],
                           width=values.shape[2], dtype=values.dtype, **options) as target:
            target.write(values)
        return f"gs://bucket/{name}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on an empty tree of its own, a module long."""
    from gee_scripts.engine.local.server import LocalServer

    with LocalServer(tmp_path_factory.mktemp("engine"), PROJECT) as server:
        ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project=PROJECT)
        yield Running(server)
        ee.Reset()


@pytest.fixture(scope="session")
def asked() -> Callable[..., tuple[int, Any]]:
    """(url, path, body, method, headers) -> status and content of the answer, JSON decoded; nothing is raised."""
    def ask(url: str, path: str, body: Any = None, method: str | None = None,
            headers: dict[str, str] | None = None) -> tuple[int, Any]:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(url + path, content, headers or {}, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            found = answer.read()
            return answer.status, json.loads(found) if answer.headers["Content-Type"] == "application/json" else found

    return ask


@pytest.fixture(scope="session")
def ask(asked: Callable[..., tuple[int, Any]]) -> Callable[..., Any]:
    """(url, path below the project, body, method) -> the content of an answer."""
    def answer(url: str, path: str, body: Any = None, method: str | None = None) -> Any:
        status, content = asked(url, f"/v1/projects/{PROJECT}{path}", body, method)
        assert status == 200, content
        return content

    return answer


@pytest.fixture(scope="session")
def finished(ask: Callable[..., Any]) -> Callable[[str], list[dict[str, Any]]]:
    """url -> all operations, done."""
    def wait(url: str) -> list[dict[str, Any]]:
        end = time.monotonic() + 60
        while True:
            found = ask(url, "/operations")["operations"]
            if all(each["done"] for each in found):
                return found
            assert time.monotonic() < end, found
            time.sleep(0.05)

    return wait
