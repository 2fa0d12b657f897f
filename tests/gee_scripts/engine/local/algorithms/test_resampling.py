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


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("zoom", range(0, 13, 2))
def test_a_scene_shows_on_tiles_of_maps_at_any_zoom(world: Any, zoom: int, mode: str) -> None:
    scene = Grid(crs=UTM, transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=10980, height=10980)
    world.images["scene"] = world.make({"a": np.broadcast_to(np.float32(7), scene.shape)}, grid=scene)
    half, side = 20037508.342789244, 2 * 20037508.342789244 / 2**zoom / 256
    tile_of = Grid(crs="EPSG:3857", transform=(side, 0.0, -half, 0.0, -side, half), width=2**30, height=2**30)
    row, column = (int((half + sign * place) // (256 * side)) * 256 for sign, place in ((-1, 6180000), (1, 415000)))
    tile = tile_of.window(row, column, 256, 256)
    found = world.pixels(ee.Image("scene").resample(mode), tile)["a"]
    nearest = world.pixels(ee.Image("scene"), tile)["a"]
    np.testing.assert_array_equal(found.mask, nearest.mask)
    np.testing.assert_allclose(found.compressed(), 7)
    assert (~found.mask).any() or zoom < 2
    # Far away, where the scene's projection has few coordinates or none.
    assert world.pixels(ee.Image("scene").resample(mode), tile_of.window(0, 0, 256, 256))["a"].count() == (
        found.count() if row == column == 0 else 0)


def test_coarse_pixels_lie_between_those_of_their_level(world: Any) -> None:
    fine = Grid(crs=UTM, transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=1024, height=1024)
    rows, columns = np.mgrid[:1024, :1024]
    plane = (columns * 2.0 + rows * 3.0).astype(np.float32)
    world.images["fine"] = world.make({"a": plane}, grid=fine)
    target = Grid(crs=UTM, transform=(50.0, 0.0, 501013.0, 0.0, -50.0, 5398977.0), width=60, height=70)
    x, y = (start + 50 * (np.arange(count) + 0.5) for start, count in ((1013, 60), (1023, 70)))
    for mode in ("bilinear", "bicubic"):
        found = world.pixels(ee.Image("fine").resample(mode), target)["a"]
        np.testing.assert_allclose(found, 2 * (x / 10 - 0.5) + 3 * (y / 10 - 0.5)[:, None], rtol=1e-5)
    beyond = world.pixels(ee.Image("fine").resample().unmask(5), fine.window(0, -5000, 20, 20))["a"]
    np.testing.assert_array_equal(beyond, 5)
    unmasked = ee.Image("fine").unmask(5).resample()
    np.testing.assert_array_equal(world.pixels(unmasked, target.window(0, -5000, 20, 20))["a"], 5)
