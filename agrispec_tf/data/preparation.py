"""What a series goes through before a network sees it, in training and in prediction alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec.kernels import gap_filling, resampling, whittaker
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.samples import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Window, gap filling, smoothing, length, standardisation: always in this order.

    The window comes first. A prediction's records carry the model's window and nothing else, so training must
    not fill a gap, or smooth, with looks from outside of the window it draws.

    Attributes:
        smoothing: lambda of the Whittaker smoother, weighted by clear looks, which fills gaps as it smooths;
            0 fills them linearly.
        normalisation: statistics of the training fold; None passes the values on as they are.
    """

    smoothing: float = 0.0
    normalisation: Normalisation | None = None

    def apply(self, series: Series, draw: Draw | None = None) -> NDArray[np.float32]:
        """The network's view of N series.

        Args:
            series: of any cube that carries the steps asked for.
            draw: which steps of the year each series shows, and its warp; None shows the model's window.

        Returns:
            (N, steps of the model's window, F) float32. A series without one clear look in its window is 0
            before standardisation.

        Raises:
            DataError: the series do not carry the steps that were drawn.
        """
        draw = draw or augmentation.plain(series.cube.window, len(series))
        values, counts, length = _cut(series, draw)
        if self.smoothing:
            # Beyond the first and the last look the smoother goes on as a straight line; the last value is held
            # instead, as where gaps are filled.
            looked = counts > 0
            between = np.maximum.accumulate(looked, axis=1) & np.maximum.accumulate(looked[:, ::-1], axis=1)[:, ::-1]
            prepared = gap_filling.linear(whittaker.smooth(values, counts, self.smoothing), between, 0, length)
        else:
            prepared = gap_filling.linear(values, counts > 0, 0, length)
        prepared = resampling.resize(prepared, 0, length, series.cube.window.steps)
        prepared = augmentation.warped(prepared, draw.knots)
        return self.normalisation.apply(prepared) if self.normalisation else prepared


def _cut(series: Series, draw: Draw) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Values and counts of each drawn window, moved to step 0, and the windows' lengths.

    Beyond a window's end its last step is repeated with count 0.
    """
    exported = series.cube.exported
    length = draw.stop - draw.start
    if len(draw.start) and (draw.start.min() < exported.start or draw.stop.max() > exported.stop):
        raise DataError(f"steps {draw.start.min()} to {draw.stop.max() - 1} are asked of series that carry"
                        f" steps {exported.start} to {exported.stop - 1}",
                        mend="train on exports of the whole season year, or without augmentation")
    offset = np.arange(length.max(initial=1))
    step = np.minimum(draw.start[:, None] + offset, draw.stop[:, None] - 1) - exported.start
    row = np.arange(len(series))[:, None]
    counts = np.where(offset < length[:, None], series.counts[row, step], 0).astype(np.float32)
    return series.values[row, step], counts, length


def seen(series: Series) -> NDArray[np.bool_]:
    """(N,): whether a series has a clear look in the model's window at all."""
    window, exported = series.cube.window, series.cube.exported
    return (series.counts[:, window.start - exported.start:window.stop - exported.start] > 0).any(axis=1)

