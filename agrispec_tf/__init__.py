"""Learning on feature cubes (Keras 3, any backend).

The names below load when they are first used: importing this package loads neither Keras nor TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "BiGRUOptions": "models.bigru",
    "Classifier": "classifier",
    "Confusion": "metrics",
    "CropNetOptions": "models.cropnet",
    "GradientReversal": "layers.gradient_reversal",
    "PRESETS": "recipes",
    "Recipe": "recipes",
    "Samples": "data.samples",
    "Series": "data.samples",
    "Start": "start",
    "TemporalAttention": "layers.temporal_attention",
    "fit": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
