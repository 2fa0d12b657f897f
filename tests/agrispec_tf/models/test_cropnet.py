"""CropNet; sizes are tested on both backends in test_backends."""

import keras
import numpy as np
import pytest

from agrispec.cube import preset
from agrispec.errors import ConfigError
from agrispec_tf.models.cropnet import CropNetOptions


@pytest.mark.parametrize(("classes", "expected"), [(5, 1_036_037), (6, 1_036_166), (7, 1_036_295)])
def test_each_class_adds_129_parameters_to_v3(classes, expected):
    model = CropNetOptions(classes=classes).build()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == expected
    assert model.count_params() - expected == 2048


def test_rows_of_the_input_are_bands_and_columns_are_steps():
    options = CropNetOptions.for_cube(preset("cropnet-5d"), 7)
    series = np.arange(2 * 43 * 10, dtype=np.float32).reshape(2, 43, 10)
    inputs = options.inputs(series)
    assert inputs.shape == (2, 10, 43, 1) == (2, *options.build().input_shape[1:])
    assert inputs[1, 3, 17, 0] == series[1, 17, 3]


def test_a_strided_convolution_is_centred_on_its_first_pixel():
    # Torch pads by 1 on each side: output (0, 0) sees inputs -1 ... 1. Keras's `same` would see 0 ... 2 on 10 rows.
    model = CropNetOptions(classes=2).build()
    first = keras.Model(model.input, model.get_layer("block1_first_conv").output)
    kernel = np.zeros((3, 3, 1, 128), np.float32)
    kernel[1, 1] = 1
    model.get_layer("block1_first_conv").set_weights([kernel])
    image = np.random.default_rng(0).random((1, 10, 43, 1)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(first(image))[0, :, :, 0], image[0, ::2, ::2, 0])


def test_convolutions_start_with_he_deviation_by_fan_out():
    keras.utils.set_random_seed(0)
    model = CropNetOptions(classes=2).build()
    for name, fan_out in (("block1_first_conv", 128 * 9), ("block3_second_conv", 128 * 9)):
        weights = np.asarray(model.get_layer(name).kernel)
        assert abs(weights.std() * np.sqrt(fan_out / 2) - 1) < 0.1


def test_norms_have_torchs_momentum_and_epsilon():
    norm = CropNetOptions(classes=2).build().get_layer("block2_first_norm")
    assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize(("setting", "mend"), [({"classes": 7, "variant": "v2"}, "v3"), ({"classes": 1}, "two")])
def test_impossible_options_are_refused(setting, mend):
    with pytest.raises(ConfigError, match=mend):
        CropNetOptions(**setting)
