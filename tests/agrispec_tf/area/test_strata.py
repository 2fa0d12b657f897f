"""Sizes of strata come from a map or from the probabilities of a draw, and are the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from agrispec_tf.area.strata import Strata


def test_strata_of_a_map_are_as_large_as_it_shows_them():
    strata = Strata.of_units(np.array([["rice", "rice", "wheat"], ["rice", "beet", "beet"]]), 0.01)
    assert strata.names == ("beet", "rice", "wheat")
    assert strata.units.tolist() == [2, 3, 1]
    np.testing.assert_allclose(strata.areas, [0.02, 0.03, 0.01])
    np.testing.assert_allclose(strata.weights, [2 / 6, 3 / 6, 1 / 6])


@given(units=st.lists(st.integers(2, 10**8), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_probabilities_of_a_draw_imply_the_sizes_it_was_made_with(units, seed):
    generator = np.random.default_rng(seed)
    sampled = np.minimum(units, generator.integers(2, 50, len(units)))
    stratum = np.repeat(np.arange(len(units)), sampled)
    # Kept with six digits, as text files do.
    inclusion = np.array([float(f"{share:.6g}") for share in (sampled / units)[stratum]])
    turned = generator.permutation(len(stratum))
    strata = Strata.implied(stratum[turned], inclusion[turned], 0.01)
    assert strata.names == tuple(range(len(units)))
    np.testing.assert_allclose(strata.units, units, rtol=1e-5)
    np.testing.assert_allclose(strata.areas, np.array(units) * 0.01, rtol=1e-5)


@pytest.mark.parametrize(("inclusion", "found"), [
    ([0.1, 0.1, 0.0], "1 of 3 inclusion probabilities are not above 0 and at most 1 (the first: 0)"),
    ([0.1, 0.1, 1.5], "(the first: 1.5)"), ([0.1, np.nan, 0.1], "(the first: nan)"),
    ([-0.1, 0.1, 0.1], "(the first: -0.1)"), ([0.1, 0.2, 0.1], "inclusion probabilities differ within stratum a")])
def test_probabilities_that_are_none_or_differ_are_refused(inclusion, found):
    with pytest.raises(DataError) as refused:
        Strata.implied(np.array(["a", "a", "b"]), np.array(inclusion), 1)
    assert found in str(refused.value)


def test_a_unit_of_no_stratum_is_refused():
    with pytest.raises(DataError, match="1 of 3 sampled units have no stratum"):
        Strata.implied(np.array(["a", None, "b"], object), np.array([0.1, 0.1, 0.2]), 1)


@pytest.mark.parametrize(("made", "found"), [
    ({"names": (), "areas": np.array([])}, "there are no strata"),
    ({"names": ("a", "a"), "areas": np.ones(2)}, "strata are named twice: a"),
    ({"names": ("a", "b"), "areas": np.ones(3)}, "2 strata and areas of shape (3,)"),
    ({"names": ("a", "b"), "areas": np.array([1.0, 0])}, "strata without a size in areas: b (0)"),
    ({"names": ("a", "b"), "areas": np.ones(2), "units": np.array([np.nan, 4])},
     "strata without a size in units: a (nan)")])
def test_strata_that_make_up_no_area_are_refused(made, found):
    with pytest.raises(DataError) as refused:
        Strata(**made)
    assert found in str(refused.value)
