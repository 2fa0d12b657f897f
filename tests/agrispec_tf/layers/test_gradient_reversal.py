"""The reversal as a saved layer; its gradient is tested on both backends in test_backends."""

import keras
import numpy as np
import pytest

from agrispec.errors import ConfigError
from agrispec_tf.layers.gradient_reversal import GradientReversal


def test_a_saved_reversal_comes_back_with_its_settings_and_its_step(tmp_path):
    inputs = keras.Input((3,))
    layer = GradientReversal(maximum=0.4, total_steps=7, name="reversal")
    model = keras.Model(inputs, layer(inputs))
    layer.step.assign(5.0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").get_layer("reversal")
    assert (again.maximum, again.total_steps) == (0.4, 7)
    assert float(again.strength()) == float(layer.strength())


def test_the_step_is_no_trainable_weight():
    layer = GradientReversal(maximum=0.5, total_steps=3)
    layer(np.zeros((1, 2), np.float32))
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 1


@pytest.mark.parametrize(("maximum", "total_steps"), [(-0.1, 5), (0.5, 0)])
def test_an_impossible_ramp_is_refused(maximum, total_steps):
    with pytest.raises(ConfigError, match="cannot be"):
        GradientReversal(maximum=maximum, total_steps=total_steps)
