"""An exported network's file: the classifier's answers, and all that a stranger needs."""

import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'agrispec-gee[deploy]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install"
                                                        " 'agrispec-gee[deploy]'")
pytest.importorskip("openvino", reason="openvino is not installed: pip install 'agrispec-gee[deploy]'")

from agrispec.errors import ConfigError, CorruptRecord, RunError, SchemaMismatch, StorageError  # noqa: E402
from agrispec_tf import classifier as classifiers  # noqa: E402
from agrispec_tf.classifier import Classifier  # noqa: E402
from agrispec_tf.data.normalisation import Normalisation  # noqa: E402
from agrispec_tf.data.preparation import Preparation  # noqa: E402
from agrispec_tf.data.thermal_axis import ThermalAxis  # noqa: E402
from agrispec_tf.deployment import network  # noqa: E402
from agrispec_tf.deployment.network import RUNTIMES, OnnxClassifier  # noqa: E402
from agrispec_tf.models import architectures  # noqa: E402

STATISTICS = Normalisation(mean=(0.1, 0.2, 0.3), deviation=(0.5, 2.0, 3.0))


def made(name, cube, names) -> Classifier:
    keras.utils.set_random_seed(0)
    options = architectures.for_cube(name, cube, len(names))
    return Classifier(model=classifiers.compiled_for_inference(options.build()), options=options, cube=cube,
                      class_names=names, training={"seed": 3},
                      preparation=Preparation(smoothing=2.0, normalisation=STATISTICS))


@pytest.fixture(scope="module")
def classifier(small_cube, class_names) -> Classifier:
    return made("cropnet", small_cube, class_names)


@pytest.fixture(scope="module")
def model(classifier) -> onnx.ModelProto:
    return network.written(classifier)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["cropnet", "cropnet-1d", "bigru", "mlp", "tempcnn"])
def test_every_runtime_gives_the_classifiers_probabilities(name, runtime, small_cube, class_names, grown):
    ours = made(name, small_cube, class_names)
    theirs = OnnxClassifier.of(network.written(ours), runtime)
    series = grown(41).series
    np.testing.assert_allclose(theirs.probabilities(series), ours.probabilities(series), atol=1e-5)
    assert theirs.class_names == ours.class_names


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 70])
def test_probabilities_do_not_depend_on_the_batch(model, grown, count):
    run = OnnxClassifier.of(model)
    series = grown(99).series
    few = run.probabilities(series.take(np.arange(count)), 40)
    assert few.shape == (count, 3)
    np.testing.assert_allclose(few, run.probabilities(series)[:count], atol=1e-6)


