"""What a series goes through before a network sees it, in training and in prediction alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec.kernels import gap_filling, resampling, whittaker
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Draw
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.samples import Series
from agrispec_tf.data.thermal_axis import ThermalAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Window, gap filling, smoothing, length or thermal time, standardisation: always in this order.

    The window comes first. A prediction's records carry the model's window and nothing else, so training must
    not fill a gap, or smooth, with looks from outside of the window it draws.

    Attributes:
        smoothing: lambda of the Whittaker smoother, weighted by clear looks, which fills gaps as it smooths;
            0 fills them linearly.
        thermal: the training season's warmth, by which series are read, within their window; None reads them by date.
        shown: first step of the model's window that a network sees, and the step after the last one; what lies before
            and after these is held, so that nothing can be told by it. None shows all.
        normalisation: statistics of the training fold; None passes the values on as they are.
    """

    smoothing: float = 0.0
    thermal: ThermalAxis | None = None
    shown: tuple[int, int] | None = None
    normalisation: Normalisation | None = None

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Preparation:
        """The preparation of a table that `dataclasses.asdict` made and that went through JSON.

        Raises:
            KeyError, TypeError: it is no such table.
        """
        statistics = table["normalisation"]
        thermal, shown = table.get("thermal"), table.get("shown")  # older cards do not say
        return cls(smoothing=table["smoothing"], thermal=ThermalAxis(**_tuples(thermal)) if thermal else None,
                   shown=tuple(shown) if shown else None,
                   normalisation=Normalisation(**_tuples(statistics)) if statistics else None)

    def apply(self, series: Series, draw: Draw | None = None) -> NDArray[np.float32]:
        """The network's view of N series.

        Args:
            series: of any cube that carries the steps asked for.
            draw: which steps of the year each series shows, which it loses and its warp; None shows the model's
                window.

        Returns:
            (N, steps of the model's window, F) float32. A series without one clear look in its window is 0
            before standardisation.

        Raises:
            DataError: the series do not carry the steps that were drawn, or `thermal` cannot read them.
            ConfigError: there is a thermal axis, and the series carry no growing degree days, or others.
        """
        exported, steps = series.cube.exported, series.cube.window.steps
        shown = draw or augmentation.plain(series.cube.window, len(series))
        if len(series) and (shown.start.min() < exported.start or shown.stop.max() > exported.stop):
            raise DataError(f"steps {shown.start.min()} to {shown.stop.max() - 1} are asked of series that carry"
                            f" steps {exported.start} to {exported.stop - 1}",
                            mend="train on exports of the whole season year, or without augmentation")
        start, stop = shown.start - exported.start, shown.stop - exported.start
        places = None
        if self.thermal or shown.moved is not None:
            places = resampling.stretched(start, stop, steps)
            if shown.moved is not None:
                places = places + shown.moved[:, None]
                start = np.clip(np.floor(start + shown.moved), 0, exported.steps - 1).astype(np.int64)
                stop = np.clip(np.ceil(stop + shown.moved), start + 1, exported.steps).astype(np.int64)
            if self.thermal:
                places = self.thermal.positions(series, places, start, stop)
            places = np.clip(places, start[:, None], stop[:, None] - 1)
        counts = series.counts
        if shown.dropped is not None:
            counts = _dimmed(counts, shown.dropped[:, exported.start:exported.stop], start, stop)
        if self.smoothing:
            values, weights = _cut(series.values, counts, start, stop)
            # Beyond the first and the last look the smoother goes on as a straight line; the last value is held
            # instead, as where gaps are filled.
            looked = weights > 0
            between = np.maximum.accumulate(looked, axis=1) & np.maximum.accumulate(looked[:, ::-1], axis=1)[:, ::-1]
            places = None if places is None else places - start[:, None]
            stop, start = stop - start, np.zeros_like(start)
            filled = gap_filling.linear(whittaker.smooth(values, weights, self.smoothing), between, start, stop)
        else:
            filled = gap_filling.linear(series.values, counts > 0, start, stop)
        prepared = (resampling.resize(filled, start, stop, steps) if places is None
                    else resampling.read(filled, places))
        if draw is not None:
            prepared = augmentation.warped(prepared, draw.knots)
        if self.shown:
            first, stop = self.shown
            prepared = prepared[:, np.clip(np.arange(steps), first, stop - 1)]
        return self.normalisation.apply(prepared) if self.normalisation else prepared


def _dimmed(counts: NDArray[np.float32], dropped: NDArray[np.bool_], start: NDArray[np.int64],
            stop: NDArray[np.int64]) -> NDArray[np.float32]:
    """Counts (N, T) without the dropped looks; those of a window that would lose its last look stay."""
    step = np.arange(counts.shape[1])
    inside = (step >= start[:, None]) & (step < stop[:, None])
    outlives = (inside & ~dropped & (counts > 0)).any(axis=1, keepdims=True)
    return np.where(dropped & outlives, np.float32(0), counts)


def _cut(values: NDArray[np.float32], counts: NDArray[np.float32], start: NDArray[np.int64],
         stop: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values and counts of each window [start, stop), moved to step 0.

    Beyond a window's end its last step is repeated with count 0.
    """
    length = stop - start
    if len(values) and (start == start[0]).all() and (stop == stop[0]).all():
        window = slice(start[0], stop[0])
        return values[:, window], counts[:, window].astype(np.float32)
    offset = np.arange(length.max(initial=1))
    series, steps, features = values.shape
    place = np.arange(series)[:, None] * steps + np.minimum(start[:, None] + offset, stop[:, None] - 1)
    taken = np.where(offset < length[:, None], counts.reshape(-1).take(place), 0)
    # Twice as fast as to index by row and step.
    return values.reshape(-1, features).take(place, axis=0), taken.astype(np.float32)


def seen(series: Series) -> NDArray[np.bool_]:
    """(N,): whether a series has a clear look in the model's window at all."""
    return clear_looks(series).any(axis=1)


def clear_looks(series: Series) -> NDArray[np.bool_]:
    """(N, steps of the model's window): whether a step was clearly seen."""
    window, exported = series.cube.window, series.cube.exported
    return series.counts[:, window.start - exported.start:window.stop - exported.start] > 0


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON table whose lists are tuples again."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
