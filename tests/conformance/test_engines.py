"""What our graphs rely on, asked of every engine: the embedded one always, Earth Engine with --live PROJECT.

No answer here needs an asset, so both engines are asked the same. Nobody has run the suite with --live yet.
"""

import io

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts import export, sampling

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=6, height=4)


def value(engine, graph):
    return engine.compute(export.expression(graph))


def pixels(engine, image):
    return np.load(io.BytesIO(engine.pixels(export.expression(image), GRID)))


def looks(*values):
    """A look a value: an image that is masked where the value is None, a day apart."""
    images = [ee.Image.constant(v or 0).toFloat().rename("B2").updateMask(v is not None)
              .set("system:time_start", day * 86400000) for day, v in enumerate(values)]
    return ee.ImageCollection(images)


def columns():
    """0, 1, 2 … from west to east."""
    return ee.Image.pixelCoordinates(ee.Projection(GRID.crs, list(GRID.transform))).select("x").floor().toInt()


def test_division_by_zero_is_zero(engine):
    assert value(engine, ee.Number(5).divide(0)) == 0
    assert (pixels(engine, ee.Image.constant(5).divide(ee.Image.constant(0)).rename("a").unmask(-1))["a"] == 0).all()


def test_the_end_of_a_date_range_is_outside(engine):
    day = 86400000
    assert value(engine, looks(1, 2, 3).filterDate(ee.Date(0), ee.Date(2 * day)).size()) == 2


@pytest.mark.parametrize(("values", "median", "count"), [
    ((3,), 3, 1), ((1, 4), 2.5, 2), ((9, 1, 4), 4, 3), ((None, 7), 7, 1), ((None, None), -9999, 0)])
def test_medians_and_counts_are_over_the_clear_looks(engine, values, median, count):
    blank = ee.ImageCollection([ee.Image.constant(0).toFloat().rename("B2").updateMask(0)])
    merged = looks(*values).merge(blank)
    found = pixels(engine, merged.median().unmask(-9999, False).addBands(
        merged.select(["B2"], ["count"]).count().unmask(0, False)).toFloat())
    assert (found["B2"] == median).all()
    assert (found["count"] == count).all()


def test_an_array_has_images_along_its_first_axis_and_is_gathered_whole(engine):
    steps = ee.ImageCollection([ee.Image.constant([10 * t, 10 * t + 1]).rename(["a", "b"]).toFloat() for t in range(3)])
    cell = ee.Geometry.Point([4.54, 48.76])
    places = ee.FeatureCollection([ee.Feature(cell, {"row": 5})])
    [feature] = engine.features(export.expression(
        steps.toArray().rename(["cube"]).sampleRegions(places, ["row"], 10, GRID.crs)))
    assert feature["properties"]["row"] == 5
    assert np.ravel(feature["properties"]["cube"]).tolist() == [0, 1, 10, 11, 20, 21]


def test_bands_of_a_collection_come_image_by_image(engine):
    steps = ee.ImageCollection([ee.Image.constant([10 * t, 10 * t + 1]).rename(["a", "b"]) for t in range(2)])
    found = pixels(engine, steps.toBands().rename(["p", "q", "r", "s"]).toFloat())
    assert [found[name][0, 0] for name in found.dtype.names] == [0, 1, 10, 11]


def test_codes_that_are_not_listed_are_masked(engine):
    found = pixels(engine, columns().remap([0, 3], [7, 9]).rename("label").unmask(-1))["label"]
    assert found[0].tolist() == [7, -1, -1, 9, -1, -1]


def test_distinct_neighbours_are_counted_in_metres_of_the_projection_asked_for(engine):
    halves = columns().gte(3).rename("label")
    around = halves.reduceNeighborhood(ee.Reducer.countDistinct(), ee.Kernel.circle(10, "meters")).rename("n")
    assert pixels(engine, around.toInt())["n"][0].tolist() == [1, 1, 2, 2, 1, 1]


def test_a_class_with_fewer_pixels_than_asked_gives_them_all(engine):
    label = columns().gte(4).rename("label").clip(ee.Geometry.Rectangle(list(GRID.bounds), GRID.crs, False)).toInt()
    region = ee.Geometry.Rectangle(list(GRID.bounds), GRID.crs, False)
    drawn = engine.features(export.expression(label.stratifiedSample(
        numPoints=10, classBand="label", region=region, scale=10, projection=GRID.crs, seed=1, classValues=[0, 1],
        classPoints=[10, 10], dropNulls=True, geometries=False)))
    assert sorted(feature["properties"]["label"] for feature in drawn) == [0] * 10 + [1] * 8


def test_masked_pixels_arrive_as_zero(engine):
    found = pixels(engine, ee.Image.constant(7).rename("a").toByte().updateMask(columns().lt(2)))["a"]
    assert found[0].tolist() == [7, 7, 0, 0, 0, 0]


def test_a_graph_that_cannot_be_computed_is_refused(engine):
    with pytest.raises(EngineError):
        value(engine, ee.Image.constant(1).select("nothing").bandNames())


def test_cells_are_planar_rectangles(engine):
    from agrispec.grid import Cell
    cell = Cell.parse("E0045N0487")
    found = value(engine, sampling.region(cell).bounds().coordinates())
    west, south, east, north = cell.bounds
    assert np.allclose(np.min(found[0], axis=0), (west, south))
    assert np.allclose(np.max(found[0], axis=0), (east, north))
