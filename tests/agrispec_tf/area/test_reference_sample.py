"""Sampled units are counted as they are, and samples that no estimate can be made of are refused, with the reason."""

import numpy as np
import pandas as pd
import pytest

from agrispec.errors import DataError
from agrispec_tf.area.reference_sample import ReferenceSample, strata_of
from agrispec_tf.area.strata import Strata

STRATA = Strata(names=("crop", "rest"), areas=np.array([30.0, 70]), units=np.array([300.0, 700]))


def sample(**changed):
    """Six units of two strata that are not the map's classes, drawn 3 of 300 and 3 of 700."""
    columns = {"stratum": ["rest", "crop", "crop", "rest", "crop", "rest"],
               "map": ["rice", "rice", "beet", "beet", "rice", "rice"],
               "reference": ["rice", "rice", "rice", "oats", "rice", "beet"],
               "inclusion_probability": [3 / 700, 0.01, 0.01, 3 / 700, 0.01, 3 / 700]}
    return pd.DataFrame({**columns, **changed})


def without(*columns):
    return sample().drop(columns=list(columns))


def test_units_are_counted_by_stratum_map_and_reference():
    counted = ReferenceSample.of(sample(), STRATA)
    assert counted.classes == ("beet", "oats", "rice")
    expected = np.zeros((2, 3, 3), int)
    for stratum, mapped, reference in zip(sample()["stratum"], sample()["map"], sample()["reference"], strict=True):
        expected[STRATA.names.index(stratum), counted.classes.index(mapped), counted.classes.index(reference)] += 1
    np.testing.assert_array_equal(counted.counts, expected)
    assert counted.sampled.tolist() == [3, 3]


@pytest.mark.parametrize("kind", ["category", "object", "int"])
def test_counts_do_not_depend_on_how_columns_are_kept(kind):
    table = sample()
    numbers = {"beet": 7, "oats": 12, "rice": 100}
    for column in ("map", "reference"):
        table[column] = table[column].map(numbers) if kind == "int" else table[column].astype(kind)
    np.testing.assert_array_equal(ReferenceSample.of(table, STRATA).counts,
                                  ReferenceSample.of(sample(), STRATA).counts)


def test_strata_follow_from_probabilities_where_nobody_knows_their_sizes():
    implied = strata_of(sample(), 0.1)
    assert implied.names == STRATA.names
    np.testing.assert_allclose(implied.units, STRATA.units)
    np.testing.assert_allclose(implied.areas, STRATA.areas)


def test_a_sample_of_which_nobody_knows_how_it_was_drawn_is_refused_with_the_reason():
    for column in ("inclusion_probability", "stratum"):
        with pytest.raises(DataError) as refused:
            strata_of(without(column), 1)
        assert "no inclusion_probability a stratum, and the sizes of the strata are not known" in str(refused.value)
        assert "such as training samples" in str(refused.value)


@pytest.mark.parametrize(("table", "found"), [
    (without("reference", "map"), "the sample lacks the columns map, reference"),
    (sample().iloc[:0], "the sample is empty"),
    (sample(reference=["rice", None, "rice", "oats", "rice", "beet"]), "1 of 6 sampled units have no reference"),
    (sample(stratum=["rest", "crop", "crop", "rest", "crop", "sea"]), "1 sampled units are in none of the strata: "
                                                                      "theirs are 'sea'"),
    (sample(stratum=[1, 0, 0, 1, 0, 1]), "6 sampled units are in none of the strata: theirs are 1, 0"),
    (without("inclusion_probability").iloc[[1, 2, 4]], "strata without a sampled unit: rest"),
    (sample().iloc[[1, 2, 4]], "strata without a sampled unit: rest"),
    (without("inclusion_probability").iloc[[0, 1, 2, 4]], "strata with a single sampled unit: rest"),
    (sample(inclusion_probability=[0.3, 0.01, 0.01, 0.3, 0.01, 0.3]),
     "stratum rest has 700 units by its size and 10 by the inclusion probabilities"),
    (sample().drop(index=[1]), "stratum crop has 300 units by its size and 200 by"),
    (sample(inclusion_probability=[0.3, 0.01, 0.02, 0.3, 0.01, 0.3]), "inclusion probabilities differ within stratum"),
    (sample(inclusion_probability=[0, 0.01, 0.01, 0, 0.01, 0]), "not above 0 and at most 1"),
    (sample(inclusion_probability=[1.2, 0.01, 0.01, 1.2, 0.01, 1.2]), "not above 0 and at most 1"),
    (sample(map=[1, 1, 2, 2, 1, 1]), "some classes are numbers and others texts: 1 in the map and 'rice'")])
def test_samples_that_no_estimate_can_be_made_of_are_refused(table, found):
    with pytest.raises(DataError) as refused:
        ReferenceSample.of(table, STRATA)
    assert found in str(refused.value)
    assert refused.value.mend


def test_probabilities_are_compared_with_areas_where_units_are_unknown():
    areas = Strata(names=STRATA.names, areas=np.array([30.0, 70]))
    assert ReferenceSample.of(sample(), areas).sampled.tolist() == [3, 3]
    swapped = Strata(names=STRATA.names, areas=np.array([70.0, 30]))
    with pytest.raises(DataError, match="stratum crop has 700 units by its size and 300 by"):
        ReferenceSample.of(sample(), swapped)


def test_probabilities_of_four_digits_are_those_of_the_draw():
    rounded = sample()
    rounded["inclusion_probability"] = rounded["inclusion_probability"].round(6)
    assert 3 / rounded["inclusion_probability"][0] != 700
    assert ReferenceSample.of(rounded, STRATA).sampled.tolist() == [3, 3]


def test_more_sampled_units_than_there_are_are_refused():
    small = Strata(names=STRATA.names, areas=np.ones(2), units=np.array([2.0, 700]))
    with pytest.raises(DataError, match="stratum crop has 3 sampled units and only 2 in all"):
        ReferenceSample.of(without("inclusion_probability"), small)


def test_a_stratum_of_a_single_unit_is_known_once_it_was_looked_up():
    single = Strata(names=STRATA.names, areas=np.ones(2), units=np.array([300.0, 1]))
    assert ReferenceSample.of(without("inclusion_probability").iloc[[0, 1, 2, 4]], single).complete.tolist() == [
        False, True]
