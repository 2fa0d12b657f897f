"""The 1-D CropNet has the first paper's blocks."""

import numpy as np
import pytest

from agrispec_tf.models.cropnet_1d import CropNet1DOptions


@pytest.mark.parametrize(("reading", "maps"), [("flat", [430, 215, 215, 108]), ("bands", [43, 22, 22, 11])])
def test_the_sequence_is_halved_twice_as_in_v1(reading, maps):
    model = CropNet1DOptions(classes=7, reading=reading).build()
    shapes = [model.get_layer(f"block{block}").output.shape[1:] for block in (1, 2, 3, 4)]
    assert shapes == list(zip(maps, (64, 128, 256, 512), strict=True))


@pytest.mark.parametrize(("reading", "expected"), [("flat", 1_568_199), ("bands", 1_569_927)])
def test_each_reading_makes_the_computed_number_of_parameters(reading, expected):
    model = CropNet1DOptions(classes=7, reading=reading).build()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == expected


def test_dropout_takes_whole_channels_at_the_end_of_each_block():
    model = CropNet1DOptions(classes=7).build()
    found = [(layer.name, layer.rate) for layer in model.layers if type(layer).__name__ == "SpatialDropout1D"]
    assert found == [("block1", 0.2), ("block2", 0.3), ("block3", 0.3), ("block4", 0.4)]
    assert not [layer for layer in model.layers if type(layer).__name__ == "Dropout"]
