"""Pictures and downloads that have an address: maps with their tiles, and thumbnails."""

import io
import math
import urllib.request
import zipfile

import ee
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from gee_scripts.engine.local.rest.maps import tile_grid

RNG = np.random.default_rng(11)
PIXELS = RNG.integers(1, 200, (2, 50, 70)).astype(np.uint8)
PROJECT_PATH = "/v1/projects/agrispec-local"
WINDOW = (10, 20, 16, 24)  # row, column, height, width
ONE = {"result": "0", "values": {"0": {"functionInvocationValue": {
    "functionName": "Image.constant", "arguments": {"value": {"constantValue": 1}}}}}}

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
    status, answer = asked(running.url, f"/v1/{first['name']}/tiles/{'9' * 5000}/0/0")
    assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_map_gives_tiles_with_a_colour_for_each_pixel_it_shows(crops, running):
    layer = ee.data.getMapId({"image": crops.image.select("crop").gte(0), "min": "0", "max": "1",
                              "palette": "000000,ff0000"})
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


@given(zoom=st.integers(0, 20), lon=st.floats(-179.9, 179.9), lat=st.floats(-85, 85))
def test_the_tile_of_a_place_holds_it(zoom, lon, lat):
    # https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames
    x = int((lon + 180) / 360 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
    west, south, east, north = tile_grid(zoom, x, y).bounds
    easting, northing = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(lon, lat)
    assert west - 1e-6 <= easting <= east + 1e-6
    assert south - 1e-6 <= northing <= north + 1e-6


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_thumbnail_is_a_picture_of_the_size_asked_for(crops, running):
    url = crops.image.select("share").getThumbURL({"dimensions": [35, 25], "format": "png",
                                             "region": crops.image.geometry(), "crs": running.grid.crs})
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        content = answer.read()
    with rasterio.MemoryFile(content) as memory, memory.open(driver="PNG") as source:
        assert (source.width, source.height, source.count) == (35, 25, 4)


@pytest.mark.parametrize("file_format", ["NPY", "GEO_TIFF"])
def test_a_download_address_gives_the_pixels_of_its_region(crops, running, file_format):
    part = running.grid.window(*WINDOW)
    url = crops.image.select("crop").getDownloadURL({
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
    np.testing.assert_array_equal(found, crops.classes[row:row + height, column:column + width])


@pytest.mark.parametrize(("file_format", "names"), [("ZIPPED_GEO_TIFF", ["two.tif"]),
                                                      (None, ["two.a.tif", "two.b.tif"])])
def test_an_image_is_downloaded_as_zipped_geotiffs(running, file_format, names):
    asset_id = f"{running.home}/zipped"
    running.tree.write_image(asset_id, arrays={"a": PIXELS[0], "b": PIXELS[1]}, grid=running.grid, overwrite=True)
    url = ee.Image(asset_id).getDownloadURL({"name": "two", "crs": running.grid.crs,
                                             "crs_transform": list(running.grid.transform),
                                             **({"format": file_format} if file_format else {})})
    with urllib.request.urlopen(url) as answer:
        packed, headers = answer.read(), answer.headers
    assert headers["Content-Disposition"] == 'attachment; filename="two.zip"'
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == names
        found = []
        for name in names:
            with rasterio.MemoryFile(archive.read(name)) as memory, memory.open() as source:
                assert tuple(source.transform)[:6] == running.grid.transform
                found += [*source.read()]
    np.testing.assert_array_equal(found, PIXELS)
