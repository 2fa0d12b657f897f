"""Rules of images, masks, grids and reducers, each as the documentation words it or as we read it.

What is expected comes from the documentation named beside it. Where that is silent, a comment says "our reading":
these are the tests that a run with --live is most likely to refute.
"""

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts import export

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=6, height=4)
PROJECTION = (GRID.crs, list(GRID.transform))


@pytest.fixture
def value(engine):
    return lambda graph: engine.compute(export.expression(graph))


@pytest.fixture
def pixels(engine, loaded):
    return lambda image: loaded(engine.pixels(export.expression(image), GRID))


def columns():
    """0, 1, 2 ... from west to east, of type int."""
    return ee.Image.pixelCoordinates(ee.Projection(*PROJECTION)).select("x").floor().toInt()


def nothing():
    return ee.Image.constant(1).updateMask(0)


# -- masks: https://developers.google.com/earth-engine/apidocs/ee-image-mask

def test_a_mask_is_a_fraction_and_the_smaller_of_two_remains(pixels):
    one, other = ee.Image.constant(4).updateMask(0.5), ee.Image.constant(5).updateMask(0.25)
    assert np.unique(pixels(one.add(other).mask().rename("m"))["m"]).tolist() == [0.25]


def test_updating_a_mask_never_unmasks(pixels):
    again = columns().updateMask(columns().lt(3)).updateMask(1)
    assert pixels(again.unmask(-1).rename("a"))["a"][0].tolist() == [0, 1, 2, -1, -1, -1]


def test_what_replaces_keeps_the_mask_of_what_is_replaced(pixels):
    found = columns().updateMask(columns().neq(2)).where(columns().gt(1), 9).unmask(-1)
    assert pixels(found.rename("a"))["a"][0].tolist() == [0, 1, -1, 9, 9, 9]


def test_a_self_mask_hides_zeros(pixels):
    assert pixels(columns().mod(2).selfMask().unmask(-1).rename("a"))["a"][0].tolist() == [-1, 1, -1, 1, -1, 1]


# -- bands: https://developers.google.com/earth-engine/apidocs/ee-image-add

def bands(**values):
    return ee.Image.constant(list(values.values())).rename(list(values))


def test_bands_of_the_same_names_go_together_by_name(pixels):
    found = pixels(bands(a=1, b=2).add(bands(b=10, a=20)))
    assert (found["a"][0, 0], found["b"][0, 0]) == (21, 12)


def test_bands_of_other_names_go_together_in_order_under_the_first_names(pixels):
    found = pixels(bands(a=1, b=2).add(bands(c=10, d=20)))
    assert (found["a"][0, 0], found["b"][0, 0]) == (11, 22)


def test_one_band_goes_with_all(pixels):
    found = pixels(bands(a=1, b=2).multiply(bands(c=10)))
    assert (found["a"][0, 0], found["b"][0, 0]) == (10, 20)


def test_a_band_that_is_there_twice_is_numbered(value):
    assert value(bands(a=1).addBands(bands(a=2)).bandNames()) == ["a", "a_1"]


def test_images_of_a_collection_become_bands_by_their_index(value):
    named = ee.ImageCollection([bands(a=1), bands(a=2)]).toBands().bandNames()
    assert value(named) == ["0_a", "1_a"]


# -- types

@pytest.mark.parametrize(("name", "expected"), [("toByte", [0, 255, 3, 3]), ("toInt8", [-9, 127, 3, 3]),
                                                ("toUint16", [0, 300, 3, 3])])
def test_integers_cut_off_fractions_and_stay_within_their_limits(pixels, name, expected):
    given = ee.Image.constant([-9.5, 300, 3.2, 3.9]).rename(list("abcd"))
    found = pixels(getattr(given, name)())
    assert [int(found[band][0, 0]) for band in "abcd"] == expected


def test_small_integers_do_not_overflow_when_added(pixels):
    full = ee.Image.constant(255).toByte()
    assert pixels(full.add(full).rename("a"))["a"][0, 0] == 510


# -- grids: https://developers.google.com/earth-engine/guides/projections

def test_a_composite_has_pixels_of_one_degree(value):
    mosaic = ee.ImageCollection([columns(), columns()]).mosaic()
    assert value(mosaic.projection().crs()) == "EPSG:4326"
    assert value(mosaic.projection().nominalScale()) == pytest.approx(111319.49, abs=0.01)


def test_a_scale_in_metres_is_of_the_projection_asked_for(value):
    point = ee.Geometry.Point([GRID.transform[2] + 25, GRID.transform[5] - 5], GRID.crs)
    found = columns().reduceRegion(ee.Reducer.first(), point, scale=10, crs=GRID.crs)
    assert value(found) == {"x": 2}


# -- regions: https://developers.google.com/earth-engine/guides/reducers_weighting

def strip(west, east):
    """Columns `west` to `east` of the first row, fractions allowed."""
    left, top = GRID.transform[2], GRID.transform[5]
    return ee.Geometry.Rectangle([left + 10 * west, top - 10, left + 10 * east, top], GRID.crs, False)


def over(image, region, reducer):
    return image.reduceRegion(reducer, region, crs=GRID.crs, crsTransform=list(GRID.transform))


def test_a_pixel_that_is_half_inside_weighs_half(value):
    assert value(over(columns(), strip(1, 3.5), ee.Reducer.sum()))["x"] == pytest.approx(1 + 2 + 3 * 0.5, rel=0.01)
    assert value(over(columns(), strip(1, 3.5), ee.Reducer.mean()))["x"] == pytest.approx(4.5 / 2.5, rel=0.01)


