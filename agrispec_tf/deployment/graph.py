"""A Keras model of one input and one output as an ONNX graph.

Layer by layer, by a table of the layers this project builds networks from. Batch normalisation behind a
convolution or a dense layer becomes part of its weights, padding the convolution's own; dropout is left out. A GRU
becomes one operator, for which runtimes have a kernel, and no loop.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray

from agrispec.errors import ConfigError
from agrispec_tf.layers.batch_norm import BatchNorm
from agrispec_tf.layers.temporal_attention import TemporalAttention

OPSET, IR_VERSION = 20, 9
"""The operator set, the first with Gelu, and the file format of its time: the oldest that say all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A tensor of the graph.

    Attributes:
        name: in the graph.
        shape: without the batch, channels last, as Keras counts it.
        channels_first: whether its channels lie in front of space or time in the graph.
        pads: zeros that belong around space and are not there yet, before each axis and then behind each.
    """

    name: str
    shape: tuple[int, ...]
    channels_first: bool = False
    pads: tuple[int, ...] = ()


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._arrays: dict[str, NDArray[Any]] = {}
        # By the value they make: the weights of a linear operator, their axis of output channels, its bias.
        self._linear: dict[str, tuple[str, int, str]] = {}

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Appends an operator of one output; the output's name is the operator's."""
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def array(self, name: str, values: Any) -> str:
        """Keeps weights or integers under a name."""
        self._arrays[name] = np.asarray(values)
        return name

    def reshaped(self, value: str, shape: Sequence[int], name: str) -> str:
        """The value in another shape; 0 keeps an axis."""
        return self.add("Reshape", [value, self.array(f"{name}_shape", shape)], name)

    @property
    def initializers(self) -> list[onnx.TensorProto]:
        """All arrays, weights in 32 bits."""
        return [onnx.numpy_helper.from_array(
            np.ascontiguousarray(values, np.float32 if values.dtype.kind == "f" else np.int64), name)
            for name, values in self._arrays.items()]

    def write(self, model: keras.Model, start: Value) -> Value:
        """Appends the layers of a functional model, whose input is `start`; returns its output, channels last.

        Raises:
            ConfigError: a layer has no counterpart here, or is used in a way that has none.
        """
        behind = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
        readers = Counter(id(tensor) for layer in behind for tensor in keras.tree.flatten(layer.input))
        known = {id(model.inputs[0]): start}
        for layer in behind:
            sources, rule = list(keras.tree.flatten(layer.input)), _RULES.get(type(layer))
            if rule is None or len(sources) != 1:
                _refuse(layer)
            if id(sources[0]) not in known:
                _refuse(layer, _TWICE)
            value = rule(self, layer, known[id(sources[0])])
            if readers[id(layer.output)] > 1:
                self._linear.pop(value.name, None)
            known[id(layer.output)] = value
        if id(model.outputs[0]) not in known:
            _refuse(behind[-1], _TWICE)
        return self.laid_out(known[id(model.outputs[0])], channels_first=False)

    def laid_out(self, value: Value, *, channels_first: bool) -> Value:
        """The value with its channels where they are wanted, and with its zeros around it."""
        if value.pads:
            pads = self.array(f"{value.name}_pads", [0, 0, *value.pads[:len(value.pads) // 2],
                                                     0, 0, *value.pads[len(value.pads) // 2:]])
            value = replace(value, name=self.add("Pad", [value.name, pads], f"{value.name}_padded"), pads=())
        rank = len(value.shape)
        if rank == 1 or value.channels_first == channels_first:
            return value
        order = [0, rank, *range(1, rank)] if channels_first else [0, *range(2, rank + 1), 1]
        name = f"{value.name}_channels_{'first' if channels_first else 'last'}"
        return replace(value, name=self.add("Transpose", [value.name], name, perm=order), channels_first=channels_first)

    def remember_linear(self, value: str, weights: str, axis: int, bias: str) -> None:
        """Says which arrays make a value, so that a scale behind it can enter them."""
        self._linear[value] = (weights, axis, bias)

    def scaled(self, value: Value, scale: NDArray[np.float64], shift: NDArray[np.float64], name: str) -> Value:
        """value * scale + shift, channel by channel: inside the operator that makes the value, where one does."""
        if value.name in self._linear:
            weights, axis, bias = self._linear[value.name]
            shape = [1] * self._arrays[weights].ndim
            shape[axis] = -1
            self._arrays[weights] = self._arrays[weights] * scale.reshape(shape)
            self._arrays[bias] = self._arrays[bias] * scale + shift
            return value
        value = self.laid_out(value, channels_first=False)
        times = self.add("Mul", [value.name, self.array(f"{name}_scale", scale)], f"{name}_scaled")
        return replace(value, name=self.add("Add", [times, self.array(f"{name}_shift", shift)], name))


_TWICE = " of a network that uses a layer more than once"


def _refuse(layer: Any, how: str = "") -> NoReturn:
    raise ConfigError(f"layer {layer.name!r} of the network, a {type(layer).__name__}{how}, has no rule for ONNX",
                      mend=f"export a network of {', '.join(sorted(kind.__name__ for kind in _RULES))} in a row")


def _weights(layer: Any) -> list[NDArray[np.float64]]:
    return [np.asarray(array, np.float64) for array in layer.get_weights()]


def _elementwise(graph: Graph, value: Value, kind: str, name: str) -> Value:
    value = graph.laid_out(value, channels_first=value.channels_first)
    return replace(value, name=graph.add(kind, [value.name], name))


_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "gelu": "Gelu"}


def _activated(graph: Graph, layer: Any, value: Value) -> Value:
    """The value behind the layer's `activation`."""
    function = layer.activation
    if function is keras.activations.linear:
        return value
    name = getattr(function, "__name__", repr(function))
    if name not in _OPERATORS or function is not getattr(keras.activations, name):
        _refuse(layer, f" with activation {name}")
    return _elementwise(graph, value, _OPERATORS[name], f"{layer.name}_{name}")


def _relu(graph: Graph, layer: Any, value: Value) -> Value:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        _refuse(layer, " that is not plain")
    return _elementwise(graph, value, "Relu", layer.name)


def _left_out(graph: Graph, layer: Any, value: Value) -> Value:
    return value


def _zero_padding(graph: Graph, layer: Any, value: Value) -> Value:
    value = graph.laid_out(value, channels_first=True)
    around = np.reshape(layer.padding, (-1, 2)).tolist()
    return replace(value, shape=tuple(layer.output.shape[1:]),
                   pads=tuple(int(pair[side]) for side in (0, 1) for pair in around))


def _pads(layer: Any, value: Value) -> tuple[int, ...]:
    """Zeros around space for a layer with a kernel: those that were waiting, or those of its own padding."""
    if layer.padding == "valid":
        return value.pads or (0,) * (2 * len(value.shape) - 2)
    size = getattr(layer, "kernel_size", None) or layer.pool_size
    reach = [(length - 1) * step + 1 for length, step in
             zip(size, getattr(layer, "dilation_rate", (1,) * len(size)), strict=True)]
    if layer.padding == "causal":
        return reach[0] - 1, 0
    total = [max((math.ceil(axis / stride) - 1) * stride + far - axis, 0)
             for axis, stride, far in zip(value.shape[:-1], layer.strides, reach, strict=True)]
    return (*[zeros // 2 for zeros in total], *[zeros - zeros // 2 for zeros in total])


def _with_space(graph: Graph, layer: Any, value: Value) -> tuple[Value, tuple[int, ...]]:
    """The input of a layer with a kernel, channels first, and the zeros that the layer puts around it."""
    if layer.data_format != "channels_last":
        _refuse(layer, f" of {layer.data_format}")
    if not (value.pads and layer.padding == "valid"):
        value = graph.laid_out(value, channels_first=True)
    return value, _pads(layer, value)


def _convolution(graph: Graph, layer: Any, value: Value) -> Value:
    value, pads = _with_space(graph, layer, value)
    kernel, *bias = _weights(layer)
    weights = graph.array(f"{layer.name}_kernel", np.moveaxis(kernel, (-1, -2), (0, 1)))
    offset = graph.array(f"{layer.name}_bias", bias[0] if bias else np.zeros(layer.filters))
    name = graph.add("Conv", [value.name, weights, offset], layer.name, pads=pads, group=layer.groups,
                     kernel_shape=layer.kernel_size, strides=layer.strides, dilations=layer.dilation_rate)
    graph.remember_linear(name, weights, 0, offset)
    return _activated(graph, layer, Value(name=name, shape=tuple(layer.output.shape[1:]), channels_first=True))


def _max_pooling(graph: Graph, layer: Any, value: Value) -> Value:
    if value.pads:
        # ONNX Runtime 1.31 makes them the operator's own padding, which counts as no value.
        _refuse(layer, " of zeros around its input")
    value, pads = _with_space(graph, layer, value)
    name = graph.add("MaxPool", [value.name], layer.name, pads=pads, kernel_shape=layer.pool_size,
                     strides=layer.strides)
    return Value(name=name, shape=tuple(layer.output.shape[1:]), channels_first=True)


def _average(graph: Graph, layer: Any, value: Value) -> Value:
    if layer.data_format != "channels_last" or layer.keepdims:
        _refuse(layer, f" of {layer.data_format}{', which keeps axes' if layer.keepdims else ''}")
    value = graph.laid_out(value, channels_first=True)
    mean = graph.add("GlobalAveragePool", [value.name], f"{layer.name}_mean")
    return Value(name=graph.reshaped(mean, (0, value.shape[-1]), layer.name), shape=value.shape[-1:])


def _dense(graph: Graph, layer: Any, value: Value) -> Value:
    value = graph.laid_out(value, channels_first=False)
    kernel, *bias = _weights(layer)
    weights = graph.array(f"{layer.name}_kernel", kernel)
    offset = graph.array(f"{layer.name}_bias", bias[0] if bias else np.zeros(layer.units))
    if len(value.shape) == 1:
        name = graph.add("Gemm", [value.name, weights, offset], layer.name)
    else:
        name = graph.add("Add", [graph.add("MatMul", [value.name, weights], f"{layer.name}_product"), offset],
                         layer.name)
    graph.remember_linear(name, weights, 1, offset)
    return _activated(graph, layer, Value(name=name, shape=tuple(layer.output.shape[1:])))


def _batch_normalisation(graph: Graph, layer: Any, value: Value) -> Value:
    if layer.axis not in (-1, len(value.shape)):
        _refuse(layer, f" over axis {layer.axis}")
    found = {weight.name: np.asarray(array, np.float64)
             for weight, array in zip(layer.weights, layer.get_weights(), strict=True)}
    scale = found.get("gamma", 1.0) / np.sqrt(found["moving_variance"] + layer.epsilon)
    return graph.scaled(value, scale, found.get("beta", 0.0) - found["moving_mean"] * scale, layer.name)


def _recurrence(graph: Graph, layer: Any, value: Value) -> Value:
    """A GRU, or one in each direction side by side. Both count the gates update, reset, candidate."""
    units = [layer.forward_layer, layer.backward_layer] if isinstance(layer, layers.Bidirectional) else [layer]
    if len(units) == 2 and layer.merge_mode != "concat":
        _refuse(layer, f" that merges by {layer.merge_mode}")
    for direction, unit in enumerate(units):
        usual = (type(unit) is layers.GRU and unit.activation is keras.activations.tanh and unit.reset_after
                 and unit.recurrent_activation is keras.activations.sigmoid and unit.use_bias
                 and unit.go_backwards == bool(direction) and not unit.stateful and not unit.return_state)
        if not usual:
            _refuse(layer, f" around {type(unit).__name__} with other settings than Keras's own GRU's")
    value = graph.laid_out(value, channels_first=False)
    by_step = graph.add("Transpose", [value.name], f"{layer.name}_by_step", perm=(1, 0, 2))
    kernels, recurrent, biases = zip(*map(_weights, units), strict=True)
    arrays = [graph.array(f"{layer.name}_{name}", np.stack(parts)) for name, parts in (
        ("kernel", [kernel.T for kernel in kernels]), ("recurrent", [kernel.T for kernel in recurrent]),
        ("bias", [bias.ravel() for bias in biases]))]
    sequences, width, count = units[0].return_sequences, units[0].units, len(units)
    states = f"{layer.name}_states"
    graph.nodes.append(onnx.helper.make_node(
        "GRU", [by_step, *arrays], [states] if sequences else ["", states], name=states, hidden_size=width,
        direction="bidirectional" if count == 2 else "forward", linear_before_reset=1))
    # (step, direction, batch, unit), or without a step.
    turned = graph.add("Transpose", [states], f"{layer.name}_by_sample", perm=(2, 0, 1, 3) if sequences else (1, 0, 2))
    shape = (0, 0, count * width) if sequences else (0, count * width)
    return Value(name=graph.reshaped(turned, shape, layer.name), shape=tuple(layer.output.shape[1:]))


def _attention(graph: Graph, layer: Any, value: Value) -> Value:
    value = graph.laid_out(value, channels_first=False)
    arrays = [graph.array(f"{layer.name}_{name}", array) for name, array in
              zip(("project", "project_bias", "score"), _weights(layer), strict=True)]
    projected = graph.add("MatMul", [value.name, arrays[0]], f"{layer.name}_projected")
    bent = graph.add("Tanh", [graph.add("Add", [projected, arrays[1]], f"{layer.name}_moved")], f"{layer.name}_bent")
    scores = graph.add("MatMul", [bent, arrays[2]], f"{layer.name}_scores")
    shares = graph.add("Softmax", [scores], f"{layer.name}_shares", axis=1)
    weighted = graph.add("Mul", [value.name, shares], f"{layer.name}_weighted")
    total = graph.add("ReduceSum", [weighted, graph.array(f"{layer.name}_axis", [1])], layer.name, keepdims=0)
    return Value(name=total, shape=value.shape[-1:])


def _in_another_shape(graph: Graph, layer: Any, value: Value) -> Value:
    value = graph.laid_out(value, channels_first=False)
    shape = tuple(layer.output.shape[1:])
    return Value(name=graph.reshaped(value.name, (-1, *shape), layer.name), shape=shape)


_RULES: dict[type[layers.Layer], Callable[[Graph, Any, Value], Value]] = {
    layers.Activation: _activated,
    BatchNorm: _batch_normalisation,
    layers.BatchNormalization: _batch_normalisation,
    layers.Bidirectional: _recurrence,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.Dropout: _left_out,
    layers.Flatten: _in_another_shape,
    layers.GlobalAveragePooling1D: _average,
    layers.GlobalAveragePooling2D: _average,
    layers.GRU: _recurrence,
    layers.MaxPooling1D: _max_pooling,
    layers.MaxPooling2D: _max_pooling,
    layers.ReLU: _relu,
    layers.Reshape: _in_another_shape,
    layers.SpatialDropout1D: _left_out,
    layers.SpatialDropout2D: _left_out,
    TemporalAttention: _attention,
    layers.ZeroPadding1D: _zero_padding,
    layers.ZeroPadding2D: _zero_padding,
}
