"""Attention against its formula in NumPy."""

import keras
import numpy as np

from agrispec_tf.layers.temporal_attention import TemporalAttention


def test_attention_equals_its_formula():
    features = np.random.default_rng(0).normal(size=(4, 11, 6)).astype(np.float32)
    layer = TemporalAttention(5)
    pooled = np.asarray(layer(features))
    kernel, bias, v = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    score = np.tanh(features @ kernel + bias) @ v
    weights = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pooled, (weights * features).sum(axis=1), atol=1e-5)


def test_equal_steps_are_pooled_to_themselves():
    step = np.random.default_rng(1).normal(size=(3, 1, 6)).astype(np.float32)
    pooled = TemporalAttention(5)(np.repeat(step, 9, axis=1))
    np.testing.assert_allclose(np.asarray(pooled), step[:, 0], atol=1e-6)


def test_a_saved_attention_pools_alike(tmp_path):
    features = np.random.default_rng(2).normal(size=(4, 11, 6)).astype(np.float32)
    inputs = keras.Input((11, 6))
    model = keras.Model(inputs, TemporalAttention(5)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(features)), np.asarray(model(features)))
