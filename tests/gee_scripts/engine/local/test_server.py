"""Life and death of a server: its threads, its port, its folder."""

import threading
import time
import urllib.error
import urllib.request

import ee
import pytest

from agrispec.grid import Grid
from gee_scripts.engine.local.server import LocalServer

PROJECT_PATH = "/v1/projects/agrispec-local"

def test_polling_is_answered_while_all_computing_threads_are_busy(running):
    grid = Grid(crs=running.grid.crs, transform=running.grid.transform, width=1000, height=1000)
    heavy = ee.Image.pixelLonLat().select(0)
    for number in range(40):
        heavy = heavy.divide(number + 2).add(heavy)

    def compute():
        ee.data.computePixels({"expression": heavy, "fileFormat": "NPY", "grid": running.pixel_grid(grid)})

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads) and len(waits) < 20:
        start = time.monotonic()
        ee.data.listOperations()
        waits.append(time.monotonic() - start)
    for thread in threads:
        thread.join()
    assert sorted(waits)[len(waits) // 2] < 1


def test_a_stopped_server_leaves_neither_threads_nor_its_port(tmp_path):
    before = threading.active_count()
    server = LocalServer(tmp_path, "agrispec-local").start()
    url = server.url
    with urllib.request.urlopen(f"{url}/$discovery/rest") as answer:
        assert answer.status == 200
    server.stop()
    assert threading.active_count() == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/$discovery/rest")
    server.stop()  # stopping twice is harmless


def test_stopping_does_not_wait_for_a_long_computation(tmp_path, running, asked):
    heavy = ee.Image.pixelLonLat()
    for number in range(60):
        heavy = heavy.divide(number + 2).add(heavy)
    grid = running.pixel_grid(Grid(crs="EPSG:32631", transform=(10, 0, 5e5, 0, -10, 5.4e6), width=1700, height=1700))
    body = {"expression": ee.serializer.encode(heavy), "fileFormat": "NPY", "grid": grid}
    server = LocalServer(tmp_path, "agrispec-local").start()
    said = []

    def ask():
        said.append(asked(server.url, f"{PROJECT_PATH}/image:computePixels", body)[1])

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    start = time.monotonic()
    server.stop()
    asking.join()
    assert time.monotonic() - start < 3
    assert "The local engine was stopped." in said[0]["error"]["message"]


def test_two_servers_serve_two_trees(tmp_path, running):
    with LocalServer(tmp_path, "agrispec-other") as other:
        assert other.url != running.url
        with urllib.request.urlopen(f"{other.url}/v1/projects/agrispec-other:listAssets") as answer:
            assert answer.read() == b'{"assets": []}'
