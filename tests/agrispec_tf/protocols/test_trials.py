"""What is held out taught nothing, by place, season and date."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.config import Region
from agrispec.errors import ConfigError, DataError
from agrispec.grid import cell_of
from agrispec_tf.protocols import trials
from agrispec_tf.protocols.dates import Known

IDS = np.array([cell_of(4.0 + column / 10, 48.4).id for column in range(8)])
WEST = Region(name="west", bounds=(4.0, 48.4, 4.4, 48.5))
EAST = Region(name="east", bounds=(4.4, 48.4, 4.8, 48.5))


@st.composite
def fields(draw):
    """(labels, cells, seasons) of 40 to 80 samples in eight cells and up to three seasons."""
    count = draw(st.integers(40, 80))
    of = st.lists(st.integers(0, 2), min_size=count, max_size=count)
    cells = [*range(8), *draw(st.lists(st.integers(0, 7), min_size=count - 8, max_size=count - 8))]
    seasons = 2021 + np.array(draw(of))
    seasons[:2] = 2021, 2022
    return np.array(draw(of)), IDS[cells], seasons


def judged(found, count):
    times = np.zeros(count, int)
    for trial in found:
        times[trial.judged] += 1
    return times


@given(fields())
def test_folds_and_regions_judge_every_sample_once_on_cells_that_taught_nothing(fields):
    labels, cells, _ = fields
    for found in (trials.spatial_cv(labels, cells), trials.leave_one_region_out(cells, (WEST, EAST))):
        assert (judged(found, len(labels)) == 1).all()
        for trial in found:
            assert not set(cells[trial.teaching]) & set(cells[trial.judged])


@given(fields())
def test_a_season_is_judged_once_by_other_seasons_on_other_cells(fields):
    labels, cells, seasons = fields
    found = trials.leave_one_season_out(labels, cells, seasons)
    assert (judged(found, len(labels)) == 1).all()
    for trial in found:
        assert set(seasons[trial.judged]) == {int(trial.group)}
        assert int(trial.group) not in seasons[trial.teaching]
        assert not set(cells[trial.teaching]) & set(cells[trial.judged])


@given(fields())
def test_each_date_judges_every_sample_once_by_the_same_folds(fields):
    labels, cells, _ = fields
    known = [Known(stop=stop, day=30 * stop, name=f"date {stop}") for stop in (3, 6)]
    found = trials.in_season(labels, cells, known)
    early, late = ([trial for trial in found if trial.until == stop] for stop in (3, 6))
    for one, other in zip(early, late, strict=True):
        np.testing.assert_array_equal(one.judged, other.judged)
        np.testing.assert_array_equal(one.teaching, other.teaching)
        assert not set(cells[one.teaching]) & set(cells[one.judged])
    assert (judged(early, len(labels)) == 1).all()
    assert {trial.group for trial in late} == {"date 6"}


def test_regions_are_held_out_by_the_centres_of_cells():
    west, east = trials.leave_one_region_out(IDS, (WEST, EAST))
    assert (west.group, east.group) == ("west", "east")
    assert set(IDS[west.judged]) == set(IDS[:4]) == set(IDS[east.teaching])
    assert set(IDS[east.judged]) == set(IDS[4:])


@pytest.mark.parametrize(("regions", "kind", "words"), [
    ((), ConfigError, r"no regions in agrispec.toml cannot be held out in turn; name two or more by \[\[regions\]\]"),
    ((WEST,), ConfigError, "1 region in agrispec.toml cannot be held out"),
    ((WEST, Region(name="far", bounds=(4.5, 48.4, 4.8, 48.5))), DataError, f"cell {IDS[4]} is in no region; let the"),
    ((WEST, Region(name="wide", bounds=(4.3, 48.4, 4.8, 48.5))), DataError, f"cell {IDS[3]} is in west and in wide"),
    ((WEST, EAST, Region(name="sea", bounds=(0.0, 48.4, 1.0, 48.5))), DataError, "region sea holds no labelled sample"),
])
def test_regions_that_do_not_divide_the_cells_are_refused(regions, kind, words):
    with pytest.raises(kind, match=words):
        trials.leave_one_region_out(IDS, regions)


def test_one_season_cannot_be_left_out():
    with pytest.raises(DataError, match="2023 is the only season with labels: none is left to learn from"):
        trials.leave_one_season_out(np.arange(16) % 2, np.repeat(IDS, 2), np.full(16, 2023))


def test_a_class_that_grows_where_it_is_held_out_only_is_named():
    labels = np.repeat([0, 0, 0, 0, 0, 0, 0, 1], 2)
    found = trials.leave_one_region_out(np.repeat(IDS, 2), (WEST, EAST))
    with pytest.raises(DataError, match="when east is held out, no sample is left to learn beet from; label it in"):
        trials.check(found, labels, ("wheat", "beet"))
    trials.check(found, np.arange(16) % 2, ("wheat", "beet"))


def test_what_is_known_of_a_model_before_it_meets_what_is_held_out_is_of_cells_that_taught_neither():
    random = np.random.default_rng(3)
    labels, seasons = random.integers(0, 2, 400), np.repeat([2022, 2023], 200)
    cells = np.array([f"c{number}" for number in np.arange(400) % 20])
    carried_out = trials.leave_one_season_out(labels, cells, seasons)
    found = trials.on_cells(carried_out, labels, cells, 2)
    assert [trial.group for trial in found] == ["2022", "2023"]
    for one in found:
        first = next(trial for trial in carried_out if trial.group == one.group)
        assert set(one.teaching) | set(one.judged) == set(first.teaching)
        assert not set(cells[one.teaching]) & set(cells[one.judged])
        assert (seasons[one.judged] != int(one.group)).all()


def test_a_group_has_none_where_no_cells_of_it_can_be_divided():
    labels, cells = np.tile([0, 1], 60), np.array(["a", "b", "c", "d"]).repeat(30)
    one = trials.Trial(group="north", teaching=np.arange(30), judged=np.arange(30, 60))
    assert trials.on_cells([one], labels, cells, 2) == ()
    other = trials.Trial(group="north", teaching=np.arange(30, 120), judged=np.arange(30))
    [found] = trials.on_cells([one, other], labels, cells, 2)
    assert set(found.teaching) | set(found.judged) == set(other.teaching)
