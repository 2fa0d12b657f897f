"""Pixels as lists and arrays, collections put together, and composites by quality, against NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.raster import read

RNG = np.random.default_rng(21)
X, Q = RNG.integers(1, 200, (3, 20, 24)).astype(np.int16), RNG.random((3, 20, 24)).astype(np.float32)
VALID = RNG.random((3, 20, 24)) < 0.7
VALID[:, 2, 2] = False
AWAY = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=24, height=20)


def images(world: Any) -> ee.ImageCollection:
    made = [world.make({"x": np.where(VALID[n], X[n], -1).astype(np.int16), "q": np.where(VALID[n], Q[n], -1)},
                       {"system:index": f"i{n}", "system:time_start": 1000 * n, "cloud": n, "name": "s"}, nodata=-1)
            for n in range(3)]
    world.add_collection("c", [*made, world.make({"x": X[0], "q": Q[0]}, {"system:index": "away"}, AWAY)])
    return ee.ImageCollection("c")


def test_a_region_is_a_table_of_its_pixels_and_images(world: Any) -> None:
    region = ee.Geometry.Rectangle([500_031, 5_399_941, 500_069, 5_399_979], "EPSG:32631", False)
    header, *rows = world.value(images(world).getRegion(region, 10, "EPSG:32631"))
    assert header == ["id", "longitude", "latitude", "time", "x", "q"]
    assert len(rows) == 3 * 4 * 4
    back = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    for index, longitude, latitude, time, x, q in rows:
        east, north = back.transform(longitude, latitude)
        row, column, number = round((5_399_995 - north) / 10), round((east - 500_005) / 10), int(index[1])
        assert time == 1000 * number
        assert x == (X[number, row, column] if VALID[number, row, column] else None)
        assert q == (pytest.approx(Q[number, row, column]) if VALID[number, row, column] else None)
    assert [row[0] for row in rows[:3]] == ["i0", "i1", "i2"]
    point = ee.Geometry.Point([500_035, 5_399_965], "EPSG:32631")
    assert len(world.value(images(world).getRegion(point, 10, "EPSG:32631"))) == 4
    degrees = world.value(images(world).getRegion(point, 10))
    assert len(degrees) == 4
    assert degrees[0] == header
    assert world.value(images(world).limit(0).getRegion(point, 10)) == [["id", "longitude", "latitude", "time"]]
    large = ee.Geometry.Rectangle([500_000, 5_390_000, 510_000, 5_400_000], "EPSG:32631", False)
    with pytest.raises(EngineError, match="Too many values: "):
        world.value(images(world).getRegion(large, 10, "EPSG:32631"))


def test_a_rectangle_is_an_array_a_band(world: Any) -> None:
    world.images["v"] = world.make({"x": X[0], "q": Q[0]}, {"system:index": "v", "cloud": 7})
    region = ee.Geometry.Rectangle([500_030, 5_399_940, 500_070, 5_399_980], "EPSG:32631", False)
    found = world.value(ee.Image("v").sampleRectangle(region))
    np.testing.assert_array_equal(found.properties["x"], X[0, 2:6, 3:7])
    np.testing.assert_array_equal(found.properties["q"], Q[0, 2:6, 3:7])
    assert found.properties["cloud"] == 7
    assert "system:index" not in found.properties
    assert found.geometry.shape.equals(shapely.box(500_030, 5_399_940, 500_070, 5_399_980))
    whole = world.value(ee.Image("v").sampleRectangle())
    np.testing.assert_array_equal(whole.properties["x"], X[0])
    array = world.value(ee.Image("v").toArray().sampleRectangle(region)).properties["array"]
    np.testing.assert_allclose(array, np.stack([X[0], Q[0]], axis=-1)[2:6, 3:7])


def test_masked_pixels_of_a_rectangle_need_a_default(world: Any) -> None:
    first = ee.Image(images(world).first())
    with pytest.raises(EngineError, match="no default value set"):
        world.value(first.sampleRectangle())
    found = world.value(first.sampleRectangle(defaultValue=-5, properties=["name"])).properties
    np.testing.assert_array_equal(found["x"], np.where(VALID[0], X[0], -5))
    assert set(found) == {"name", "x", "q"}
    with pytest.raises(EngineError, match="Too many pixels in sample; must be <= 262144"):
        world.value(first.sampleRectangle(ee.Geometry.Rectangle([5e5, 53e5, 51e4, 54e5], "EPSG:32631", False)))


def test_a_quality_mosaic_takes_all_bands_of_the_best_image(world: Any) -> None:
    graph = images(world).limit(3).qualityMosaic("q")
    found = world.pixels(graph)
    best = np.where(VALID, Q, -1).argmax(axis=0)
    there = VALID.any(axis=0)
    for name, values in (("x", X), ("q", Q)):
        np.testing.assert_array_equal(found[name].mask, ~there)
        np.testing.assert_array_equal(found[name][there], np.take_along_axis(values, best[None], 0)[0][there])
    assert world.value(graph).names == ["x", "q"]
    assert world.value(images(world).limit(0).qualityMosaic("q")).names == []
    with pytest.raises(EngineError, match="no band is named 'z'"):
        world.value(images(world).qualityMosaic("z"))


def test_bands_of_images_become_arrays(world: Any) -> None:
    collection = images(world).limit(3)
    band = world.value(collection.toArrayPerBand()).bands[0]
    (values, mask), = read([band], world.grid)
    np.testing.assert_array_equal(np.broadcast_to(mask, (20, 24)), VALID.all(axis=0))
    np.testing.assert_array_equal(values[VALID.all(axis=0)], np.moveaxis(X, 0, -1)[VALID.all(axis=0)])
    band = world.value(collection.toArrayPerBand(0, True)).bands[0]
    (values, mask), = read([band], world.grid)
    np.testing.assert_array_equal(mask, VALID.any(axis=0))
    for row, column in ((3, 4), (10, 11), (19, 23)):
        np.testing.assert_array_equal(values[row, column], X[:, row, column][VALID[:, row, column]])
    arrays = collection.map(lambda image: image.unmask(0, False).toArray())
    for axis, joined in ((0, (6,)), (1, (2, 3))):
        (values, _), = read(world.value(arrays.toArrayPerBand(axis)).bands, world.grid)
        assert values.shape == (20, 24, *joined)
    np.testing.assert_allclose(values[3, 4, 0], np.where(VALID, X, 0)[:, 3, 4])
    with pytest.raises(EngineError, match="axis 2"):
        world.value(arrays.toArrayPerBand(2))


def test_images_are_cast_and_combined_by_index(world: Any) -> None:
    collection = images(world)
    made = world.value(collection.cast({"x": "double", "q": "float", "new": "byte"}, ["new", "q", "x"]))
    assert made.items[0].names == ["new", "q", "x"]
    assert [band.type.dtype.name for band in made.items[0].bands] == ["uint8", "float32", "float64"]
    with pytest.raises(EngineError, match="'q' is not in bandTypes"):
        world.value(collection.cast({"x": "double"}, ["x"]))
    with pytest.raises(EngineError, match="bandOrder"):
        world.value(collection.cast({"x": "double", "q": "float"}, ["x"]))
    other = collection.limit(2).select(["x"], ["y"])
    both = world.value(collection.combine(other))
    assert [image.properties["system:index"] for image in both.items] == ["i0", "i1"]
    assert both.items[0].names == ["x", "q", "y"]
    twice = world.value(collection.combine(collection, True)).items
    assert len(twice) == 4
    assert twice[0].names == ["x", "q"]
    assert world.value(collection.limit(0).combine(collection)).items == ()


def test_a_union_is_one_feature(world: Any) -> None:
    squares = ee.FeatureCollection([ee.Feature(ee.Geometry.Rectangle([a, 0, a + 2, 2], "EPSG:32631", False), {"a": a})
                                    for a in (0, 1, 5)])
    found, = world.value(squares.union()).items
    assert found.properties == {"system:index": "union_result"}
    assert found.geometry.shape.equals(shapely.union(shapely.box(0, 0, 3, 2), shapely.box(5, 0, 7, 2)))
    empty, = world.value(squares.limit(0).union()).items
    assert empty.geometry.shape.is_empty
