"""The REST surface through the real client: values, pixels, features, errors, life and death of the server."""

import io
import re
import threading
import time
import urllib.error
import urllib.request

import ee
import numpy as np
import pytest
import rasterio
import shapely

from agrispec.grid import Grid
from gee_scripts.engine.local.server import LocalServer

RNG = np.random.default_rng(3)
CLASSES = RNG.integers(0, 9, (50, 70)).astype(np.uint8)
SHARE = RNG.random((50, 70), dtype=np.float32)
PROJECT_PATH = "/v1/projects/agrispec-local"
WINDOW = (10, 20, 16, 24)  # row, column, height, width


@pytest.fixture(scope="module")
def image(running):
    name = f"{running.home}/image"
    running.tree.write_image(name, arrays={"crop": CLASSES, "share": SHARE}, grid=running.grid, nodata=0,
                             properties={"tile": "31UFQ"})
    return ee.Image(name)


def requested(grid):
    a, b, c, d, e, f = grid.transform
    return {"crsCode": grid.crs, "dimensions": {"width": grid.width, "height": grid.height},
            "affineTransform": {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}}


def test_values_are_computed(image):
    assert ee.Number(2).add(3).getInfo() == 5
    assert image.bandNames().getInfo() == ["crop", "share"]
    info = image.getInfo()
    assert info["properties"]["tile"] == "31UFQ"
    assert [band["id"] for band in info["bands"]] == ["crop", "share"]


def test_pixels_are_those_of_the_file_and_masked_ones_are_zero(image, running):
    row, column, height, width = WINDOW
    grid = running.grid.window(*WINDOW)
    array = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": requested(grid)})
    assert array.dtype.names == ("crop", "share")
    assert array["crop"].dtype == np.uint8
    part = slice(row, row + height), slice(column, column + width)
    np.testing.assert_array_equal(array["crop"], CLASSES[part])
    masked = ee.data.computePixels({"expression": image.updateMask(image.select("crop").gt(4)), "bandIds": ["share"],
                                    "fileFormat": "NUMPY_NDARRAY", "grid": requested(grid)})
    np.testing.assert_array_equal(masked["share"], np.where(CLASSES[part] > 4, SHARE[part], 0))


def test_pixels_outside_of_an_image_are_masked(image, running):
    grid = running.grid.window(-5, -5, 10, 10)
    array = ee.data.computePixels({"expression": image.select("crop"), "fileFormat": "NUMPY_NDARRAY",
                                   "grid": requested(grid)})["crop"]
    np.testing.assert_array_equal(array[5:, 5:], CLASSES[:5, :5])
    assert not array[:5].any()
    assert not array[:, :5].any()


def test_pixels_come_as_a_geotiff_that_rasterio_places_on_the_same_grid(image, running):
    content = ee.data.computePixels({"expression": image.select("crop"), "fileFormat": "GEO_TIFF",
                                     "grid": requested(running.grid)})
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        np.testing.assert_array_equal(source.read(1), CLASSES)
        assert tuple(source.transform)[:6] == running.grid.transform
        assert source.descriptions == ("crop",)


def test_an_asset_gives_its_pixels(image, running):
    content = ee.data.getPixels({"assetId": f"{running.home}/image", "fileFormat": "NPY", "bandIds": ["crop"]})
    np.testing.assert_array_equal(np.load(io.BytesIO(content))["crop"], CLASSES)


def test_more_pixels_than_the_service_gives_are_refused_in_its_words(image, running):
    grid = Grid(crs=running.grid.crs, transform=running.grid.transform, width=4000, height=4000)
    with pytest.raises(ee.EEException, match=r"Total request size \(80000000 bytes\) must be less than or equal"):
        ee.data.computePixels({"expression": image, "fileFormat": "NPY", "grid": requested(grid)})


def test_features_come_in_pages_of_one_result(running):
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([4 + i / 100, 48]), {"row": i}) for i in range(25)])
    page, found = {"expression": points, "pageSize": 10}, []
    sizes = []
    while True:
        answer = ee.data.computeFeatures(page)
        sizes.append(len(answer["features"]))
        found += answer["features"]
        if "nextPageToken" not in answer:
            break
        page["pageToken"] = answer["nextPageToken"]
    assert sizes == [10, 10, 5]
    assert [feature["properties"]["row"] for feature in found] == list(range(25))
    assert shapely.from_geojson(str(found[3]["geometry"]).replace("'", '"')).equals(shapely.Point(4.03, 48))


def test_pages_are_of_one_state_of_the_assets(running):
    name = f"{running.home}/paged"
    running.tree.write_table(name, properties=[{"v": 1}] * 4, geometries=[None] * 4)
    first = ee.data.computeFeatures({"expression": ee.FeatureCollection(name), "pageSize": 2})
    running.tree.write_table(name, properties=[{"v": 2}] * 4, geometries=[None] * 4, overwrite=True)
    second = ee.data.computeFeatures({"expression": ee.FeatureCollection(name), "pageSize": 2,
                                      "pageToken": first["nextPageToken"]})
    assert [f["properties"]["v"] for f in first["features"] + second["features"]] == [1, 1, 1, 1]
    again = ee.data.computeFeatures({"expression": ee.FeatureCollection(name)})
    assert [f["properties"]["v"] for f in again["features"]] == [2, 2, 2, 2]


