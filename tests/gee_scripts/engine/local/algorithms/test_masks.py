"""Masks: what is known to be invalid stays so, what is shared is computed once."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import centres
from gee_scripts.engine.local.rasters.raster import MASKED, VALID

SHAPE = (20, 24)
GRIDS = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 2))
FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)


def load(world: Any, name: str, plane: np.ndarray, **options: Any) -> ee.Image:
    world.images[name] = world.make({"x": plane}, **options)
    return ee.Image(name)


@given(first=GRIDS, second=GRIDS)
@FEW
def test_two_images_are_valid_together_where_both_are(world: Any, first: np.ndarray, second: np.ndarray) -> None:
    one, other = load(world, "one", first, nodata=0), load(world, "two", second, nodata=0)
    found = world.pixels(one.add(other))["x"]
    np.testing.assert_array_equal(found.mask, (first == 0) | (second == 0))


@given(plane=GRIDS, mask=GRIDS)
@FEW
def test_update_mask_never_unmasks(world: Any, plane: np.ndarray, mask: np.ndarray) -> None:
    one, other = load(world, "one", plane, nodata=0), load(world, "two", mask, nodata=2)
    found = world.pixels(one.updateMask(other))["x"]
    np.testing.assert_array_equal(found.mask, (plane == 0) | (mask == 0) | (mask == 2))
    np.testing.assert_array_equal(found.compressed(), plane[~found.mask])


def test_masks_between_0_and_1_are_kept_and_the_smaller_one_wins(world: Any) -> None:
    from gee_scripts.engine.local.rasters.raster import read

    image = ee.Image(7).updateMask(0.5).add(ee.Image(1).updateMask(0.25))
    (values, mask), = read(world.value(image).bands, world.grid)
    assert mask is not None
    assert (mask == np.float32(0.25)).all()
    assert (world.pixels(image.mask())["constant"] == np.float32(0.25)).all()
    assert (values == 8).all()


@given(plane=GRIDS)
@FEW
def test_unmask_fills_masked_pixels_and_no_others(world: Any, plane: np.ndarray) -> None:
    found = world.pixels(load(world, "one", plane, nodata=0).unmask(-9999, False))["x"]
    assert not found.mask.any()
    np.testing.assert_array_equal(found.data, np.where(plane == 0, -9999, plane.astype(np.int64)))


def test_unmask_stays_within_the_footprint_unless_told_otherwise(world: Any) -> None:
    image = load(world, "one", np.zeros(SHAPE, np.uint8), nodata=0)
    around = world.grid.window(-3, -3, 30, 30)
    inside = np.zeros((30, 30), bool)
    inside[3:23, 3:27] = True
    np.testing.assert_array_equal(world.pixels(image.unmask(5), around)["x"].mask, ~inside)
    assert not world.pixels(image.unmask(5, False), around)["x"].mask.any()
    assert not world.pixels(ee.ImageCollection([image]).mosaic().unmask(5, False), around)["x"].mask.any()
    np.testing.assert_array_equal(world.pixels(ee.ImageCollection([image]).mosaic().unmask(5), around)["x"].mask,
                                  ~inside)


def test_unmask_keeps_the_type_where_it_holds_the_value(world: Any) -> None:
    world.images["one"] = world.make({"x": np.zeros(SHAPE, np.float32)}, nodata=0)
    world.images["two"] = world.make({"x": np.zeros(SHAPE, np.uint8)}, nodata=0)
    assert world.value(ee.Image("one").unmask(-9999.0)).bands[0].type.dtype == np.float32
    assert world.value(ee.Image("two").unmask(3)).bands[0].type.dtype == np.uint8
    assert (world.pixels(ee.Image("two").unmask(-1))["x"] == -1).all()


def test_the_bands_of_a_scene_share_one_mask(world: Any) -> None:
    world.images["one"] = world.make({"a": np.ones(SHAPE, np.uint8), "b": np.ones(SHAPE, np.uint8)})
    world.images["two"] = world.make({"cs": np.ones(SHAPE, np.float32)})
    image = world.value(ee.Image("one").updateMask(ee.Image("two").gte(0.75)).divide(3).float().unmask(1, False))
    assert image.bands[0].mask is image.bands[1].mask


def test_constant_masks_are_known_without_pixels(world: Any) -> None:
    world.images["one"] = world.make({"a": np.ones(SHAPE, np.uint8)})
    assert world.value(ee.Image("one").updateMask(0)).bands[0].mask is MASKED
    assert world.value(ee.Image(3).updateMask(1)).bands[0].mask is VALID
    assert world.value(ee.Image(3).selfMask().add(0)).bands[0].mask is VALID


def test_clip_masks_pixels_whose_centre_is_outside(world: Any) -> None:
    shape = shapely.Polygon([(500_031, 5_399_990), (500_180, 5_399_870), (500_020, 5_399_830)])
    image = load(world, "one", np.ones(SHAPE, np.uint8))
    found = world.pixels(image.clip(ee.Geometry.Polygon([list(map(list, shape.exterior.coords))], "EPSG:32631")))["x"]
    np.testing.assert_array_equal(found.mask, ~shapely.contains_xy(shape, *centres(world.grid)))
    assert 0 < found.mask.sum() < found.mask.size


@given(plane=GRIDS, test=GRIDS, value=GRIDS)
@FEW
def test_where_replaces_valid_pixels_by_valid_values_where_the_test_holds(
        world: Any, plane: np.ndarray, test: np.ndarray, value: np.ndarray) -> None:
    one, two, three = (load(world, name, grid, nodata=2) for name, grid in
                       [("one", plane), ("two", test), ("three", value)])
    found = world.pixels(one.where(two, three))["x"]
    np.testing.assert_array_equal(found.mask, plane == 2)
    expected = np.where((test == 1) & (value != 2), value, plane)
    np.testing.assert_array_equal(found.compressed(), expected[plane != 2])


def test_a_mask_of_another_number_of_bands_is_refused(world: Any) -> None:
    with pytest.raises(EngineError, match=r"Image\.updateMask: The mask image must have one band"):
        world.value(ee.Image([1, 2, 3]).updateMask(ee.Image([1, 0])))
