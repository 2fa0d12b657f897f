"""The Bi-GRU; its size and its losses are tested on both backends in test_backends."""

import pytest

from agrispec.errors import ConfigError
from agrispec_tf.models.bigru import BiGRUOptions


def test_recurrences_meet_the_conditions_of_the_fused_gpu_kernel():
    model = BiGRUOptions(classes=3).build()
    for name in ("gru1", "gru2"):
        for unit in (model.get_layer(name).forward_layer, model.get_layer(name).backward_layer):
            assert (unit.activation.__name__, unit.recurrent_activation.__name__) == ("tanh", "sigmoid")
            assert (unit.recurrent_dropout, unit.reset_after, unit.unroll, unit.use_bias) == (0, True, False, True)


def test_a_single_class_is_refused():
    with pytest.raises(ConfigError, match="at least two"):
        BiGRUOptions(classes=1)
