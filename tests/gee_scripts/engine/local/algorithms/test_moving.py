"""Images moved, against NumPy and GDAL."""

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
DEGREES = Grid(crs="EPSG:4326", transform=(1e-4, 0.0, 3.0012, 0.0, -1e-4, 48.7525), width=20, height=16)


def test_translated_pixels_lie_where_they_were_moved_to(world: Any, plane: np.ndarray, warped: Any) -> None:
    moved = ee.Image("own").translate(60, 90)
    shifted = Grid(crs=UTM, transform=(30.0, 0.0, 500070.0, 0.0, -30.0, 5400080.0), width=14, height=12)
    np.testing.assert_array_equal(world.pixels(moved, shifted)["a"], plane)
    assert world.info(moved.projection())["transform"] == list(shifted.transform)
    found = world.pixels(moved, OWN)["a"]
    np.testing.assert_array_equal(found[:9, 2:], plane[3:, :12])
    assert found.mask[9:].all()
    assert found.mask[:, :2].all()
    by_pixels = world.pixels(ee.Image("own").translate(2, -3, "pixels"), OWN)["a"]
    np.testing.assert_array_equal(by_pixels.filled(0), found.filled(0))
    in_degrees = world.pixels(ee.Image("own").translate(60, 90), DEGREES)["a"]
    expected = warped(plane, DEGREES, Resampling.nearest, shifted)
    np.testing.assert_array_equal(in_degrees.filled(np.nan), expected)
    with pytest.raises(EngineError, match="'feet' is no unit"):
        world.value(ee.Image("own").translate(1, 1, "feet"))


def test_a_changed_projection_shows_the_same_pixels_elsewhere(world: Any, plane: np.ndarray) -> None:
    target = Grid(crs="EPSG:32633", transform=(20.0, 0.0, 400000.0, 0.0, -20.0, 5000000.0), width=14, height=12)
    moved = ee.Image("own").changeProj(ee.Projection(UTM, list(OWN.transform)),
                                       ee.Projection(target.crs, list(target.transform)))
    np.testing.assert_array_equal(world.pixels(moved, target)["a"], plane)
    assert world.info(moved.projection()) == {"type": "Projection", "crs": target.crs,
                                              "transform": list(target.transform)}
    assert world.pixels(moved, OWN)["a"].mask.all()
    bounds = world.value(moved.geometry()).to(target.crs).bounds
    np.testing.assert_allclose(bounds, target.bounds)


def test_moved_images_are_the_same_at_points(world: Any, plane: np.ndarray) -> None:
    moved = ee.Image("own").translate(60, 90)
    points = Points(Projection(UTM, OWN.transform), np.array([2, 7, 13]), np.array([0, 5, 8]))
    np.testing.assert_array_equal(world.pixels(moved, points)["a"], plane[points.rows + 3, points.columns - 2])
