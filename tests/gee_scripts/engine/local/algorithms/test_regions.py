"""Statistics of regions and samples against shapely and NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from agrispec.errors import EngineError

SHAPE = (20, 24)
RNG = np.random.default_rng(6)
VALUES = RNG.integers(1, 100, SHAPE).astype(np.int16)
VALUES[3:5, 4:9] = 0
FIELD = shapely.Polygon([(500_023, 5_399_981), (500_187, 5_399_955), (500_141, 5_399_834), (500_038, 5_399_846)])
FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)


def image(world: Any) -> ee.Image:
    world.images["v"] = world.make({"x": VALUES, "y": VALUES * 2}, {"system:index": "v"}, nodata=0)
    return ee.Image("v")


def polygon(shape: shapely.Polygon, **properties: Any) -> ee.Feature:
    return ee.Feature(ee.Geometry.Polygon([[list(xy) for xy in shape.exterior.coords]], "EPSG:32631"), properties)


def shares(shape: shapely.Polygon) -> np.ndarray:
    """Share of each pixel in a shape, in steps of 1/256."""
    rows, columns = np.mgrid[0:20, 0:24]
    left, top = 500_000 + columns * 10, 5_400_000 - rows * 10
    boxes = shapely.box(left, top - 10, left + 10, top)
    return np.floor(shapely.area(shapely.intersection(shape, boxes)) / 100 * 256 + 1e-6) / 256


def test_weighted_statistics_use_shares_of_pixels_and_unweighted_ones_their_centres(world: Any) -> None:
    reducer = (ee.Reducer.mean().combine(ee.Reducer.stdDev(), sharedInputs=True)
               .combine(ee.Reducer.sum(), sharedInputs=True).combine(ee.Reducer.count(), sharedInputs=True)
               .combine(ee.Reducer.max(), sharedInputs=True))
    feature, = world.value(image(world).reduceRegions(ee.FeatureCollection([polygon(FIELD, name="f")]), reducer,
                                                      scale=10, crs="EPSG:32631")).items
    weights = np.where(VALUES > 0, shares(FIELD), 0)
    mean = np.average(VALUES, weights=weights)
    rows, columns = np.mgrid[0:20, 0:24]
    central = shapely.contains_xy(FIELD, 500_005 + columns * 10, 5_399_995 - rows * 10) & (VALUES > 0)
    found = feature.properties
    assert found["name"] == "f"
    np.testing.assert_allclose(found["x_mean"], mean)
    np.testing.assert_allclose(found["x_stdDev"], np.sqrt(np.average((VALUES - mean) ** 2, weights=weights)))
    np.testing.assert_allclose(found["y_sum"], (VALUES * 2 * weights).sum())
    assert found["x_count"] == central.sum()
    assert found["x_max"] == VALUES[central].max()


def test_outputs_are_named_by_bands_and_reducers(world: Any) -> None:
    two, region = image(world), polygon(FIELD).geometry()
    both = ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True)
    one = two.select("x")
    fields = ee.FeatureCollection([polygon(FIELD)])

    def names(graph: ee.FeatureCollection) -> list[str]:
        return sorted(name for name in world.value(graph).items[0].properties if name != "system:index")

    assert names(two.reduceRegions(fields, ee.Reducer.mean(), 10)) == ["x", "y"]
    assert names(one.reduceRegions(fields, ee.Reducer.mean(), 10)) == ["mean"]
    assert names(two.reduceRegions(fields, both, 10)) == ["x_count", "x_mean", "y_count", "y_mean"]
    assert sorted(world.value(two.reduceRegion(ee.Reducer.mean(), region, 10))) == ["x", "y"]
    assert sorted(world.value(one.reduceRegion(both, region, 10))) == ["x_count", "x_mean"]


def test_a_region_without_valid_pixels_has_null_statistics(world: Any) -> None:
    apart = shapely.box(600_000, 5_300_000, 600_050, 5_300_050)
    fields = ee.FeatureCollection([polygon(apart)])
    feature, = world.value(image(world).reduceRegions(fields, ee.Reducer.mean(), 10)).items
    assert "x" not in feature.properties
    assert world.value(image(world).reduceRegion(ee.Reducer.count(), polygon(apart).geometry(), 10)) == {"x": 0, "y": 0}


def test_arrays_of_a_region_are_picked_or_refused_by_name(world: Any) -> None:
    array = ee.Image.constant([1, 2]).toArray()
    place = ee.Geometry.Point([500_055, 5_399_955], "EPSG:32631")
    for reducer, expected in [(ee.Reducer.first(), [1, 2]), (ee.Reducer.last(), [1, 2]), (ee.Reducer.count(), 1),
                              (ee.Reducer.toList(), [[1, 2]])]:
        assert world.info(array.reduceRegion(reducer, place, 10, "EPSG:32631")) == {"array": expected}
    for reducer in (ee.Reducer.mean(), ee.Reducer.sum(), ee.Reducer.mode(), ee.Reducer.countDistinct(),
                    ee.Reducer.frequencyHistogram(), ee.Reducer.percentile([50])):
        with pytest.raises(EngineError, match=r"Reducer\.\w+ takes numbers, not arrays"):
            world.value(array.reduceRegion(reducer, place, 10, "EPSG:32631"))


def test_too_many_pixels_are_refused_and_best_effort_coarsens(world: Any) -> None:
    region = polygon(FIELD).geometry()
    with pytest.raises(EngineError, match="Too many pixels in the region"):
        world.value(image(world).reduceRegion(ee.Reducer.mean(), region, 1, maxPixels=100))
    found = world.value(image(world).reduceRegion(ee.Reducer.count(), region, 1, maxPixels=100, bestEffort=True))
    assert 0 < found["x"] <= 100


def test_histograms_and_modes_of_regions(world: Any) -> None:
    classes = (VALUES % 3).astype(np.uint8)
    world.images["c"] = world.make({"x": classes})
    whole = shapely.box(500_000, 5_399_800, 500_240, 5_400_000)
    reducer = (ee.Reducer.frequencyHistogram().combine(ee.Reducer.mode(), sharedInputs=True)
               .combine(ee.Reducer.median(), sharedInputs=True))
    found = world.value(ee.Image("c").reduceRegion(reducer, polygon(whole).geometry(), 10))
    counts = np.bincount(classes.ravel())
    assert found["x_histogram"] == {str(number): count for number, count in enumerate(counts)}
    assert found["x_mode"] == counts.argmax()
    assert found["x_median"] == np.median(classes)


def test_a_point_samples_the_pixel_that_holds_it_and_masked_ones_are_left_out(world: Any) -> None:
    places = [(500_000 + 10 * column + RNG.uniform(0.01, 9.99), 5_400_000 - 10 * row - RNG.uniform(0.01, 9.99))
              for row, column in np.ndindex(*SHAPE)]
    lon, lat = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True).transform(*zip(*places, strict=True))
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([x, y]), {"n": number, "other": 1})
                                   for number, (x, y) in enumerate(zip(lon, lat, strict=True))])
    features = world.value(image(world).sampleRegions(points, ["n"], 10, "EPSG:32631", geometries=True)).items
    assert [f.properties["n"] for f in features] == np.flatnonzero(VALUES > 0).tolist()
    assert [f.properties["x"] for f in features] == VALUES[VALUES > 0].tolist()
    assert all(set(f.properties) == {"n", "x", "y", "system:index"} for f in features)
    centre = features[-1].geometry.to("EPSG:32631")
    np.testing.assert_allclose([centre.x, centre.y], [500_235, 5_399_805], atol=1e-4)


def test_an_area_samples_every_pixel_whose_centre_it_holds(world: Any) -> None:
    features = world.value(image(world).sampleRegions(ee.FeatureCollection([polygon(FIELD, k="v")]), None, 10)).items
    rows, columns = np.mgrid[0:20, 0:24]
    central = shapely.contains_xy(FIELD, 500_005 + columns * 10, 5_399_995 - rows * 10) & (VALUES > 0)
    assert sorted(f.properties["x"] for f in features) == sorted(VALUES[central].tolist())
    assert all(f.properties["k"] == "v" for f in features)
    assert len({f.properties["system:index"] for f in features}) == len(features)


@given(seed=st.integers(-5, 2**40), asked=st.integers(0, 40))
@FEW
def test_a_stratified_sample_has_as_many_of_each_class_as_asked_or_all(world: Any, seed: int, asked: int) -> None:
    classes = (VALUES % 4).astype(np.int16) - 1
    world.images["c"] = world.make({"class": classes, "x": VALUES}, nodata=None)
    masked = ee.Image("c").updateMask(ee.Image("c").select("x").gt(0))
    whole = ee.Geometry.Rectangle([500_000, 5_399_800, 500_240, 5_400_000], "EPSG:32631", False)
    features = world.value(masked.stratifiedSample(asked, "class", whole, 10, seed=seed % 2**31, classValues=[2],
                                                   classPoints=[3])).items
    found = np.array([f.properties["class"] for f in features])
    for number in range(-1, 3):
        there = int(((classes == number) & (VALUES > 0)).sum())
        assert (found == number).sum() == min(3 if number == 2 else asked, there)
    assert len({(f.properties["class"], f.properties["x"]) for f in features}) <= len(features)


def test_a_draw_depends_on_the_seed_and_its_own_class_alone(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.algorithms import sampling

    world.images["c"] = world.make({"class": (VALUES % 4).astype(np.uint8), "x": VALUES})
    whole = ee.Geometry.Rectangle([500_000, 5_399_800, 500_240, 5_400_000], "EPSG:32631", False)

    def drawn(image: ee.Image) -> list[Any]:
        return [f.properties["x"] for f in world.value(image.stratifiedSample(
            5, "class", whole, 10, seed=1)).items if f.properties["class"] == 2]

    first = drawn(ee.Image("c"))
    assert drawn(ee.Image("c").updateMask(ee.Image("c").select("class").gte(2))) == first
    monkeypatch.setattr(sampling, "TILE", 7)
    assert drawn(ee.Image("c")) == first


def test_classes_that_are_no_integers_are_refused(world: Any) -> None:
    world.images["c"] = world.make({"class": VALUES / np.float32(3)})
    with pytest.raises(EngineError, match="not integers"):
        world.value(ee.Image("c").stratifiedSample(5, "class", scale=10))


def test_sample_takes_all_pixels_or_a_share_of_them(world: Any) -> None:
    assert len(world.value(image(world).sample(scale=10)).items) == (VALUES > 0).sum()
    assert len(world.value(image(world).sample(scale=10, numPixels=17)).items) == 17
    assert len(world.value(image(world).sample(scale=10, factor=0.5)).items) == round((VALUES > 0).sum() * 0.5)
