"""Confusion matrices: actual classes in rows, predicted ones in columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.language.promotion import Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Collection, ConfusionMatrix, get

Array = NDArray[Any]


def compared(actual: Sequence[Any], predicted: Sequence[Any], order: Sequence[int] | None) -> ConfusionMatrix:
    """The matrix of pairs of classes.

    Args:
        actual, predicted: a class each, or None, which leaves the pair out.
        order: the classes of rows and columns; pairs of others are left out. Without it 0 … the largest class.
    """
    known = [(a, b) for a, b in zip(actual, predicted, strict=True) if a is not None and b is not None]
    strange = [value for pair in known for value in pair if not isinstance(value, int | float)
               or not math.isfinite(value)]
    if strange:
        raise AlgorithmError(f"'{strange[0]}' is no class", mend="give properties that are whole numbers")
    pairs = np.array(known, np.float64).reshape(-1, 2).astype(np.int64)
    if order is None:
        if (pairs < 0).any():
            raise AlgorithmError(f"class {pairs.min()} is negative", mend="give `order`, or classes from 0")
        highest = int(pairs.max()) if len(pairs) else -1
        check_room((), (highest + 1, highest + 1))
        classes = np.arange(highest + 1)
    else:
        check_room((), (len(order), len(order)))
        classes = np.asarray(order, np.int64)
    sorter = np.argsort(classes, kind="stable")
    inside = pairs[np.isin(pairs, classes).all(axis=1)]
    places = sorter[np.searchsorted(classes, inside, sorter=sorter)] if len(classes) else inside
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (places[:, 0], places[:, 1]), 1)
    return ConfusionMatrix(counts, tuple(int(c) for c in classes))


@algorithm("Collection.errorMatrix")
def error_matrix(collection: Collection, actual: str, predicted: str, order: list[int] | None) -> ConfusionMatrix:
    """The matrix of two properties."""
    return compared([get(item, actual) for item in collection.items],
                    [get(item, predicted) for item in collection.items], order)


@algorithm("ConfusionMatrix")
def of_array(array: Any, order: list[int] | None) -> ConfusionMatrix:
    """A matrix that is there already."""
    try:
        counts: Array = promoted(array, "Array", None)  # type: ignore[arg-type]
    except Mismatch as error:
        raise AlgorithmError(f"'{error.text}' is no array of numbers", mend="give rows of one length") from error
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise AlgorithmError(f"a confusion matrix is square, not {counts.shape}", mend="give as many rows as columns")
    if order is not None and len(order) != len(counts):
        raise AlgorithmError(f"{len(order)} classes for {len(counts)} rows", mend="name every row in `order`")
    return ConfusionMatrix(counts, tuple(order) if order is not None else tuple(range(len(counts))))


@algorithm("ConfusionMatrix.array")
def array(matrix: ConfusionMatrix) -> Array:
    """The counts."""
    return matrix.counts


@algorithm("ConfusionMatrix.order")
def order_of(matrix: ConfusionMatrix) -> list[int]:
    """The classes of the rows."""
    return list(matrix.order)


def _share(part: Array, whole: Array) -> Array:
    """Quotients; 0 of nothing."""
    with np.errstate(all="ignore"):
        return np.asarray(np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole != 0))


@algorithm("ConfusionMatrix.accuracy")
def accuracy(matrix: ConfusionMatrix) -> float:
    """Share of the correct ones."""
    return float(_share(np.trace(matrix.counts), np.asarray(matrix.counts.sum())))


def _producers(matrix: ConfusionMatrix) -> Array:
    return _share(np.diag(matrix.counts), matrix.counts.sum(axis=1))


def _consumers(matrix: ConfusionMatrix) -> Array:
    return _share(np.diag(matrix.counts), matrix.counts.sum(axis=0))


@algorithm("ConfusionMatrix.producersAccuracy", differs="0 for a class that never occurs.")
def producers_accuracy(matrix: ConfusionMatrix) -> Array:
    """(classes, 1): of each actual class, the share that is predicted (recall)."""
    return _producers(matrix)[:, None]


@algorithm("ConfusionMatrix.consumersAccuracy", differs="0 for a class that is never predicted.")
def consumers_accuracy(matrix: ConfusionMatrix) -> Array:
    """(1, classes): of each predicted class, the share that is actual (precision)."""
    return _consumers(matrix)[None, :]


@algorithm("ConfusionMatrix.fscore", differs="0 for a class that is neither actual nor predicted.")
def fscore(matrix: ConfusionMatrix, beta: float) -> Array:
    """(classes,) weighted harmonic mean of recall and precision."""
    recall, precision = _producers(matrix), _consumers(matrix)
    return _share((1 + beta**2) * precision * recall, beta**2 * precision + recall)


@algorithm("ConfusionMatrix.kappa")
def kappa(matrix: ConfusionMatrix) -> float:
    """Agreement beyond chance."""
    counts = matrix.counts.astype(np.float64)
    whole = counts.sum()
    if not whole:
        return 0.0
    by_chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / whole**2
    return float((np.trace(counts) / whole - by_chance) / (1 - by_chance)) if by_chance < 1 else 1.0
