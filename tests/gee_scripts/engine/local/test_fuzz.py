"""Random requests: every one is answered, by a result or by an error of the caller's, never by a fault of ours.

The budget in CI is small; AGRISPEC_FUZZ_EXAMPLES and AGRISPEC_FUZZ_SEED set another one.
"""

import copy
import http.client
import json
import os
import time
import urllib.parse

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.rest.discovery import ROUTES
from gee_scripts.engine.local.server import LocalServer

# As in a server that is no test: warnings are none of its answers.
pytestmark = pytest.mark.filterwarnings("ignore")

PROJECT = "agrispec-local"
HOME = f"projects/{PROJECT}/assets"
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 5e5, 0.0, -10.0, 5.4e6), width=20, height=16)
BUDGET = int(os.environ.get("AGRISPEC_FUZZ_EXAMPLES", "150"))
SEED = int(os.environ.get("AGRISPEC_FUZZ_SEED", "3"))


def node(name, **arguments):
    return {"functionInvocationValue": {"functionName": name, "arguments": {
        key: value if isinstance(value, dict) else {"constantValue": value} for key, value in arguments.items()}}}


def graph(value):
    return {"result": "0", "values": {"0": value}}


IMAGE = graph(node("Image.clipToBoundsAndScale", input=node("Image.load", id=f"{HOME}/c/image"), geometry=node(
    "GeometryConstructors.Rectangle", coordinates=[500000, 5399900, 500100, 5400000], crs="EPSG:32631"), scale=10))
TABLE = graph(node("Collection.loadTable", tableId=f"{HOME}/table"))
SUMMARY = graph(node("Image.reduceRegion", image=node("Image.load", id=f"{HOME}/c/image"), reducer=node("Reducer.mean"),
                     geometry=node("GeometryConstructors.Point", coordinates=[3.0005, 48.7505]), scale=10))
