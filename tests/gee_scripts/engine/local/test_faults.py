"""What must not bring the engine down: odd graphs, broken files, names that lead out, many clients at once."""

import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.server import LocalServer

PROJECT = "agrispec-local"
HOME = f"projects/{PROJECT}/assets"
PROJECT_PATH = f"/v1/projects/{PROJECT}"
SCENE = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 5e5, 0.0, -10.0, 5.4e6), width=300, height=300)
VALUES = np.random.default_rng(1).integers(0, 255, SCENE.shape).astype(np.uint8)


def node(name, **arguments):
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


def constant(value):
    return {"constantValue": value}


def graph(value, **others):
    return {"expression": {"result": "0", "values": {"0": value, **others}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LocalServer(tmp_path_factory.mktemp("faults"), PROJECT, limits=Limits(
            seconds=2, queued_tasks=5, request_bytes=200_000, elements=50, pixel_bytes=2**20, pixel_side=2000,
            pixel_bands=20, export_pixels=10_000)) as server:
        AssetTree(server.root).write_image(f"{HOME}/scene", arrays={"b": VALUES}, grid=SCENE)
        yield server


@pytest.fixture
def refused(asked):
    """(url, path below the project, body) -> the words that a request is refused with."""
    def words(url, path, body=None, **options):
        status, answer = asked(url, PROJECT_PATH + path, body, **options)
        assert 400 <= status < 500, answer
        assert "Internal" not in answer["error"]["message"], answer
        return answer["error"]["message"]

    return words


@pytest.fixture
def ended(asked):
    """(url, name) -> an operation, done."""
    def wait(url, name):
        end = time.monotonic() + 60
        while not (operation := asked(url, f"/v1/{name}")[1])["done"]:
            assert time.monotonic() < end
            time.sleep(0.02)
        return operation

    return wait


ONE = node("Image.constant", value=constant(1))
GRID = {"crsCode": "EPSG:32631", "dimensions": {"width": 2, "height": 2},
        "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5400000}}


def sized(width, height):
    return GRID | {"dimensions": {"width": width, "height": height}}


WORLD = node("GeometryConstructors.Rectangle", coordinates=constant([-180, -90, 180, 90]), geodesic=constant(False))
MANY = node("Image.constant", value=constant(list(range(21))))


@pytest.mark.parametrize(("path", "body", "words"), [
    ("/image:computePixels", graph(ONE) | {"grid": sized(1000, 1000), "fileFormat": "NPY"},
     "Total request size (4000000 bytes) must be less than or equal to 1048576 bytes."),
    ("/image:computePixels", graph(ONE) | {"grid": sized(2001, 2), "fileFormat": "NPY"},
     "Pixel grid dimensions (2001x2) must be less than or equal to 2000."),
    ("/image:computePixels", graph(MANY) | {"grid": sized(2, 2), "fileFormat": "NPY"}, "Too many bands: 21"),
    ("/value:compute", graph(node("Collection.map", collection=node("ImageCollection.fromImages", images=node(
        "List.repeat", value=ONE, count=constant(51))), baseAlgorithm={"functionDefinitionValue": {
            "argumentNames": ["x"], "body": "1"}})) | {},
     "Collection query aborted after accumulating over 50 elements."),
    ("/image:export", graph(node("Image.clipToBoundsAndScale", input=ONE, geometry=WORLD, scale=constant(1000))) | {
        "fileExportOptions": {"fileFormat": "GEO_TIFF", "cloudStorageDestination": {
            "bucket": "bucket", "filenamePrefix": "big"}}}, "Export too large: specified"),
    ("/value:compute", b'{"expression": "' + b"x" * 200_000 + b'"}',
     "Request payload size exceeds the limit: 200000 bytes."),
    ("/value:compute", graph(node("Image.reduceRegion", image=ONE, reducer=node("Reducer.mean"), geometry=WORLD,
                                  scale=constant(10))), "Too many pixels in the region. Found")])
def test_limits_are_those_of_the_server_and_said_in_the_services_words(server, asked, refused, ended, path, body,
                                                                       words):
    if isinstance(body, dict) and "1" not in body["expression"]["values"]:
        body["expression"]["values"]["1"] = {"argumentReference": "x"}
    if path != "/image:export":
        assert words in refused(server.url, path, body)
        return
    status, answer = asked(server.url, PROJECT_PATH + path, body)
    assert status == 200
    assert words in ended(server.url, answer["name"])["error"]["message"]


STEP = {"functionDefinitionValue": {"argumentNames": ["x", "y"], "body": "1"}}


def loop(times, body, first=(1,)):
    """`body` iterated over a sequence; it sees the element `x` and its own last value `y`."""
    return {"expression": {"result": "0", "values": {
        "0": node("List.iterate", list=node("List.sequence", start=constant(1), end=constant(times)),
                  function=STEP, first=constant(first)), "1": body}}}


def doubled(twice):
    """Sixty values, each of which holds the next one twice."""
    return {"expression": {"result": "0", "values": {"60": constant(1)} | {
        str(i): twice({"valueReference": str(i + 1)}) for i in range(60)}}}


X, Y = {"argumentReference": "x"}, {"argumentReference": "y"}


@pytest.mark.parametrize(("expression", "words"), [
    (loop(1e15, X), "User memory limit exceeded"),
    (loop(5e6, node("List.slice", list=node("List.add", list=Y, element=X), start=constant(-1))),
     "Computation timed out."),
    (loop(100, node("List.cat", list=Y, other=Y)), "User memory limit exceeded"),
    (graph(node("List.repeat", value=constant(1), count=constant(2**31 - 1))), "User memory limit exceeded"),
    (graph({"valueReference": "0"}), "refers to itself"),
    (graph({"valueReference": "1"}, **{"1": {"valueReference": "0"}}), "refers to itself"),
    (graph({"arrayValue": {"values": [{"valueReference": "0"}]}}), "refers to itself"),
    (graph({"functionDefinitionValue": {"argumentNames": ["x"], "body": "0"}}), "refers to itself"),
    (graph({"valueReference": "2"}), "is referred to and not there"),
    ({"expression": {"result": "0", "values": {str(i): {"valueReference": str(i + 1)} for i in range(4000)}}},
     "nested too deeply"),
    (doubled(lambda below: {"arrayValue": {"values": [below, below]}}), "User memory limit exceeded"),
    (doubled(lambda below: {"dictionaryValue": {"values": {"a": below, "b": below}}}), "User memory limit exceeded"),
    (loop(3000, {"arrayValue": {"values": [Y]}}), "nested too deeply"),
    (loop(60, node("List.add", list=node("List.add", list=constant([]), element=Y), element=Y)),
     "User memory limit exceeded"),
    (graph(node("Number.format", number=constant(1), pattern=constant("%999999999d"))),
     "is not a valid format pattern"),
])
def test_a_graph_without_an_end_ends(server, expression, words, refused):
    start = time.monotonic()
    assert words in refused(server.url, "/value:compute", expression)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(("function", "first"), [("multiply", 10), ("pow", 9), ("multiply", 3e9)])
def test_numbers_without_an_end_become_infinite(server, function, first, asked):
    body = loop(200, node(f"Number.{function}", left=Y, right=Y), first)
    # JSON has no infinite numbers.
    assert asked(server.url, f"{PROJECT_PATH}/value:compute", body) == (200, {"result": None})


def area(*coordinates):
    return node("GeometryConstructors.Polygon", coordinates=constant([list(coordinates)]), geodesic=constant(False))


REGIONS = [WORLD, area([0, 0], [1e308, 0], [1e308, 1e308], [0, 0]), area([0, 0], [0, 0], [0, 0]),
           area([0, 0], [1, 1]), area(), area([1000, 1000], [2000, 1000], [2000, 2000]),
           node("GeometryConstructors.Point", coordinates=constant([1e300, -1e300])),
           node("GeometryConstructors.Rectangle", coordinates=constant([5, 5, 5, 5])),
           area(["a", 1], [2, 2], [3, 1]), node("GeometryConstructors.MultiPoint", coordinates=constant([])),
           node("Geometry.buffer", geometry=area([0, 0], [1, 1], [1, 0]), distance=constant(1e12))]


@pytest.mark.parametrize("region", range(len(REGIONS)))
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32631"])
def test_absurd_regions_are_answered_or_refused(server, region, crs, asked):
    shape, lonlat = REGIONS[region], node("Image.pixelLonLat")
    framed = node("Image.clipToBoundsAndScale", input=node(
        "Image.setDefaultProjection", image=lonlat, crs=constant(crs), scale=constant(10)), geometry=shape)
    common = {"image": lonlat, "scale": constant(10), "crs": constant(crs)}
    for path, body in [
        ("/value:compute", graph(node("Image.reduceRegion", reducer=node("Reducer.mean"), geometry=shape,
                                      maxPixels=constant(1e13), **common))),
        ("/value:compute", graph(node("Image.sampleRegions", image=lonlat, scale=constant(10), collection=node(
            "Collection", features={"arrayValue": {"values": [node("Feature", geometry=shape)]}})))),
        ("/value:compute", graph(node("Image.reduceRegions", reducer=node("Reducer.mean"), collection=node(
            "Collection", features={"arrayValue": {"values": [node("Feature", geometry=shape)]}}), **common))),
        ("/image:computePixels", graph(framed) | {"fileFormat": "NPY"}),
        ("/thumbnails", graph(framed)), ("/maps", graph(node("Image.clip", input=lonlat, geometry=shape)))]:
        status, answer = asked(server.url, PROJECT_PATH + path, body)
        assert status in (200, 400), answer
        assert status == 200 or "Internal" not in answer["error"]["message"], answer


@pytest.mark.parametrize("grid", [
    sized(0, 5), sized(10**18, 1), sized(1, 1) | {"affineTransform": {"scaleX": 1e-320, "scaleY": -1e-320}},
    sized(4, 4) | {"affineTransform": {"scaleX": 1e300, "scaleY": -1e300}}, sized(4, 4) | {"crsCode": "EPSG:4326"},
    sized(4, 4) | {"affineTransform": {"scaleX": 1, "shearX": 1, "scaleY": 1, "shearY": 1}}])
def test_absurd_grids_are_answered_or_refused(server, grid, asked):
    for image in (node("Image.pixelLonLat"), node("Image.load", id=constant(f"{HOME}/scene"))):
        status, answer = asked(server.url, f"{PROJECT_PATH}/image:computePixels",
                               graph(image) | {"grid": grid, "fileFormat": "NPY"})
        assert status == 200 or (status == 400 and "Internal" not in answer["error"]["message"]), answer


OUTSIDE = ["../../../etc/x", "..", "a/../../b", "/etc/passwd", "a//b", "a\\..\\b", "a\0b", ".hidden", "%2e%2e/x",
           "a/%2e%2e/%2e%2e/x", "con\n", "a" * 5000, "ä"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leads_out_of_the_folder(server, name, asked, refused, ended):
    outside = server.root.parent
    before = {path for path in outside.rglob("*") if server.root not in path.parents}
    quoted = urllib.parse.quote(name, safe="")
    bucket = {"fileFormat": "CSV", "cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": name}}
    for path, body, method in [
        (f"/assets?assetId={quoted}", {"type": "FOLDER"}, "POST"), (f"/assets/{quoted}", None, "GET"),
        (f"/assets/{quoted}", None, "DELETE"), (f"/assets/{name!a}".replace(" ", ""), None, "GET"),
        (f"/assets/{quoted}:copy", {"destinationName": f"{HOME}/x"}, "POST"),
        (f"/assets/{quoted}:listAssets", None, "GET"), (f"/assets/{quoted}:listFeatures", None, "GET"),
        ("/assets/scene:copy", {"destinationName": f"{HOME}/{name}"}, "POST"),
        ("/image:export", graph(ONE) | {"assetExportOptions": {"earthEngineDestination": {"name": name}}}, "POST"),
        ("/table:export", graph(ONE) | {"fileExportOptions": bucket | {"cloudStorageDestination": {
            "bucket": name, "filenamePrefix": "x"}}}, "POST"),
        ("/image:import", {"imageManifest": {"name": f"{HOME}/{name}", "tilesets": [
            {"sources": [{"uris": [f"gs://bucket/{name}.tif"]}]}]}}, "POST"),
        ("/image:importExternal", {"imageManifest": {"name": f"{HOME}/external", "tilesets": [
            {"sources": [{"uris": [f"gs://bucket/{name}/../../../x.tif"]}]}]}}, "POST"),
        ("/value:compute", graph(node("Image.load", id=constant(f"{HOME}/{name}"))), "POST")]:
        words = refused(server.url, path, body, method=method)
        assert str(server.root) not in words
    status, answer = asked(server.url, f"{PROJECT_PATH}/table:export",
                           graph(ONE) | {"fileExportOptions": bucket})
    if status == 200:
        ended(server.url, answer["name"])
    assert {path for path in outside.rglob("*") if server.root not in path.parents} == before


def test_broken_files_fail_what_reads_them_and_nothing_else(server, asked, refused, ended):
    tree = AssetTree(server.root)
    for name, harm in [("cut", lambda file: file.write_bytes(file.read_bytes()[:5000])),
                       ("noise", lambda file: file.write_bytes(b"II*\0" + b"\xff" * 900)),
                       ("gone", lambda file: file.unlink()), ("empty", lambda file: file.write_bytes(b""))]:
        asset = tree.write_image(f"{HOME}/{name}", arrays={"b": VALUES}, grid=SCENE)
        harm(asset.bands[0].file)
        words = refused(server.url, "/image:computePixels", graph(node("Image.load", id=constant(f"{HOME}/{name}"))) | {
            "grid": sized(300, 300), "fileFormat": "NPY"})
        assert f"{name}.tif" in words
        source = tree.object_path(f"gs://bucket/{name}.tif")
        source.parent.mkdir(parents=True, exist_ok=True)
        if asset.bands[0].file.exists():
            source.write_bytes(asset.bands[0].file.read_bytes())
        _, answer = asked(server.url, f"{PROJECT_PATH}/image:import", {"imageManifest": {
            "name": f"{HOME}/in-{name}", "tilesets": [{"sources": [{"uris": [f"gs://bucket/{name}.tif"]}]}]}})
        done = ended(server.url, answer["name"])
        assert done["metadata"]["state"] == "FAILED"
        assert f"{name}.tif" in done["error"]["message"]
        assert "Internal" not in done["error"]["message"]
        assert not tree.exists(f"{HOME}/in-{name}")
    (server.root / "assets" / HOME / "odd.json").write_text("{")
    assert "odd" in refused(server.url, "/assets/odd")
    asked(server.url, f"{PROJECT_PATH}:listAssets")
    (server.root / "assets" / HOME / "odd.json").unlink()


def test_the_queue_has_an_end(server, asked, ended):
    slow = loop(5e6, node("Number.add", left=X, right=Y), 0) | {"fileExportOptions": {
        "fileFormat": "CSV", "cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": "slow"}}}
    names, words = [], ""
    for _ in range(20):
        status, answer = asked(server.url, f"{PROJECT_PATH}/table:export", slow)
        if status != 200:
            words = answer["error"]["message"]
            break
        names.append(answer["name"])
    assert words.startswith("Too many tasks already in the queue (5). Please wait for some of them to complete.")
    for name in names:
        asked(server.url, f"/v1/{name}:cancel", {})
    assert {ended(server.url, name)["metadata"]["state"] for name in names} == {"CANCELLED"}


def test_forty_clients_at_once_are_all_answered(server, asked):
    answers, start = [], time.monotonic()

    def client(number):
        for body, path in [(graph(node("Number.add", left=constant(number), right=constant(1))), "/value:compute"),
                           (graph(node("Image.pixelLonLat")) | {"grid": sized(200, 200), "fileFormat": "NPY"},
                            "/image:computePixels"), (None, "/operations"), (None, ":listAssets")]:
            answers.append((number, path, *asked(server.url, PROJECT_PATH + path, body)))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 160
    assert {status for _, _, status, _ in answers} == {200}
    assert all(answer == {"result": number + 1} for number, path, _, answer in answers if path == "/value:compute")
    assert time.monotonic() - start < 60