def test_a_stranger_reads_in_the_file_what_goes_in_and_what_comes_out(classifier, model, tmp_path, grown):
    network.save(model, tmp_path / "cropnet.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "cropnet.onnx", providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert [value.shape for value in session.get_inputs()] == [["batch", 14, 3]]
    assert [(value.name, value.shape) for value in session.get_outputs()] == [
        ("probabilities", ["batch", 3]), ("logits", ["batch", 3])]
    assert json.loads(told["classes"]) == ["wheat", "maize", "beet"]
    assert (json.loads(told["cube"])["features"], told["cube_digest"]) == (["B4", "B8", "B11"], classifier.cube.digest)
    preparation = json.loads(told["preparation"])
    assert preparation == json.loads(json.dumps(asdict(classifier.preparation)))
    assert (told["precision"], json.loads(told["training"])) == ("float32", {"seed": 3})
    words = session.get_modelmeta().description
    assert "(batch, 14, 3)" in words
    assert "B4, B8, B11" in words
    # What it asks for, done by hand, gives the classifier's answer.
    series = grown(7).series
    filled = replace(classifier.preparation, normalisation=None).apply(series)
    statistics = preparation["normalisation"]
    by_hand = (filled - np.float32(statistics["mean"])) / np.float32(statistics["deviation"])
    probabilities, logits = session.run(None, {"series": by_hand.astype(np.float32)})
    np.testing.assert_allclose(probabilities, classifier.probabilities(series), atol=1e-6)
    np.testing.assert_allclose(logits, classifier.model.predict_on_batch(classifier.options.inputs(by_hand)), atol=1e-5)


def test_a_model_on_thermal_time_says_so_in_its_file(small_cube, class_names, grown, warm):
    training = warm(grown(30)).series
    axis = Preparation(thermal=ThermalAxis.fitted(training))
    ours = replace(made("mlp", training.cube, class_names), preparation=axis)
    theirs = OnnxClassifier.of(network.written(ours))
    assert theirs.preparation == axis
    later = warm(grown(20, delay=0.1), delay=0.1).series
    np.testing.assert_allclose(theirs.probabilities(later), ours.probabilities(later), atol=1e-5)


def test_a_model_that_sees_a_part_of_its_window_says_so_in_its_file(small_cube, class_names, grown):
    partly = Preparation(shown=(3, 9), normalisation=STATISTICS)
    ours = replace(made("mlp", small_cube, class_names), preparation=partly)
    written = network.written(ours)
    assert OnnxClassifier.of(written).preparation == partly
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    words = " ".join(session.get_modelmeta().description.split())
    assert ("where there is a `shown`, [first, stop], steps before `first` take the values of step `first`, and steps"
            " from `stop` on those of step `stop` - 1; where there is a `normalisation`") in words
    # What it asks for, done by hand, gives the classifier's answer.
    preparation = json.loads(session.get_modelmeta().custom_metadata_map["preparation"])
    (first, stop), statistics = preparation["shown"], preparation["normalisation"]
    series = grown(7).series
    by_hand = Preparation().apply(series)
    by_hand[:, :first], by_hand[:, stop:] = by_hand[:, [first]], by_hand[:, [stop - 1]]
    by_hand = (by_hand - np.float32(statistics["mean"])) / np.float32(statistics["deviation"])
    [probabilities] = session.run(["probabilities"], {"series": by_hand.astype(np.float32)})
    np.testing.assert_allclose(probabilities, ours.probabilities(series), atol=1e-6)


def test_a_saved_model_comes_back_byte_for_byte(model, tmp_path):
    network.save(model, tmp_path / "deep" / "cropnet.onnx")
    assert network.read(tmp_path / "deep" / "cropnet.onnx").SerializeToString() == model.SerializeToString()


def test_a_network_without_a_rule_is_named(small_cube, class_names):
    with pytest.raises(ConfigError, match="UpSampling2D"):
        network.written(made("resnet50", small_cube, class_names))


def test_a_file_that_is_no_model_is_named(model, tmp_path):
    path = tmp_path / "cropnet.onnx"
    with pytest.raises(RunError, match=r"there is no model .*cropnet.onnx"):
        network.read(path)
    content = model.SerializeToString()
    for broken in (content[:len(content) // 2], b"", b"model", content[1:]):
        path.write_bytes(broken)
        with pytest.raises(CorruptRecord, match=r"cropnet.onnx is no whole ONNX model"):
            network.read(path)


def test_a_file_that_cannot_be_written_is_said(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        network.save(model, tmp_path / "file" / "cropnet.onnx")


def test_a_model_that_does_not_say_what_it_reads_is_refused(model):
    for change in ({"cube": "{}"}, {"cube_digest": "0"}, {"classes": "wheat"}, {"preparation": "[]"}):
        stranger = onnx.ModelProto()
        stranger.CopyFrom(model)
        onnx.helper.set_model_props(stranger, {prop.key: prop.value for prop in model.metadata_props} | change)
        with pytest.raises(CorruptRecord, match="does not say what it reads"):
            OnnxClassifier.of(stranger)


def test_series_of_another_cube_are_refused(model, grown, small_cube):
    other = replace(small_cube, features=("B4", "B11", "B8"))
    with pytest.raises(SchemaMismatch, match=r"another cube .*'B4', 'B8', 'B11'"):
        OnnxClassifier.of(model).probabilities(grown(5, cube=other).series)


def test_a_runtime_that_there_is_not_is_named(model):
    with pytest.raises(ConfigError, match="no runtime 'tensorrt'; use one of openvino, onnxruntime"):
        OnnxClassifier.of(model, "tensorrt")
