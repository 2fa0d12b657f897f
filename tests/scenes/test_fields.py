import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.grid import Grid
from scenes.fields import SMALLEST_HA, TRACK_M, draw_parcels, rotate
from scenes.phenology import BEET, CROP_TABLE, OTHER, RAPESEED, SUNFLOWER

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=96, height=96)
seeds = st.integers(0, 10_000)


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_parcels_lie_inside_and_apart_by_a_track(seed):
    found = draw_parcels(GRID, np.random.default_rng(seed)).polygons
    tree = shapely.STRtree(found)
    near, other = tree.query(list(found), predicate="dwithin", distance=0.9 * TRACK_M)
    assert (near == other).all()
    west, south, east, north = GRID.bounds
    assert all(shapely.box(west - 1e-6, south - 1e-6, east + 1e-6, north + 1e-6).contains(field) for field in found)


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_parcels_are_of_several_sizes(seed):
    areas = np.array([field.area / 1e4 for field in draw_parcels(GRID, np.random.default_rng(seed)).polygons])
    assert areas.min() >= SMALLEST_HA
    assert areas.max() < 13
    assert (areas < 1).any()
    assert (areas > 2).any()


@given(seed=seeds)
@settings(max_examples=5, deadline=None)
def test_a_pixel_belongs_to_the_parcel_that_holds_its_centre(seed):
    parcels = draw_parcels(GRID, np.random.default_rng(seed))
    rows, columns = np.random.default_rng(seed).integers(0, 96, (2, 300))
    centres = shapely.points(600005.0 + 10 * columns, 5399995.0 - 10 * rows)
    for row, column, centre in zip(rows, columns, centres, strict=True):
        number = parcels.number[row, column]
        inside = [i for i, field in enumerate(parcels.polygons) if field.contains(centre)]
        assert inside == ([] if number < 0 else [number])


def test_covers_add_up_to_one_and_to_the_parcels_areas():
    parcels = draw_parcels(GRID, np.random.default_rng(5))
    np.testing.assert_allclose(parcels.cover.sum(axis=0), 1, atol=1e-5)
    areas = np.array([field.area for field in parcels.polygons])
    np.testing.assert_allclose(parcels.cover[:-1].sum(axis=(1, 2)) * 100, areas, rtol=0.05)


def test_rotations_follow_the_rules_of_the_farm():
    crops = rotate(20_000, 4, np.random.default_rng(2))
    assert crops.shape == (4, 20_000)
    for crop in (RAPESEED, SUNFLOWER, BEET):
        assert not ((crops[:-1] == crop) & (crops[1:] == crop)).any()
    stay = (crops[:-1] == OTHER) & (crops[1:] == OTHER)
    assert stay.sum() / (crops[:-1] == OTHER).sum() > 0.75
    shares = np.bincount(crops[0], minlength=8) / 20_000
    np.testing.assert_allclose(shares, [crop.frequency for crop in CROP_TABLE], atol=0.015)
    assert (np.bincount(crops[-1], minlength=8) / 20_000 > 0.03).all()
