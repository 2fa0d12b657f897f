"""The rule of review."""

import numpy as np

from agrispec_tf.triage import confident


def test_a_prediction_stands_from_a_probability_of_0_65():
    probability = np.array([0.0, 0.6499, 0.65, 0.66, 1.0], np.float32)
    np.testing.assert_array_equal(confident(probability, 0.65), [False, False, True, True, True])


def test_another_threshold_moves_the_line():
    np.testing.assert_array_equal(confident(np.array([0.5, 0.9], np.float32), 0.4), [True, True])
