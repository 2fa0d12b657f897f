"""An exported network in integers of 8 bits."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType

from agrispec.errors import DataError
from agrispec_tf.deployment.network import SERIES

_LINEAR, _BETWEEN = ("Conv", "Gemm"), ("Relu", "MaxPool")
_CALIBRATION_BATCH = 128


def quantised(model: onnx.ModelProto, prepared: NDArray[np.float32]) -> onnx.ModelProto:
    """A model of `network.written` whose convolutions and dense layers multiply integers of 8 bits.

    Weights have a scale for each output channel; what flows between layers has one for each tensor, from the
    least and the largest value that `prepared` makes there. The first of these layers, which reads the series, and
    the last, which makes the logits, stay in 32 bits: they are little of the work. So does a GRU. Scales stand in
    the file beside what they scale (Q/DQ), so any runtime can read it.

    Args:
        model: in 32 bits.
        prepared: (N, steps, features) of training samples, as the model's preparation leaves them. Samples that the
            model is scored on would let them choose its scales.

    Raises:
        DataError: there are no samples, or too few layers to leave anything in 8 bits.
    """
    if not len(prepared):
        raise DataError("there are no samples to calibrate 8-bit integers on", mend="give training samples")
    linear = [node for node in model.graph.node if node.op_type in _LINEAR]
    if len(linear) < 3:
        raise DataError(f"the network has {len(linear)} layers, of which none is left between the first and the last",
                        mend="keep it in 32 bits")
    kept = {linear[0].name, linear[-1].name}
    kept |= {node.name for node in model.graph.node if node.op_type in _BETWEEN and node.input[0] in kept}
    with tempfile.TemporaryDirectory() as scratch:
        # From a file: a model that is handed over in memory is left without its weights.
        given, path = Path(scratch, "float32.onnx"), Path(scratch, "int8.onnx")
        bare = onnx.ModelProto()
        bare.CopyFrom(model)
        # ONNX Runtime's mark of a graph without batch norms and dropout, as it asks for: it warns of others.
        onnx.helper.set_model_props(bare, {"onnx.quant.pre_process": "onnxruntime.quant"})
        onnx.save(bare, given)
        quantization.quantize_static(
            given, path, _Batches(prepared), quant_format=QuantFormat.QDQ, op_types_to_quantize=[*_LINEAR, *_BETWEEN],
            nodes_to_exclude=sorted(kept), per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax)
        made = onnx.load(path)
    onnx.helper.set_model_props(made, {**{prop.key: prop.value for prop in model.metadata_props}, "precision": "int8",
                                       "calibration_samples": str(len(prepared))})
    made.producer_name, made.producer_version = model.producer_name, model.producer_version
    made.doc_string = model.doc_string
    onnx.checker.check_model(made, full_check=True)
    return made


class _Batches(CalibrationDataReader):
    """Prepared series as the calibration asks for them: batch by batch, then None."""

    def __init__(self, prepared: NDArray[np.float32]) -> None:
        self._batches = iter([prepared[first:first + _CALIBRATION_BATCH]
                              for first in range(0, len(prepared), _CALIBRATION_BATCH)])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {SERIES: batch}
