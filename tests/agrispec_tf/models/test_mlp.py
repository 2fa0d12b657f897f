"""The MLP is the one of the published comparison."""

import keras
import numpy as np
import pytest
from scipy.special import erf

from agrispec_tf.models.mlp import MLPOptions


@pytest.mark.parametrize(("length", "expected"), [(430, 173_703), (128, 135_047), (64, 126_855), (35, 123_143)])
def test_vectors_of_each_length_make_the_published_number_of_parameters(length, expected):
    model = MLPOptions(classes=7, features=length).build()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == expected


def test_a_layer_is_linear_norm_exact_gelu_and_dropout():
    model = MLPOptions(classes=7, features=35).build()
    found = [type(layer).__name__ for layer in model.layers[1:]]
    assert found == ["Dense", "BatchNorm", "Activation", "Dropout"] * 8 + ["Dense"]
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {0.3}
    values = np.linspace(-4, 4, 33, dtype=np.float32)
    np.testing.assert_allclose(np.asarray(model.get_layer("gelu3")(values)),
                               values / 2 * (1 + erf(values / np.sqrt(2))), atol=1e-6)


def test_layers_start_with_he_deviation_by_fan_in():
    keras.utils.set_random_seed(0)
    model = MLPOptions(classes=7, features=430).build()
    for name, fan_in in (("dense1", 430), ("dense5", 128)):
        assert abs(np.asarray(model.get_layer(name).kernel).std() * np.sqrt(fan_in / 2) - 1) < 0.03
