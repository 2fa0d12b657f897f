"""Training on one core of a CPU: Keras as `agrispec_tf.train.fit` runs it, against plain PyTorch.

Samples a CPU second for CropNet v1 and v3 and the Bi-GRU, batches of 256: ours from full-year series to updated
weights, gap filling and augmentation included, by the compiled step that `fit` calls; PyTorch from inputs that are
ready, in the faster one of its memory layouts. Sides take turns. Then what a step takes for its input, and how
long 15,000 parcels take at that speed. Series and labels are random: nothing here speaks of accuracy.

    python benchmarks/bench_train.py [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[variable] = "1"
# Before the libraries count cores.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import keras
import numpy as np
import torch_peers
from bench_predict import processor
from flops import forward

from agrispec.cube import CubeSpec, preset
from agrispec_tf import recipes, train
from agrispec_tf.classifier import jit
from agrispec_tf.data.augmentation import V1, V3, Augmentation
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.models import architectures

BATCH, TURNS, PARCELS = 256, 5, 15_000
NETWORKS = (("cropnet-v1", "cropnet-5d", 7, V1, 0.85), ("cropnet", "cropnet-5d", 7, V3, 0.85),
            ("bigru", "agrispec-23", 17, None, 0.95))
"""Name, cube, classes, augmentation, least ratio to PyTorch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    print(f"{processor()}; Keras {keras.__version__} on {keras.backend.backend()}", flush=True)
    found = {name: compared(name, preset(cube), classes, varied, goal)
             for name, cube, classes, varied, goal in NETWORKS}
    if chosen.json:
        chosen.json.write_text(json.dumps({"processor": processor(), "networks": found}, indent=2) + "\n")


def compared(name: str, cube: CubeSpec, classes: int, varied: Augmentation | None, goal: float) -> dict[str, float]:
    """Prints the figures of one network and returns them."""
    options = architectures.for_cube(name, cube, classes)
    batches = Batches(samples=grown(cube, classes), class_weights=np.ones(classes, np.float32), inputs=options.inputs,
                      preparation=Preparation(), batch=BATCH, seed=0, varied=varied)
    step = stepper(options, batches)
    sides: dict[str, Callable[[], Any]] = {"ours": step, "input": lambda: batches[0]}
    if importlib.util.find_spec("torch"):
        sides |= torch_sides(name, options, batches)
    seconds = alternate(sides)
    speed = BATCH / seconds["ours"]
    work = 3 * forward(options.build())
    figures = {"samples_a_cpu_second": speed, "gflops": speed * work / 1e9, "input_share": seconds["input"]
               / seconds["ours"]}
    print(f"{name}: {forward(options.build()) / 1e6:.0f} MFLOP a sample forward, three times that in training\n"
          f"{name}: ours {speed:.1f} samples/cpu-s, {figures['gflops']:.0f} GFLOP/cpu-s")
    for side, taken in seconds.items():
        if side.startswith("PyTorch"):
            print(f"{name}: {side} {BATCH / taken:.1f} samples/cpu-s")
    peers = [taken for side, taken in seconds.items() if side.startswith("PyTorch")]
    if peers:
        figures["ratio_to_pytorch"] = min(peers) / seconds["ours"]
        print(f"{name}_train_vs_pytorch ratio={figures['ratio_to_pytorch']:.2f} goal=>={goal}")
    print(f"{name}_input_share_of_step ratio={figures['input_share']:.4f} goal=<=0.03")
    how = recipes.recipe("published", options.architecture)
    views = 1 + (varied.copies if varied else 0)
    seen = PARCELS * how.epochs * views
    figures["hours_for_15000_parcels"] = hours = seen / speed / 3600
    projected = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    print(f"{name}: {PARCELS:,} parcels, {how.epochs} epochs of {views} views of each: projected {projected} on one"
          " such core", flush=True)
    return figures


def grown(cube: CubeSpec, classes: int) -> Samples:
    """Noise in full-year series, two steps in five seen."""
    generator = np.random.default_rng(0)
    steps, columns = cube.shape
    counts = (generator.random((BATCH, steps)) < 0.4).astype(np.float32)
    series = Series(cube=cube, values=generator.random((BATCH, steps, columns - 1), np.float32), counts=counts)
    return Samples(series=series, labels=np.arange(BATCH) % classes, cells=np.full(BATCH, "E0"), ids=np.arange(BATCH))


def stepper(options: Any, batches: Batches) -> Callable[[], Any]:
    """One training step after another, each with a batch made for it."""
    keras.utils.set_random_seed(0)
    model = options.build()
    model.compile(optimizer=keras.optimizers.Adam(1e-4, epsilon=1e-8), loss=train.cross_entropy(), jit_compile=jit())

    def step() -> None:
        model.train_on_batch(*batches[0])
    return step


def alternate(sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median CPU seconds of a call of each side over turns, after one unmeasured turn each."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            began, rounds = time.process_time(), 0
            while time.process_time() < began + (0.5 if turn else 0.0) or not rounds:
                side()
                rounds += 1
            if turn:
                seconds[name].append((time.process_time() - began) / rounds)
    return {name: statistics.median(times) for name, times in seconds.items()}


def torch_sides(name: str, options: Any, batches: Batches) -> dict[str, Callable[[], Any]]:
    """A training step of plain PyTorch by memory layout, with the same batch ready in it."""
    import torch

    torch.set_num_threads(1)
    inputs, labels, _ = batches[0]
    layouts = {"PyTorch": torch.contiguous_format}
    if name != "bigru":
        inputs = inputs.transpose(0, 3, 1, 2)
        layouts["PyTorch, channels last"] = torch.channels_last
    return {words: _torch_stepper(torch, name, options, np.ascontiguousarray(inputs), labels, layout)
            for words, layout in layouts.items()}


def _torch_stepper(torch: Any, name: str, options: Any, inputs: np.ndarray, labels: np.ndarray,
                   layout: Any) -> Callable[[], Any]:
    torch.manual_seed(0)
    peer = torch_peers.of(name, options).to(memory_format=layout)
    given, truth = torch.from_numpy(inputs).contiguous(memory_format=layout), torch.from_numpy(labels).long()
    optimizer = torch.optim.Adam(peer.parameters(), lr=1e-4)
    loss = torch.nn.CrossEntropyLoss(weight=torch.ones(options.classes))

    def step() -> None:
        optimizer.zero_grad()
        loss(peer(given), truth).backward()
        optimizer.step()
    return step


if __name__ == "__main__":
    main()
