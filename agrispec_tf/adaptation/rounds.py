"""Rounds of batches, half of them samples of the source and half series of the target season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError
from agrispec_tf.classifier import Classifier
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.samples import Samples, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and in what steps a trained network is adapted. No labels of the target could choose an epoch, so the
    last state is kept, always.

    Attributes:
        rounds: times that something may be settled anew, such as pseudo-labels.
        updates: batches in a round.
        batch: source samples in a batch, and as many series of the target.
        learning_rate: Adam's, constant.
        augmentation: of both halves, drawn anew for each batch; None for none.
    """

    rounds: int = 20
    updates: int = 20
    batch: int = 32
    learning_rate: float = 3e-4
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if min(self.rounds, self.updates) < 1 or self.batch < 2 or self.learning_rate <= 0:
            raise ConfigError(f"{self.rounds} rounds of {self.updates} batches of {self.batch} at a learning rate of"
                              f" {self.learning_rate} adapt nothing",
                              mend="give at least 1 round, 1 update, 2 samples a batch and a positive learning rate")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """The batches of a round one after the other, each `batch` source samples and then `batch` series of the target.

    Attributes:
        inputs: (2 · updates · batch, ...), a network's.
        labels: (2 · updates · batch,) int32, 0 for series of the target.
        source: (2 · updates · batch,) bool, which are samples of the source.
        series: (updates · batch,) numbers of the target's series, in the order in which they come.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int32]
    source: NDArray[np.bool_]
    series: NDArray[np.int64]


def drawn(classifier: Classifier, training: Samples, target: Series, how: Course, seed: int, number: int,
          earlier_days: float = 0.0) -> Round:
    """The batches of round `number`, which follow from it and `seed` alone.

    Each class of the source is drawn as often as any other, whatever the number of its samples: a rare one is not lost
    while the network changes. Series of the target come in the mix that they have, which nobody knows.

    Args:
        classifier: whose preparation and inputs they are.
        training, target: the two sides.
        how: the course.
        earlier_days: by how many days the source's samples are moved, so that they look like the target's: positive
            where the target is ahead of the source.
    """
    generator = np.random.default_rng([seed, number])
    count = how.updates * how.batch
    rows = _balanced(training.labels, count, generator)
    series = np.resize(generator.permutation(len(target)), count)
    cube = training.series.cube

    def shown(taken: Series, days: float) -> NDArray[np.float32]:
        draw = (augmentation.plain(cube.window, count) if how.augmentation is None else
                augmentation.of_epoch(how.augmentation, cube.window, cube.step_days, count, generator))
        prepared = classifier.preparation.apply(taken, draw.later(days / cube.step_days))
        return classifier.options.inputs(prepared)

    sides = shown(training.series.take(rows), earlier_days), shown(target.take(series), 0.0)
    return Round(inputs=halved(*sides, how), series=series,
                 labels=halved(training.labels[rows].astype(np.int32), np.zeros(count, np.int32), how),
                 source=halved(np.ones(count, np.bool_), np.zeros(count, np.bool_), how))


def halved(source: NDArray, target: NDArray, how: Course) -> NDArray:
    """What belongs to a round's source samples and to its target series, batch by batch as `Round` has them."""
    shape = (how.updates, how.batch, *source.shape[1:])
    return np.concatenate([source.reshape(shape), target.reshape(shape)], axis=1).reshape(-1, *source.shape[1:])


def _balanced(labels: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`count` row numbers, each class drawn as often as any other."""
    order, (_, first, sizes) = np.argsort(labels, kind="stable"), np.unique(np.sort(labels), return_index=True,
                                                                          return_counts=True)
    chosen = generator.integers(0, len(sizes), count)
    return order[first[chosen] + (generator.random(count) * sizes[chosen]).astype(np.int64)]
