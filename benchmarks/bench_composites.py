"""How much faster are the kernels than NumPy, bottleneck and SciPy on one core?

60 dates x 10 bands of uint16 DN with a clear score, 192 x 192 pixels, 43 steps of 5 days, 60 % of looks clear.
Both sides do the same work on the same arrays in one run, taking turns; a ratio is one of medians of times.

    python benchmarks/bench_composites.py
"""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bottleneck
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from agrispec.kernels import gap_filling, whittaker
from agrispec.kernels.median import step_medians

STEPS = 43
THRESHOLD = 0.4
LAM = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Scenes over one tile.

    Attributes:
        values: (D, C, P) uint16 DN.
        score: (D, P) float32, clear where it is at least THRESHOLD.
        first: (STEPS + 1,), step s holds the dates first[s] ... first[s + 1] - 1.
    """

    values: NDArray[np.uint16]
    score: NDArray[np.float32]
    first: NDArray[np.int64]


def make_stack(side: int, dates: int = 60, bands: int = 10, seed: int = 0) -> Stack:
    """Noise: the time a median takes does not depend on what is seen, only on how often."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(STEPS * 5, dates, replace=False))
    return Stack(values=rng.integers(200, 5000, (dates, bands, side * side), dtype=np.uint16),
                 score=rng.random((dates, side * side), dtype=np.float32),
                 first=np.searchsorted(days // 5, np.arange(STEPS + 1)))


def composite(stack: Stack) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """The kernels' share of a cube tile: medians (STEPS, C, P) and counts (STEPS, P) from decoded scenes."""
    return step_medians(stack.values, stack.score >= THRESHOLD, stack.first)


def composite_nan(stack: Stack, nanmedian: Callable[..., Any]) -> NDArray[np.float32]:
    """The same with a median that skips NaN; NaN where nothing was seen."""
    values = stack.values.astype(np.float32)
    values[np.broadcast_to((stack.score < THRESHOLD)[:, None], values.shape)] = np.nan
    medians = np.full((STEPS, *values.shape[1:]), np.nan, np.float32)
    for step in range(STEPS):
        dates = slice(stack.first[step], stack.first[step + 1])
        if dates.stop == dates.start + 1:
            medians[step] = values[dates.start]
        elif dates.stop > dates.start:
            medians[step] = nanmedian(values[dates], axis=0)
    return medians


def interpolate(series: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Gap filling by np.interp, series by series; scipy.interpolate.interp1d is slower still."""
    step = np.arange(series.shape[1])
    filled = np.zeros_like(series)
    for n in range(len(series)):
        known = step[seen[n]]
        if len(known):
            for feature in range(series.shape[2]):
                filled[n, :, feature] = np.interp(step, known, series[n, known, feature])
    return filled


def smooth_banded(series: NDArray[np.float32], weights: NDArray[np.float32], together: bool) -> NDArray[np.float64]:
    """Weighted Whittaker by SciPy's banded Cholesky: one call a series, or one a pixel with all its bands as
    right-hand sides."""
    second = np.diff(np.eye(series.shape[1]), 2, axis=0)
    penalty = LAM * second.T @ second
    banded = np.zeros((3, series.shape[1]))
    for k in range(3):
        banded[2 - k, k:] = np.diagonal(penalty, k)
    smoothed = np.empty(series.shape)
    for n, weight in enumerate(weights):
        system = banded.copy()
        system[2] += weight
        right = weight[:, None] * series[n]
        if together:
            smoothed[n] = solveh_banded(system, right, check_finite=False)
        else:
            for feature in range(series.shape[2]):
                smoothed[n, :, feature] = solveh_banded(system, right[:, feature], check_finite=False)
    return smoothed


def alternate(rounds: int, **sides: Callable[[], Any]) -> dict[str, float]:
    """Median seconds of each side over `rounds` turns, after one unmeasured turn each (compilation)."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # NumPy warns of pixels that no date of a step saw.
    warnings.filterwarnings("ignore", message="All-NaN slice", category=RuntimeWarning)
    stack = make_stack(192)
    pixels = stack.values.shape[2]

    medians, counts = composite(stack)
    unseen = np.broadcast_to((counts == 0)[:, None], medians.shape)
    if not np.array_equal(np.where(unseen, np.nan, medians), composite_nan(stack, bottleneck.nanmedian),
                          equal_nan=True):
        raise SystemExit("the medians differ from bottleneck's")
    median_s = alternate(3, kernel=lambda: composite(stack), numpy=lambda: composite_nan(stack, np.nanmedian),
                         bottleneck=lambda: composite_nan(stack, bottleneck.nanmedian))

    series = np.ascontiguousarray(medians.transpose(2, 0, 1))
    seen = np.ascontiguousarray(counts.T > 0)
    few = 1500
    fill_s = alternate(5, kernel=lambda: gap_filling.linear(series, seen, 0, STEPS),
                       interp=lambda: interpolate(series[:few], seen[:few]))
    filled = gap_filling.linear(series, seen, 0, STEPS)
    np.testing.assert_allclose(filled[:few], interpolate(series[:few], seen[:few]), rtol=1e-5)

    weights = counts.T.astype(np.float32)
    smooth_s = alternate(5, kernel=lambda: whittaker.smooth(filled, weights, LAM),
                         scipy=lambda: smooth_banded(filled[:few], weights[:few], together=False),
                         together=lambda: smooth_banded(filled[:few], weights[:few], together=True))
    np.testing.assert_allclose(whittaker.smooth(filled[:few], weights[:few], LAM),
                               smooth_banded(filled[:few], weights[:few], together=True), rtol=1e-4)

    for task, times, shares in (("median", median_s, {}), ("gap filling", fill_s, {"interp": few}),
                                ("Whittaker", smooth_s, {"scipy": few, "together": few})):
        for side, second in times.items():
            print(f"{task:12s} {side:10s} {shares.get(side, pixels) / second:12,.0f} pixels/s")
    share = few / pixels
    print(f"median_vs_numpy ratio={median_s['numpy'] / median_s['kernel']:.1f} goal=>=20")
    print(f"median_vs_bottleneck ratio={median_s['bottleneck'] / median_s['kernel']:.1f} goal=>=2")
    print(f"gap_filling_vs_interp ratio={fill_s['interp'] / share / fill_s['kernel']:.1f} goal=>=10")
    print(f"whittaker_vs_scipy_all_bands_in_one_call ratio={smooth_s['together'] / share / smooth_s['kernel']:.1f}")
    print(f"whittaker_vs_scipy ratio={smooth_s['scipy'] / share / smooth_s['kernel']:.1f} goal=>=10")


if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    main()
