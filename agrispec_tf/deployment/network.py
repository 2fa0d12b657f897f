"""A trained network as an ONNX file that says what it reads and what it answers, and such a file as a classifier."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, CorruptRecord, RunError
from agrispec.formats.atomic import write_files
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.deployment.graph import IR_VERSION, OPSET, Graph, Value

SERIES, PROBABILITIES, LOGITS = "series", "probabilities", "logits"
"""The names of a file's input and outputs."""

RUNTIMES = ("openvino", "onnxruntime")
"""What can run a file, the faster one on the CPU first."""

_BATCH = 32
"""Series in one call of a runtime. OpenVINO plans for one size alone; larger ones leave the processor's cache."""

_HOW_TO_USE = """\
{architecture} for {classes} classes, a crop classifier of agrispec-gee.

Input `series`: float32 (batch, {steps}, {features}), the time steps of the model's window, oldest first, by features:
{names}. How they are computed stands in the metadata `cube`. Gaps are filled and values standardised first, as the
metadata `preparation` says: steps without a clear look are filled {filling}; where there is a `thermal`, a series is
read where its growing degree days reach the `levels`; where there is a `shown`, [first, stop], steps before `first`
take the values of step `first`, and steps from `stop` on those of step `stop` - 1; where there is a `normalisation`,
each feature is (value - mean) / deviation.

Output `probabilities`: float32 (batch, {classes}), in the order of the metadata `classes`. Output `logits`: before the
softmax.
"""


def written(classifier: Classifier) -> onnx.ModelProto:
    """The network of a classifier as an ONNX model, checked.

    Input `series` (batch, steps, features) as `classifier.preparation` leaves them, outputs `probabilities` and
    `logits` (batch, classes); batch is free. The metadata carry `classes`, `cube`, `cube_digest`, `preparation`,
    `architecture`, `options`, `training` as JSON, and `precision`.

    Raises:
        ConfigError: a layer of the network has no rule.
    """
    steps, features = classifier.options.series_shape
    graph = Graph()
    logits = graph.write(classifier.model, _arranged(graph, classifier.options))
    graph.add("Identity", [logits.name], LOGITS)
    graph.add("Softmax", [LOGITS], PROBABILITIES, axis=-1)
    classes = len(classifier.class_names)
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes, classifier.options.architecture, initializer=graph.initializers,
            inputs=[_described(SERIES, steps, features)],
            outputs=[_described(PROBABILITIES, classes), _described(LOGITS, classes)]),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="agrispec-gee", producer_version=version("agrispec-gee"),
        doc_string=_HOW_TO_USE.format(
            architecture=classifier.options.architecture, classes=classes, steps=steps, features=features,
            names=", ".join(classifier.cube.features), filling="by Whittaker smoothing of that lambda" if
            classifier.preparation.smoothing else "linearly in time, the first and the last value held"))
    onnx.helper.set_model_props(made, {
        "architecture": classifier.options.architecture, "options": json.dumps(asdict(classifier.options)),
        "classes": json.dumps(classifier.class_names, ensure_ascii=False),
        "cube": json.dumps(classifier.cube.to_table()), "cube_digest": classifier.cube.digest,
        "preparation": json.dumps(asdict(classifier.preparation)),
        "training": json.dumps(dict(classifier.training)), "precision": "float32"})
    onnx.checker.check_model(made, full_check=True)
    return made


def _described(name: str, *shape: int) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape])


