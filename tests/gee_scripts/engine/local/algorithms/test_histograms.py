"""Histograms against NumPy's."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
from scipy import stats

RNG = np.random.default_rng(11)


def test_histograms(world: Any, stack: Any) -> None:
    values = RNG.normal(0, 1, 500)
    listed = ee.List(values.tolist())
    counts, edges = np.histogram(values, 4, (-1, 1))
    np.testing.assert_allclose(world.value(listed.reduce(ee.Reducer.fixedHistogram(-1, 1, 4))),
                               np.column_stack([edges[:-1], counts]))
    np.testing.assert_allclose(world.value(listed.reduce(ee.Reducer.fixedHistogram(-1, 1, 4, True)))[:, 1],
                               counts.cumsum())
    found = world.value(listed.reduce(ee.Reducer.histogram(20)))
    low, width = found["bucketMin"], found["bucketWidth"]
    assert np.log2(width).is_integer()
    assert len(found["histogram"]) <= 32
    edges = low + width * np.arange(len(found["histogram"]) + 1)
    np.testing.assert_array_equal(found["histogram"], np.histogram(values, edges)[0])
    wanted = stats.binned_statistic(values, values, "mean", edges).statistic
    some = np.array(found["histogram"]) > 0
    np.testing.assert_allclose(np.array(found["bucketMeans"])[some], wanted[some])
    auto = world.value(listed.reduce(ee.Reducer.autoHistogram(20, None, None, True)))
    np.testing.assert_allclose(auto, np.column_stack([edges[:-1], np.cumsum(found["histogram"])]))
    pairs = ee.List(np.column_stack([values[:250], values[250:]]).tolist())
    plane = world.value(pairs.reduce(ee.Reducer.fixed2DHistogram(-1, 1, 3, -2, 2, 5)))
    wanted, x, y = np.histogram2d(values[:250], values[250:], (3, 5), ((-1, 1), (-2, 2)))
    np.testing.assert_array_equal(plane["histogram"], wanted)
    np.testing.assert_allclose(plane["xAxis"], x[:-1])
    np.testing.assert_allclose(plane["yAxis"], y[:-1])
    planes, mask = stack.planes(stack.images().select("x").reduce(ee.Reducer.fixedHistogram(0, 6, 3)))["x_histogram"]
    there = stack.valid_x[:, 3, 4]
    np.testing.assert_array_equal(planes[3, 4, :, 1], np.histogram(stack.x[:, 3, 4][there], 3, (0, 6))[0])
    assert mask[1, 1] == 0
