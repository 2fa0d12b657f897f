"""Reducers of records at every pixel: arrays, and lists of several bands."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np

RNG = np.random.default_rng(11)


def test_arrays_are_reduced_to_covariances_and_place_by_place(world: Any, stack: Any) -> None:
    rows = RNG.normal(size=(30, 3))
    features = ee.FeatureCollection([ee.Feature(None, {"v": row.tolist()}) for row in rows])
    found = world.value(features.reduceColumns(ee.Reducer.covariance(), ["v"]))["covariance"]
    np.testing.assert_allclose(found, np.cov(rows.T, bias=True))
    sums = world.value(features.reduceColumns(ee.Reducer.sum().forEachElement(), ["v"]))["sum"]
    np.testing.assert_allclose(sums, rows.sum(axis=0))
    arrays = stack.images().map(lambda image: image.toArray())
    planes, mask = stack.planes(arrays.reduce(ee.Reducer.covariance()))["array_covariance"]
    for pixel in stack.pixels:
        there = np.s_[stack.both[:, *pixel], *pixel]
        np.testing.assert_allclose(planes[pixel], np.cov(stack.x[there], stack.y[there], bias=True))
    each, _ = stack.planes(arrays.reduce(ee.Reducer.max().forEachElement()))["array_max"]
    there = stack.both[:, 3, 4]
    np.testing.assert_allclose(each[3, 4], [stack.x[:, 3, 4][there].max(), stack.y[:, 3, 4][there].max()])
    assert mask[1, 1] == 0


def test_lists_of_every_pixel_leave_masked_images_out(stack: Any) -> None:
    cells, mask = stack.planes(stack.images().reduce(ee.Reducer.toList(2)))["list"]
    there = stack.both[:, 3, 4]
    np.testing.assert_array_equal(cells[3, 4], np.column_stack([stack.x[:, 3, 4][there], stack.y[:, 3, 4][there]]))
    assert mask[1, 1] == 0