def _arranged(graph: Graph, options: Any) -> Value:
    """The series as the network's input, whose order is read off numbered series."""
    steps, features = options.series_shape
    numbers = np.arange(steps * features, dtype=np.float32).reshape(1, steps, features)
    found = np.asarray(options.inputs(numbers))[0]
    order, shape = found.ravel(), found.shape
    if not np.array_equal(np.sort(order), numbers.ravel()):
        raise ConfigError(f"the network {options.architecture!r} reads values computed from series, not their own",
                          mend="export a network that reads series")
    name = SERIES
    if not np.array_equal(order, numbers.ravel()):
        if not np.array_equal(order, numbers[0].T.ravel()):
            raise ConfigError(f"the network {options.architecture!r} reads the values of a series in an order that has"
                              " no rule for ONNX", mend="export a network that reads series by step or by feature")
        name = graph.add("Transpose", [SERIES], "series_by_feature", perm=(0, 2, 1))
    if len(shape) > 1 and shape[-1] == 1:  # One channel lies first as it lies last.
        return Value(name=graph.reshaped(name, (-1, 1, *shape[:-1]), "arranged"), shape=shape, channels_first=True)
    if found.shape != (steps, features):
        name = graph.reshaped(name, (-1, *shape), "arranged")
    return Value(name=name, shape=shape)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes a model's file, whole or not at all.

    Raises:
        StorageError: it cannot be written; a file that was there is as it was.
    """
    write_files({path: model.SerializeToString()})


def read(path: Path) -> onnx.ModelProto:
    """The model of a file that `save` wrote.

    Raises:
        RunError: there is no such file.
        CorruptRecord: it is no ONNX model, or not whole.
    """
    if not path.is_file():
        raise RunError(f"there is no model {path}", mend="export one first: agrispec-gee export-model RUN")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        onnx.checker.check_model(model)
    except (OSError, DecodeError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().splitlines()
        raise CorruptRecord(f"{path} is no whole ONNX model ({reason[0] if reason else error!r})",
                            mend="export it again") from error
    return model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxClassifier:
    """An exported network, ready to run on the CPU.

    Attributes:
        cube: what it was trained on.
        class_names: C names by class number.
        preparation: what series go through before it.
        run: prepared series (N, steps, features) to probabilities (N, C).
    """

    cube: CubeSpec
    class_names: tuple[str, ...]
    preparation: Preparation
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @classmethod
    def of(cls, model: onnx.ModelProto, runtime: str = RUNTIMES[0]) -> OnnxClassifier:
        """An exported model on a runtime, which computes in the model's own precision.

        Raises:
            ConfigError: there is no such runtime.
            CorruptRecord: the model's metadata are not those that `written` gives.
        """
        if runtime not in RUNTIMES:
            raise ConfigError(f"there is no runtime {runtime!r}", mend=f"use one of {', '.join(RUNTIMES)}")
        props = {prop.key: prop.value for prop in model.metadata_props}
        try:
            cube = CubeSpec.from_table(json.loads(props["cube"]))
            if cube.digest != props["cube_digest"]:
                raise ValueError(f"the cube's digest is {cube.digest}, not {props['cube_digest']}")
            preparation = Preparation.from_table(json.loads(props["preparation"]))
            names = tuple(json.loads(props["classes"]))
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise CorruptRecord(f"the ONNX model does not say what it reads ({error})",
                                mend="export it with agrispec-gee export-model") from error
        start = _openvino if runtime == "openvino" else _onnxruntime
        return cls(cube=cube, class_names=names, preparation=preparation,
                   run=_by_batches(start(model, (cube.window.steps, len(cube.features))), len(names)))

    def probabilities(self, series: Series, batch: int = 512) -> NDArray[np.float32]:
        """Class probabilities (N, C) of N series, `batch` of them prepared at a time.

        Raises:
            SchemaMismatch: the series are of another cube.
        """
        self.cube.check_read(series.cube)
        found = np.empty((len(series), len(self.class_names)), np.float32)
        for first in range(0, len(series), batch):
            rows = np.arange(first, min(first + batch, len(series)))
            found[rows] = self.run(self.preparation.apply(series.take(rows)))
        return found


_Step = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _by_batches(step: _Step, classes: int) -> _Step:
    """`step`, which takes `_BATCH` series, for any number of them."""

    def run(prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.empty((len(prepared), classes), np.float32)
        for first in range(0, len(prepared), _BATCH):
            part = prepared[first:first + _BATCH]
            full = part if len(part) == _BATCH else np.resize(part, (_BATCH, *part.shape[1:]))
            found[first:first + _BATCH] = step(np.ascontiguousarray(full, np.float32))[:len(part)]
        return found

    return run


def _openvino(model: onnx.ModelProto, shape: tuple[int, int]) -> _Step:
    core = openvino.Core()
    graph = core.read_model(model.SerializeToString())
    graph.reshape({SERIES: [_BATCH, *shape]})
    # Left to itself, OpenVINO computes in bfloat16 where the processor can.
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    request, wanted = compiled.create_infer_request(), compiled.output(PROBABILITIES)
    return lambda prepared: request.infer({SERIES: prepared}, share_inputs=True)[wanted]


def _onnxruntime(model: onnx.ModelProto, shape: tuple[int, int]) -> _Step:
    settings = onnxruntime.SessionOptions()
    # It counts the machine's cores, not those that this process may use.
    settings.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return lambda prepared: session.run([PROBABILITIES], {SERIES: prepared})[0]
