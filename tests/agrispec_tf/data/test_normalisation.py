"""Standardisation by the training fold's statistics."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from agrispec_tf.data.normalisation import Normalisation


def test_standardisation_equals_scikit_learns():
    series = np.random.default_rng(0).normal([3, -1], [0.1, 20], (40, 9, 2)).astype(np.float32)
    expected = StandardScaler().fit_transform(series.reshape(-1, 2).astype(np.float64)).reshape(series.shape)
    np.testing.assert_allclose(Normalisation.fitted(series).apply(series), expected, atol=1e-4)


def test_a_feature_that_never_varies_is_centred_and_not_divided():
    series = np.full((3, 5, 2), 0.3, np.float32)
    series[..., 1] = np.random.default_rng(0).random((3, 5))
    fitted = Normalisation.fitted(series)
    assert fitted.deviation[0] == 1
    np.testing.assert_allclose(fitted.apply(series)[..., 0], 0, atol=1e-6)
