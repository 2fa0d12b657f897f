"""What share of a GPU's measured matrix speed CropNet and the Bi-GRU reach, in training and in prediction.

Needs keras, jax and numpy, and nothing of this project installed. For CropNet v1 and v3 and the Bi-GRU, in bfloat16 and
in TF32, by batch size: samples a second and FLOP/s of the compiled step, against the fastest square product of matrices
that the same card makes in the same precision. A training step is forwards, backwards and Adam; one that starts from
full-year series that lie on the card has window, gap filling, augmentation and warp in it, by `SeasonView`, so that
what the input costs can be read off. The steps of one measurement follow each other without a look at their results,
as in an epoch.

    PYTHONPATH=. python benchmarks/bench_gpu.py [--json benchmarks/results/NAME.json]
    PYTHONPATH=. python benchmarks/bench_gpu.py --quick         # a few samples, to see on a CPU that it runs
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np
from flops import forward
from jax import numpy as jnp

from agrispec.cube import CubeSpec, preset
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import V3, Augmentation
from agrispec_tf.layers.season_view import SeasonView
from agrispec_tf.models.bigru import BiGRUOptions
from agrispec_tf.models.cropnet import CropNetOptions

NETWORKS: tuple[tuple[str, str, Callable[[CubeSpec], Any]], ...] = (
    ("CropNet v1", "cropnet-5d", lambda cube: CropNetOptions.for_cube(cube, 7, variant="v1")),
    ("CropNet v3", "cropnet-5d", lambda cube: CropNetOptions.for_cube(cube, 7)),
    ("Bi-GRU", "agrispec-23", lambda cube: BiGRUOptions.for_cube(cube, 17)))
PRECISIONS = {"bfloat16": "mixed_bfloat16", "tf32": "float32"}
BATCHES, QUICK = (256, 1024, 4096, 16384), (4,)
GOAL = 0.5
"""Least share of the matrix speed that training CropNet is to reach."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--quick", action="store_true", help="a small batch and small matrices")
    chosen = parser.parse_args()
    jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    device = jax.devices()[0]
    print(f"{device.device_kind}; jax {jax.__version__}, keras {keras.__version__}", flush=True)
    rows = []
    for precision, policy in PRECISIONS.items():
        ceiling = matrix_speed(precision, 256 if chosen.quick else 8192)
        print(f"{precision}: {ceiling / 1e12:.2f} TFLOP/s, the fastest of square products", flush=True)
        keras.config.set_dtype_policy(policy)
        for name, cube, options in NETWORKS:
            rows += swept(name, preset(cube), options(preset(cube)), precision, ceiling,
                          QUICK if chosen.quick else BATCHES)
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({
            "device": device.device_kind, "platform": device.platform, "host": platform.machine(),
            "versions": {"jax": jax.__version__, "keras": keras.__version__, "numpy": np.__version__},
            "quick": chosen.quick, "rows": rows}, indent=2) + "\n")


