"""Grids tile without a gap or an overlap; cells hold what lies in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from agrispec.errors import ConfigError, DataError
from agrispec.grid import Cell, Grid, cell_of, cells_in, utm_crs

lons = st.floats(-180, 179.99)
lats = st.floats(-79, 83)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 128))
def test_tiles_cover_every_pixel_once(width, height, size):
    grid = Grid(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5400000), width=width, height=height)
    seen = np.zeros(grid.shape, int)
    for row, column, tile in grid.tiles(size):
        seen[row:row + tile.height, column:column + tile.width] += 1
        assert tile.transform[2] == 500000 + 10 * column
        assert tile.transform[5] == 5400000 - 10 * row
    assert (seen == 1).all()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 100))
def test_padding_reaches_the_next_multiple_and_keeps_the_corner(width, height, multiple):
    grid = Grid(crs="EPSG:32631", transform=(10, 0, 0, 0, -10, 0), width=width, height=height)
    padded = grid.padded(multiple)
    assert padded.width % multiple == padded.height % multiple == 0
    assert 0 <= padded.width - width < multiple
    assert 0 <= padded.height - height < multiple
    assert padded.transform == grid.transform


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1, 1e4), st.floats(1, 1e4), st.sampled_from([10, 20, 60]))
def test_a_covering_grid_is_aligned_and_no_larger_than_it_must_be(west, south, across, up, scale):
    grid = Grid.covering("EPSG:32631", (west, south, west + across, south + up), scale)
    left, bottom, right, top = grid.bounds
    slack = 2e-3 * scale  # an edge within a thousandth of a pixel of a grid line counts as on it
    assert left % scale == top % scale == 0
    assert west - scale - slack < left <= west + slack
    assert south - scale - slack < bottom <= south + slack
    assert west + across - slack <= right < west + across + scale + slack
    assert south + up - slack <= top < south + up + scale + slack


def test_an_aligned_area_gets_exactly_its_pixels():
    grid = Grid.covering("EPSG:32631", (600000, 5400000, 600960, 5400960), 10)
    assert (grid.width, grid.height) == (96, 96)
    assert grid.bounds == (600000, 5400000, 600960, 5400960)


@given(lons, lats)
def test_a_place_lies_in_its_cell(lon, lat):
    west, south, east, north = cell_of(lon, lat).bounds
    assert west - 1e-8 <= lon <= east + 1e-8
    assert south - 1e-8 <= lat <= north + 1e-8


@given(lons, lats)
def test_cell_ids_read_back(lon, lat):
    cell = cell_of(lon, lat)
    assert Cell.parse(cell.id) == cell


def test_a_cell_owns_its_west_and_south_edges():
    assert cell_of(4.6, 48.7) == Cell.parse("E0046N0487")
    assert cell_of(-0.1, -0.1) == Cell.parse("W0001S0001")
    assert cell_of(0, 0).id == "E0000N0000"


def test_cells_in_an_area_are_those_it_touches():
    assert [cell.id for cell in cells_in((4.5, 48.7, 4.7, 48.8))] == ["E0045N0487", "E0046N0487"]
    assert len(cells_in((4.55, 48.75, 4.651, 48.851))) == 4


@given(lons, lats)
def test_the_utm_zone_is_the_one_pyproj_knows_to_hold_the_place(lon, lat):
    area = CRS(utm_crs(lon, lat)).area_of_use
    assert area.west - 1e-9 <= lon <= area.east + 1e-9
    assert area.south - 1e-9 <= lat <= area.north + 1e-9


@pytest.mark.parametrize(("make", "kind"), [
    (lambda: Cell.parse("4.5E48.7N"), ConfigError), (lambda: cell_of(190, 0), DataError),
    (lambda: cells_in((5, 48, 4, 49)), DataError), (lambda: Grid.covering("EPSG:4326", (0, 0, 0, 1), 1), DataError),
    (lambda: Grid(crs="x", transform=(1, 0, 0, 0, -1, 0), width=0, height=3), DataError),
    (lambda: Grid(crs="x", transform=(0, 0, 0, 0, -1, 0), width=3, height=3), DataError)])
def test_impossible_places_are_refused_with_a_mend(make, kind):
    with pytest.raises(kind) as refused:
        make()
    assert refused.value.mend
