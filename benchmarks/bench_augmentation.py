"""How many samples a second are prepared and augmented, and what share of training CropNet does that take?

Series of 73 steps of 10 bands, 40 % of steps seen; v3's draws, which are not part of the time but for the share of a
step. One core, CPU seconds. Sides of one backend take turns; figures are medians. Each backend runs in a process of
its own.

    python benchmarks/bench_augmentation.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from agrispec.cube import CubeSpec, preset
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import V3, Draw
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples, Series

BATCH = 256
TURNS = 9


def grown(cube: CubeSpec, count: int) -> Series:
    """Noise: the time it takes to prepare a series depends on where it was seen, not on what."""
    generator = np.random.default_rng(0)
    steps, columns = cube.shape
    looks = (generator.random((count, steps)) < 0.4) * generator.integers(1, 4, (count, steps))
    values = generator.random((count, steps, columns - 1), np.float32)
    values[looks == 0] = cube.fill
    return Series(cube=cube, values=values, counts=looks.astype(np.float32))


def one_by_one(series: Series, draw: Draw) -> NDArray[np.float32]:
    """The peer: NumPy's interp and SciPy's spline, series by series and band by band."""
    steps = series.cube.window.steps
    prepared = np.zeros((len(series), steps, series.values.shape[2]), np.float32)
    for n in range(len(series)):
        window = np.arange(draw.start[n], draw.stop[n])
        known = window[series.counts[n, window] > 0]
        if not len(known):
            continue
        centres = (np.arange(steps) + 0.5) * len(window) / steps - 0.5
        for band in range(prepared.shape[2]):
            filled = np.interp(window, known, series.values[n, known, band])
            prepared[n, :, band] = np.interp(centres, np.arange(len(window)), filled)
        if (draw.knots[n] != 1).any():
            prepared[n] *= CubicSpline(np.linspace(0, steps - 1, 5), draw.knots[n])(np.arange(steps))[:, None]
    return prepared


def alternate(**sides: Callable[[], Any]) -> dict[str, float]:
    """Median CPU seconds of each side over turns of a tenth of a second at least, after one unmeasured turn each."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            began, rounds = time.process_time(), 0
            while time.process_time() < began + 0.1:
                side()
                rounds += 1
            if turn:
                seconds[name].append((time.process_time() - began) / rounds)
    return {name: statistics.median(times) for name, times in seconds.items()}


def on_host() -> None:
    """The peer and what training on CPU uses."""
    series = grown(preset("cropnet-5d"), BATCH)
    draw = augmentation.draw(V3, series.cube.window, 5, BATCH, np.random.default_rng(1))
    few = np.arange(32)
    plain, smooth = Preparation(), Preparation(smoothing=2.0)
    np.testing.assert_allclose(plain.apply(series, draw), one_by_one(series, draw), atol=2e-6)
    short = grown(preset("agrispec-23"), BATCH)
    part, its_draw = series.take(few), draw.take(few)
    found = alternate(peer=lambda: one_by_one(part, its_draw), apply=lambda: plain.apply(series, draw),
                      as_it_is=lambda: plain.apply(series), smoothed=lambda: smooth.apply(series, draw),
                      short=lambda: smooth.apply(short),
                      draw=lambda: augmentation.draw(V3, series.cube.window, 5, BATCH, np.random.default_rng(2)))
    for side, count, words in (("peer", len(few), "series by series with SciPy"),
                               ("apply", BATCH, "Preparation.apply, augmented"),
                               ("as_it_is", BATCH, "Preparation.apply, not augmented"),
                               ("smoothed", BATCH, "Preparation.apply, augmented and smoothed (Whittaker)"),
                               ("short", BATCH, "Preparation.apply, 23 x 8, smoothed"), ("draw", BATCH, "draws alone")):
        print(f"{words:55s} {count / found[side]:12,.0f} samples/cpu-s")
    print(f"apply_vs_scipy ratio={found['peer'] / len(few) * BATCH / found['apply']:.0f}", flush=True)


def on_backend() -> None:
    """The layer, compiled, and on TensorFlow the share of a training step."""
    import keras

    from agrispec_tf.layers.season_view import SeasonView

    series = grown(preset("cropnet-5d"), BATCH)
    draw = augmentation.draw(V3, series.cube.window, 5, BATCH, np.random.default_rng(1))
    view = SeasonView(series.cube.window.steps)
    tensors = [keras.ops.convert_to_tensor(array) for array in (
        series.values, series.counts, draw.start.astype(np.int32), draw.stop.astype(np.int32),
        draw.knots.astype(np.float32))]
    compute = compiled(view)
    expected = Preparation().apply(series, draw)
    np.testing.assert_allclose(np.asarray(compute(*tensors)), expected, atol=1e-5)
    found = alternate(view=lambda: compute(*tensors), apply=lambda: Preparation().apply(series, draw))
    words = f"SeasonView compiled by {keras.backend.backend()}"
    print(f"{words:55s} {BATCH / found['view']:12,.0f} samples/cpu-s")
    print(f"view_vs_apply_{keras.backend.backend()} ratio={found['apply'] / found['view']:.2f}", flush=True)
    if keras.backend.backend() == "tensorflow":
        share()


def compiled(view: Any) -> Callable[..., Any]:
    """The layer as one XLA program that has ended when it returns."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        program = jax.jit(view.__call__)
        return lambda *tensors: program(*tensors).block_until_ready()
    import tensorflow as tf

    return tf.function(view.__call__, jit_compile=True, autograph=False)


def share() -> None:
    """Seconds of the input pipeline and of a training step of CropNet v3, batch by batch in turns."""
    import keras

    from agrispec_tf import train
    from agrispec_tf.classifier import jit
    from agrispec_tf.data.pipeline import Batches
    from agrispec_tf.models import cropnet

    series, classes = grown(preset("cropnet-5d"), 4 * BATCH), 7
    labels = np.arange(len(series)) % classes
    samples = Samples(series=series, labels=labels, cells=labels.astype(str), ids=labels)
    options = cropnet.CropNetOptions.for_cube(series.cube, classes)
    for name, varied in (("copies made once", V3), ("drawn anew", augmentation.Augmentation(redrawn=True))):
        batches = Batches(samples=samples, class_weights=np.ones(classes, np.float32), inputs=options.inputs,
                          preparation=Preparation(), batch=BATCH, seed=0, varied=varied)
        model = options.build()
        model.compile(keras.optimizers.Adam(1e-4), train.cross_entropy(), jit_compile=jit())
        input_s, step_s = [], []
        for turn in range(4):
            began = time.process_time()
            batch = batches[turn]
            fed = time.process_time()
            model.train_on_batch(*batch)
            if turn:
                input_s.append(fed - began)
                step_s.append(time.process_time() - fed)
        # What is drawn and ordered once an epoch is part of the input, a batch at a time.
        began = time.process_time()
        batches.on_epoch_end()
        feed = statistics.median(input_s) + (time.process_time() - began) / len(batches)
        step = statistics.median(step_s)
        print(f"CropNet v3, {name:43s} {BATCH / step:12,.0f} samples/cpu-s trained, input {feed * 1e3:.1f} ms a batch")
        print(f"input_share_of_step_{name.replace(' ', '_')} percent={100 * feed / (feed + step):.3f} goal=<=3",
              flush=True)


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if len(sys.argv) > 1:
        on_backend()
        return
    on_host()
    for backend in ("jax", "tensorflow"):
        subprocess.run([sys.executable, __file__, backend], check=True, env={**os.environ, "KERAS_BACKEND": backend})


if __name__ == "__main__":
    main()
