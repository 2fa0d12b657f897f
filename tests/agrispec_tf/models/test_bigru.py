"""The Bi-GRU; sizes and gradients are tested on both backends in test_backends."""

import numpy as np
import pytest

from agrispec.cube import preset
from agrispec.errors import ConfigError
from agrispec_tf.models import bigru
from agrispec_tf.models.bigru import BiGRUOptions


def test_the_domain_head_shares_the_classifiers_weights():
    options = BiGRUOptions.for_cube(preset("agrispec-23"), 4)
    crop = options.build()
    both = bigru.with_domain_head(crop, options, 10)
    series = np.random.default_rng(0).normal(size=(3, 23, 8)).astype(np.float32)
    found = both(options.inputs(series))
    assert {name: tuple(value.shape) for name, value in found.items()} == {"crop": (3, 4), "domain": (3, 2)}
    crop.get_layer("crop").bias.assign(np.full(4, 5, np.float32))
    np.testing.assert_array_equal(np.asarray(crop(series)), np.asarray(both(series)["crop"]))


def test_recurrences_meet_the_conditions_of_the_fused_gpu_kernel():
    model = BiGRUOptions(classes=3).build()
    for name in ("gru1", "gru2"):
        for unit in (model.get_layer(name).forward_layer, model.get_layer(name).backward_layer):
            assert (unit.activation.__name__, unit.recurrent_activation.__name__) == ("tanh", "sigmoid")
            assert (unit.recurrent_dropout, unit.reset_after, unit.unroll, unit.use_bias) == (0, True, False, True)


def test_a_single_class_is_refused():
    with pytest.raises(ConfigError, match="at least two"):
        BiGRUOptions(classes=1)
