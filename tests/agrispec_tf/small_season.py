"""Samples of a small season of crops that differ in when they peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agrispec.cube import CubeSpec
from agrispec.season import Window
from agrispec_tf.data.samples import Samples, Series

NAMES = ("wheat", "maize", "beet")


def small_cube() -> CubeSpec:
    """Three bands by 23 steps of 16 days, of which a model sees 14."""
    return CubeSpec(features=("B4", "B8", "B11"), step_days=16, exported=Window(0, 23), window=Window(6, 20))


def grown(count: int, *, seed: int = 0, place: str = "E", delay: float = 0.0, cube: CubeSpec | None = None) -> Samples:
    """`count` samples in four cells named after `place`; `delay` moves all peaks, in shares of a year."""
    cube = cube or small_cube()
    generator = np.random.default_rng(seed)
    steps, depth = cube.exported.steps, len(cube.features)
    labels = np.arange(count) % len(NAMES)
    peak = 0.4 + 0.12 * labels + generator.normal(0, 0.01, count) + delay
    curve = np.exp(-(((np.arange(steps) + 0.5) / steps - peak[:, None]) / 0.1) ** 2)
    response = np.linspace(-0.2, 0.5, depth)
    values = 0.2 + curve[..., None] * response + generator.normal(0, 0.02, (count, steps, depth))
    counts = generator.integers(0, 3, (count, steps)).astype(np.float32)
    values[counts == 0] = cube.fill
    series = Series(cube=cube, values=values.astype(np.float32), counts=counts)
    return Samples(series=series, labels=labels, cells=np.array([f"{place}{n}" for n in np.arange(count) // 3 % 4]),
                   ids=np.array([f"{place}-{n}" for n in range(count)]))


def warm(samples: Samples, *, delay: float = 0.0) -> Samples:
    """`samples` with growing degree days that rise ever faster through a year, all `delay` shares of a year later."""
    share = (np.arange(samples.series.cube.exported.steps) + 0.5) / samples.series.cube.exported.steps
    heat = 4000 * np.maximum(share - delay, 0) ** 2
    series = replace(samples.series, cube=replace(samples.series.cube, gdd_base=0.0),
                     heat=np.tile(heat.astype(np.float32), (len(samples), 1)))
    return replace(samples, series=series)
