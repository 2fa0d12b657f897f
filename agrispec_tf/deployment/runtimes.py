"""Which runtime computes a map: of those that are installed and agree, the one that is fastest here.

ONNX Runtime and OpenVINO are an extra. They are loaded only where a map asks for them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import ConfigError, MissingExtra
from agrispec_tf import model_folder, run_models
from agrispec_tf.data.samples import Series
from agrispec_tf.model_folder import Trained
from agrispec_tf.predict import Predictor
from exports.runs import Run

AUTO, INT8 = "auto", "int8"
KERAS, TREES = "keras", "trees"
_FILES = {"onnx": "onnxruntime", "openvino": "openvino"}
"""Runtimes of an exported network, and what `deployment.network` calls them."""

SHOWN = 512
"""Pixels that runtimes are compared on: fewer would tell neither speed nor agreement."""

_TOLERANCE = 1e-4
_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """What computes a map.

    Attributes:
        name: of the runtime.
        predictor: the model on it.
        measured: pixels a second of each runtime that was tried, on the pixels that were compared.
        agreement: share of these to which it gives the class that Keras gives; 1 for Keras itself.
        shown: pixels that were compared.
    """

    name: str
    predictor: Predictor
    measured: Mapping[str, float] = field(default_factory=dict)
    agreement: float = 1.0
    shown: int = 0

    @property
    def said(self) -> dict[str, object]:
        """The same as JSON types."""
        return {"name": self.name, "measured_pixels_per_s": {name: round(rate) for name, rate in self.measured.items()},
                "agreement": round(self.agreement, 4), "compared": self.shown}


def check(run: Run, model: str, runtime: str) -> None:
    """Whether one of a run's models can be computed as is asked for.

    Raises:
        RunError: there is no such model.
        ConfigError: it is made of trees, and a runtime of networks was named.
        MissingExtra: the runtime is not installed.
    """
    trees = model_folder.kind(run_models.folder_of(run, model)) == model_folder.TREES
    if trees and runtime != AUTO:
        raise ConfigError(f"{model} is made of trees, which no runtime of networks computes",
                          mend="leave --runtime out")
    if runtime not in (AUTO, KERAS) and not _installed():
        raise MissingExtra(f"what {runtime} needs", "deploy")


def choose(run: Run, config: Config, model: str, trained: Trained, runtime: str, asked: Predictor,
           shown: Series) -> Chosen:
    """The runtime that was asked for, or the fastest of those that agree.

    In 32 bits two runtimes agree where all classes are the same and probabilities differ by 1e-4 at most. Integers of 8
    bits answer otherwise, and are taken only where they are asked for.

    Args:
        model: name of the model.
        trained: the same, loaded.
        runtime: "auto", "keras", "onnx", "openvino" or "int8".
        asked: the model on that runtime, `opened`; on Keras for "auto".
        shown: pixels to compare on, at least one.

    Raises:
        SchemaMismatch: the pixels are of another cube than the model.
    """
    if model_folder.kind(run_models.folder_of(run, model)) == model_folder.TREES:
        return Chosen(name=TREES, predictor=trained, measured={TREES: _rate(trained, shown)}, shown=len(shown))
    expected = trained.probabilities(shown)
    if runtime != AUTO:
        return Chosen(name=runtime, predictor=asked, measured={runtime: _rate(asked, shown)}, shown=len(shown),
                      agreement=_agreement(asked.probabilities(shown), expected))
    predictors: dict[str, Predictor] = {KERAS: asked}
    for name in _FILES if _installed() else ():
        try:
            found = opened(run, config, model, trained, name)
        except ConfigError:  # no rule for one of its layers: Keras is left
            continue
        answered = found.probabilities(shown)
        if _agreement(answered, expected) == 1 and np.abs(answered - expected).max() <= _TOLERANCE:
            predictors[name] = found
    measured = {name: _rate(each, shown) for name, each in predictors.items()}
    best = max(measured, key=lambda name: measured[name])
    return Chosen(name=best, predictor=predictors[best], measured=measured, shown=len(shown))


def opened(run: Run, config: Config, model: str, trained: Trained, name: str) -> Predictor:
    """A run's model on a runtime, as `Chosen.name` gives it.

    Raises:
        ConfigError: the network has a layer without a rule for ONNX.
        DataError: 8 bits cannot be had of this network.
    """
    if name in (KERAS, TREES):
        return trained
    # Part of an extra, see above.
    from agrispec_tf import classifier as classifiers
    from agrispec_tf.collected import Collected
    from agrispec_tf.deployment import export, network
    network_of = classifiers.load(run_models.folder_of(run, model))
    if name == INT8:
        return network.OnnxClassifier.of(export.eight_bit(Collected(run, config), config, model, network_of))
    return network.OnnxClassifier.of(network.written(network_of), _FILES[name])


def _installed() -> bool:
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime", "openvino"))


def _agreement(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float((found.argmax(axis=1) == expected.argmax(axis=1)).mean())


def _rate(predictor: Predictor, shown: Series) -> float:
    """Pixels a second, the best of several: others share the machine. What begins slowly has begun by then."""
    predictor.probabilities(shown)
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        predictor.probabilities(shown)
        times.append(time.perf_counter() - began)
    return len(shown) / min(times)
