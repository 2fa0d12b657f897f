"""A domain head changes a network by what its reversal lets through, and by nothing else."""

import keras
import numpy as np
import pytest

from agrispec_tf import train
from agrispec_tf.adaptation import adversarial, rounds
from agrispec_tf.adaptation.rounds import Course

HOW = Course(rounds=3, updates=4, batch=16, learning_rate=1e-3)


@pytest.fixture(scope="module")
def target(grown):
    return grown(120, seed=5, place="T", delay=0.05).series


def adapted(knowing, source, target, *, seed=4, **given):
    return adversarial.fit(knowing, source[0], target, how=HOW, seed=seed, **{"conditional": False, **given})


def weights(classifier):
    return [np.array(weight) for weight in classifier.model.trainable_weights]


@pytest.mark.parametrize("conditional", [False, True])
def test_lambda_0_equals_no_domain_head(knowing, source, target, conditional):
    with_head = adapted(knowing, source, target, conditional=conditional, reversal=0.0)
    keras.utils.set_random_seed(4)
    model = keras.models.clone_model(knowing.model)
    model.set_weights(knowing.model.get_weights())
    model.compile(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8), loss=train.cross_entropy())
    for number in range(3):
        drawn = rounds.drawn(knowing, source[0], target, HOW, 4, number)
        model.fit(drawn.inputs, drawn.labels, sample_weight=drawn.source.astype(np.float32), batch_size=32, epochs=1,
                  shuffle=False, verbose=0)
    for ours, plain in zip(weights(with_head), model.trainable_weights, strict=True):
        np.testing.assert_allclose(ours, plain, atol=2e-5)


@pytest.mark.parametrize("conditional", [False, True])
def test_lambda_above_0_lets_the_head_through(knowing, source, target, conditional):
    without, reversed_ = (adapted(knowing, source, target, conditional=conditional, reversal=reversal)
                          for reversal in (0.0, 0.5))
    assert max(np.abs(a - b).max() for a, b in zip(weights(without), weights(reversed_), strict=True)) > 1e-3


def test_the_same_seed_adapts_to_the_same_bits_and_the_source_network_stays(knowing, source, target):
    before = weights(knowing)
    one, other = (adapted(knowing, source, target, conditional=True) for _ in range(2))
    for ours, theirs in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for kept, now in zip(before, weights(knowing), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_what_comes_out_reads_series_and_gives_classes(knowing, source, target):
    found = adapted(knowing, source, target)
    assert found.model.output.shape == (None, 3)
    np.testing.assert_allclose(found.probabilities(target).sum(axis=1), 1, rtol=1e-5)
    assert found.training["adaptation"]["grl"]["target_series"] == 120


def test_the_head_tells_two_domains_and_shares_the_networks_weights(knowing, source):
    inputs = knowing.options.inputs(knowing.preparation.apply(source[0].series.take(np.arange(5))))
    network = keras.models.clone_model(knowing.model)
    both = adversarial.with_domain_head(network, conditional=False, reversal=0.5, total_steps=1)
    before = both.predict_on_batch(inputs)
    assert {name: value.shape for name, value in before.items()} == {"crop": (5, 3), "domain": (5, 2)}
    network.layers[-1].bias.assign(np.full(3, 5, np.float32))
    after = both.predict_on_batch(inputs)
    np.testing.assert_allclose(after["crop"], before["crop"] + 5, atol=1e-5)
    np.testing.assert_array_equal(after["crop"], network.predict_on_batch(inputs))


def test_the_conditional_head_reads_the_outer_product_of_features_and_class_shares(knowing, source):
    inputs = knowing.options.inputs(knowing.preparation.apply(source[0].series.take(np.arange(5))))
    model = adversarial.with_domain_head(knowing.model, conditional=True, reversal=0.5, total_steps=1)
    joint = keras.Model(model.input, model.get_layer("reversal").input)
    features = np.asarray(keras.Model(knowing.model.input, knowing.model.layers[-1].input).predict_on_batch(inputs))
    shares = knowing.probabilities(source[0].series.take(np.arange(5)))
    expected = np.einsum("nc,nd->ncd", shares, features).reshape(5, -1)
    np.testing.assert_allclose(np.asarray(joint.predict_on_batch(inputs)), expected, rtol=1e-4, atol=1e-6)
