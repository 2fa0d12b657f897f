"""Killed servers: what they were asked to do, and the folder they leave."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio

from agrispec.errors import EngineError
from agrispec.formats import example, geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.server import LocalServer

PROJECT = "agrispec-local"
HOME = f"projects/{PROJECT}/assets"
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=600, height=500)
OLD, NEW = np.full(GRID.shape, 7, np.uint8), np.random.default_rng(5).integers(1, 200, GRID.shape).astype(np.uint8)

SERVE = """
import sys, time
from pathlib import Path
from gee_scripts.engine.local.server import LocalServer
server = LocalServer(Path(sys.argv[1]), "agrispec-local").start()
print(server.url, flush=True)
time.sleep(600)
"""


def node(name, **arguments):
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


def constant(value):
    return {"constantValue": value}


def graph(value):
    return {"result": "0", "values": {"0": value}}


def framed(image):
    """What the client wraps an exported image in: exactly the pixels of `GRID`."""
    frame = node("Image.setDefaultProjection", image=image, crs=constant(GRID.crs),
                 crsTransform=constant(list(GRID.transform)))
    west, south, east, north = GRID.bounds
    return node("Image.clipToBoundsAndScale", input=frame, geometry=node(
        "GeometryConstructors.Rectangle", coordinates=constant([west, south, east, north]),
        crs=constant(GRID.crs), geodesic=constant(False)))


SCENE = node("Image.add", image1=node("Image.load", id=constant(f"{HOME}/scene")), image2=constant(1))
REQUESTS = {
    "image:export": [
        {"expression": graph(framed(SCENE)), "fileExportOptions": {"fileFormat": "GEO_TIFF", "geoTiffOptions": {
            "tileDimensions": {"width": 256, "height": 256}}, "cloudStorageDestination": {
            "bucket": "bucket", "filenamePrefix": "out/tiles"}}},
        {"expression": graph(framed(SCENE)), "fileExportOptions": {"fileFormat": "TF_RECORD_IMAGE", "tfRecordOptions": {
            "tileDimensions": {"width": 100, "height": 100}, "compress": True}, "cloudStorageDestination": {
            "bucket": "bucket", "filenamePrefix": "out/patches"}}},
        {"expression": graph(framed(SCENE)), "assetExportOptions": {"earthEngineDestination": {
            "name": f"{HOME}/image"}}},
        {"expression": graph(framed(SCENE)), "assetExportOptions": {"earthEngineDestination": {
            "name": f"{HOME}/replaced", "overwrite": True}}}],
    "image:import": [
        {"imageManifest": {"name": f"{HOME}/ingested", "tilesets": [{"id": "t", "sources": [{
            "uris": ["gs://bucket/in.tif"]}]}]}}],
}


class Process:
    """A server in a process of its own."""

    def __init__(self, root):
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", SERVE, str(root)], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.stderr.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def root(tmp_path):
    tree = AssetTree(tmp_path)
    tree.write_image(f"{HOME}/scene", arrays={"b": NEW}, grid=GRID)
    tree.write_image(f"{HOME}/replaced", arrays={"b": OLD}, grid=GRID)
    source = tree.object_path("gs://bucket/in.tif")
    source.parent.mkdir(parents=True)
    source.write_bytes(geotiff.encode(NEW[None], GRID))
    return tmp_path


def whole(root):
    """Everything under a final name can be read, whatever was happening when the server was killed."""
    tree = AssetTree(root)
    for asset in tree.list(HOME):
        pixels, = tree.pixels(asset, [asset.bands[0].id])
        expected = {"scene": [NEW], "ingested": [NEW], "image": [NEW + 1], "replaced": [OLD, NEW + 1]}
        assert any(np.array_equal(pixels, values) for values in expected[asset.index]), asset.id
    for path in (root / "buckets" / "bucket").rglob("*"):
        if path.suffix == ".tif":
            with rasterio.open(path) as source:
                assert source.read().all()
        elif path.suffix == ".gz":
            assert example.read(path)["b"].shape[1] == 100 * 100


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be killed there in the same way")
@pytest.mark.parametrize("seed", range(5))
def test_a_server_killed_at_any_four_moments_leaves_a_whole_folder_and_the_fifth_does_its_work(root, seed, ask,
                                                                                              finished):
    chance = random.Random(seed)
    server = Process(root)
    names = {ask(server.url, f"/{path}", body)["name"] for path, bodies in REQUESTS.items() for body in bodies}
    for _ in range(4):
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        whole(root)
        server = Process(root)
        assert {each["name"] for each in ask(server.url, "/operations")["operations"]} == names
    try:
        found = finished(server.url)
    finally:
        server.kill()
    assert [each["metadata"]["state"] for each in found] == ["SUCCEEDED"] * 5, found
    whole(root)
    tree = AssetTree(root)
    for target in ("image", "replaced"):
        np.testing.assert_array_equal(tree.pixels(tree.get(f"{HOME}/{target}"), ["b"])[0], NEW + 1)
    assert len(list((root / "buckets" / "bucket" / "out").iterdir())) == 6 + 2
    assert not list(root.rglob(".*.part"))


def test_a_server_that_stops_leaves_its_work_to_the_next_and_counts_no_attempt(root, ask, finished):
    with LocalServer(root, PROJECT) as server:
        names = [ask(server.url, "/image:export", REQUESTS["image:export"][0])["name"] for _ in range(6)]
    with LocalServer(root, PROJECT) as server:
        found = finished(server.url)
    assert {each["name"] for each in found} == set(names)
    assert {(each["metadata"]["state"], each["metadata"]["attempt"]) for each in found} == {("SUCCEEDED", 1)}


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be killed there in the same way")
def test_the_lock_of_a_killed_server_holds_nobody_up_and_its_port_can_be_taken_again(root):
    process = Process(root)
    with pytest.raises(EngineError, match=f"process {process.process.pid} at {process.url}"):
        LocalServer(root, PROJECT).start()
    process.kill()
    port = int(process.url.rpartition(":")[2])
    with LocalServer(root, PROJECT, port=port) as server:
        assert server.url == process.url
        other = AssetTree(root).root / "other"
        with pytest.raises(EngineError, match="got no port on 127.0.0.1"):
            LocalServer(other, PROJECT, port=port).start()
        with LocalServer(other, PROJECT):
            pass  # the one that got no port let its folder go


@pytest.mark.skipif(sys.platform == "win32", reason="the limit of a file's size stands for a full disk")
def test_on_a_full_disk_nothing_is_taken_on_and_nothing_is_left(root):
    script = """
