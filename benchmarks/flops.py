"""How much a network computes, read off its layers."""

from __future__ import annotations

import math
from typing import Any

import keras


def forward(model: keras.Model) -> int:
    """FLOP of one sample's forward pass; a multiplication and an addition are two.

    Counted are convolutions, dense layers and GRUs; what else a network does is about a hundredth of it. A training
    step takes three times as much: forwards, and backwards to the inputs and to the weights.
    """
    return sum(_of(layer) for layer in model.layers)


def _of(layer: Any) -> int:
    if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D):
        return 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Dense):
        return 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Bidirectional):
        steps = layer.input.shape[1]
        return sum(2 * steps * (math.prod(unit.cell.kernel.shape) + math.prod(unit.cell.recurrent_kernel.shape))
                   for unit in (layer.forward_layer, layer.backward_layer))
    inner = [part for part in getattr(layer, "_layers", []) if isinstance(part, keras.layers.Dense)]
    return sum(2 * layer.input.shape[1] * math.prod(part.kernel.shape) for part in inner)
