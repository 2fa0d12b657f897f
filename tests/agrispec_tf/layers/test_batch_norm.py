"""The fused batch normalisation makes the numbers of Keras's own, forwards, backwards and in its moving statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from agrispec_tf.layers.batch_norm import BatchNorm

SHAPES = [(6, 4), (6, 5, 4), (6, 3, 5, 4)]


def pair(shape):
    """Our layer and Keras's with the same random weights."""
    generator = np.random.default_rng(3)
    layers = [kind(momentum=0.9, epsilon=1e-5) for kind in (BatchNorm, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.build((None, *shape[1:]))
    weights = [generator.uniform(0.5, 2, shape[-1:]).astype(np.float32) for _ in range(4)]
    for layer in layers:
        layer.set_weights(weights)
    inputs = generator.normal(3, 2, shape).astype(np.float32)
    return layers, inputs, generator.normal(size=shape).astype(np.float32)


def stepped(layer, inputs, upstream, training=True):
    """Output, gradients at inputs and trainable weights, and moving statistics after one call."""
    given = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = layer(given, training=training)
        loss = tf.reduce_sum(tf.cast(output, tf.float32) * upstream)
    gradients = tape.gradient(loss, [given, *(weight.value for weight in layer.trainable_weights)])
    return [np.asarray(part) for part in (output, *gradients, *layer.get_weights()[-2:])]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_a_step_is_that_of_keras(shape, training):
    layers, inputs, upstream = pair(shape)
    ours, theirs = (stepped(layer, inputs, upstream, training) for layer in layers)
    assert len(ours) == 6
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-5)


def test_the_moving_variance_is_that_of_the_whole_batch():
    (layer, _), inputs, upstream = pair(SHAPES[2])
    before = layer.get_weights()[3]
    after = stepped(layer, inputs, upstream)[-1]
    np.testing.assert_allclose(after, 0.9 * before + 0.1 * inputs.reshape(-1, 4).var(axis=0), rtol=1e-5)


def test_a_frozen_layer_keeps_its_statistics_in_training():
    (layer, _), inputs, upstream = pair(SHAPES[2])
    layer.trainable = False
    before = layer.get_weights()
    stepped(layer, inputs, upstream)
    for kept, weight in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_mixed_precision_passes_half_floats_on_and_keeps_statistics_in_full_ones():
    (_, theirs), inputs, upstream = pair(SHAPES[2])
    ours = BatchNorm(momentum=0.9, epsilon=1e-5, dtype="mixed_bfloat16")
    ours.build((None, *inputs.shape[1:]))
    ours.set_weights(theirs.get_weights())
    rounded = tf.cast(inputs, tf.bfloat16)
    output = ours(rounded, training=True)
    assert output.dtype == tf.bfloat16
    expected = stepped(theirs, np.asarray(tf.cast(rounded, tf.float32)), upstream)
    np.testing.assert_allclose(np.asarray(tf.cast(output, tf.float32)), expected[0], rtol=1e-2, atol=1e-2)
    for mine, other in zip(ours.get_weights()[-2:], expected[-2:], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_it_is_read_back_from_a_saved_network(tmp_path):
    inputs = keras.Input((3, 5, 4))
    model = keras.Model(inputs, BatchNorm(momentum=0.9, epsilon=1e-5)(inputs))
    model.save(tmp_path / "model.keras")
    layer = keras.saving.load_model(tmp_path / "model.keras").layers[1]
    assert type(layer) is BatchNorm
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
