"""A finished canvas as images that others read: a cloud-optimised GeoTIFF a product, and what they sum up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.formats import geotiff
from agrispec.kernels import smoothing
from agrispec.taxonomy import NO_CLASS, Taxonomy
from exports import products
from exports.products import Product
from exports.tiles import Canvas

LOGITS = "logits"
"""Of all classes, on the canvas of a map that Bayes is to smooth: log p / (1 - p), NaN where nothing was seen."""

_PICTURE = 800
"""Rows or columns of a map's picture at most."""

Rows = Callable[[int, int], NDArray[Any]]
"""First row and number of rows -> these rows of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pixels of a map.

    Attributes:
        classes: of each class.
        unseen: that were to be mapped and never clearly seen.
        masked: that were not to be mapped.
        confident: whose class stands without review.
    """

    classes: tuple[int, ...]
    unseen: int
    masked: int
    confident: int


def raw(canvas: Canvas, product: Product) -> Rows:
    """The rows of a product as the model gave it."""
    return lambda row, count: canvas.rows(product.name, row, count)


def majority(canvas: Canvas) -> Rows:
    """The rows of classes after `smoothing.majority`."""
    def rows(row: int, count: int) -> NDArray[np.uint8]:
        first, around = _around(canvas, products.CLASS.name, row, count, smoothing.MAJORITY_REACH)
        return smoothing.majority(around, NO_CLASS)[row - first:][:count]

    return rows


def bayesian(canvas: Canvas) -> Rows:
    """The rows of classes after `smoothing.bayesian`."""
    def rows(row: int, count: int) -> NDArray[np.uint8]:
        first, around = _around(canvas, LOGITS, row, count, smoothing.BAYES_REACH)
        found = smoothing.bayesian(around.astype(np.float32))[row - first:][:count]
        unseen = np.isnan(found[..., 0])
        return np.where(unseen, NO_CLASS, np.where(unseen[..., None], 0, found).argmax(axis=-1)).astype(np.uint8)

    return rows


def _around(canvas: Canvas, name: str, row: int, count: int, reach: int) -> tuple[int, NDArray[Any]]:
    """The first of the rows with those that are within reach, and they."""
    first = max(row - reach, 0)
    last = min(row + count + reach, canvas.tiling.grid.height)
    return first, canvas.rows(name, first, last - first)


def write(canvas: Canvas, product: Product, rows: Rows, taxonomy: Taxonomy, folder: Path) -> None:
    """Write a product as a COG into a folder. Classes have their colours and names, as tags `class_0` …

    Raises:
        StorageError: the disk is full.
    """
    of_classes = product in (products.CLASS, products.SECOND, products.SMOOTHED)
    palette = {number: (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
               for number, colour in enumerate(taxonomy.colours)}
    tags = {f"class_{number}": name for number, name in enumerate(taxonomy.names)}
    base = canvas.folder / product.file
    with geotiff.writing(base, canvas.tiling.grid, np.dtype(product.dtype), [product.name], nodata=product.missing,
                         colours=palette if of_classes else None, tags=tags if of_classes else None,
                         compress=False) as write_window:
        for row, count in canvas.strips():
            write_window(row, 0, rows(row, count)[None])
    geotiff.pyramided(base, folder / product.file, product.pyramiding)
    base.unlink()


def count(canvas: Canvas, classes: int, confident: Rows) -> Counts:
    """The pixels of a map of so many classes, and of an image that is 1 where a class stands without review."""
    found = np.zeros(256, np.int64)
    masked = standing = 0
    for row, several in canvas.strips():
        found += np.bincount(canvas.rows(products.CLASS.name, row, several).ravel(), minlength=256)
        masked += int((canvas.rows(products.LOOKS.name, row, several) == products.MASKED).sum())
        standing += int((confident(row, several) == 1).sum())
    return Counts(classes=tuple(found[:classes].tolist()), unseen=int(found[NO_CLASS]) - masked, masked=masked,
                  confident=standing)


def thinned(canvas: Canvas, names: Sequence[str]) -> list[NDArray[Any]]:
    """Images of every so manieth row and column, so that a picture holds them."""
    step = -(-max(canvas.tiling.grid.shape) // _PICTURE)
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for row, several in canvas.strips():
        for name, parts in found.items():
            parts.append(canvas.rows(name, row, several)[-row % step::step, ::step])
    return [np.concatenate(parts) for parts in found.values()]
