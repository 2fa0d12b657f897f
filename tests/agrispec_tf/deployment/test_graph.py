"""Networks as ONNX graphs: the logits of Keras, whatever the weights."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'agrispec-gee[deploy]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install"
                                                        " 'agrispec-gee[deploy]'")

from agrispec.cube import preset  # noqa: E402
from agrispec.errors import ConfigError  # noqa: E402
from agrispec_tf.deployment.graph import IR_VERSION, OPSET, Graph, Value  # noqa: E402
from agrispec_tf.layers.temporal_attention import TemporalAttention  # noqa: E402
from agrispec_tf.models import architectures  # noqa: E402

layers = keras.layers


def randomise(model: keras.Model, seed: int) -> None:
    """Weights that keep numbers of ordinary size, and statistics of batches that are not 0 and 1."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "seed_generator_state":
            continue
        if weight.name in ("moving_variance", "gamma"):
            values = generator.uniform(0.5, 2, weight.shape)
        elif len(weight.shape) == 1:
            values = generator.normal(0, 0.3, weight.shape)
        else:
            values = generator.normal(0, np.prod(weight.shape[:-1]) ** -0.5, weight.shape)
        weight.assign(values.astype(np.float32))


def exported(model: keras.Model) -> onnx.ModelProto:
    """The model alone, from its own input to its output."""
    shape = tuple(model.input_shape[1:])
    graph = Graph()
    last = graph.write(model, Value(name="given", shape=shape))
    graph.add("Identity", [last.name], "made")
    described = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *axes])
                 for name, axes in (("given", shape), ("made", tuple(model.output_shape[1:])))]
    made = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "test", described[:1], described[1:], initializer=graph.initializers),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(made, full_check=True)
    return made


def outputs(made: onnx.ModelProto, given_: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"given": given_})[0]


def check(model: keras.Model, seed: int) -> onnx.ModelProto:
    randomise(model, seed)
    made = exported(model)
    for batch in (1, 7):
        numbers = np.random.default_rng(seed).normal(0, 1, (batch, *model.input_shape[1:])).astype(np.float32)
        expected = np.asarray(model.predict_on_batch(numbers))
        assert np.ptp(expected) > 1e-2
        np.testing.assert_allclose(outputs(made, numbers), expected, atol=1e-5, rtol=1e-5)
    return made


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["cropnet", "cropnet-v1", "cropnet-1d", "bigru", "mlp", "tempcnn"])
def test_a_network_of_random_weights_keeps_its_logits(name, seed):
    made = check(architectures.for_cube(name, preset("agrispec-23"), 5).build(), seed)
    kinds = {node.op_type for node in made.graph.node}
    assert not kinds & {"BatchNormalization", "Pad", "Dropout", "Loop", "Scan"}


def stacked(shape, *parts):
    given_ = keras.Input(shape)
    value = given_
    for part in parts:
        value = part(value)
    return keras.Model(given_, value)


@settings(max_examples=15)
@given(steps=st.integers(5, 12), bands=st.integers(1, 3), stride=st.integers(1, 3), kernel=st.integers(1, 4),
       padding=st.sampled_from(["valid", "same", "causal"]), zeros=st.integers(0, 2), seed=st.integers(0, 99),
       bent=st.sampled_from(["linear", "relu", "gelu", "tanh", "sigmoid"]))
def test_convolutions_over_time_keep_their_values(steps, bands, stride, kernel, padding, zeros, seed, bent):
    check(stacked((steps, bands), layers.ZeroPadding1D((zeros, 1)),
                  layers.Conv1D(4, kernel, strides=stride, padding=padding, activation=bent),
                  layers.BatchNormalization(), layers.SpatialDropout1D(0.5)), seed)


@pytest.mark.parametrize("parts", [
    (layers.Conv2D(4, (2, 3), strides=(2, 1), padding="same"), layers.Flatten()),
    (layers.ZeroPadding2D(((0, 1), (2, 3))), layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization()),
    (layers.ZeroPadding2D(1), layers.BatchNormalization(scale=False, center=False)),
    (layers.MaxPooling2D(3, strides=2, padding="same"), layers.MaxPooling2D(2)),
    (layers.Conv2D(4, 2), layers.ReLU(), layers.BatchNormalization(), layers.GlobalAveragePooling2D()),
    (layers.Conv2D(4, 2, dilation_rate=2, groups=2), layers.Dense(3), layers.Dropout(0.5),
     layers.BatchNormalization()),
    (layers.Conv2D(4, 1), layers.Activation("sigmoid"), layers.Reshape((-1, 8))),
], ids=lambda parts: "-".join(type(part).__name__ for part in parts))
def test_layers_over_space_keep_their_values(parts):
    check(stacked((6, 7, 2), *parts), 0)


@pytest.mark.parametrize("parts", [
    (layers.GRU(3),), (layers.GRU(3, return_sequences=True), layers.BatchNormalization()),
    (layers.Bidirectional(layers.GRU(3)),),
    (layers.Conv1D(4, 2), layers.Bidirectional(layers.GRU(3, return_sequences=True)), TemporalAttention(5)),
    (layers.MaxPooling1D(2), layers.Dense(3, activation="tanh", use_bias=False), layers.GlobalAveragePooling1D()),
], ids=lambda parts: "-".join(type(part).__name__ for part in parts))
def test_layers_over_time_keep_their_values(parts):
    check(stacked((9, 2), *parts), 0)


def test_a_head_that_is_not_exported_leaves_no_trace():
    given_ = keras.Input((6, 2))
    shared = layers.Conv1D(3, 2)(given_)
    keras.Model(given_, {"crop": layers.Dense(4)(shared), "domain": layers.BatchNormalization()(shared)})
    check(keras.Model(given_, layers.Dense(4)(shared)), 0)


@pytest.mark.parametrize(("parts", "words"), [
    ((layers.LSTM(3, name="memory"),), "layer 'memory' of the network, a LSTM, has no rule for ONNX"),
    ((layers.GRU(3, reset_after=False),), "around GRU with other settings"),
    ((layers.Bidirectional(layers.LSTM(3)),), "around LSTM with other settings"),
    ((layers.Bidirectional(layers.GRU(3), merge_mode="sum"),), "merges by sum"),
    ((lambda value: layers.Add(name="sum")([value, layers.Dense(2)(value)]),), "layer 'sum' of the network, a Add"),
    ((layers.ReLU(max_value=6),), "ReLU that is not plain"),
    ((layers.Dense(3, activation="softsign"),), "Dense with activation softsign"),
    ((layers.BatchNormalization(axis=1),), "BatchNormalization over axis 1"),
    ((layers.ZeroPadding1D(1), layers.MaxPooling1D(2)), "MaxPooling1D of zeros around its input"),
])
def test_what_has_no_rule_is_refused_by_name(parts, words):
    with pytest.raises(ConfigError, match=words):
        exported(stacked((6, 2), *parts))


def test_a_layer_that_is_used_twice_is_refused():
    shared = layers.Dense(2, name="shared")
    with pytest.raises(ConfigError, match="a Dense of a network that uses a layer more than once"):
        exported(stacked((2,), shared, shared))
    with pytest.raises(ConfigError, match="of a network that uses a layer more than once"):
        exported(stacked((2,), shared, shared, layers.ReLU()))
