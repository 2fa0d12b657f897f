"""Reading: what is under a domain, once, and no more than is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.images.loading import ArrayBand, asset_bands
from gee_scripts.engine.local.rasters.domains import Points, Projection, centres, transformer
from gee_scripts.engine.local.rasters.raster import (
    MASKED,
    VALID,
    Apply,
    Band,
    Constant,
    Node,
    PixelType,
    arrays,
    both,
    choose,
    read,
    read_masks,
)

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=13, height=11)
PLANE = np.arange(11 * 13, dtype=np.int16).reshape(11, 13)


def bands(plane: np.ndarray = PLANE, nodata: float | None = None) -> tuple[Band, ...]:
    return asset_bands([("b", plane.dtype)], lambda number: ArrayBand(values=plane, grid=GRID), GRID, nodata)


@given(row=st.integers(-15, 15), column=st.integers(-15, 15), height=st.integers(1, 20), width=st.integers(1, 20))
def test_an_aligned_window_is_a_slice_and_masked_off_the_image(row: int, column: int, height: int, width: int) -> None:
    (values, mask), = read(bands(), GRID.window(row, column, height, width))
    rows, columns = np.mgrid[row:row + height, column:column + width]
    on = (rows >= 0) & (rows < 11) & (columns >= 0) & (columns < 13)
    np.testing.assert_array_equal(on if mask is None else mask, on) if mask is not None else on.all()
    np.testing.assert_array_equal(values[on], PLANE[rows[on], columns[on]])
    assert values.shape == (height, width)
    assert values.dtype == np.int16


@given(dx=st.floats(-60, 60), dy=st.floats(-60, 60), scale=st.sampled_from([3.0, 10.0, 17.0]))
def test_a_grid_that_is_not_aligned_takes_the_pixel_under_each_centre(dx: float, dy: float, scale: float) -> None:
    domain = Grid(crs="EPSG:32631", transform=(scale, 0.0, 500000 + dx, 0.0, -scale, 5400000 + dy), width=9, height=7)
    (values, mask), = read(bands(), domain)
    x, y = centres(domain)
    columns, rows = np.floor((x - 500000) / 10 + 1e-6).astype(int), np.floor((5400000 - y) / 10 + 1e-6).astype(int)
    on = (rows >= 0) & (rows < 11) & (columns >= 0) & (columns < 13)
    assert (on.all() if mask is None else (mask == on).all())
    np.testing.assert_array_equal(values[on], PLANE[rows[on], columns[on]])


def test_another_crs_takes_the_pixel_that_rasterio_takes() -> None:
    from rasterio.transform import Affine
    from rasterio.warp import Resampling, reproject

    west, south = transformer("EPSG:32631", "EPSG:4326").transform(499_980, 5_399_880)
    domain = Grid(crs="EPSG:4326", transform=(1e-4, 0.0, west, 0.0, -1e-4, south + 0.0014), width=22, height=14)
    expected = np.full(domain.shape, -1, np.int16)
    reproject(PLANE, expected, src_transform=Affine(*GRID.transform), src_crs=GRID.crs, dst_nodata=-1,
              dst_transform=Affine(*domain.transform), dst_crs=domain.crs, resampling=Resampling.nearest,
              tolerance=0)
    (values, mask), = read(bands(), domain)
    assert mask is not None
    np.testing.assert_array_equal(np.where(mask, values, -1), expected)
    assert 0 < mask.sum() < mask.size


def test_points_take_the_pixels_that_a_raster_of_the_same_grid_takes() -> None:
    rng = np.random.default_rng(1)
    columns, rows = rng.integers(50_000 - 3, 50_000 + 16, 40), rng.integers(-540_000 - 3, -540_000 + 14, 40)
    points = Points(Projection("EPSG:32631", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), columns, rows)
    (values, mask), = read(bands(), points)
    i, j = rows + 540_000, columns - 50_000
    on = (i >= 0) & (i < 11) & (j >= 0) & (j < 13)
    assert mask is not None
    np.testing.assert_array_equal(mask, on)
    np.testing.assert_array_equal(values[on], PLANE[i[on], j[on]])


def test_no_data_and_nan_are_masked() -> None:
    plane = np.array([[1.0, np.nan], [-9.0, 2.0]], np.float32)
    grid = GRID.window(0, 0, 2, 2)
    for nodata, valid in [(None, [[True, False], [True, True]]), (-9.0, [[True, False], [False, True]])]:
        band, = asset_bands([("b", plane.dtype)], lambda number: ArrayBand(values=plane, grid=grid), grid, nodata)
        np.testing.assert_array_equal(read([band], grid)[0][1], valid)


@dataclass(frozen=True, eq=False)
class Counted(Node):
    """A node that counts how often it is computed, and how many live arrays there are."""

    inputs: tuple[Node, ...] = ()
    computed: list[int] = field(default_factory=list)

    def needs(self, domain: Any) -> Sequence[tuple[Node, Any]]:
        return [(node, domain) for node in self.inputs]

    def compute(self, domain: Any, arrays: Sequence[Any]) -> np.ndarray:
        self.computed.append(1)
        return np.ones(domain.shape) + sum(arrays)


def test_a_node_that_many_need_is_computed_once_a_read_and_one_that_none_needs_never() -> None:
    shared, unused = Counted(), Counted()
    roots = [Counted((shared, Apply(np.negative, (shared,)))) for _ in range(5)]
    found = arrays(roots, GRID)
    assert len(shared.computed) == 1
    assert not unused.computed
    assert all((array == 1).all() for array in found)


def test_arrays_are_let_go_when_the_last_one_that_needs_them_is_there() -> None:
    import weakref

    alive: list[weakref.ref[Any]] = []
    most = []

    class Array(np.ndarray):
        pass

    def make(*inputs: Any) -> Any:
        made = np.zeros(GRID.shape).view(Array)
        alive.append(weakref.ref(made))
        most.append(sum(reference() is not None for reference in alive))
        return made

    def total(*inputs: Any) -> Any:
        return float(len(inputs))

    pairs = [Apply(total, (Apply(make, ()), Apply(make, ()))) for _ in range(30)]
    arrays([Apply(total, tuple(pairs))], GRID)
    assert max(most) <= 3


def test_masks_are_read_without_values() -> None:
    def fail(*inputs: Any) -> Any:
        raise AssertionError("values were computed")

    band = Band(name="b", type=PixelType.of("float32"), values=Apply(fail, ()), mask=bands()[0].mask)
    mask, = read_masks([band], GRID.window(5, 5, 20, 20))
    assert mask is not None
    assert mask.sum() == 6 * 8


def test_masks_that_are_known_without_pixels_stay_so() -> None:
    other = Constant(np.asarray(True))
    assert both(VALID, other) is other
    assert both(other, VALID) is other
    assert both(other, MASKED) is MASKED
    assert both(other, other) is other


DTYPES = st.sampled_from([np.float32, np.float64, np.uint8, np.int16, np.int64])


@given(data=st.data(), dtype=DTYPES)
def test_choosing_by_bits_equals_where(data: st.DataObject, dtype: Any) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=2, max_side=6))
    mask = data.draw(hnp.arrays(np.bool_, shape))
    first, second = (data.draw(hnp.arrays(dtype, data.draw(st.sampled_from([shape, ()])))) for _ in range(2))
    np.testing.assert_array_equal(choose(mask, first, second), np.where(mask, first, second))


def test_a_crs_that_does_not_exist_is_refused() -> None:
    with pytest.raises(EngineError, match="could not be parsed"):
        Projection("EPSG:1").at_scale(10)


def test_a_scale_in_metres_becomes_degrees_on_the_globe() -> None:
    assert Projection("EPSG:4326").at_scale(111319.49079327358).transform == (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    assert Projection("EPSG:32631", (30.0, 0.0, 5.0, 0.0, -30.0, 7.0)).at_scale(10).transform == (
        10.0, 0.0, 5.0, 0.0, -10.0, 7.0)