PLACE = {"crsCode": GRID.crs, "dimensions": {"width": 8, "height": 8}, "affineTransform": {
    "scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5400000}}
LOOK = {"ranges": [{"min": 0, "max": 9}], "paletteColors": ["000000", "ff0000"], "gamma": {"value": 1}}
BUCKET = {"bucket": "bucket", "filenamePrefix": "out/x"}
REAL = [
    ("POST", "/value:compute", {"expression": SUMMARY}), ("POST", "/value:compute", {"expression": IMAGE}),
    ("POST", "/image:computePixels", {"expression": IMAGE, "fileFormat": "NPY", "grid": PLACE, "bandIds": ["b"]}),
    ("POST", "/image:computePixels", {"expression": IMAGE, "fileFormat": "PNG", "grid": PLACE,
                                      "visualizationOptions": LOOK}),
    ("POST", "/table:computeFeatures", {"expression": TABLE, "pageSize": 2, "pageToken": ""}),
    ("POST", "/imageCollection:computeImages", {"expression": graph(node("ImageCollection.load", id=f"{HOME}/c"))}),
    ("POST", "/image:export", {"expression": IMAGE, "description": "x", "maxPixels": {"value": "1000"},
                               "priority": {"value": 5}, "fileExportOptions": {
        "fileFormat": "TF_RECORD_IMAGE", "cloudStorageDestination": BUCKET, "tfRecordOptions": {
            "tileDimensions": {"width": 4, "height": 4}, "marginDimensions": {"width": 2, "height": 2},
            "compress": True, "defaultValue": -1, "maxMaskedRatio": {"value": 1}}}}),
    ("POST", "/image:export", {"expression": IMAGE, "fileExportOptions": {
        "fileFormat": "GEO_TIFF", "cloudStorageDestination": BUCKET, "geoTiffOptions": {
            "tileDimensions": {"width": 4, "height": 4}, "noData": {"floatValue": 0}, "cloudOptimized": True}}}),
    ("POST", "/image:export", {"expression": IMAGE, "assetExportOptions": {"earthEngineDestination": {
        "name": f"{HOME}/exported", "overwrite": True}, "pyramidingPolicy": "MODE"}}),
    ("POST", "/table:export", {"expression": TABLE, "selectors": ["v"], "fileExportOptions": {
        "fileFormat": "CSV", "cloudStorageDestination": BUCKET}}),
    ("POST", "/table:export", {"expression": TABLE, "requestId": "r", "fileExportOptions": {
        "fileFormat": "TF_RECORD_TABLE", "cloudStorageDestination": BUCKET}}),
    ("POST", "/image:import", {"overwrite": True, "imageManifest": {
        "name": f"{HOME}/ingested", "startTime": "2024-05-01T00:00:00Z", "properties": {"v": 1},
        "missingData": {"values": [3]}, "pyramidingPolicy": "MEAN", "bands": [{"id": "x", "tilesetId": "t",
                                                                            "tilesetBandIndex": 0}],
        "tilesets": [{"id": "t", "dataType": "UINT8", "crs": GRID.crs, "sources": [{
            "uris": ["gs://bucket/in.tif"], "affineTransform": PLACE["affineTransform"]}]}]}}),
    ("POST", "/image:importExternal", {"overwrite": True, "imageManifest": {
        "name": f"{HOME}/external", "tilesets": [{"sources": [{"uris": ["gs://bucket/in.tif"]}]}]}}),
    ("POST", "/table:import", {"overwrite": True, "tableManifest": {
        "name": f"{HOME}/rows", "sources": [{"uris": ["gs://bucket/in.csv"], "charset": "utf-8", "csvDelimiter": ",",
                                             "xColumn": "x", "yColumn": "y"}], "properties": {"v": 2},
        "columnDataTypeOverrides": {"v": "COLUMN_DATA_TYPE_STRING"}}}),
    ("POST", "/assets?assetId=new", {"type": "FOLDER", "properties": {"v": 1}}),
    ("PATCH", "/assets/c/image", {"updateMask": {"paths": ["properties.v", "start_time"]}, "asset": {
        "properties": {"v": 3}, "start_time": "2024-05-01T00:00:00Z"}}),
    ("POST", "/assets/table:copy", {"destinationName": f"{HOME}/copy", "overwrite": True}),
    ("POST", "/assets/copy:move", {"destinationName": f"{HOME}/moved"}),
    ("POST", "/assets/c:setIamPolicy", {"policy": {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}}),
    ("POST", "/assets/c/image:getPixels", {"fileFormat": "NPY", "bandIds": ["b"], "grid": PLACE}),
    ("POST", "/maps", {"expression": IMAGE, "visualizationOptions": LOOK}),
    ("POST", "/thumbnails", {"expression": IMAGE, "fileFormat": "PNG", "visualizationOptions": LOOK}),
    ("POST", "/tables", {"expression": TABLE, "fileFormat": "CSV", "selectors": ["v"], "filename": "x"}),
    ("POST", "/videoThumbnails", {"expression": IMAGE}),
    ("PATCH", "/config?updateMask=max_concurrent_exports", {"maxConcurrentExports": 1}),
    ("GET", "/assets/table:listFeatures?pageSize=2&filter=v%3E1&region=POINT(3+48)", None),
    ("GET", ":listAssets?pageSize=2&filter=type%3DIMAGE+AND+(id%3A*+OR+NOT+startTime%3E%222024-01-01%22)", None),
]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["", "0", "-1", "1e400", "NaN", "..", "/", f"{HOME}/c/image", f"{HOME}/table", HOME,
                     "gs://bucket/in.tif", "gs://bucket/in.csv", "gs://", "EPSG:4326", "EPSG:32631", "b", "v",
                     "2024-05-01T00:00:00Z", "x" * 300, "\x00", "\ud800", 2**63, -2**63, 10**400]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(max_size=5) | st.sampled_from(["result", "values", "value", "uris", "width", "expression", "constantValue",
                                           "functionName", "arguments", "valueReference", "0"]), inner, max_size=3),
    max_leaves=6)
