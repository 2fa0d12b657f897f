"""Many runs of records at once, against each run alone."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

from gee_scripts.engine.local.algorithms.records import over_records
from gee_scripts.engine.local.algorithms.runs import over_runs

# Many short runs of few lengths, some long ones, and empty ones.
SIZES = np.concatenate([np.random.default_rng(3).integers(0, 6, 300), [40, 41, 41, 200]])
STARTS = np.concatenate([[0], SIZES.cumsum()])
N = int(STARTS[-1])

REDUCERS = {
    "numbers": lambda: ee.Reducer.mean().combine(ee.Reducer.sum(), "s", True).combine(ee.Reducer.median(), "m", True)
    .combine(ee.Reducer.percentile([10, 50]), "p", True).combine(ee.Reducer.stdDev(), "d", True)
    .combine(ee.Reducer.sampleVariance(), "v", True).combine(ee.Reducer.skew(), "w", True)
    .combine(ee.Reducer.intervalMean(20, 80), "i", True),
    "counts": lambda: ee.Reducer.count().combine(ee.Reducer.countEvery(), "e", True)
    .combine(ee.Reducer.countDistinctNonNull(), "c", True).combine(ee.Reducer.mode(), "m", True),
    "picked": lambda: ee.Reducer.minMax().combine(ee.Reducer.firstNonNull(), "f", True)
    .combine(ee.Reducer.lastNonNull(), "l", True).combine(ee.Reducer.anyNonZero(), "a", True)
    .combine(ee.Reducer.allNonZero(), "b", True).combine(ee.Reducer.product(), "p", True),
    "unweighted": lambda: ee.Reducer.mean().unweighted().combine(ee.Reducer.median().unweighted(), "m", True)
    .combine(ee.Reducer.sum().unweighted(), "s", True),
    "dropped": lambda: ee.Reducer.minMax().setOutputs(["low", ""]),
    "lists": lambda: ee.Reducer.toList(),
    "histograms": lambda: ee.Reducer.frequencyHistogram(),
    "pairs": lambda: ee.Reducer.linearFit(),
    "repeated": lambda: ee.Reducer.mean().repeat(2),
}


@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_runs_together_give_what_each_gives_alone(world: Any, name: str, dtype: Any) -> None:
    reducer = world.value(REDUCERS[name]())
    rng = np.random.default_rng(5)
    columns = [rng.integers(0, 5, N).astype(dtype) for _ in range(reducer.width)]
    masks = [rng.choice([0, 0.25, 0.6, 1], N).astype(np.float32) for _ in columns]
    weights = rng.choice([1 / 256, 0.5, 1], N).astype(np.float32)
    central = weights > rng.random(N)
    found = over_runs(reducer, columns, masks, weights, central, STARTS)
    assert len(found) == len(SIZES)
    for place, outputs in enumerate(found):
        own = slice(STARTS[place], STARTS[place + 1])
        alone = over_records(reducer, [c[own] for c in columns], [m[own] for m in masks], weights[own], central[own])
        assert len(outputs) == len(alone)
        for one, other in zip(outputs, alone, strict=True):
            assert type(one) is type(other)
            if isinstance(one, float):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
            else:
                assert one == other


def test_no_runs_give_nothing(world: Any) -> None:
    nothing = np.empty(0)
    assert over_runs(world.value(ee.Reducer.mean()), [nothing], [nothing], nothing, nothing > 0, np.zeros(1, int)) == []