def test_small_answers_do_not_wait_for_the_network(running):
    waits = []
    for _ in range(20):
        start = time.monotonic()
        ee.data.listOperations()
        waits.append(time.monotonic() - start)
    # Nagle's algorithm against delayed acknowledgements costs 40 ms an answer.
    assert sorted(waits)[10] < 0.03


def test_a_faulty_graph_is_answered_once_with_its_reason(running):
    before = time.monotonic()
    with pytest.raises(ee.EEException, match="nothing' not found"):
        ee.Image(f"{running.home}/nothing").bandNames().getInfo()
    with pytest.raises(ee.EEException):
        ee.Image(f"{running.home}/image").select("nothing").getInfo()
    with pytest.raises(ee.EEException, match="TestAlgorithm|not implemented"):
        ee.Image(1).unmix([[1]]).getInfo()
    # The client repeats 5xx answers with growing pauses.
    assert time.monotonic() - before < 2


@pytest.mark.parametrize(("path", "status"), [
    ("/v1/projects/agrispec-local/nothing", 404), ("/nothing", 404), ("/v1/projects/agrispec-local/operations/X", 404),
    ("/v1/projects/agrispec-local:listAssets?pageToken=x", 400)])
def test_requests_without_an_answer_are_refused_in_the_services_form(running, path, status, asked):
    found, answer = asked(running.url, path)
    assert found == status
    assert answer["error"]["code"] == status
    assert answer["error"]["message"]


ONE = {"result": "0", "values": {"0": {"functionInvocationValue": {
    "functionName": "Image.constant", "arguments": {"value": {"constantValue": 1}}}}}}
EXPORT = {"expression": ONE, "fileExportOptions": {
    "fileFormat": "TF_RECORD_IMAGE", "cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": "odd"}}}
SMALL = {"crsCode": "EPSG:32631", "dimensions": {"width": 2, "height": 2},
         "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5400000}}


@pytest.mark.parametrize(("path", "body", "named"), [
    (":listAssets?pageSize=abc", None, "pageSize"), (":listAssets?pageSize=-3", None, "pageSize"),
    ("/operations?pageSize=-1", None, "pageSize"),
    ("/table:computeFeatures", {"expression": ONE, "pageSize": "x"}, "pageSize"),
    ("/image:computePixels", {"expression": ONE, "grid": [1]}, "'grid'"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {"dimensions": {"width": "x", "height": 1}}},
     "grid.dimensions.width"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {"crsCode": "EPSG:1"}}, "'EPSG:1'"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {
        "affineTransform": SMALL["affineTransform"] | {"translateX": float("nan")}}}, "grid.affineTransform"),
    ("/image:computePixels", {"expression": ONE, "bandIds": 5}, "bandIds"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL, "visualizationOptions": {"ranges": [5]}},
     r"visualizationOptions.ranges\[0\]"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL, "visualizationOptions": {"gamma": {"value": 0}}},
     "Gamma"),
    ("/image:export", EXPORT | {"maxPixels": "x"}, "maxPixels"),
    ("/image:export", EXPORT | {"priority": [5]}, "priority"),
    ("/image:export", EXPORT | {"expression": 5}, "expression"),
    ("/image:export", {"expression": ONE, "assetExportOptions": {"earthEngineDestination": {"name": 5}}},
     "assetExportOptions.earthEngineDestination.name"),
    ("/image:import", {"imageManifest": {"name": "projects/p/assets/a", "tilesets": ["x"]}},
     r"imageManifest.tilesets\[0\]"),
    ("/image:import", {"imageManifest": {"name": "projects/p/assets/a", "bands": [{}], "tilesets": [
        {"sources": [{"uris": ["gs://bucket/x.tif"]}]}]}}, "band without id"),
    ("/table:import", {"tableManifest": {"sources": [{"uris": [5]}]}}, r"tableManifest.sources\[0\].uris\[0\]"),
    ("/assets?assetId=odd", {"type": "FOLDER", "properties": 5}, "properties"),
    ("/value:compute", {}, "lacks the field 'expression'"), ("/value:compute", {"expression": None}, "'expression'"),
    ("/value:compute", {"expression": {"result": "0", "values": {"0": {"functionInvocationValue": {
        "functionName": 5, "arguments": {}}}}}}, "functionName"),
    ("/value:compute", {"expression": {"result": "0", "values": {"0": {"argumentReference": [1]}}}},
     "argumentReference")])
def test_a_field_that_cannot_be_is_refused_by_its_name(running, path, body, named, asked):
    status, answer = asked(running.url, PROJECT_PATH + path, body)
    assert status == 400
    assert re.search(named, answer["error"]["message"])
    assert "Internal" not in answer["error"]["message"]


