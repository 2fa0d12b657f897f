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
