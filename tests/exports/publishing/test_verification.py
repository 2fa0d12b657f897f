"""One pixel that differs is found where all are read, and where only the engine counts; overviews are the file's."""

import json

import numpy as np
import pytest
import rasterio

from agrispec.errors import TaskFailed
from agrispec.formats import geotiff
from agrispec.grid import Grid
from agrispec.season import Season
from exports import storage
from exports.publishing import routes, verification
from exports.publishing.routes import Way
from gee_scripts import export as graphs

FOLDER = "projects/agrispec-local/assets/maps"
LARGE = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=1300, height=1100)


@pytest.fixture
def way(published):
    published.engine.create_folder(FOLDER)
    return Way(engine=published.engine, objects=storage.open(published.engine, "agrispec-local"),
               season=Season.of(2024), progress=lambda done: None)


@pytest.fixture(params=["class", "probability"])
def image(published, request):
    """A product of 1.4 million pixels with a hole, and the name of its asset."""
    random, name = np.random.default_rng(1), request.param
    values = random.integers(0, 8, LARGE.shape).astype(np.uint8) if name == "class" else \
        random.uniform(0.2, 1, LARGE.shape).astype(np.float32)
    missing = 255 if name == "class" else -1
    values[300:420, 500:900] = missing
    return published.product(name, values, LARGE, missing, "MODE" if name == "class" else "MEAN"), f"{FOLDER}/{name}"


def replaced(image, row, column, value):
    """The same product, whose file has another pixel."""
    values = geotiff.read(image.file)
    values[0, row, column] = value
    geotiff.write(image.file, values, LARGE, names=[image.name], nodata=image.pixels.missing)
    return image


def test_all_pixels_of_a_small_image_are_compared_and_a_swap_that_counts_do_not_see_is_found(published, way, image):
    product, asset_id = image
    routes.send("geotiff", way, published.run, product, asset_id)
    found = verification.compare(published.engine, graphs, product, asset_id)
    assert (found.pixels, found.total) == (1300 * 1100, 1300 * 1100)
    values = geotiff.read(product.file)[0]
    first, other = values[0, 0], np.argwhere(values[0] != values[0, 0])[0][0]
    second = values[0, other]
    replaced(replaced(product, 0, 0, second), 0, other, first)
    with pytest.raises(TaskFailed, match="2 of 1430000 pixels"):
        verification.compare(published.engine, graphs, product, asset_id)


def test_of_a_large_image_windows_are_compared_and_all_is_counted(published, way, image, monkeypatch):
    product, asset_id = image
    routes.send("geotiff", way, published.run, product, asset_id)
    monkeypatch.setattr(verification, "_TILE", 512)
    monkeypatch.setattr(verification, "_WINDOWS", 4)
    read = []
    published.engine.before["pixels"] = lambda expression, grid: read.append(grid)
    found = verification.compare(published.engine, graphs, product, asset_id)
    assert 10_000 <= found.pixels < 4 * 256**2 + 1
    again = list(read)
    read.clear()
    verification.compare(published.engine, graphs, product, asset_id)
    assert read == again
    assert len(read) == 4
    # Outside of every window.
    inside = np.zeros(LARGE.shape, bool)
    for grid in read:
        row, column = round((LARGE.transform[5] - grid.transform[5]) / 10), round((grid.transform[2] - 613000) / 10)
        inside[row:row + grid.height, column:column + grid.width] = True
    place = np.argwhere(~inside & (geotiff.read(product.file)[0] != product.pixels.missing))[0]
    with pytest.raises(TaskFailed, match="has other values than"):
        verification.compare(published.engine, graphs, replaced(product, *place, product.pixels.missing), asset_id)


def test_coarse_pixels_of_a_cog_are_the_files_overviews(published, way, image):
    product, asset_id = image
    routes.send("cog", way, published.run, product, asset_id)
    for level, side in enumerate((2, 4)):
        with rasterio.open(product.file, overview_level=level) as file:
            expected = file.read(1)[:200, :200]
        grid = Grid(crs=LARGE.crs, width=200, height=200, transform=(10.0 * side, 0.0, 613000.0, 0.0, -10.0 * side,
                                                                     5402000.0))
        np.testing.assert_array_equal(published.read(asset_id, product.pixels.missing, grid), expected)


def test_an_image_without_a_valid_pixel_is_equal_to_itself(published, way):
    for name, dtype, missing in (("class", np.uint8, 255), ("probability", np.float32, -1)):
        product = published.product(name, np.full(LARGE.shape, missing, dtype), LARGE, missing, "MODE")
        for route in ("geotiff", "cog"):
            routes.send(route, way, published.run, product, f"{FOLDER}/{name}_{route}")
            assert verification.compare(published.engine, graphs, product, f"{FOLDER}/{name}_{route}").pixels == 1430000


def test_graphs_ask_for_the_only_band_whatever_its_name(published, way, image):
    product, asset_id = image
    routes.send("geotiff", way, published.run, product, asset_id)
    answer = published.engine.compute(graphs.spread(asset_id, LARGE))
    values = geotiff.read(product.file)[0]
    seen = values[values != product.pixels.missing]
    assert answer == {"value_count": seen.size, "value_min": seen.min(), "value_max": seen.max()}, json.dumps(answer)
