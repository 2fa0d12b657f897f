"""Networks in integers of 8 bits: what is small, what is kept, and who chooses the scales."""

import keras
import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'agrispec-gee[deploy]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install"
                                                        " 'agrispec-gee[deploy]'")
pytest.importorskip("openvino", reason="openvino is not installed: pip install 'agrispec-gee[deploy]'")

from agrispec.cube import preset  # noqa: E402
from agrispec.errors import DataError  # noqa: E402
from agrispec_tf import train  # noqa: E402
from agrispec_tf.classifier import Classifier  # noqa: E402
from agrispec_tf.data.preparation import Preparation  # noqa: E402
from agrispec_tf.deployment import cost, int8, network  # noqa: E402
from agrispec_tf.deployment.network import RUNTIMES, OnnxClassifier  # noqa: E402
from agrispec_tf.models.cropnet import CropNetOptions  # noqa: E402
from agrispec_tf.models.mlp import MLPOptions  # noqa: E402
from agrispec_tf.recipes import Recipe  # noqa: E402


@pytest.fixture(scope="module")
def trained(grown, small_cube, class_names):
    how = Recipe(epochs=10, batch=8, learning_rate=1e-3)
    return train.fit(CropNetOptions.for_cube(small_cube, 3), grown(96), grown(24, seed=1, place="V"),
                     class_names=class_names, how=how, seed=0)


@pytest.fixture(scope="module")
def prepared(trained, grown):
    return trained.preparation.apply(grown(96).series)


@pytest.fixture(scope="module")
def small(trained, prepared):
    return int8.quantised(network.written(trained), prepared)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_eight_bits_keep_the_classes_of_a_trained_network(trained, small, grown, runtime):
    held_out = grown(300, seed=2, place="T")
    found = cost.cost(trained, OnnxClassifier.of(small, runtime), held_out)
    assert found.accuracy.before > 0.9
    assert found.agreement > 0.97
    assert found.accuracy.after - found.accuracy.before > -0.03


def test_all_layers_but_the_first_and_the_last_have_weights_of_eight_bits(trained, small):
    weights = {array.name: array for array in small.graph.initializer}
    made_by = {node.output[0]: node for node in small.graph.node}
    linear = [node for node in small.graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(linear) == 9
    for number, node in enumerate(linear):
        source = made_by.get(node.input[1])
        if number in (0, 8):
            assert weights[node.input[1]].data_type == onnx.TensorProto.FLOAT
        else:
            assert source.op_type == "DequantizeLinear"
            assert weights[source.input[0]].data_type == onnx.TensorProto.INT8
            assert weights[source.input[1]].dims == [128]  # A scale for each channel.
    assert small.ByteSize() < 0.3 * network.written(trained).ByteSize()


def test_metadata_come_along_and_tell_the_precision(trained, small):
    of_32 = {prop.key: prop.value for prop in network.written(trained).metadata_props}
    assert {prop.key: prop.value for prop in small.metadata_props} == {**of_32, "precision": "int8",
                                                                       "calibration_samples": "96"}


def test_the_model_in_32_bits_stays_as_it_is_and_nothing_is_logged(trained, prepared, caplog):
    model = network.written(trained)
    before = model.SerializeToString()
    int8.quantised(model, prepared)
    assert model.SerializeToString() == before
    assert caplog.records == []


def test_scales_span_what_the_calibration_samples_show(trained, prepared):
    def first_scale(model):
        arrays = {array.name: onnx.numpy_helper.to_array(array) for array in model.graph.initializer}
        return float(next(arrays[node.input[1]] for node in model.graph.node if node.op_type == "QuantizeLinear"))

    model = network.written(trained)
    with_probe = onnx.ModelProto()
    with_probe.CopyFrom(model)
    first = next(node for node in model.graph.node if node.op_type == "Relu")
    with_probe.graph.output.append(onnx.helper.make_tensor_value_info(first.output[0], onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(with_probe.SerializeToString(), providers=["CPUExecutionProvider"])
    for part in (prepared, prepared[:10]):
        largest = session.run([first.output[0]], {"series": part})[0].max()
        assert first_scale(int8.quantised(model, part)) == pytest.approx(largest / 255, rel=1e-5)


def test_a_calibration_without_samples_is_refused(trained, prepared):
    with pytest.raises(DataError, match="no samples to calibrate"):
        int8.quantised(network.written(trained), prepared[:0])


def test_a_network_of_two_layers_is_left_in_32_bits():
    options = MLPOptions.for_cube(preset("agrispec-23"), 2)
    given = keras.Input((23 * 8,))
    shallow = keras.Model(given, keras.layers.Dense(2)(keras.layers.Dense(4)(given)))
    classifier = Classifier(model=shallow, options=options, cube=preset("agrispec-23"), class_names=("a", "b"),
                            preparation=Preparation(), training={})
    with pytest.raises(DataError, match="2 layers"):
        int8.quantised(network.written(classifier), np.zeros((1, 23, 8), np.float32))
