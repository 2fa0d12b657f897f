"""Pixels of regions."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.frame import region_pixels
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.raster import GO_ON


@pytest.mark.parametrize("transform", [(10.0, 0.0, 5e5, 0.0, -10.0, 54e5), (10.0, 3.0, 5e5, 2.0, -10.0, 54e5)])
@given(x=st.one_of(st.floats(4e5, 6e5), st.integers(40_000, 60_000).map(lambda n: 10.0 * n)),
       y=st.one_of(st.floats(53e5, 55e5), st.integers(530_000, 550_000).map(lambda n: 10.0 * n)))
def test_a_point_has_the_pixel_of_a_multipoint_of_it(transform: tuple[float, ...], x: float, y: float) -> None:
    projection = Projection("EPSG:32631", transform)  # type: ignore[arg-type]
    one = region_pixels(Geometry(shapely.Point(x, y), "EPSG:32631"), projection)
    other = region_pixels(Geometry(shapely.MultiPoint([(x, y)]), "EPSG:32631"), projection)
    for name in ("columns", "rows", "weights", "central"):
        assert getattr(one, name).dtype == getattr(other, name).dtype
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("shape", [
    shapely.LineString([(5.0, 3.0), (700.3, 410.2)]).buffer(3), shapely.Point(300, 200).buffer(190).difference(
        shapely.Point(300, 200).buffer(60)), shapely.Polygon([(0, 0), (400, 300), (400, 0), (0, 300)])],
    ids=["thin", "ring", "crossing itself"])
def test_regions_of_many_parts_have_the_pixels_of_their_whole_in_rows(shape: shapely.Geometry) -> None:
    found = region_pixels(Geometry(shape, "EPSG:32631"), Projection("EPSG:32631"))
    valid = shapely.make_valid(shape)
    rows, columns = np.divmod(np.arange(420 * 720), 720)
    shares = np.zeros(len(rows))
    near = shapely.distance(valid, shapely.points(columns + 0.5, rows + 0.5)) < 1
    shares[near] = shapely.area(shapely.intersection(
        valid, shapely.box(columns[near], rows[near], columns[near] + 1, rows[near] + 1)))
    kept = shares >= 1 / 256
    np.testing.assert_array_equal(found.rows[found.weights > 1 / 256], rows[shares >= 2 / 256 - 1e-6])
    np.testing.assert_array_equal(found.columns[found.weights > 1 / 256], columns[shares >= 2 / 256 - 1e-6])
    assert found.weights.sum() == pytest.approx(valid.area, abs=kept.sum() / 256)
    central = shapely.contains_xy(valid, found.columns + 0.5, found.rows + 0.5)
    np.testing.assert_array_equal(found.central, central)
    assert np.all(np.diff(found.rows * 1000 + found.columns) > 0)


def test_the_pixels_of_a_region_are_given_up_when_the_request_ends() -> None:
    class Ended(Exception):
        pass

    def stop() -> None:
        raise Ended

    before = GO_ON.set(stop)
    try:
        with pytest.raises(Ended):
            region_pixels(Geometry(shapely.box(0, 0, 5000, 5000), "EPSG:32631"), Projection("EPSG:32631"))
    finally:
        GO_ON.reset(before)
