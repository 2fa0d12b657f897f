"""Harmonic terms, and seasons made of them that come back."""

import numpy as np
import pytest

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec.harmonics import Harmonics
from agrispec.kernels import harmonics
from agrispec.season import Window

YEAR = CubeSpec(features=("B4", "B8", "B11", "NDVI", "LAI"), step_days=5, exported=Window(0, 73), window=Window(0, 73))


def test_seven_coefficients_of_five_features_make_35():
    names = Harmonics().names(YEAR)
    assert len(names) == 35
    assert names[:8] == ("B4_constant", "B4_cos1", "B4_sin1", "B4_cos2", "B4_sin2", "B4_cos3", "B4_sin3", "B8_constant")


def test_a_season_made_of_the_terms_has_their_coefficients():
    terms = np.array(Harmonics().design(YEAR))
    wanted = np.random.default_rng(0).normal(size=(4, 5, 7))
    values = np.einsum("tp,nfp->ntf", terms, wanted).astype(np.float32)
    made = Harmonics(ridge=1e-9)
    found = harmonics.fit(values, np.ones(values.shape[:2], bool), made.design(YEAR), made.penalties)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_time_is_the_share_of_the_year_at_the_middle_of_a_step():
    late = CubeSpec(features=("B4",), step_days=73, exported=Window(0, 5), window=Window(1, 3))
    np.testing.assert_allclose(Harmonics(orders=1).design(late), [
        [1, np.cos(0.6 * np.pi), np.sin(0.6 * np.pi)], [1, -1, 0]], atol=1e-15)


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"ridge": 0.0}, {"ridge": float("nan")}])
def test_harmonics_that_cannot_be_fitted_are_refused(wrong):
    with pytest.raises(ConfigError, match="cannot be fitted"):
        Harmonics(**wrong)
