"""Composites, mosaics, stacks of bands and arrays against NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.raster import MASKED, read

SHAPE = (20, 24)
FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
STACKS = st.integers(1, 7).flatmap(lambda n: hnp.arrays(np.int16, (n, *SHAPE), elements=st.integers(0, 4)))


def collect(world: Any, stack: np.ndarray, nodata: float = 0) -> ee.ImageCollection:
    """Images of one band `x`, 0 masked."""
    world.add_collection("c", [world.make({"x": plane}, {"system:index": f"i{place}"}, nodata=nodata)
                               for place, plane in enumerate(stack)])
    return ee.ImageCollection("c")


@given(stack=STACKS, dtype=st.sampled_from([np.int16, np.float32, np.float64, np.int32]))
@FEW
def test_reductions_equal_numpys_masked_ones(world: Any, stack: np.ndarray, dtype: Any) -> None:
    images = collect(world, stack.astype(dtype))
    masked = np.ma.MaskedArray(stack.astype(np.float64), stack == 0)
    for name, expected in [("median", np.ma.median(masked, axis=0)), ("mean", masked.mean(axis=0)),
                           ("min", masked.min(axis=0)), ("max", masked.max(axis=0))]:
        found = world.pixels(getattr(images, name)())["x"]
        np.testing.assert_array_equal(found.mask, np.ma.getmaskarray(expected))
        np.testing.assert_allclose(found.compressed(), expected.compressed(), rtol=1e-6)
    for name, expected in [("count", masked.count(axis=0)), ("sum", masked.filled(0).sum(axis=0))]:
        found = world.pixels(getattr(images, name)())["x"]
        assert not found.mask.any()
        np.testing.assert_array_equal(found.data, expected)


@given(stack=STACKS)
@FEW
def test_reducers_name_their_outputs_and_equal_numpys(world: Any, stack: np.ndarray) -> None:
    reducer = (ee.Reducer.stdDev().combine(ee.Reducer.mode(), sharedInputs=True)
               .combine(ee.Reducer.countDistinct(), sharedInputs=True).combine(ee.Reducer.first(), sharedInputs=True)
               .combine(ee.Reducer.last(), sharedInputs=True).combine(ee.Reducer.percentile([50]), sharedInputs=True))
    found = world.pixels(collect(world, stack).reduce(reducer))
    assert list(found) == ["x_stdDev", "x_mode", "x_count", "x_first", "x_last", "x_p50"]
    for row, column in [(0, 0), (7, 11), (19, 23)]:
        seen = stack[:, row, column][stack[:, row, column] > 0]
        assert found["x_count"][row, column] == len(set(seen))
        if not len(seen):
            assert found["x_mode"].mask[row, column]
            continue
        values, counts = np.unique(seen, return_counts=True)
        assert counts[values == found["x_mode"][row, column]] == counts.max()
        assert found["x_first"][row, column] == seen[0]
        assert found["x_last"][row, column] == seen[-1]
        np.testing.assert_allclose(found["x_stdDev"][row, column], seen.std(), atol=1e-12)
        np.testing.assert_allclose(found["x_p50"][row, column], np.median(seen))


@given(stack=STACKS)
@FEW
def test_the_last_valid_image_is_on_top_of_a_mosaic(world: Any, stack: np.ndarray) -> None:
    found = world.pixels(collect(world, stack).mosaic())["x"]
    expected = np.zeros(SHAPE, int)
    for plane in stack:
        expected = np.where(plane > 0, plane, expected)
    np.testing.assert_array_equal(found.mask, expected == 0)
    np.testing.assert_array_equal(found.filled(0), expected)


def test_bands_are_matched_by_name_over_a_collection(world: Any) -> None:
    ones, twos = np.ones(SHAPE, np.int16), np.full(SHAPE, 2, np.int16)
    world.add_collection("c", [world.make({"a": ones, "b": twos}), world.make({"b": ones * 4, "a": ones * 3})])
    found = world.pixels(ee.ImageCollection("c").max())
    assert {name: int(band[0, 0]) for name, band in found.items()} == {"a": 3, "b": 4}


def test_the_median_of_nothing_has_no_bands_and_of_a_masked_image_masked_ones(world: Any) -> None:
    assert world.value(ee.ImageCollection([]).median()).bands == ()
    blank = ee.ImageCollection([ee.Image.constant([0, 0]).rename(["a", "b"]).updateMask(0)])
    image = world.value(blank.median())
    assert image.names == ["a", "b"]
    assert all(band.mask is MASKED for band in image.bands)
    assert (world.pixels(blank.count())["a"] == 0).all()


def test_a_masked_image_in_a_collection_is_not_read(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.images.loading import ArrayBand

    images = collect(world, np.ones((2, *SHAPE), np.int16))
    graph = images.merge(images.map(lambda image: image.updateMask(0))).median()
    read_bands = []
    compute = ArrayBand.compute
    monkeypatch.setattr(ArrayBand, "compute", lambda self, *rest: read_bands.append(1) or compute(self, *rest))
    world.pixels(graph)
    assert len(read_bands) == 2


def test_counting_reads_no_values(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.images.loading import ArrayBand

    world.add_collection("c", [world.make({"x": np.ones(SHAPE, np.int16), "cs": np.ones(SHAPE, np.float32)})])
    read_bands = []
    compute = ArrayBand.compute
    monkeypatch.setattr(ArrayBand, "compute",
                        lambda self, *rest: read_bands.append(self.values.dtype) or compute(self, *rest))
    graph = ee.ImageCollection("c").map(lambda image: image.updateMask(image.select("cs").gte(0.5))).select("x").count()
    assert (world.pixels(graph)["x"] == 1).all()
    assert read_bands == [np.float32]


def test_to_bands_names_bands_by_image_and_refuses_more_than_5000(world: Any) -> None:
    images = collect(world, np.arange(1, 4, dtype=np.int16)[:, None, None] * np.ones(SHAPE, np.int16))
    found = world.pixels(images.toBands())
    assert {name: int(band[0, 0]) for name, band in found.items()} == {"i0_x": 1, "i1_x": 2, "i2_x": 3}
    many = ee.ImageCollection.fromImages(ee.List.sequence(0, 2500).map(lambda i: ee.Image.constant([1, 2])))
    with pytest.raises(EngineError, match="Too many bands: 5002"):
        world.value(many.toBands())


@given(stack=st.integers(1, 4).flatmap(lambda n: hnp.arrays(np.int16, (n, 2, *SHAPE), elements=st.integers(0, 3))))
@FEW
def test_an_array_has_images_along_axis_0_bands_along_1_and_leaves_masked_images_out(
        world: Any, stack: np.ndarray) -> None:
    world.add_collection("c", [world.make({"a": planes[0], "b": planes[1]}, nodata=0) for planes in stack])
    image = world.value(ee.ImageCollection("c").toArray())
    assert image.names == ["array"]
    assert image.bands[0].type.dimensions == 2
    (values, mask), = read(image.bands, world.grid)
    for row, column in np.ndindex(*SHAPE):
        pixel = stack[:, :, row, column]
        kept = pixel[(pixel > 0).all(axis=1)]
        if len(kept):
            assert mask is None or mask[row, column]
            np.testing.assert_array_equal(values[row, column], kept)
        else:
            assert mask is not None
            assert not mask[row, column]


def test_arrays_of_images_without_masks_are_dense_and_give_their_elements(world: Any) -> None:
    images = collect(world, np.arange(1, 4, dtype=np.int16)[:, None, None] * np.ones(SHAPE, np.int16))
    array = images.map(lambda image: image.addBands(image.multiply(10))).toArray()
    (values, _), = read(world.value(array).bands, world.grid)
    assert values.shape == (*SHAPE, 3, 2)
    assert (world.pixels(array.arrayGet([2, 1]))["array"] == 30).all()
    assert world.pixels(array.arrayGet([3, 0]))["array"].mask.all()
    assert world.value(array.toFloat()).bands[0].type.dtype == np.float32


@pytest.mark.parametrize("shown", [(1, 1, 0), (0, 0, 0), (0, 1, 0)])
@pytest.mark.parametrize("varying", [False, True])
def test_images_masked_everywhere_are_left_out_of_arrays(world: Any, shown: tuple[int, ...], varying: bool) -> None:
    world.images["plane"] = world.make({"x": np.full(SHAPE, 2, np.int16), "y": np.full(SHAPE, 3, np.int16)})
    base = ee.Image("plane") if varying else ee.Image.constant([2, 3])
    array = ee.ImageCollection([base.multiply(place).updateMask(mask) for place, mask in enumerate(shown)]).toArray()
    expected = [[2 * place, 3 * place] for place, mask in enumerate(shown) if mask]
    (values, mask), = read(world.value(array).bands, world.grid)
    assert values.shape[:2] == SHAPE
    assert (mask is None or mask.all()) == bool(expected)
    assert [values[19, 23].tolist()] == [expected]
    point = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([500_055, 5_399_955], "EPSG:32631"), {})])
    rows = world.value(array.sampleRegions(point, scale=10, projection="EPSG:32631")).items
    assert [row.properties["array"].tolist() for row in rows] == ([expected] if expected else [])


def test_arrays_of_constants_under_a_mask_that_varies_are_read(world: Any) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 4] = 1
    world.images["mask"] = world.make({"m": mask})
    array = ee.ImageCollection([ee.Image(5), ee.Image(7).updateMask(ee.Image("mask"))]).toArray()
    (values, _), = read(world.value(array).bands, world.grid)
    assert values.shape == SHAPE
    assert values[3, 4].tolist() == [[5], [7]]
    assert values[0, 0].tolist() == [[5]]
    # Beyond the image that masks, where its mask is one number.
    (values, _), = read(world.value(array).bands, world.grid.window(1000, 1000, 6, 7))
    assert values.shape[:2] == (6, 7)
    assert np.asarray(values[5, 6]).tolist() == [[5]]


def test_a_composite_has_no_grid_of_its_own(world: Any) -> None:
    images = collect(world, np.ones((1, *SHAPE), np.int16))
    band, = world.value(images.median()).bands
    assert band.composite
    assert band.projection.crs == "EPSG:4326"
    assert not world.value(images.first()).bands[0].composite
    place = ee.Geometry.Point([500_055, 5_399_955], "EPSG:32631")
    point = ee.FeatureCollection([ee.Feature(place, {})])
    for graph in (images.median().sampleRegions(point), images.median().reduceRegions(point, ee.Reducer.mean()),
                  images.median().sampleRegions(point, projection="EPSG:32631"),
                  images.median().reduceRegion(ee.Reducer.mean(), place)):
        with pytest.raises(EngineError, match="only the default projection"):
            world.value(graph)
    assert len(world.value(images.median().sampleRegions(point, scale=10, projection="EPSG:32631")).items) == 1
