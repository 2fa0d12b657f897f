"""Pictures: tiles and thumbnails equal what NumPy makes of the pixels below them."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from agrispec.grid import Grid
from gee_scripts.engine.local.rest.rendering import encoded, picture

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
VALUES = np.random.default_rng(6).integers(1, 3000, (3, 50, 70)).astype(np.uint16)
EDGE = 20037508.342789244


@pytest.fixture(scope="module")
def scene(running: Any) -> ee.Image:
    name = f"{running.home}/rendered"
    uri = running.geotiff("rendered.tif", VALUES, nodata=0)
    bands = [{"id": band, "tilesetId": "t", "tilesetBandIndex": place} for place, band in enumerate("rgb")]
    task = ee.data.startIngestion("r", {"name": name, "bands": bands,
                                        "tilesets": [{"id": "t", "sources": [{"uris": [uri]}]}]})
    assert "error" not in running.finished(task["name"])
    return ee.Image(name)


def fetched(url: str) -> tuple[np.ndarray, str]:
    with urllib.request.urlopen(url) as answer:
        content, kind = answer.read(), answer.headers["Content-Type"]
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        return source.read(), kind


def below(running: Any, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of the scene's pixels under the centres of a grid, and which are in it."""
    a, _, c, _, e, f = grid.transform
    x, y = np.meshgrid(a * (np.arange(grid.width) + 0.5) + c, e * (np.arange(grid.height) + 0.5) + f)
    x, y = Transformer.from_crs(grid.crs, running.grid.crs, always_xy=True).transform(x, y)
    columns, rows = np.floor((x - 500000) / 10).astype(int), np.floor((5400000 - y) / 10).astype(int)
    inside = (columns >= 0) & (columns < 70) & (rows >= 0) & (rows < 50)
    return np.clip(rows, 0, 49), np.clip(columns, 0, 69), inside


def tile(zoom: int) -> tuple[int, int, Grid]:
    """The tile of the scene's middle."""
    x, y = Transformer.from_crs("EPSG:32631", "EPSG:3857", always_xy=True).transform(500350, 5399750)
    side = 2 * EDGE / 2**zoom
    column, row = int((x + EDGE) // side), int((EDGE - y) // side)
    pixel = side / 256
    return column, row, Grid(crs="EPSG:3857", width=256, height=256, transform=(
        pixel, 0, column * side - EDGE, 0, -pixel, EDGE - row * side))


OPTIONS = {"bands": "g,r,b", "min": "100,0,0", "max": "2500,3000,2000", "gamma": "1.5", "format": "png"}


def expected(running: Any, grid: Grid) -> np.ndarray:
    rows, columns, inside = below(running, grid)
    seen = VALUES[:, rows, columns].astype(float)
    shares = [np.clip((seen[place] - low) / (high - low), 0, 1) ** (1 / 1.5)
              for place, low, high in ((1, 100, 2500), (0, 0, 3000), (2, 0, 2000))]
    return np.stack([*(np.where(inside, np.floor(255 * share + 0.5), 0) for share in shares), 255 * inside])


# Finer than the scene's pixels: coarser tiles come from its pyramid.
@pytest.mark.parametrize("zoom", [15, 17])
def test_a_tile_is_what_numpy_makes_of_the_pixels_below_it(running: Any, scene: ee.Image, zoom: int) -> None:
    column, row, grid = tile(zoom)
    layer = ee.data.getMapId({"image": scene, **OPTIONS})
    found, kind = fetched(layer["tile_fetcher"].format_tile_url(column, row, zoom))
    assert kind == "image/png"
    # A centre within a millionth of a pixel of an edge may belong to either side.
    assert (found != expected(running, grid)).any(axis=0).sum() <= 2
    assert found[3].any()


def test_jpeg_is_taken_where_nothing_is_transparent(running: Any, scene: ee.Image) -> None:
    column, row, grid = tile(19)
    auto = {**OPTIONS, "format": "auto"}
    found, kind = fetched(ee.data.getMapId({"image": scene, **auto})["tile_fetcher"].format_tile_url(column, row, 19))
    assert kind == "image/jpeg"
    assert found.shape == (3, 256, 256)
    assert np.abs(found - expected(running, grid)[:3]).mean() < 8
    column, row, _ = tile(14)
    _, kind = fetched(ee.data.getMapId({"image": scene, **auto})["tile_fetcher"].format_tile_url(column, row, 14))
    assert kind == "image/png"


@pytest.mark.parametrize(("asked", "kind", "count"), [("png", "image/png", 4), ("jpg", "image/jpeg", 3)])
def test_a_thumbnail_is_of_the_format_asked_for(running: Any, scene: ee.Image, asked: str, kind: str,
                                                        count: int) -> None:
    found, given = fetched(scene.getThumbURL({"dimensions": [70, 50], "format": asked, "crs": running.grid.crs,
                                              "min": 0, "max": 3000, "region": scene.geometry()}))
    assert given == kind
    assert found.shape == (count, 50, 70)
    # Noise is the worst there is for a JPEG: it keeps the mean, not each pixel.
    apart = found[:3] - 255.0 * VALUES / 3000
    assert np.abs(apart).max() <= 0.5 if asked == "png" else abs(apart.mean()) < 2


def test_a_styled_image_keeps_its_opacity(running: Any, scene: ee.Image) -> None:
    styled = scene.select("r").visualize(min=0, max=3000, palette=["black", "white"], opacity=0.5)
    found, _ = fetched(styled.getThumbURL({"dimensions": [70, 50], "format": "png", "crs": running.grid.crs,
                                           "region": scene.geometry()}))
    assert set(np.unique(found[3])) == {128}
    np.testing.assert_array_equal(found[1], np.floor(VALUES[0] / 3000 * 255 + 0.5))


@pytest.mark.parametrize(("options", "words"), [
    ({"bands": "r,g"}, "Cannot visualize 2 bands"), ({"palette": "red,nocolour", "bands": "r"}, "Invalid color"),
    ({"gamma": "-1"}, "Gamma must be positive"), ({"palette": "red"}, "palette"), ({"min": "1,2"}, "2 ranges"),
])
def test_what_cannot_be_shown_is_answered_with_words(running: Any, scene: ee.Image, options: Any, words: str) -> None:
    column, row, _ = tile(17)
    options = {"max": "1,1" if "," in options.get("min", "") else "1", **options}
    url = ee.data.getMapId({"image": scene, **options})["tile_fetcher"].format_tile_url(column, row, 17)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as answer:
        assert answer.code == 400
        assert words in answer.read().decode()


def test_opacity_is_an_option_of_requests(world: Any) -> None:
    world.images["one"] = world.make({"x": np.full((20, 24), 100, np.uint8)}, nodata=7)
    bands = world.value(ee.Image("one")).bands
    found = picture(bands, world.grid, {"opacity": 0.5, "gamma": 1})
    assert (found[:3] == 100).all()
    assert (found[3] == 128).all()
    wrapped = picture(bands, world.grid, {"opacity": {"value": 0.5}, "gamma": {"value": 1}})
    np.testing.assert_array_equal(wrapped, found)
    outside = picture(bands, world.grid.window(-100, -100, 4, 4), {})
    assert not outside.any()
    content, kind = encoded(found, "JPEG")
    assert kind == "image/jpeg"
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        np.testing.assert_allclose(source.read(), 50, atol=1)
