"""What estimates of areas and accuracies cost beside counting the same rows with one pandas groupby.

A million simulated sampled units of six strata and eight classes, all columns numbers or all texts, with and without
the inclusion probabilities, which are compared with the sizes of the strata. Both sides read the same table in one run,
taking turns; a ratio is one of medians of times.

    python benchmarks/bench_area.py
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from agrispec_tf.area.estimation import assess
from agrispec_tf.area.reference_sample import INCLUSION, MAPPED, REFERENCE, STRATUM, ReferenceSample
from agrispec_tf.area.strata import Strata

ROWS, STRATA, CLASSES, ROUNDS = 1_000_000, 6, 8, 9


def simulated(texts: bool, seed: int = 0) -> tuple[pd.DataFrame, Strata]:
    """Sampled units in a random order, seven in ten of them mapped right, and the strata they are from."""
    rng = np.random.default_rng(seed)
    stratum, mapped = rng.integers(0, STRATA, ROWS), rng.integers(0, CLASSES, ROWS)
    reference = np.where(rng.random(ROWS) < 0.7, mapped, rng.integers(0, CLASSES, ROWS))
    sampled, inclusion = np.bincount(stratum), rng.uniform(0.001, 0.1, STRATA)
    strata_names = [f"region {h}" for h in range(STRATA)] if texts else list(range(STRATA))
    class_names = np.array([f"crop {k}" for k in range(CLASSES)]) if texts else np.arange(CLASSES)
    table = pd.DataFrame({STRATUM: np.array(strata_names)[stratum], MAPPED: class_names[mapped],
                          REFERENCE: class_names[reference], INCLUSION: inclusion[stratum]})
    units = sampled / inclusion
    return table, Strata(names=tuple(strata_names), areas=units * 0.01, units=units)


def alternate(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds of each over the rounds, after one unmeasured turn."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for side, spent in zip((ours, theirs), seconds, strict=True):
            began = time.perf_counter()
            side()
            if turn:
                spent.append(time.perf_counter() - began)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"machine: {platform.machine()}, one of {os.cpu_count()} CPUs; NumPy {np.__version__}, pandas"
          f" {pd.__version__}; {ROWS:,} rows, median of {ROUNDS} rounds")
    for kind in ("numbers", "texts"):
        table, strata = simulated(kind == "texts")
        for what, rows in (("with probabilities", table), ("without", table.drop(columns=INCLUSION))):
            ours, theirs = alternate(lambda rows=rows, strata=strata: assess(ReferenceSample.of(rows, strata)),
                                     lambda rows=rows: rows.groupby([STRATUM, MAPPED, REFERENCE]).size())
            print(f"area_vs_groupby {kind:8s}{what:20s} estimates {ours * 1e3:6.1f} ms  groupby {theirs * 1e3:6.1f} ms"
                  f"  ratio={ours / theirs:.2f} goal=<=5")
    sample = ReferenceSample.of(table, strata)
    began = time.perf_counter()
    for _ in range(100):
        assess(sample)
    print(f"estimates alone, of counts: {(time.perf_counter() - began) * 10:.2f} ms")


if __name__ == "__main__":
    main()
