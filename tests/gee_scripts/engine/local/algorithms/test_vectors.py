"""Segments against scipy.ndimage and rasterio, burnt features against shapely, distances against pyproj."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from rasterio import features
from scipy import ndimage

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection

RNG = np.random.default_rng(12)
CLASSES = ndimage.zoom(RNG.integers(1, 4, (5, 6)), 4, order=0).astype(np.uint8)
CLASSES[2:4, 2:5] = 0
VALUES = RNG.normal(size=(20, 24))
WHOLE = [500_000, 5_399_800, 500_240, 5_400_000]
LEFT = shapely.Polygon([(500_004, 5_399_996), (500_153, 5_399_981), (500_118, 5_399_874), (500_021, 5_399_862)])
RIGHT = shapely.box(500_100, 5_399_810, 500_210, 5_399_950)


def image(world: Any) -> ee.Image:
    world.images["c"] = world.make({"class": CLASSES, "v": VALUES}, nodata=0)
    return ee.Image("c")


def segments(structure: np.ndarray | None) -> list[np.ndarray]:
    found = []
    for value in range(1, 4):
        labels, count = ndimage.label(value == CLASSES, structure)
        found += [labels == number for number in range(1, count + 1)]
    return found


def outline(mask: np.ndarray) -> shapely.Geometry:
    rows, columns = np.nonzero(mask)
    return shapely.union_all(shapely.box(500_000 + columns * 10, 5_399_990 - rows * 10, 500_010 + columns * 10,
                                         5_400_000 - rows * 10))


@pytest.mark.parametrize(("eight", "structure"), [(True, np.ones((3, 3))), (False, None)])
def test_segments_become_features_with_statistics_of_the_other_bands(world: Any, eight: bool,
                                                                     structure: np.ndarray | None) -> None:
    graph = image(world).reduceToVectors(ee.Reducer.mean(), ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False), 10,
                                         eightConnected=eight, geometryInNativeProjection=True)
    found = world.value(graph).items
    expected = segments(structure)
    assert len(found) == len(expected)
    for mask in expected:
        shape = outline(mask)
        mine, = (f for f in found if shapely.symmetric_difference(f.geometry.shape, shape).area < 1e-6)
        assert mine.properties["label"] == CLASSES[mask][0]
        assert mine.properties["mean"] == pytest.approx(VALUES[mask].mean())
    shapes = features.shapes(CLASSES, CLASSES > 0, 8 if eight else 4)
    traced = {shapely.geometry.shape(shape).area for shape, _ in shapes}
    assert {f.geometry.shape.area / 100 for f in found} == traced


def test_segments_are_counted_boxed_and_centred(world: Any) -> None:
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    only = image(world).select("class")
    boxes = world.value(only.reduceToVectors(None, region, 10, "bb", geometryInNativeProjection=True)).items
    centres = world.value(only.reduceToVectors(None, region, 10, "centroid", labelProperty="k")).items
    expected = segments(np.ones((3, 3)))
    assert sorted(f.properties["count"] for f in boxes) == sorted(int(mask.sum()) for mask in expected)
    assert sorted(f.geometry.shape.bounds for f in boxes) == sorted(outline(mask).bounds for mask in expected)
    back = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    found = sorted(back.transform(f.geometry.shape.x, f.geometry.shape.y) for f in centres)
    wanted = sorted((500_000 + 10 * (x + 0.5), 5_400_000 - 10 * (y + 0.5))
                    for y, x in (ndimage.center_of_mass(mask) for mask in expected))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert {f.properties["k"] for f in centres} == {1, 2, 3}


def test_vectors_need_integers_and_few_pixels(world: Any) -> None:
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    with pytest.raises(EngineError, match="integer type"):
        world.value(image(world).toFloat().reduceToVectors(ee.Reducer.mean(), region, 10))
    with pytest.raises(EngineError, match="Too many pixels"):
        world.value(image(world).reduceToVectors(ee.Reducer.mean(), region, 10, maxPixels=50))
    with pytest.raises(EngineError, match=r"Need 1\+1 bands"):
        world.value(image(world).select("class").reduceToVectors(ee.Reducer.mean(), region, 10))
    coarse = world.value(image(world).reduceToVectors(ee.Reducer.mean(), region, 10, maxPixels=50, bestEffort=True))
    assert coarse.items
    masked = image(world).updateMask(0)
    assert world.value(masked.reduceToVectors(ee.Reducer.mean(), region, 10)).items == ()


def test_in_another_projection_segments_cover_the_same_ground(world: Any) -> None:
    region = ee.Geometry.Rectangle(WHOLE, "EPSG:32631", False)
    for crs in ("EPSG:32632", "EPSG:3035"):
        found = world.value(image(world).reduceToVectors(ee.Reducer.mean(), region, 2, crs=crs,
                                                         geometryInNativeProjection=True)).items
        assert {f.geometry.crs for f in found} == {crs}
        area = sum(f.geometry.shape.area for f in found)
        assert area == pytest.approx((CLASSES > 0).sum() * 100, rel=0.02)


def fields() -> ee.FeatureCollection:
    def feature(shape: shapely.Polygon, **properties: Any) -> ee.Feature:
        ring = [list(xy) for xy in shape.exterior.coords]
        return ee.Feature(ee.Geometry.Polygon([ring], "EPSG:32631", False), properties)

    return ee.FeatureCollection([feature(LEFT, v=2, w=5), feature(RIGHT, v=7, w=1), feature(RIGHT, w=3),
                                 ee.Feature(ee.Geometry.Point([500_235, 5_399_995], "EPSG:32631"), {"v": 40, "w": 0})])


def touched(shape: shapely.Geometry) -> np.ndarray:
    rows, columns = np.mgrid[0:20, 0:24]
    boxes = shapely.box(500_000 + columns * 10, 5_399_990 - rows * 10, 500_010 + columns * 10, 5_400_000 - rows * 10)
    return shapely.area(shapely.intersection(shape, boxes)) / 100 >= 1 / 256


def test_properties_are_reduced_over_the_features_at_each_pixel(world: Any) -> None:
    left, right = touched(LEFT), touched(RIGHT)
    total, number = 2.0 * left + 7.0 * right, left * 1 + right
    total[0, 23], number[0, 23] = 40, 1
    graph = fields().reduceToImage(["v"], ee.Reducer.mean().combine(ee.Reducer.sum(), "", True))
    found = world.pixels(graph)
    np.testing.assert_array_equal(found["mean"].mask, number == 0)
    np.testing.assert_allclose(found["mean"].compressed(), (total[number > 0] / number[number > 0]))
    np.testing.assert_allclose(found["sum"][number > 0], total[number > 0])
    for row, column, tile in world.grid.tiles(7):
        part = world.pixels(graph, tile)["mean"]
        here = found["mean"][row:row + tile.height, column:column + tile.width]
        np.testing.assert_allclose(part.filled(-1), here.filled(-1))
    at = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), np.array([50_005, 50_023]),
                np.array([-539_995, -540_000]))
    np.testing.assert_allclose(world.pixels(graph, at)["mean"].filled(-1), found["mean"][[5, 0], [5, 23]].filled(-1))
    top = world.pixels(fields().reduceToImage(["w", "v"], ee.Reducer.max(2)))
    assert top["max1"][5, 5] == 2
    assert top["max"][5, 5] == 5
    assert world.pixels(fields().limit(0).reduceToImage(["v"], ee.Reducer.first()))["first"].mask.all()
    with pytest.raises(EngineError, match=r"Need 2 input\(s\)"):
        world.value(fields().reduceToImage(["v"], ee.Reducer.linearFit()))


DEGREES = Grid(crs="EPSG:4326", transform=(1e-3, 0, 2.99, 0, -1e-3, 48.76), width=15, height=12)


@pytest.mark.parametrize("grid", [None, DEGREES])
def test_distances_are_metres_to_the_nearest_boundary(world: Any, grid: Grid | None) -> None:
    grid = grid or world.grid
    found = world.pixels(fields().distance(150), grid)["distance"]
    back = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    edges = [shapely.transform(shapely.segmentize(shape, 0.5), lambda xy: np.column_stack(back.transform(*xy.T)))
             for shape in (LEFT.exterior, RIGHT.exterior)]
    vertices = np.concatenate([shapely.get_coordinates(shapely.MultiLineString(edges)),
                               [back.transform(500_235, 5_399_995)]])
    here = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    sphere = Geod(a=6_371_010, b=6_371_010)
    for row, column in RNG.integers(0, (grid.height, grid.width), (25, 2)):
        a, _b, c, _d, e, f = grid.transform
        x, y = here.transform(a * (column + 0.5) + c, e * (row + 0.5) + f)
        nearest = sphere.inv(np.full(len(vertices), x), np.full(len(vertices), y), *vertices.T)[2].min()
        if abs(nearest - 150) > 1:
            assert bool(np.ma.getmaskarray(found)[row, column]) == (nearest > 150)
        if nearest < 149:
            assert found[row, column] == pytest.approx(nearest, abs=0.3)
    assert world.pixels(fields().limit(0).distance(150), grid)["distance"].mask.all()
