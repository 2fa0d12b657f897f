"""What a country's labels can express."""

import numpy as np
import pytest

from agrispec_tf.cropglobe.labels import CLASSES, expressed


# corn, soybeans, rice, wheat, sugarcane, cotton, other
@pytest.mark.parametrize(("country", "merged"), [
    ("AUS", [6, 6, 6, 6, 4, 5, 6]), ("CHN", [0, 1, 2, 6, 6, 6, 6]), ("ARG", [0, 1, 2, 6, 4, 5, 6]),
    ("FRA", [0, 1, 2, 3, 4, 5, 6]), ("USA", [0, 1, 2, 3, 4, 5, 6])])
def test_codes_become_what_a_target_can_express(country, merged):
    np.testing.assert_array_equal(expressed(np.arange(len(CLASSES)), country), merged)
