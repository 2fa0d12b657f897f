"""Polygons own the pixels whose centre they hold, however a map is cut."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio import features

from agrispec.grid import Grid
from exports.polygons import Polygons

CRS = "EPSG:32631"


@pytest.fixture(scope="module")
def area():
    return Grid(crs=CRS, transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=60, height=40)


@pytest.fixture(scope="module")
def shapes():
    generator = np.random.default_rng(3)
    return [shapely.Point(600000 + x, 5400000 - y).buffer(r, quad_segs=3)
            for x, y, r in generator.uniform((0, 0, 20), (600, 400, 70), (6, 3))]


@pytest.fixture(scope="module")
def polygons(shapes):
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    return Polygons.of(shapely.transform(shapes, to_degrees, interleaved=False), CRS)


def test_they_own_the_pixels_whose_centre_they_hold(area, shapes, polygons):
    columns, rows = np.meshgrid(np.arange(60), np.arange(40))
    centres = shapely.points(600005 + 10 * columns, 5399995 - 10 * rows)
    expected = np.full(area.shape, -1)
    for number, shape in enumerate(shapes):
        expected[shapely.contains(shape, centres)] = number
    assert (expected >= 0).sum() > 100
    np.testing.assert_array_equal(polygons.numbers(area), expected)


@pytest.mark.parametrize("side", [1, 7, 16])
def test_parts_of_a_map_are_the_map(area, polygons, side):
    whole, found = polygons.numbers(area), np.empty(area.shape, np.int32)
    touched = 0
    for row, column, part in area.tiles(side):
        found[row:row + part.height, column:column + part.width] = polygons.numbers(part)
        touched += polygons.touch(part)
        assert polygons.touch(part) or (polygons.numbers(part) == -1).all()
    np.testing.assert_array_equal(found, whole)
    assert touched < len(list(area.tiles(side))) or side == 16


def test_what_their_bounds_alone_meet_is_not_touched(area, monkeypatch):
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    corners = shapely.MultiPolygon([shapely.box(600010, 5399960, 600040, 5399990),
                                    shapely.box(600566, 5399610, 600596, 5399640)])
    slope = shapely.Polygon([(600100, 5399990), (600390, 5399990), (600100, 5399610)])
    found = Polygons.of(shapely.transform(np.array([corners, slope]), to_degrees, interleaved=False), CRS)
    owned = found.numbers(area)
    assert owned[2, 2] == owned[37, 57] == 0
    assert owned[2, 12] == 1
    drawn, rasterize = [], features.rasterize
    monkeypatch.setattr(features, "rasterize", lambda pairs, **how: drawn.extend(pairs) or rasterize(pairs, **how))
    found.numbers(area.window(0, 0, 8, 8))
    assert [(shape.area, number) for shape, number in drawn] == [(pytest.approx(900), 0)]  # one part of the first
    for row, column, part in area.tiles(8):
        window = shapely.box(*part.bounds)
        assert found.touch(part) == (corners.intersects(window) or slope.intersects(window))
        assert found.touch(part) or (owned[row:row + 8, column:column + 8] == -1).all()


def test_threads_rasterize_one_after_another(area, polygons, monkeypatch):
    busy, rasterize = threading.Lock(), features.rasterize

    def alone(*arguments, **how):
        assert busy.acquire(blocking=False)
        time.sleep(0.02)
        busy.release()
        return rasterize(*arguments, **how)
    monkeypatch.setattr(features, "rasterize", alone)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(polygons.numbers, [area] * 8))) == 8


def test_of_none_no_pixel_is_owned(area):
    none = Polygons.of(np.array([], object), CRS)
    assert (none.numbers(area) == -1).all()
    assert not none.touch(area)


def test_their_digest_tells_them_apart(polygons):
    assert polygons.digest != Polygons.of(np.array([], object), CRS).digest
    assert len(polygons.digest) == 16
