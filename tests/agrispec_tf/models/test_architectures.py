"""Every network has a name, options that its card brings back, and inputs that fit it."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from agrispec.errors import ConfigError
from agrispec_tf.models import architectures
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.models.cropnet_1d import CropNet1DOptions
from agrispec_tf.models.imagenet import ImageNetOptions
from agrispec_tf.models.mlp import MLPOptions

CARDS = {
    "cropnet": '{"classes": 3, "bands": 3, "steps": 14, "variant": "v3", "dropout": [0.2, 0.3, 0.3, 0.4]}',
    "cropnet-v1": '{"classes": 3, "bands": 3, "steps": 14, "variant": "v1", "dropout": [0.2, 0.3, 0.3, 0.4]}',
    "cropnet-1d": '{"classes": 3, "bands": 3, "steps": 14, "reading": "flat", "dropout": [0.2, 0.3, 0.3, 0.4]}',
    "bigru": '{"classes": 3, "features": 3, "steps": 14, "dropout": 0.3}',
    "mlp": '{"classes": 3, "features": 3, "steps": 14, "dropout": 0.3}',
    "tempcnn": '{"classes": 3, "features": 3, "steps": 14, "dropout": 0.5}',
    "resnet50": '{"network": "resnet50", "classes": 3, "bands": 3, "steps": 14}',
    "efficientnetv2s": '{"network": "efficientnetv2s", "classes": 3, "bands": 3, "steps": 14}'}
"""What stands in the cards of models that were trained before."""

# The other models are built with the same classes, or in test_backends.
QUICK = ("cropnet", "cropnet-1d", "bigru", "mlp", "tempcnn")


@pytest.mark.parametrize("model", architectures.MODELS)
def test_a_card_brings_options_back(model, small_cube):
    options = architectures.for_cube(model, small_cube, 3)
    assert options.series_shape == (14, 3)
    assert options.architecture in architectures.ARCHITECTURES
    assert json.dumps(asdict(options)) == CARDS[model]
    assert architectures.from_card(options.architecture, json.loads(CARDS[model])) == options


def test_a_bigru_from_before_the_domain_head_was_dropped_is_read(small_cube):
    """The cards of `bigru` and of `bigru-grl` were alike, the architecture's name included."""
    card = '{"classes": 3, "features": 3, "steps": 14, "dropout": 0.3, "reversal": 0.5}'
    assert architectures.from_card("bigru", json.loads(card)) == architectures.for_cube("bigru", small_cube, 3)
    with pytest.raises(ConfigError, match="mlp is not built from .*reversal"):
        architectures.from_card("mlp", json.loads(card))


def test_names_of_models_choose_variants(small_cube):
    assert architectures.for_cube("cropnet", small_cube, 3) == CropNetOptions(classes=3, bands=3, steps=14)
    assert architectures.for_cube("cropnet-v1", small_cube, 3).variant == "v1"
    assert architectures.for_cube("cropnet-1d", small_cube, 3).reading == "flat"
    assert [architectures.for_cube(name, small_cube, 3).network for name in ("resnet50", "efficientnetv2s")] == [
        "resnet50", "efficientnetv2s"]


@pytest.mark.parametrize("model", QUICK)
def test_a_network_makes_a_logit_for_each_class_of_each_series(model, small_cube):
    options = architectures.for_cube(model, small_cube, 3)
    series = np.random.default_rng(0).normal(0.3, 0.1, (5, 14, 3)).astype(np.float32)
    inputs, network = options.inputs(series), options.build()
    assert inputs.shape == (5, *network.input_shape[1:])
    assert (inputs.flags.c_contiguous, inputs.dtype) == (True, np.float32)
    assert network.predict_on_batch(inputs).shape == (5, 3)


@pytest.mark.parametrize("model", architectures.MODELS)
def test_a_single_class_is_refused(model, small_cube):
    with pytest.raises(ConfigError, match="at least two crop classes"):
        architectures.for_cube(model, small_cube, 1)


def test_what_is_not_there_is_refused_by_name(small_cube):
    with pytest.raises(ConfigError, match="no model 'transformer'.*use one of cropnet, "):
        architectures.for_cube("transformer", small_cube, 3)
    with pytest.raises(ConfigError, match="no architecture 'resnet50'.*imagenet"):
        architectures.from_card("resnet50", {"classes": 3})
    with pytest.raises(ConfigError, match="mlp is not built from classes, width"):
        architectures.from_card("mlp", {"classes": 3, "width": 3})
    with pytest.raises(ConfigError, match="no network 'resnet18'.*resnet50"):
        ImageNetOptions(network="resnet18", classes=3)
    with pytest.raises(ConfigError, match="as 'steps'.*flat, bands"):
        CropNet1DOptions(classes=3, reading="steps")


def test_a_flat_sequence_is_band_after_band():
    series = np.arange(2 * 14 * 3, dtype=np.float32).reshape(2, 14, 3)
    flat = CropNet1DOptions(classes=3, bands=3, steps=14).inputs(series)
    np.testing.assert_array_equal(flat[1, :, 0], np.concatenate([series[1, :, band] for band in range(3)]))
    as_is = CropNet1DOptions(classes=3, bands=3, steps=14, reading="bands").inputs(series)
    np.testing.assert_array_equal(as_is, series)


def test_an_mlp_reads_vectors_as_it_reads_series_of_one_step():
    vectors = np.arange(10, dtype=np.float32).reshape(2, 5)
    options = MLPOptions(classes=3, features=5)
    assert options.series_shape == (1, 5)
    np.testing.assert_array_equal(options.inputs(vectors), vectors)
    np.testing.assert_array_equal(options.inputs(vectors[:, None]), vectors)
    assert options.build().input_shape == (None, 5)
    series = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(MLPOptions(classes=3, steps=3, features=2).inputs(series), series.reshape(2, 6))
