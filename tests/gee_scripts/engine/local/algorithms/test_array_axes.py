"""What is done along the axes of arrays, against NumPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)
NUMBERS = SHAPES.flatmap(lambda shape: hnp.arrays(np.int32, shape, elements=st.integers(-9, 9)))


@given(values=NUMBERS, start=st.integers(-6, 6), end=st.none() | st.integers(-6, 6), step=st.integers(1, 3),
       pick=st.randoms(use_true_random=False))
@FEW
def test_slices_are_the_multiples_of_the_step_that_the_axis_has(world: Any, values: np.ndarray, start: int,
                                                               end: int | None, step: int, pick: Any) -> None:
    axis = pick.randrange(values.ndim)
    length = values.shape[axis]
    first = start + length if start < 0 else start
    last = length if end is None else end + length if end < 0 else end
    places = [place for place in range(first, last, step) if 0 <= place < length]
    found = world.value(ee.Array(values.tolist()).slice(axis, start, end, step))
    np.testing.assert_array_equal(found, np.take(values, places, axis=axis))


@given(values=NUMBERS, seed=st.integers(0, 99))
@FEW
def test_shapes_change_as_numpys(world: Any, values: np.ndarray, seed: int) -> None:
    graph, axis = ee.Array(values.tolist()), seed % values.ndim
    for found, expected in [
        (graph.transpose(axis, 0), np.swapaxes(values, axis, 0)),
        (graph.reshape([-1]), values.reshape(-1)),
        (graph.reshape([values.size, 1, -1]), values.reshape(values.size, 1, 1)),
        (graph.repeat(axis, 2), np.concatenate([values, values], axis=axis)),
        (graph.reduce(ee.Reducer.max(), [axis]), values.max(axis=axis, keepdims=True)),
        (graph.reduce(ee.Reducer.stdDev(), [*range(values.ndim)]), values.std().reshape((1,) * values.ndim)),
        (graph.accum(axis), np.cumsum(values, axis=axis)),
        (graph.argmax(), np.unravel_index(values.argmax(), values.shape)),
        (graph.length(), values.shape), (graph.toFloat(), values.astype(np.float32)),
        (graph.subtract(graph.multiply(2)), -values), (graph.abs().sqrt(), np.sqrt(np.abs(values))),
        (graph.gte(0).And(graph.lt(5)), (values >= 0) & (values < 5)),
    ]:
        result = np.asarray(world.value(found))
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result, expected, atol=1e-12)
