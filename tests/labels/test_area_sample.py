"""The probability sample is what its inclusion probabilities say."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import CorruptRecord, DataError
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS
from labels import area_sample

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=24, height=20)
UNITS = st.lists(st.integers(1, 400), min_size=1, max_size=8).map(np.array)


@given(UNITS, st.integers(0, 500))
def test_an_allocation_is_the_total_with_two_of_each_and_no_more_than_there_are(units, more):
    least = np.minimum(units, 2)
    found = area_sample.allocate(units, int(least.sum()) + more)
    assert found.sum() == min(least.sum() + more, units.sum())
    assert ((least <= found) & (found <= units)).all()
    order = np.argsort(units, kind="stable")
    assert (np.diff(found[order]) >= -1).all()


def test_too_few_units_are_refused():
    with pytest.raises(DataError, match=r"3 units cannot be drawn of 2 strata.*draw 4 or more"):
        area_sample.allocate(np.array([9, 9]), 3)


@given(st.lists(st.tuples(st.integers(-30, 230), st.integers(-30, 190), st.integers(1, 120)), min_size=1, max_size=9))
def test_a_pixel_is_of_the_first_parcel_that_its_centre_lies_in(boxes):
    shapes = np.array([shapely.box(613000 + x, 5402000 - y - size, 613000 + x + size, 5402000 - y)
                       for x, y, size in boxes])
    numbers = np.arange(len(shapes))
    classes = area_sample.empty(GRID)
    for half in (slice(0, len(shapes) // 2), slice(len(shapes) // 2, None)):
        area_sample.paint(classes, shapes[half], numbers[half], GRID)
    column, row = np.meshgrid(np.arange(24), np.arange(20))
    # A hair off the centres, which outlines may go through: to the right and downwards they are inside.
    x, y = 613005 + 10 * column + 1e-6, 5401995 - 10 * row - 1e-6
    within = np.array([shapely.contains_xy(shape, x, y) for shape in shapes])
    expected = np.where(within.any(axis=0), within.argmax(axis=0), NO_CLASS)
    np.testing.assert_array_equal(classes, expected)


@given(st.integers(0, 2**31), st.integers(6, 60), st.sampled_from([2**24, 50]))
def test_units_are_drawn_once_and_as_often_as_their_probability_says(seed, total, piece):
    random = np.random.default_rng(seed)
    classes = random.choice(np.array([0, 1, 5, NO_CLASS], np.uint8), GRID.shape, p=[0.7, 0.2, 0.05, 0.05])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(area_sample, "_AT_ONCE", piece)
        found = area_sample.draw(classes, GRID, total, seed)
    assert len(found) == total
    assert not found.duplicated(["lon", "lat"]).any()
    for number, units in found.groupby("number"):
        count = (classes == number).sum()
        np.testing.assert_allclose(units["inclusion_probability"], len(units) / count)
        assert len(units) >= min(2, count)


def test_every_pixel_of_a_class_is_as_likely_as_another():
    classes = area_sample.empty(GRID)
    classes[3, 4:14] = 1
    classes[7, :] = 0
    drawn = [area_sample.draw(classes, GRID, 8, seed) for seed in range(600)]
    lon = np.concatenate([found.loc[found["number"] == 1, "lon"] for found in drawn])
    counts = np.unique(lon.round(7), return_counts=True)[1]
    expected = len(lon) / 10
    assert len(counts) == 10
    assert abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_a_map_without_declared_parcels_has_no_sample():
    with pytest.raises(DataError, match="no pixel of the map lies in a declared parcel"):
        area_sample.draw(area_sample.empty(GRID), GRID, 10, 0)


def test_what_is_no_sample_is_not_taken_for_one(tmp_path):
    (tmp_path / "a.csv").write_text("lon,lat,note\n4.5,48.5,x\n")
    assert area_sample.read(tmp_path / "a.csv").to_numpy().tolist() == [[4.5, 48.5]]
    for text in ("", "lon,class\n1,2\n", "lon,lat\n1,north\n"):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(CorruptRecord, match="not a probability sample"):
            area_sample.read(tmp_path / "a.csv")