import json, resource, signal, sys, time, urllib.error, urllib.request
from pathlib import Path
from gee_scripts.engine.local.server import LocalServer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
requests = json.loads(sys.argv[2])
with LocalServer(Path(sys.argv[1]), "agrispec-local") as server:
    def ask(path, body=None):
        request = urllib.request.Request(f"{server.url}/v1/{path}", json.dumps(body).encode() if body else None)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
    for most, taken in ((10, False), (3000, True)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        for path, body in requests:
            status, answer = ask(f"projects/agrispec-local/{path}", body)
            assert (status == 200) == taken, answer
            if not taken:
                assert status == 400 and "could not be written: File too large" in answer["error"]["message"], answer
                continue
            while not (found := ask(answer["name"])[1])["done"]:
                time.sleep(0.01)
            assert found["metadata"]["state"] == "FAILED", found
            assert "Free space on that disk" in found["error"]["message"], found
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    before = {path for path in root.rglob("*") if ".operations" not in str(path)}
    requests = [(path, body) for path, bodies in REQUESTS.items() for body in bodies]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(root), json.dumps(requests)],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    after = {path for path in root.rglob("*") if ".operations" not in str(path)}
    assert {path for path in after - before if path.is_file()} == set()
    whole(root)


CLIENT = """
import sys, time
import ee
from google.auth.credentials import AnonymousCredentials
ee.Initialize(credentials=AnonymousCredentials(), url=sys.argv[1], project="agrispec-local")
name = "projects/agrispec-local/assets/" + sys.argv[2]
scene = ee.Image("projects/agrispec-local/assets/scene")
task = ee.batch.Export.image.toAsset(scene.add(int(sys.argv[3])), assetId=name)
task.start()
while task.active():
    time.sleep(0.02)
print(task.status()["state"], ee.Image(name).bandNames().getInfo())
"""


def test_several_programs_share_one_server(root):
    with LocalServer(root, PROJECT) as server:
        programs = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", CLIENT, server.url, f"a{n}", str(n)],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(3)]
        said = [program.communicate(timeout=60) for program in programs]
    assert [out for out, _ in said] == ["COMPLETED ['b']\n"] * 3, said
    tree = AssetTree(root)
    for number in range(3):
        np.testing.assert_array_equal(tree.pixels(tree.get(f"{HOME}/a{number}"), ["b"])[0], NEW.astype(int) + number)
