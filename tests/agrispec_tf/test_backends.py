"""Layers, models and training on TensorFlow and on JAX: the same answers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("on_backend.py")
ROOT = Path(__file__).parents[2]
BACKENDS = ("tensorflow", "jax")


@pytest.fixture(scope="module")
def everywhere() -> dict[str, Any]:
    """What `on_backend.py` finds, by backend; the backends run side by side."""
    started = {backend: subprocess.Popen(
        [sys.executable, SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"})
        for backend in BACKENDS}
    found = {}
    for backend, process in started.items():
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-3000:]
        found[backend] = json.loads(output)
    return found


@pytest.fixture(params=BACKENDS)
def found(request: pytest.FixtureRequest, everywhere: dict[str, Any]) -> Any:
    assert everywhere[request.param]["backend"] == request.param
    return everywhere[request.param]


def test_networks_have_the_quoted_numbers_of_trainable_parameters(found):
    assert found["trainable"] == {"v3": 1_036_295, "v1": 4_689_735, "bigru": 368_081}


def test_networks_for_photographs_are_of_the_quoted_sizes(found):
    # Quoted are 23.57 M and 20.24 M, of an input that is not described; ours has one channel.
    assert found["compared"]["resnet50"]["trainable"] == 23_542_663
    assert found["compared"]["efficientnetv2s"]["trainable"] == 20_186_023


def test_feature_maps_have_the_published_shapes(found):
    assert found["maps"]["v3"] == [[5, 22, 128]] * 4
    assert found["maps"]["v1"] == [[10, 43, 64], [5, 22, 128], [5, 22, 256], [3, 11, 512]]


def test_the_reversal_passes_features_on_bit_for_bit(found):
    assert found["identity"]


def test_the_reversal_ramps_to_its_maximum_and_stays_there(found):
    step = np.arange(15)
    ramp = 0.5 * (2 / (1 + np.exp(-10 * np.minimum(step / 10, 1))) - 1)
    np.testing.assert_allclose(found["strengths"], ramp, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("case", "step"), [(0, 0), (1, 3), (2, 10)])
def test_the_reversed_gradient_is_exactly_minus_lambda_times_the_plain_one(found, case, step):
    strength = np.float32(found["strengths"][step])
    expected = -strength * np.array(found["plain_gradient"], np.float32)
    np.testing.assert_array_equal(np.array(found["reversed_gradients"][case], np.float32), expected)


def test_only_training_advances_the_reversals_step_once_a_batch(found):
    assert found["steps"] == 9


def test_attention_weights_are_positive_and_sum_to_one(found):
    np.testing.assert_allclose(found["attention"]["sums"], 1, rtol=1e-6)
    assert found["attention"]["least"] > 0


def test_attention_pools_by_its_weights(found):
    np.testing.assert_allclose(found["pooled"], 0, atol=1e-5)


def test_a_view_of_a_season_on_the_device_equals_the_hosts_preparation(found):
    assert found["view_error"] < 1e-5


def test_fit_keeps_the_weights_of_the_epoch_it_names(found):
    kept = found["fit"][-1]
    assert kept["again"] == pytest.approx(kept["kept"], rel=1e-5)


def test_a_temperature_folded_into_the_last_layer_tempers_the_probabilities(found):
    kept = found["fit"][-1]
    assert kept["folding error"] < 1e-6 < 1e-3 < kept["tempering changed"]


@pytest.mark.parametrize("network", ["cropnet-1d", "mlp", "tempcnn", "resnet50", "efficientnetv2s"])
def test_both_backends_find_equal_logits_from_the_same_weights(everywhere, network):
    ours, theirs = (np.array(everywhere[backend]["compared"][network]["logits"]) for backend in BACKENDS)
    assert ours.shape == (2, 7)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("network", ["cropnet", "bigru"])
def test_both_backends_lose_equally_from_the_same_weights(everywhere, network):
    ours, theirs = (everywhere[backend]["losses"][network] for backend in BACKENDS)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5)
