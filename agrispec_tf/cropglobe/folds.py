"""Which samples of a country teach, which choose the epoch, and which are left out to save time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec_tf.cropglobe.files import Table
from agrispec_tf.data.samples import Samples

VALIDATION_SHARE = 0.2


def folds(labels: NDArray[np.int64], seed: int, *,
          reference: bool = False) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers that teach and row numbers that choose the epoch.

    A random fifth of each class chooses; of a class of fewer than five samples, all teach. It cannot be blocked in
    space, because the published files hold no places: neighbours of training samples may be in it, so its scores
    flatter, though nobody's target is seen. With `reference` both are all rows: CropNet's released trainer splits,
    then goes on with the whole of either half.

    Raises:
        DataError: no class has five samples, so that none would choose.
    """
    every = np.arange(len(labels))
    if reference:
        return every, every
    chosen = _place(labels, np.random.default_rng(seed), last=True) <= VALIDATION_SHARE
    if not chosen.any():
        raise DataError(f"the {len(labels)} samples of the source are fewer than five of each class: none is left to"
                        " choose the epoch", mend="use more samples of it, or another source")
    return every[~chosen], every[chosen]


def split(samples: Samples, seed: int, *, reference: bool = False) -> tuple[Samples, Samples]:
    """Training and validation samples, by `folds`."""
    training, validation = (samples.take(rows) for rows in folds(samples.labels, seed, reference=reference))
    if reference:
        # Training refuses samples that it knows from validation. Here they are asked for, so they get other names.
        names = np.char.add("again ", validation.ids.astype(np.str_))
        validation = replace(validation, ids=names, cells=names)
    return training, validation


def thinned(table: Table, limit: int | None, seed: int) -> Table:
    """At most `limit` rows, each class in its share and none lost while `limit` allows."""
    if limit is None or len(table) <= limit:
        return table
    place = _place(table.labels, np.random.default_rng(seed))
    return table.take(np.sort(np.argsort(place, kind="stable")[:limit]))


def _place(labels: NDArray[np.int64], generator: np.random.Generator, *, last: bool = False) -> NDArray[np.float64]:
    """(N,): the place of each sample in a random order of its class, as a share of the class's size.

    The first of n samples is at 0 and the last at 1 - 1/n; with `last`, at 1/n and 1.
    """
    drawn = generator.permutation(len(labels))
    place = np.empty(len(labels))
    for code in np.unique(labels):
        rows = drawn[labels[drawn] == code]
        place[rows] = (np.arange(len(rows)) + int(last)) / len(rows)
    return place
