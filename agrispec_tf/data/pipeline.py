"""Samples as batches, prepared when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Augmentation, Draw
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Samples


class Batches(keras.utils.PyDataset):
    """Shuffled batches of samples.

    An item is (inputs, labels, weights). Order and draws follow from `seed` and the number of the epoch alone.

    Args:
        samples: labelled series.
        class_weights: (C,) weight of each class in the loss.
        inputs: prepared series (N, steps, F) to network inputs.
        preparation: what series go through.
        batch: samples in a batch; the last one of an epoch may be smaller.
        seed: of everything random here.
        varied: how series are augmented, None for not at all.
        multiple: each batch is filled up to a multiple of it, for devices to share, by its own first samples with
            weight 0.
        first_epoch: number of the epoch to begin with, where a training goes on.
    """

    def __init__(self, *, samples: Samples, class_weights: NDArray[np.float32],
                 inputs: Callable[[NDArray[np.float32]], NDArray[np.float32]], preparation: Preparation,
                 batch: int, seed: int, varied: Augmentation | None = None, multiple: int = 1,
                 first_epoch: int = 0) -> None:
        super().__init__()
        self._samples, self._class_weights = samples, class_weights
        self._inputs, self._preparation = inputs, preparation
        self._batch, self._seed, self._varied, self._multiple = batch, seed, varied, multiple
        self._fixed = self._fixed_draw()
        self._epoch = first_epoch - 1
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        numbers = np.arange(len(self._order))[index * self._batch:(index + 1) * self._batch]
        filled = -(-len(numbers) // self._multiple) * self._multiple
        counted = (np.arange(filled) < len(numbers)).astype(np.float32)
        numbers = np.resize(numbers, filled)
        places = self._order[numbers]
        rows = places % len(self._samples)
        series = self._preparation.apply(self._samples.series.take(rows), self._draw.take(places))
        labels = self._samples.labels[rows].astype(np.int32)
        return self._inputs(series), labels, self._class_weights[labels] * counted

    def on_epoch_end(self) -> None:
        """Orders and draws the next epoch."""
        self._epoch += 1
        generator = np.random.default_rng([self._seed, self._epoch])
        self._draw = self._fixed or self._epoch_draw(len(self._samples), generator)
        self._order = generator.permutation(len(self._draw.start))

    def _fixed_draw(self) -> Draw | None:
        """The draw of all epochs, where they share one."""
        cube, count = self._samples.series.cube, len(self._samples)
        if self._varied is None:
            return augmentation.plain(cube.window, count)
        if self._varied.redrawn:
            return None
        return augmentation.with_copies(self._varied, cube.window, cube.step_days, count,
                                        np.random.default_rng(self._seed))

    def _epoch_draw(self, count: int, generator: np.random.Generator) -> Draw:
        cube = self._samples.series.cube
        if self._varied is None:
            return augmentation.plain(cube.window, count)
        return augmentation.of_epoch(self._varied, cube.window, cube.step_days, count, generator)
