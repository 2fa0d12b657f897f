"""Images interpolated on other grids than their own, against GDAL."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from rasterio.warp import Resampling

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection

UTM = "EPSG:32631"
OWN = Grid(crs=UTM, transform=(30.0, 0.0, 500010.0, 0.0, -30.0, 5399990.0), width=14, height=12)
FINE = Grid(crs=UTM, transform=(10.0, 0.0, 500100.0, 0.0, -10.0, 5399900.0), width=24, height=18)
DEGREES = Grid(crs="EPSG:4326", transform=(1e-4, 0.0, 3.0012, 0.0, -1e-4, 48.7525), width=20, height=16)


@pytest.mark.parametrize("target", [FINE, DEGREES])
@pytest.mark.parametrize(("mode", "how"), [("bilinear", Resampling.bilinear), ("bicubic", Resampling.cubic)])
def test_interpolated_pixels_are_those_of_gdal(world: Any, plane: np.ndarray, warped: Any, target: Grid, mode: str,
                                               how: Resampling) -> None:
    found = world.pixels(ee.Image("own").resample(mode), target)["a"]
    assert not found.mask.any()
    np.testing.assert_allclose(found, warped(plane, target, how), rtol=2e-4)


def test_on_its_own_grid_an_image_stays_as_it_is(world: Any, plane: np.ndarray) -> None:
    np.testing.assert_array_equal(world.pixels(ee.Image("own").resample(), OWN)["a"], plane)


def test_points_are_interpolated_as_rasters_are(world: Any, plane: np.ndarray) -> None:
    points = Points(Projection(UTM, FINE.transform), np.array([3, 9, 20]), np.array([4, 4, 11]))
    whole = world.pixels(ee.Image("own").resample("bicubic"), FINE)["a"]
    np.testing.assert_allclose(world.pixels(ee.Image("own").resample("bicubic"), points)["a"],
                               whole[points.rows, points.columns])


def test_masked_neighbours_do_not_count(world: Any, plane: np.ndarray, warped: Any) -> None:
    hidden = plane > 150
    image = ee.Image("own").updateMask(ee.Image("own").lte(150)).resample()
    found = world.pixels(image, FINE)["a"]
    nearest = world.pixels(ee.Image("own"), FINE)["a"]
    np.testing.assert_array_equal(found.mask, nearest > 150)
    expected = warped(np.where(hidden, np.nan, plane), FINE, Resampling.bilinear)
    np.testing.assert_allclose(found.compressed(), expected[~found.mask], rtol=2e-4)
    assert world.pixels(image, FINE.window(1000, 1000, 3, 3))["a"].mask.all()


def test_types_of_interpolated_bands_are_floats_and_composites_stay(world: Any) -> None:
    world.images["byte"] = world.make({"a": np.ones(OWN.shape, np.uint8)}, grid=OWN)
    assert world.value(ee.Image("byte").resample()).bands[0].type.dtype.kind == "f"
    assert world.value(ee.Image(5).resample()).bands[0].type.dtype == np.int32
    with pytest.raises(EngineError, match="'nearest' is no interpolation"):
        world.value(ee.Image("byte").resample("nearest"))
