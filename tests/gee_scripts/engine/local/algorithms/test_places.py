"""Images made from where their pixels are, and projections as texts."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from pyproj import CRS, Geod, Transformer
from scipy import stats

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.domains import Points, Projection

GRIDS = [
    Grid(crs="EPSG:32631", transform=(10.0, 0.0, 700000.0, 0.0, -10.0, 5400000.0), width=5, height=4),
    Grid(crs="EPSG:4326", transform=(0.25, 0.0, -70.0, 0.0, -0.25, 61.0), width=6, height=5),
    Grid(crs="EPSG:3857", transform=(500.0, 0.0, 20037000.0, 0.0, -500.0, -8000000.0), width=3, height=3),
]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_area_of_a_pixel_is_that_of_its_outline_on_the_ellipsoid(world: Any, grid: Grid) -> None:
    found = world.pixels(ee.Image.pixelArea(), grid)["area"]
    change = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    a, _, c, _, e, f = grid.transform
    side = np.linspace(0, 1, 65)
    for row in range(grid.height):
        for column in range(grid.width):
            # Geodesics bend away from the edges of a pixel: many short ones do not.
            x = np.concatenate([column + side, np.ones(65) * column + 1, column + 1 - side, np.ones(65) * column])
            y = np.concatenate([np.ones(65) * row, row + side, np.ones(65) * row + 1, row + 1 - side])
            outline = change.transform(a * x + c, e * y + f)
            area = abs(Geod(ellps="WGS84").polygon_area_perimeter(*outline)[0])
            assert found[row, column] == pytest.approx(area, rel=1e-5)


def test_points_have_the_area_of_their_pixels(world: Any) -> None:
    grid = GRIDS[1]
    points = Points(Projection(grid.crs, grid.transform), np.array([1, 4]), np.array([0, 3]))
    np.testing.assert_allclose(world.pixels(ee.Image.pixelArea(), points)["area"],
                               world.pixels(ee.Image.pixelArea(), grid)["area"][points.rows, points.columns])


WIDE = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500003.3, 0.0, -10.0, 5400007.7), width=120, height=100)


@pytest.mark.parametrize(("distribution", "cdf"), [("uniform", stats.uniform.cdf), ("normal", stats.norm.cdf)])
def test_random_numbers_are_of_their_distribution(world: Any, distribution: str, cdf: Any) -> None:
    found = np.asarray(world.pixels(ee.Image.random(7, distribution), WIDE)["random"])
    assert stats.kstest(found.ravel(), cdf).pvalue > 0.001
    assert abs(np.corrcoef(found[:, 1:].ravel(), found[:, :-1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(found[1:].ravel(), found[:-1].ravel())[0, 1]) < 0.03
    other = np.asarray(world.pixels(ee.Image.random(8, distribution), WIDE)["random"])
    assert abs(np.corrcoef(found.ravel(), other.ravel())[0, 1]) < 0.03


def test_a_pixel_has_one_random_number_however_it_is_read(world: Any) -> None:
    whole = world.pixels(ee.Image.random(), WIDE)["random"]
    assert ((whole >= 0) & (whole < 1)).all()
    np.testing.assert_array_equal(world.pixels(ee.Image.random(0), WIDE.window(33, 17, 20, 30))["random"],
                                  whole[33:53, 17:47])
    points = Points(Projection(WIDE.crs, WIDE.transform), np.array([5, 99]), np.array([70, 2]))
    np.testing.assert_array_equal(world.pixels(ee.Image.random(), points)["random"], whole[points.rows, points.columns])
    with pytest.raises(EngineError, match="no distribution"):
        world.value(ee.Image.random(0, "cauchy"))


@pytest.mark.parametrize("code", ["EPSG:32631", "EPSG:4326", "EPSG:3035"])
def test_the_text_of_a_projection_is_the_same_crs(world: Any, code: str) -> None:
    text = world.value(ee.Projection(code).wkt())
    assert text.startswith(("PROJCS[", "GEOGCS["))
    number = code.removeprefix("EPSG:")
    assert text.endswith(f'AUTHORITY["EPSG","{number}"]]')
    there = Transformer.from_crs("EPSG:4326", CRS.from_wkt(text), always_xy=True).transform(5, 50)
    assert there == pytest.approx(Transformer.from_crs("EPSG:4326", code, always_xy=True).transform(5, 50))
