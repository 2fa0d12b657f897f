"""Networks for photographs see CropNet's picture, enlarged; their sizes are tested in test_backends."""

import keras
import numpy as np

from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.models.imagenet import ImageNetOptions


def test_the_picture_is_cropnets_with_each_band_and_step_four_times():
    options, series = ImageNetOptions(network="resnet50", classes=7), np.random.default_rng(0).random((2, 43, 10))
    inputs = options.inputs(series)
    np.testing.assert_array_equal(inputs, CropNetOptions(classes=7).inputs(series))
    model = options.build()
    seen = keras.Model(model.input, model.get_layer("enlarged").output).predict_on_batch(inputs)
    np.testing.assert_array_equal(seen, inputs.astype(np.float32).repeat(4, axis=1).repeat(4, axis=2))
    # Five halvings, each rounded up, leave more than one row of ten.
    assert model.get_layer("conv5_block3_out").output.shape == (None, 2, 6, 2048)
    assert model.output_shape == (None, 7)