def test_a_body_nested_without_end_is_refused(running, asked):
    _, answer = asked(running.url, f"{PROJECT_PATH}/value:compute", b'{"expression":' + b"[" * 100_000)
    assert "Invalid JSON payload" in answer["error"]["message"]


def test_answers_are_json_without_the_numbers_it_lacks(running):
    point = ee.Geometry.Point([3.01, 48.75])
    value = ee.Image.constant([-1, 4]).sqrt().rename(["a", "b"])
    assert value.reduceRegion(ee.Reducer.first(), point, 10).getInfo() == {"a": None, "b": 2}
    features = value.reduceRegions(ee.FeatureCollection([ee.Feature(point, {"v": 1})]), ee.Reducer.first(), 10)
    properties = ee.data.computeFeatures({"expression": features})["features"][0]["properties"]
    assert properties == {"v": 1, "a": None, "b": 2}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_maps_that_were_not_used_for_long_are_let_go_and_say_so(running, asked):
    _, first = asked(running.url, f"{PROJECT_PATH}/maps", {"expression": ONE})
    _, second = asked(running.url, f"{PROJECT_PATH}/maps", {"expression": ONE})
    for number in range(255):
        asked(running.url, f"{PROJECT_PATH}/maps", {"expression": ONE})
        if number == 100:
            assert asked(running.url, f"/v1/{first['name']}/tiles/0/0/0")[0] == 200
    assert asked(running.url, f"/v1/{first['name']}/tiles/0/0/0")[0] == 200
    status, answer = asked(running.url, f"/v1/{second['name']}/tiles/0/0/0")
    assert status == 404
    assert "keeps the 256 maps and thumbnails" in answer["error"]["message"]
    _, answer = asked(running.url, f"/v1/{first['name']}/tiles/{'9' * 12}/0/0")
    assert "the largest zoom is 30" in answer["error"]["message"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_map_gives_tiles_with_a_colour_for_each_pixel_it_shows(image, running):
    layer = ee.data.getMapId({"image": image.select("crop").gte(0), "min": "0", "max": "1", "palette": "000000,ff0000"})
    # The zoom-14 tile of the image's north-west corner.
    lon, lat, n = 3.004, 48.751, 2**14
    x, y = int((lon + 180) / 360 * n), int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * n)
    with urllib.request.urlopen(layer["tile_fetcher"].format_tile_url(x, y, 14)) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        content = answer.read()
    with rasterio.MemoryFile(content) as memory, memory.open(driver="PNG") as source:
        red, green, blue, opacity = source.read()
    assert set(np.unique(opacity)) == {0, 255}
    assert (red[opacity == 255] == 255).all()
    assert not green.any()
    assert not blue.any()


@pytest.mark.parametrize("file_format", ["NPY", "GEO_TIFF"])
def test_a_download_address_gives_the_pixels_of_its_region(image, running, file_format):
    part = running.grid.window(*WINDOW)
    url = image.select("crop").getDownloadURL({
        "format": file_format, "crs": part.crs, "crs_transform": list(running.grid.transform),
        "region": ee.Geometry.Rectangle(list(part.bounds), part.crs, False)})
    with urllib.request.urlopen(url) as answer:
        content = answer.read()
    if file_format == "NPY":
        found = np.load(io.BytesIO(content))["crop"]
    else:
        with rasterio.MemoryFile(content) as memory, memory.open() as source:
            found = source.read(1)
    row, column, height, width = WINDOW
    np.testing.assert_array_equal(found, CLASSES[row:row + height, column:column + width])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_thumbnail_is_a_picture_of_the_size_asked_for(image, running):
    url = image.select("share").getThumbURL({"dimensions": [35, 25], "format": "png",
                                             "region": image.geometry(), "crs": running.grid.crs})
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        content = answer.read()
    with rasterio.MemoryFile(content) as memory, memory.open(driver="PNG") as source:
        assert (source.width, source.height, source.count) == (35, 25, 4)


def test_polling_is_answered_while_all_computing_threads_are_busy(running, image):
    grid = Grid(crs=running.grid.crs, transform=running.grid.transform, width=1000, height=1000)
    heavy = ee.Image.pixelLonLat().select(0)
    for number in range(40):
        heavy = heavy.divide(number + 2).add(heavy)

    def compute():
        ee.data.computePixels({"expression": heavy, "fileFormat": "NPY", "grid": requested(grid)})

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
    grid = requested(Grid(crs="EPSG:32631", transform=(10, 0, 5e5, 0, -10, 5.4e6), width=1700, height=1700))
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


def test_long_queries_that_the_client_sends_as_a_body_are_understood(running):
    condition = " AND ".join(f"properties.p{i}=1" for i in range(300))
    assert ee.data.listAssets({"parent": running.home, "filter": condition}) == {"assets": []}


def test_two_servers_serve_two_trees(tmp_path, running):
    with LocalServer(tmp_path, "agrispec-other") as other:
        assert other.url != running.url
        with urllib.request.urlopen(f"{other.url}/v1/projects/agrispec-other:listAssets") as answer:
            assert answer.read() == b'{"assets": []}'

