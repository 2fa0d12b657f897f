"""Augmentation and preparation as batched matrix products, for where the rest of a training step runs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from agrispec_tf.data.augmentation import spline_basis

_FAR = 1e12
"""Where the look before the first one lies: so far off that a float32 cannot tell any two steps' distances to it."""


@keras.saving.register_keras_serializable(package="agrispec")
class SeasonView(keras.layers.Layer):
    """What `Preparation(smoothing=0).apply` does, on the device: window, gap filling, length, clouds and warp.

    Between steps a filled series is a straight line, so that filling and resizing are one interpolation: each of
    the result's steps is a sum of looks, weighted by hat functions that reach to the looks beside them. The
    weights of a sample are one matrix (steps, T). No weight is learnt; gradients reach the series.

    It is for training on a GPU, as part of the compiled step: full-year series may then stay on the device for all
    epochs, and the host makes but seven numbers a sample, its draw. On a CPU `Preparation.apply` does the same six
    to eight times as fast (benchmarks/bench_augmentation.py), and so is what `Batches` uses. Whittaker smoothing,
    thermal time, steps held outside of `shown`, standardisation, and draws whose season is `moved` are not part of it.

    It computes in float32 whatever the network does. A GPU that multiplies float32 as TF32 rounds values and
    weights to 11 bits, 0.05 % of a value.

    Args:
        steps: length of the result, that of the model's window.

    Call arguments:
        series: float, `(batch, T, features)`, T steps of the whole year; anything, NaN included, where unseen.
        looks: `(batch, T)`, clear looks of each step; 0 where it was not seen.
        start: `(batch,)`, first step of the window each sample shows.
        stop: `(batch,)`, the step after its last one, more than `start` and T at most.
        knots: float, `(batch, 5)`, factors at the warp's knots.
        dropped: bool, `(batch, T)`, where a step is lost, or None. A sample that would lose its last look within
            its window loses none.

    Returns: float32, `(batch, steps, features)`; zeros where no step of the window was seen.
    """

    def __init__(self, steps: int, **kwargs: Any) -> None:
        # Not the network's precision: a reflectance has three digits as a bfloat16.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.steps = steps

    def call(self, series: Any, looks: Any, start: Any, stop: Any, knots: Any, dropped: Any = None) -> Any:
        step = ops.arange(series.shape[1], dtype="float32")
        start, stop = (ops.expand_dims(ops.cast(bound, "float32"), 1) for bound in (start, stop))
        seen = ops.logical_and(looks > 0, ops.logical_and(step >= start, step < stop))
        if dropped is not None:
            left = ops.logical_and(seen, ops.logical_not(dropped))
            seen = ops.where(ops.any(left, axis=1, keepdims=True), left, seen)
        weights = self._weights(seen, step, start, stop)
        # What an unseen step holds must not reach a product, not even times 0.
        known = ops.where(ops.expand_dims(seen, 2), series, 0.0)
        # The spline through ones is 1 everywhere; what is added to it is exactly 0 for a sample that is not warped.
        curve = 1.0 + ops.matmul(knots - 1.0, ops.cast(spline_basis(self.steps), "float32"))
        return ops.matmul(weights, known) * ops.expand_dims(curve, 2)

    def _weights(self, seen: Any, step: Any, start: Any, stop: Any) -> Any:
        """Each step's share in each step of the result, `(batch, steps, T)`."""
        # Positions are counted in parts of a step of which there are 2 * steps: all of them are whole numbers then,
        # and float32 holds them and their differences exactly. Places beyond the window's first and last step need
        # no clamp: the first and the last look are held there.
        parts = 2.0 * self.steps
        centre = (2.0 * ops.arange(self.steps, dtype="float32") + 1.0) * (stop - start) - self.steps
        place = ops.expand_dims(parts * start + centre, 2)
        mark = parts * step
        before = _latest(ops.where(seen, mark, -_FAR))
        after = -ops.flip(_latest(ops.flip(ops.where(seen, -mark, -_FAR), axis=1)), axis=1)
        rising = (place - before[:, None]) / (mark - before)[:, None]
        falling = (after[:, None] - place) / (after - mark)[:, None]
        return ops.where(seen[:, None], ops.maximum(ops.minimum(rising, falling), 0.0), 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps}


def _latest(marks: Any) -> Any:
    """(batch, T): the largest mark before each step, by doubling the reach; -_FAR before the first step."""
    found, reach = _later(marks, 1), 1
    while reach < marks.shape[1]:
        found = ops.maximum(found, _later(found, reach))
        reach *= 2
    return found


def _later(marks: Any, steps: int) -> Any:
    """Marks moved by some steps towards the end."""
    return ops.pad(marks[:, :-steps], [[0, 0], [steps, 0]], constant_values=-_FAR)