names = st.text(max_size=6) | st.sampled_from([PROJECT, "c", "c/image", "table", "bucket", "0", "..", "%2e%2e"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("outer") / "root"
    tree = AssetTree(root)
    tree.create_collection(f"{HOME}/c")
    values = np.arange(GRID.width * GRID.height, dtype=np.uint8).reshape(GRID.shape)
    tree.write_image(f"{HOME}/c/image", arrays={"b": values}, grid=GRID, properties={"v": 1})
    tree.write_table(f"{HOME}/table", properties=[{"v": number} for number in range(5)], geometries=[None] * 5)
    source = tree.object_path("gs://bucket/in.tif")
    source.parent.mkdir(parents=True)
    # Tiled, as external images must be.
    with rasterio.open(source, "w", driver="GTiff", count=1, width=GRID.width, height=GRID.height, dtype=values.dtype,
                       crs=GRID.crs, transform=rasterio.Affine(*GRID.transform), tiled=True, blockxsize=256,
                       blockysize=256) as target:
        target.write(values[None])
    source.with_suffix(".csv").write_text("v,x,y\n1,3,48\n2,4,49\n")
    with LocalServer(root, PROJECT, limits=Limits(seconds=2, pixel_bytes=2**20, pixel_side=2000, queued_tasks=100,
                                                 export_pixels=10_000)) as server:
        yield server
        outer = {path for path in root.parent.rglob("*") if root not in path.parents}
        assert outer == {root}


def ask(server, method, path, body):
    """Status and decoded content of an answer; what is sent need not be valid."""
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=30)
    try:
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, content)
        answer = connection.getresponse()
        found, kind = answer.read(), answer.getheader("Content-Type")
    finally:
        connection.close()
    return answer.status, json.loads(found) if kind == "application/json" and found else found


def check(server, method, path, body):
    """The property; an operation that begins must end without a fault of ours too."""
    status, answer = ask(server, method, path, body)
    assert status < 500, answer
    if status >= 400 and method != "HEAD":
        assert set(answer["error"]) == {"code", "message", "status"}
        assert answer["error"]["code"] == status
        assert "Internal error" not in answer["error"]["message"], answer
    if status == 200 and isinstance(answer, dict) and "/operations/" in str(answer.get("name")):
        end = time.monotonic() + 20
        while not (operation := ask(server, "GET", f"/v1/{answer['name']}", None)[1])["done"]:
            assert time.monotonic() < end, operation
            time.sleep(0.01)
        assert "Internal error" not in operation.get("error", {}).get("message", ""), operation
    return status, answer


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


@st.composite
def mutated(draw):
    """A real request with one to three places replaced or removed."""
    method, path, body = draw(st.sampled_from(REAL))
    body = copy.deepcopy(body)
    if body is None:
        point = draw(st.integers(0, len(path)))
        return method, path[:point] + urllib.parse.quote(draw(names), errors="replace") + path[point:], None
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(list(places(body))))
        if not where:
            continue
        holder = body
        for key in where[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[where[-1]] = draw(values)
        else:
            del holder[where[-1]]
    return method, path, body


OPTIONS = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def test_the_requests_that_are_mutated_are_real_ones(server):
    for method, path, body in REAL:
        status, answer = check(server, method, f"/v1/projects/{PROJECT}{path}", body)
        assert status == (400 if path == "/videoThumbnails" else 200), (path, answer)


@seed(SEED)
@settings(max_examples=2 * BUDGET, **OPTIONS)
@given(request=mutated())
def test_mutated_requests_are_answered_or_refused(server, request):
    method, path, body = request
    check(server, method, f"/v1/projects/{PROJECT}{path}", body)


@seed(SEED)
@settings(max_examples=BUDGET, **OPTIONS)
@given(method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]),
       route=st.sampled_from(ROUTES), parts=st.lists(names, min_size=4, max_size=4), own=st.booleans(),
       query=st.dictionaries(st.sampled_from(["pageSize", "pageToken", "filter", "region", "assetId", "updateMask"]),
                             st.text(max_size=12), max_size=2), body=st.none() | values | st.binary(max_size=20))
def test_random_requests_are_answered_or_refused(server, method, route, parts, own, query, body):
    remaining = iter(parts)
    path, inside = "", False
    for letter in route.path:
        if letter == "{":
            inside = True
        elif letter == "}":
            inside = False
            path += (f"projects/{PROJECT}" if "/" not in path else "") or urllib.parse.quote(
                next(remaining, "x"), safe="/", errors="replace")
        elif not inside:
            path += letter
    words = urllib.parse.urlencode(query, errors="replace")
    check(server, route.verb if own else method, f"/v1/{path}?{words}", body)


@seed(SEED)
@settings(max_examples=BUDGET, **OPTIONS)
@given(method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]), path=st.text(max_size=30),
       body=st.binary(max_size=40))
def test_random_paths_are_answered_or_refused(server, method, path, body):
    check(server, method, "/" + urllib.parse.quote(path, safe="/:?&=%", errors="replace"), body)