def matrix_speed(precision: str, largest: int) -> float:
    """FLOP/s of the fastest product of two square matrices, of several sizes."""
    kind = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    product = jax.jit(lambda a, b: a @ b)
    found = []
    for size in (largest // 4, largest // 2, largest):
        a = jax.random.normal(jax.random.key(0), (size, size), kind)
        found.append(2 * size**3 / seconds(lambda a=a: product(a, a)))
    return max(found)


def swept(name: str, cube: CubeSpec, options: Any, precision: str, ceiling: float,
          sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rows of one network in one precision; printed as they are found."""
    rows = []
    work = forward(options.build())
    for size in sizes:
        try:
            sides = steps(cube, options, size)
            taken = {side: seconds(step) for side, step in sides.items()}
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            print(f"{name} {precision} batch {size}: the card's memory is too small", flush=True)
            break
        for side, each in taken.items():
            speed = size / each
            flops = speed * work * (1 if side == "prediction" else 3)
            rows.append({"network": name, "precision": precision, "batch": size, "step": side,
                         "samples_s": speed, "tflops": flops / 1e12, "share_of_matrix_speed": flops / ceiling})
            goal = f" goal=>={GOAL}" if side == "training" and name.startswith("CropNet") else ""
            print(f"{name:10} {precision:8} batch {size:5} {side:22} {speed:12,.0f} samples/s {flops / 1e12:7.2f}"
                  f" TFLOP/s ratio={flops / ceiling:.3f}{goal}", flush=True)
        extra = taken["training from series"] / taken["training"] - 1
        print(f"{name:10} {precision:8} batch {size:5} input on the card adds {100 * extra:.1f} % to a step",
              flush=True)
    return rows


def steps(cube: CubeSpec, options: Any, size: int) -> dict[str, Callable[[], Any]]:
    """A prediction and two kinds of training step, compiled, each of which hands its state to the next."""
    keras.utils.set_random_seed(0)
    view = SeasonView(cube.window.steps)
    series, draw = _series(cube, size), _draw(cube, size)
    labels = jnp.arange(size) % options.classes

    def arranged(prepared: Any) -> Any:
        return keras.ops.transpose(prepared, (0, 2, 1))[..., None] if isinstance(options, CropNetOptions) else prepared

    ready = jax.jit(lambda *given: arranged(view(*given)))(*series, *draw)
    model = options.build()
    predict = jax.jit(lambda trainable, other, given: model.stateless_call(trainable, other, given,
                                                                         training=False)[0])
    weights = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]
    return {"prediction": lambda: predict(weights, others, ready),
            "training": _trainer(options, labels, lambda given: given, (ready,)),
            "training from series": _trainer(options, labels, lambda *given: arranged(view(*given)),
                                             (*series, *draw))}


def _trainer(options: Any, labels: Any, prepare: Callable[..., Any], given: tuple[Any, ...]) -> Callable[[], Any]:
    model, optimizer = options.build(), keras.optimizers.Adam(1e-4, epsilon=1e-8)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def lost(trainable: Any, other: Any, inputs: Any) -> Any:
        logits, other = model.stateless_call(trainable, other, inputs, training=True)
        return loss(labels, logits.astype(jnp.float32)), other

    # What is given is an argument: the compiler may compute with constants beforehand.
    def step(state: Any, *given: Any) -> Any:
        trainable, other, moments = state
        (_, other), gradients = jax.value_and_grad(lost, has_aux=True)(trainable, other, prepare(*given))
        trainable, moments = optimizer.stateless_apply(moments, gradients, trainable)
        return trainable, other, moments

    compiled = jax.jit(step, donate_argnums=0)
    state = [[variable.value for variable in group]
             for group in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)]

    def advance() -> Any:
        nonlocal state
        state = compiled(state, *given)
        return state[0][0]
    return advance


def _series(cube: CubeSpec, size: int) -> tuple[Any, Any]:
    """Full-year noise with two steps in five seen, on the card."""
    steps, columns = cube.shape
    values = jax.random.uniform(jax.random.key(1), (size, steps, columns - 1))
    return values, (jax.random.uniform(jax.random.key(2), (size, steps)) < 0.4).astype(jnp.float32)


def _draw(cube: CubeSpec, size: int, varied: Augmentation = V3) -> tuple[Any, ...]:
    drawn = augmentation.draw(varied, cube.window, cube.step_days, size, np.random.default_rng(0))
    return tuple(jnp.asarray(part, kind) for part, kind in (
        (drawn.start, jnp.int32), (drawn.stop, jnp.int32), (drawn.knots, jnp.float32)))


def seconds(step: Callable[[], Any], turns: int = 5, least: float = 0.2) -> float:
    """Median wall seconds of a step in a row of them that takes `least` seconds or more; the first is not measured."""
    jax.block_until_ready(step())
    began = time.perf_counter()
    jax.block_until_ready(step())
    rounds = max(1, round(least / max(time.perf_counter() - began, 1e-6)))
    found = []
    for _ in range(turns):
        began = time.perf_counter()
        for _ in range(rounds):
            last = step()
        jax.block_until_ready(last)
        found.append((time.perf_counter() - began) / rounds)
    return statistics.median(found)


if __name__ == "__main__":
    main()
