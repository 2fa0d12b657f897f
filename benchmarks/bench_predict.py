"""Prediction on one core of a CPU: what this project has, against plain PyTorch.

Samples a CPU second from cubes to probabilities, gap filling included, for CropNet v1 and v3 and the Bi-GRU: Keras as
`Classifier` calls it, and exported files on ONNX Runtime and OpenVINO, in 32 and in 8 bits. PyTorch, where it is
installed, gets prepared inputs and the faster one of its memory layouts and batches. All sides take turns. Weights and
cubes are random: nothing here speaks of accuracy, which bench_int8.py measures.

    python benchmarks/bench_predict.py
"""

from __future__ import annotations

import copy
import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Before the libraries count cores.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import keras
import numpy as np
import torch_peers

from agrispec.cube import CubeSpec, preset
from agrispec_tf import classifier as classifiers
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.deployment import int8, network
from agrispec_tf.deployment.network import OnnxClassifier
from agrispec_tf.models import architectures

BATCH, TURNS = 256, 3
NETWORKS = (("cropnet-v1", "cropnet-5d", 7), ("cropnet", "cropnet-5d", 7), ("bigru", "agrispec-23", 17))


def main() -> None:
    print(processor(), flush=True)
    for name, cube, classes in NETWORKS:
        compared(name, preset(cube), classes)


def processor() -> str:
    """Its name and whether it multiplies 8-bit integers natively."""
    known = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
                 if ":" in line)
    found = {key.strip(): value.strip() for key, value in known.items()}
    flags = set(found.get("flags", "").split())
    vnni = "with VNNI" if flags & {"avx512_vnni", "avx_vnni"} else "without VNNI"
    amx = "with AMX" if "amx_int8" in flags else "without AMX"
    return f"{found.get('model name', 'processor')}, {vnni}, {amx}; one core"


def compared(name: str, cube: CubeSpec, classes: int) -> None:
    """The table and the ratios of one network."""
    keras.utils.set_random_seed(0)
    options = architectures.for_cube(name, cube, classes)
    trained = Classifier(model=classifiers.compiled_for_inference(options.build()), options=options, cube=cube,
                         class_names=tuple(map(str, range(classes))), preparation=Preparation(), training={})
    series = grown(cube)
    prepared = trained.preparation.apply(series)
    exported = network.written(trained)
    small = int8.quantised(exported, prepared)
    forms: dict[str, Any] = {"keras": trained, "onnxruntime_f32": OnnxClassifier.of(exported, "onnxruntime"),
                             "openvino_f32": OnnxClassifier.of(exported, "openvino"),
                             "onnxruntime_int8": OnnxClassifier.of(small, "onnxruntime"),
                             "openvino_int8": OnnxClassifier.of(small, "openvino")}
    sides: dict[str, Callable[[], Any]] = {
        form: lambda one=one: one.probabilities(series, BATCH) for form, one in forms.items()}
    if importlib.util.find_spec("torch"):
        sides |= dict(torch_sides(name, options, options.inputs(prepared)))
    speed = {side: BATCH / seconds for side, seconds in alternate(sides).items()}
    for side, rate in speed.items():
        print(f"{name:12s} {side:38s} {rate:10,.0f} samples/cpu-s")
    print(f"{name}_int8_vs_f32_openvino ratio={speed['openvino_int8'] / speed['openvino_f32']:.2f}", flush=True)
    peers = [rate for side, rate in speed.items() if side.startswith("PyTorch")]
    if not peers:
        print("PyTorch is not installed: no ratios to it")
        return
    for form in forms:
        goal = "" if form.startswith("onnx") else " goal=>=3.5" if form == "openvino_int8" and "crop" in name else (
            " goal=>=1.0" if form == "openvino_f32" else "")
        print(f"{name}_{form}_vs_pytorch ratio={speed[form] / max(peers):.2f}{goal}", flush=True)


def grown(cube: CubeSpec) -> Series:
    """Random series of the model's window with two steps in five seen, as predicted patches carry them."""
    generator = np.random.default_rng(0)
    steps, columns = cube.view().shape
    counts = (generator.random((BATCH, steps)) < 0.4).astype(np.float32)
    return Series(cube=cube.view(), values=generator.random((BATCH, steps, columns - 1), np.float32), counts=counts)


def alternate(sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median CPU seconds of each side over turns of 0.3 seconds at least, after one unmeasured turn each."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            began, rounds = time.process_time(), 0
            while time.process_time() < began + (0.3 if turn else 0.1):
                side()
                rounds += 1
            if turn:
                seconds[name].append((time.process_time() - began) / rounds)
    return {name: statistics.median(times) for name, times in seconds.items()}


def torch_sides(name: str, options: Any, inputs: np.ndarray) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Plain PyTorch on all inputs, by memory layout and batch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    peer = torch_peers.of(name, options).eval()
    ours = sum(int(np.prod(weight.shape)) for weight in options.build().trainable_weights)
    assert sum(weight.numel() for weight in peer.parameters()) == ours
    layouts = {"": torch.contiguous_format}
    if name != "bigru":
        inputs = inputs.transpose(0, 3, 1, 2)
        layouts[", channels last"] = torch.channels_last
    for words, layout in layouts.items():
        laid_out = copy.deepcopy(peer).to(memory_format=layout)
        given = torch.from_numpy(np.ascontiguousarray(inputs)).contiguous(memory_format=layout)
        for batch in (32, 256):
            yield f"PyTorch, batches of {batch}{words}", partial(torch_predicted, torch, laid_out, given.split(batch))


def torch_predicted(torch: Any, peer: Any, parts: Any) -> None:
    """The probabilities of all parts, left where they are made."""
    with torch.inference_mode():
        for part in parts:
            peer(part).softmax(dim=1)


if __name__ == "__main__":
    main()
