"""Features painted on images, against shapely's distances at the centres of pixels."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection, centres
from gee_scripts.engine.local.rasters.raster import read

UTM = "EPSG:32631"
TRIANGLE = shapely.Polygon([(500_031, 5_399_993), (500_183, 5_399_871), (500_021, 5_399_833)])
SQUARE = shapely.box(500_100, 5_399_840, 500_200, 5_399_960)
LINE = shapely.LineString([(500_012, 5_399_818), (500_121, 5_399_951), (500_228, 5_399_903)])
POINT = shapely.Point(500_057, 5_399_943)


def feature(shape: shapely.Geometry, **properties: Any) -> ee.Feature:
    given = shapely.geometry.mapping(shape)
    made = {"Polygon": ee.Geometry.Polygon, "LineString": ee.Geometry.LineString}.get(given["type"])
    coordinates = [list(map(list, ring)) for ring in given["coordinates"]] if given["type"] == "Polygon" else \
        list(map(list, given["coordinates"])) if given["type"] == "LineString" else list(given["coordinates"])
    geometry = ee.Geometry.Point(coordinates, UTM) if made is None else made(coordinates, UTM, False)
    return ee.Feature(geometry, properties)


def within(shape: shapely.Geometry, grid: Grid, apart: float = 0) -> np.ndarray:
    """Which centres lie in a shape, or within metres of it."""
    x, y = centres(grid)
    return shapely.distance(shape, shapely.points(x, y)) <= apart


@pytest.fixture
def image(world: Any) -> ee.Image:
    values = np.arange(480, dtype=np.int16).reshape(20, 24)
    world.images["one"] = world.make({"a": values, "b": values + 1000}, {"p": 1}, nodata=5)
    return ee.Image("one")


def test_insides_are_painted_in_the_order_of_the_features(world: Any, image: ee.Image) -> None:
    table = ee.FeatureCollection([feature(TRIANGLE, c=7), feature(SQUARE, c=9), ee.Feature(None, {"c": 1})])
    found = world.pixels(image.paint(table, "c"))
    first, second = within(TRIANGLE, world.grid), within(SQUARE, world.grid)
    own = np.arange(480).reshape(20, 24)
    for plane, values in ((found["a"], own), (found["b"], own + 1000)):
        assert plane.dtype == np.int16
        np.testing.assert_array_equal(plane.data[~plane.mask],
                                      np.where(second, 9, np.where(first, 7, values))[~plane.mask])
    assert found["a"].mask.sum() == 1
    one = world.pixels(image.paint(table, 3))["b"]
    np.testing.assert_array_equal(one == 3, first | second)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_outlines_are_as_wide_as_asked(world: Any, image: ee.Image, width: int) -> None:
    table = ee.FeatureCollection([feature(TRIANGLE), feature(LINE)])
    found = world.pixels(image.paint(table, -1, width))["a"] == -1
    near = within(TRIANGLE.exterior, world.grid, 5 * width - 0.1) | within(LINE, world.grid, 5 * width - 0.1)
    far = within(TRIANGLE.exterior, world.grid, 5 * width + 0.1) | within(LINE, world.grid, 5 * width + 0.1)
    assert found[near].all()
    assert not found[~far].any()


def test_what_was_masked_is_painted_and_points_are_pixels(world: Any) -> None:
    empty = ee.Image().byte().paint(ee.FeatureCollection([feature(SQUARE, k=4)]), "k")
    found = world.pixels(empty)["constant"]
    np.testing.assert_array_equal(found.mask, ~within(SQUARE, world.grid))
    assert (found.compressed() == 4).all()
    dot = world.pixels(ee.Image().byte().paint(ee.FeatureCollection([feature(POINT)]), 1))["constant"]
    assert np.argwhere(~dot.mask).tolist() == [[5, 5]]
    line = world.pixels(ee.Image().byte().paint(ee.FeatureCollection([feature(LINE)]), 1))["constant"]
    assert (~line.mask)[within(LINE, world.grid, 4.9)].all()
    nothing = world.pixels(ee.Image().byte().paint(ee.FeatureCollection([]), 1))["constant"]
    assert nothing.mask.all()


def test_a_painting_is_the_same_in_tiles_at_points_and_in_degrees(world: Any) -> None:
    lines = ee.FeatureCollection([feature(LINE)])
    graph = ee.Image(0).paint(ee.FeatureCollection([feature(TRIANGLE)]), 1).paint(lines, 2, 2)
    whole = world.pixels(graph)["constant"]
    np.testing.assert_array_equal(world.pixels(graph, world.grid.window(4, 6, 9, 11))["constant"], whole[4:13, 6:17])
    points = Points(Projection(UTM, world.grid.transform), np.array([3, 17, 20]), np.array([2, 9, 12]))
    np.testing.assert_array_equal(world.pixels(graph, points)["constant"], whole[points.rows, points.columns])
    degrees = Grid(crs="EPSG:4326", transform=(1e-4, 0, 3.0, 0, -1e-4, 48.7535), width=40, height=30)
    found = world.pixels(ee.Image(0).paint(ee.FeatureCollection([feature(TRIANGLE)]), 1), degrees)["constant"]
    x, y = Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(*centres(degrees))
    np.testing.assert_array_equal(found, shapely.contains_xy(TRIANGLE, x, y))


@pytest.mark.parametrize(("arguments", "words"), [(("k",), "'k'"), ((1, "w"), "'w'"), (([1],), "neither a number")])
def test_colours_that_are_no_numbers_are_refused(world: Any, image: ee.Image, arguments: Any, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        world.value(image.paint(ee.FeatureCollection([feature(SQUARE)]), *arguments))


def picture(world: Any, graph: ee.Image, domain: Any = None) -> np.ndarray:
    """(row, column, red green blue opacity)."""
    image = world.value(graph)
    assert image.names == ["vis-red", "vis-green", "vis-blue"]
    found = read(image.bands, domain or world.grid)
    return np.stack([*(values for values, _ in found), found[0][1] * 255], axis=-1)


def test_polygons_are_filled_at_two_thirds_and_outlined(world: Any, client: None) -> None:
    found = picture(world, ee.FeatureCollection([feature(SQUARE)]).style(color="red", width=2))
    line = within(SQUARE.exterior, world.grid, 10)
    inside = within(SQUARE, world.grid) & ~line
    assert (found[line] == (255, 0, 0, 255)).all()
    np.testing.assert_allclose(found[inside], np.broadcast_to((255, 0, 0, 255 * 0.66), (inside.sum(), 4)), atol=0.01)
    assert not found[~line & ~inside, 3].any()


def test_colours_lie_over_each_other_by_their_opacity(world: Any, client: None) -> None:
    table = ee.FeatureCollection([
        feature(SQUARE, style={"fillColor": "0000FF80", "width": 0}),
        feature(TRIANGLE, style={"fillColor": "FF000080", "width": 0})])
    found = picture(world, table.style(styleProperty="style"))
    half = 128 / 255
    both = within(SQUARE, world.grid) & within(TRIANGLE, world.grid)
    assert both.any()
    opacity = half + half * (1 - half)
    red, blue = 255 * half / opacity, 255 * half * (1 - half) / opacity
    np.testing.assert_allclose(found[both], np.broadcast_to((red, 0, blue, 255 * opacity), (both.sum(), 4)), atol=0.51)


@pytest.mark.parametrize(("shape", "size", "area"), [
    ("circle", 9, np.pi * 4.5**2), ("square", 8, 64), ("s", 8, 64), ("diamond", 10, 50), ("^", 12, 46.8),
    ("hexagon", 12, 93.5), ("star5", 16, 71.9),
])
def test_points_are_markers_of_their_size(world: Any, client: None, shape: str, size: int, area: float) -> None:
    table = ee.FeatureCollection([feature(shapely.Point(500_120, 5_399_900))])
    found = picture(world, table.style(color="00FF00", pointShape=shape, pointSize=size, width=0, fillColor="00FF00"))
    assert (found[..., 3] > 0).sum() == pytest.approx(area, rel=0.2)
    rows, columns = np.nonzero(found[..., 3])
    assert abs(rows.mean() - 9.5) < 1
    assert abs(columns.mean() - 11.5) < 0.6


def test_lines_are_solid_dashed_or_dotted(world: Any, client: None) -> None:
    straight = ee.FeatureCollection([feature(shapely.LineString([(500_000, 5_399_900), (500_240, 5_399_900)]))])
    covered = {kind: (picture(world, straight.style(width=2, lineType=kind))[..., 3] > 0).any(axis=0).mean()
               for kind in ("solid", "dashed", "dotted")}
    assert covered["solid"] == 1
    assert 0.3 < covered["dotted"] < covered["dashed"] < 1


def test_draw_is_of_one_colour_and_the_same_in_tiles(world: Any, client: None) -> None:
    graph = ee.FeatureCollection([feature(SQUARE), feature(POINT), feature(LINE)]).draw("800080", 3, 1)
    whole = picture(world, graph)
    shown = whole[..., 3] > 0
    assert (whole[shown][:, :3] == (128, 0, 128)).all()
    assert shown[within(POINT, world.grid, 29)].all()
    np.testing.assert_array_equal(picture(world, graph, world.grid.window(2, 1, 12, 13)), whole[2:14, 1:14])
    points = Points(Projection(UTM, world.grid.transform), np.array([5, 14]), np.array([5, 9]))
    np.testing.assert_array_equal(picture(world, graph, points), whole[points.rows, points.columns])
    assert not picture(world, ee.FeatureCollection([]).draw("red"))[..., 3].any()


@pytest.mark.parametrize(("options", "words"), [
    ({"color": "no"}, "Invalid color"), ({"pointShape": "heart"}, "no marker"), ({"lineType": "wavy"}, "line type"),
    ({"styleProperty": "k"}, "no dictionary"), ({"styleProperty": "bad"}, "no number"),
])
def test_styles_that_cannot_be_drawn_are_refused(world: Any, client: None, options: Any, words: str) -> None:
    table = ee.FeatureCollection([feature(SQUARE, k=1, bad={"width": "wide"})])
    with pytest.raises(EngineError, match=words):
        world.value(table.style(**options))


def test_a_stroke_reaches_into_the_tile_beside_its_shape(world: Any, client: None) -> None:
    # The square begins at row 4: its outline, 6 pixels wide, covers rows 1 to 3, too.
    above = world.grid.window(0, 0, 3, 24)
    painted = world.pixels(ee.Image(0).paint(ee.FeatureCollection([feature(SQUARE)]), 1, 6), above)["constant"]
    assert np.unique(np.nonzero(painted)[0]).tolist() == [1, 2]
    shown = picture(world, ee.FeatureCollection([feature(SQUARE)]).style(width=6), above)[..., 3] > 0
    np.testing.assert_array_equal(shown, painted == 1)
