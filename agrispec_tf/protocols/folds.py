"""Folds of whole 0.1 degree cells: what teaches and what is judged never share a cell."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from agrispec.errors import DataError

FOLDS = 5

Rows = NDArray[np.intp]
"""Row numbers of samples, ascending."""


def of_cells(labels: NDArray[np.integer], cells: NDArray[np.generic], *, seed: int = 0,
             count: int = FOLDS) -> Iterator[tuple[Rows, Rows]]:
    """(teaching rows, judged rows) of each of `count` folds; every row is judged in one of them.

    A cell is in one fold, and classes (N,) are spread over the folds as evenly as their cells (N,) allow.

    Raises:
        DataError: there are fewer cells than folds, or every class has fewer samples than there are folds.
    """
    found = len(np.unique(cells))
    if found < count:
        raise DataError(f"the samples lie in {found} cells, which are not enough for {count} folds of whole cells",
                        mend=f"label samples in {count} cells or more: widen [area]")
    most = int(np.bincount(labels).max())
    if most < count:
        raise DataError(f"no class has more than {most} samples, which are not enough for {count} folds",
                        mend="raise [samples] per_class, or add cells")
    with warnings.catch_warnings():
        # That a class has fewer samples than there are folds; whoever lacks a class to learn is told of it elsewhere.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        yield from StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(labels)), labels,
                                                                                      cells)


def choosing(labels: NDArray[np.integer], cells: NDArray[np.generic], classes: int) -> Iterator[tuple[Rows, Rows]]:
    """(learning rows, choosing rows) among rows that teach: cells on which a network chooses its epoch, set aside.

    Of five such splits, or of as many as there are cells, those in which every class is left to learn.

    Raises:
        DataError: none is, or all samples are of one cell.
    """
    count = min(FOLDS, len(np.unique(cells)))
    if count < 2:
        raise DataError("all samples that teach lie in one cell: none is left for a network to choose its epoch on",
                        mend="label samples in more cells, or use a forest, which chooses nothing")
    found = [(learning, judging) for learning, judging in of_cells(labels, cells, seed=1, count=count)
             if len(np.unique(labels[learning])) == classes]
    if not found:
        raise DataError("whichever cells are set aside for a network to choose its epoch on, a class loses all samples"
                        " that could teach it",
                        mend="label it in more cells, take it out of [[classes]], or use a forest")
    yield from found
