"""Every unit of a stratum is as likely to be drawn as its probability says, and draws can be repeated."""

import numpy as np
import pandas as pd
import pytest

from agrispec.errors import DataError
from agrispec_tf.area import design
from agrispec_tf.area.drawing import draw
from agrispec_tf.area.estimation import assess
from agrispec_tf.area.reference_sample import ReferenceSample, strata_of
from agrispec_tf.area.strata import Strata

NO_DATA = 255


def crop_map(seed=0, side=60):
    return np.random.default_rng(seed).choice([1, 2, 3, NO_DATA], (side, side), p=[0.05, 0.25, 0.6, 0.1])


def strata_of_map(crops):
    return Strata.of_units(crops[crops != NO_DATA], 0.01)


def test_a_draw_takes_what_was_allotted_of_each_stratum_and_no_unit_twice():
    crops = crop_map()
    strata = strata_of_map(crops)
    drawn = draw([crops], strata, np.array([20, 30, 100]), seed=3)
    assert drawn["unit"].is_unique
    assert drawn["unit"].is_monotonic_increasing
    np.testing.assert_array_equal(crops.reshape(-1)[drawn["unit"]], drawn["stratum"])
    assert drawn["stratum"].value_counts().to_dict() == {1: 20, 2: 30, 3: 100}
    shares = dict(zip(strata.names, (20, 30, 100) / strata.units, strict=True))
    np.testing.assert_allclose(drawn["inclusion_probability"], drawn["stratum"].map(shares))


def test_the_seed_repeats_a_draw_and_another_makes_another():
    crops = crop_map()
    strata = strata_of_map(crops)
    allotted = design.with_floor(strata, 150, 30)
    one, again, other = (draw([crops], strata, allotted, seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one, again)
    assert not one["unit"].equals(other["unit"])


def test_how_a_map_is_cut_into_pieces_changes_nothing():
    crops = crop_map()
    strata = strata_of_map(crops)
    allotted = design.with_floor(strata, 150, 30)
    whole = draw([crops], strata, allotted, 5)
    for pieces in (crops, np.split(crops, [7, 8, 40]), np.array_split(crops.reshape(-1), 13)):
        pd.testing.assert_frame_equal(draw(pieces, strata, allotted, 5), whole)


def test_each_unit_is_drawn_as_often_as_its_probability_says():
    crops = np.repeat([1, 2], [20, 60])
    strata = Strata.of_units(crops, 1)
    repeats = 2000
    taken = np.zeros(len(crops))
    for seed in range(repeats):
        taken[draw([crops], strata, np.array([5, 6]), seed)["unit"]] += 1
    expected = np.repeat([0.25, 0.1], [20, 60])
    spread = np.sqrt(expected * (1 - expected) / repeats)
    assert (np.abs(taken / repeats - expected) < 4.5 * spread).all()


def test_what_was_drawn_estimates_what_is_there():
    truth = np.random.default_rng(1).choice([1, 2, 3], (300, 300), p=[0.1, 0.3, 0.6])
    wrong = np.random.default_rng(2).random(truth.shape) < 0.2
    crops = np.where(wrong, np.random.default_rng(3).choice([1, 2, 3], truth.shape), truth)
    strata = Strata.of_units(crops, 0.01)
    drawn = draw([crops], strata, design.with_floor(strata, 3000, 500), seed=4)
    table = drawn.assign(map=crops.reshape(-1)[drawn["unit"]], reference=truth.reshape(-1)[drawn["unit"]])
    found = assess(ReferenceSample.of(table, strata))
    areas = np.bincount(truth.ravel())[1:] * 0.01
    assert (np.abs(found.area.value - areas) < 3 * found.area.standard_error).all()
    # Counting the map's pixels is off by more than that: the rare class gains from the others' errors.
    assert abs((crops == 1).sum() * 0.01 - areas[0]) > 3 * found.area.standard_error[0]
    # Its own probabilities tell the same as the sizes of the strata.
    pd.testing.assert_frame_equal(found.table, assess(ReferenceSample.of(table, strata_of(table, 0.01))).table)


@pytest.mark.parametrize(("units", "allotted", "found"), [
    (np.array([20.0, 50]), (5, 5), "stratum 2 has 50 units by its size and 60 to draw from"),
    (None, (5, 5), "stratum 1 has an unknown number of units by its size and 20 to draw from"),
    (np.array([20.0, 60]), (21, 5), "21 units cannot be drawn of the 20 of stratum 1"),
    (np.array([20.0, 60]), (5, 0), "0 units cannot be drawn of the 60 of stratum 2")])
def test_draws_that_cannot_be_are_refused(units, allotted, found):
    with pytest.raises(DataError) as refused:
        draw([np.repeat([1, 2], [20, 60])], Strata(names=(1, 2), areas=np.ones(2), units=units), np.array(allotted), 0)
    assert found in str(refused.value)