def test_unweighted_reducers_take_pixels_whose_centre_is_inside(value):
    assert value(over(columns(), strip(1, 3.4), ee.Reducer.sum().unweighted()))["x"] == 3
    assert value(over(columns(), strip(1, 3.6), ee.Reducer.sum().unweighted()))["x"] == 6


def test_the_standard_deviation_is_of_the_population(value):
    for reducer, fewer in ((ee.Reducer.stdDev(), 0), (ee.Reducer.sampleStdDev(), 1)):
        assert value(over(columns(), strip(0, 6), reducer))["x"] == pytest.approx(np.std(range(6), ddof=fewer))


def test_statistics_of_nothing(value):
    reducer = ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True)
    assert value(over(columns().updateMask(0), strip(0, 6), reducer)) == {"x_mean": None, "x_count": 0}


def test_outputs_are_named_by_band_and_reducer(value):
    image, both = bands(a=1, b=2), ee.Reducer.mean().combine(ee.Reducer.minMax(), sharedInputs=True)
    assert sorted(value(over(image, strip(0, 1), both))) == sorted(
        f"{band}_{name}" for band in "ab" for name in ("mean", "min", "max"))
    assert value(image.reduce(ee.Reducer.sum()).bandNames()) == ["sum"]
    assert value(ee.ImageCollection([image]).reduce(ee.Reducer.max()).bandNames()) == ["a_max", "b_max"]


def test_groups_are_listed_with_their_key(value):
    halves = columns().addBands(columns().gte(3).rename("g"))
    found = value(over(halves, strip(0, 6), ee.Reducer.sum().group(1, "half")))
    assert found == {"groups": [{"half": 0, "sum": 3}, {"half": 1, "sum": 12}]}


# -- reductions of collections

def test_a_mosaic_shows_the_last_valid_image(pixels):
    first, last = ee.Image.constant(1), ee.Image.constant(2).updateMask(columns().lt(2))
    assert pixels(ee.ImageCollection([first, last]).mosaic().rename("a"))["a"][0].tolist() == [2, 2, 1, 1, 1, 1]


def test_a_mean_of_nothing_is_masked_and_a_count_is_zero(pixels):
    # Our reading: the count of nothing is valid, and so is the sum.
    images = ee.ImageCollection([nothing(), nothing()])
    assert (pixels(images.mean().unmask(-1).rename("a"))["a"] == -1).all()
    assert (pixels(images.count().unmask(-1).rename("a"))["a"] == 0).all()
    assert (pixels(images.sum().unmask(-1).rename("a"))["a"] == 0).all()


def test_a_linear_fit_gives_scale_and_offset(value):
    pairs = ee.ImageCollection([ee.Image.constant([x, 3 * x + 2]).rename(["x", "y"]).toDouble() for x in range(5)])
    fit = pairs.reduce(ee.Reducer.linearFit())
    found = value(over(fit, strip(0, 1), ee.Reducer.first()))
    assert (found["scale"], found["offset"]) == (pytest.approx(3), pytest.approx(2))


# -- collections, filters and joins

def features(*days):
    return ee.FeatureCollection([ee.Feature(None, {"day": day, "name": f"n{day}"}) for day in days])


def test_a_join_saves_the_first_match_and_drops_what_has_none(value):
    joined = ee.Join.saveFirst("match").apply(features(1, 2, 3), features(2, 3, 4),
                                              ee.Filter.equals(leftField="day", rightField="day"))
    assert value(ee.FeatureCollection(joined).aggregate_array("day")) == [2, 3]


def test_merged_collections_number_their_elements(value):
    merged = features(1).merge(features(2))
    assert value(merged.aggregate_array("system:index")) == ["1_0", "2_0"]


def test_what_lacks_a_property_passes_no_comparison(value):
    table = ee.FeatureCollection([ee.Feature(None, {"a": 1}), ee.Feature(None, {})])
    assert value(table.filter(ee.Filter.lt("a", 5)).size()) == 1
    assert value(table.filter(ee.Filter.lt("a", 5).Not()).size()) == 1


def test_a_scene_without_a_match_is_linked_to_masked_bands(pixels):
    scene = ee.Image.constant(1).rename("a").set("system:index", "x")
    others = ee.ImageCollection([ee.Image.constant(2).rename("b").set("system:index", "y")])
    linked = scene.linkCollection(others, ["b"], matchPropertyName="system:index")
    assert (pixels(linked.select("b").unmask(-1))["b"] == -1).all()


# -- values

@pytest.mark.parametrize(("graph", "expected"), [
    (lambda: ee.Number(7).divide(2), 3.5), (lambda: ee.Number(7).mod(4), 3),
    (lambda: ee.Number(1.5).format("%05.2f"), "01.50"),
    (lambda: ee.List([3, 1, 2]).sort(), [1, 2, 3]), (lambda: ee.List.sequence(0, 1, 0.5), [0, 0.5, 1]),
    (lambda: ee.List([1, None, 3]).reduce(ee.Reducer.count()), 2),
    (lambda: ee.Dictionary({"a": 1}).combine({"a": 2, "b": 3}), {"a": 2, "b": 3}),
    (lambda: ee.Date("2024-02-29").advance(1, "year").format("YYYY-MM-dd"), "2025-02-28"),
    (lambda: ee.Date("2024-01-01").difference(ee.Date("2023-01-01"), "day"), 365),
    (lambda: ee.Array([[1, 2], [3, 4]]).matrixMultiply(ee.Array([[1], [1]])), [[3], [7]]),
    (lambda: ee.String("a-b").replace("-", "_"), "a_b"), (lambda: ee.Algorithms.If(0, 1, 2), 2)])
def test_values(value, graph, expected):
    assert value(graph()) == expected


def test_what_does_not_exist_is_refused(value):
    with pytest.raises(EngineError):
        value(bands(a=1).select("b").bandNames())
