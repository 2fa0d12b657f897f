"""TempCNN is the published one, counted by hand."""

import keras
import numpy as np
import pytest

from agrispec_tf.models.tempcnn import TempCNNOptions


@pytest.fixture(scope="module")
def model():
    return TempCNNOptions(classes=7).build()


def test_its_parameters_are_those_of_the_published_layers(model):
    convolutions = (5 * 10 + 1) * 64 + 2 * (5 * 64 + 1) * 64
    norms = 2 * (3 * 64 + 256)
    dense = (43 * 64 + 1) * 256 + (256 + 1) * 7
    found = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert found == convolutions + norms + dense == 751_815


def test_norm_relu_and_dropout_follow_each_layer_and_nothing_is_pooled(model):
    regularised = ["BatchNorm", "ReLU", "Dropout"]
    assert [type(layer).__name__ for layer in model.layers[1:]] == [
        *(["Conv1D", *regularised] * 3), "Flatten", "Dense", *regularised, "Dense"]
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {0.5}
    assert model.get_layer("conv3").output.shape == (None, 43, 64)


def test_all_kernels_and_nothing_else_decay(model):
    kernels = [np.asarray(weight) for weight in model.trainable_weights if "kernel" in weight.path]
    model.get_layer("crop").bias.assign(np.ones(7, np.float32))
    assert float(sum(model.losses)) == pytest.approx(1e-6 * sum((kernel**2).sum() for kernel in kernels), rel=1e-5)
