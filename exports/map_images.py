"""A finished canvas as images that others read: a cloud-optimised GeoTIFF a product, and what they sum up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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

Pixels = Callable[[int, int, int, int], NDArray[Any]]
"""Row, column, height and width of a window -> these pixels of an image."""


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


def raw(canvas: Canvas, product: Product) -> Pixels:
    """A product as the model gave it."""
    return partial(canvas.window, product.name)


def majority(canvas: Canvas) -> Pixels:
    """The classes after `smoothing.majority`."""
    return _smoothed(canvas, products.CLASS.name, smoothing.MAJORITY_REACH,
                     lambda classes: smoothing.majority(classes, NO_CLASS))


def bayesian(canvas: Canvas) -> Pixels:
    """The classes after `smoothing.bayesian`."""
    def classes(logits: NDArray[np.float16]) -> NDArray[np.uint8]:
        found = smoothing.bayesian(logits.astype(np.float32))
        unseen = np.isnan(found[..., 0])
        return np.where(unseen, NO_CLASS, np.where(unseen[..., None], 0, found).argmax(axis=-1)).astype(np.uint8)

    return _smoothed(canvas, LOGITS, smoothing.BAYES_REACH, classes)


def _smoothed(canvas: Canvas, name: str, reach: int, smooth: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Pixels:
    """An image after `smooth`, which looks at pixels within reach."""
    def pixels(row: int, column: int, height: int, width: int) -> NDArray[np.uint8]:
        top, left = max(row - reach, 0), max(column - reach, 0)
        bottom = min(row + height + reach, canvas.tiling.grid.height)
        right = min(column + width + reach, canvas.tiling.grid.width)
        found = smooth(canvas.window(name, top, left, bottom - top, right - left))
        return found[row - top:, column - left:][:height, :width]

    return pixels


def write(canvas: Canvas, product: Product, pixels: Pixels, taxonomy: Taxonomy, folder: Path) -> None:
    """Write a product as a COG into a folder. Classes have their colours and names, as tags `class_0` …

    Raises:
        StorageError: the disk is full.
    """
    of_classes = product in products.OF_CLASSES
    palette = {number: (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
               for number, colour in enumerate(taxonomy.colours)}
    tags = {f"class_{number}": name for number, name in enumerate(taxonomy.names)}
    base = canvas.folder / product.file
    with geotiff.writing(base, canvas.tiling.grid, np.dtype(product.dtype), [product.name], nodata=product.missing,
                         colours=palette if of_classes else None, tags=tags if of_classes else None,
                         compress=False) as write_window:
        for row, column, height, width in canvas.windows():
            write_window(row, column, pixels(row, column, height, width)[None])
    geotiff.pyramided(base, folder / product.file, product.pyramiding)
    base.unlink()


def count(canvas: Canvas, classes: int, confident: Pixels) -> Counts:
    """The pixels of a map of so many classes, and of an image that is 1 where a class stands without review."""
    found = np.zeros(256, np.int64)
    masked = standing = 0
    for window in canvas.windows():
        found += np.bincount(canvas.window(products.CLASS.name, *window).ravel(), minlength=256)
        masked += int((canvas.window(products.LOOKS.name, *window) == products.MASKED).sum())
        standing += int((confident(*window) == 1).sum())
    return Counts(classes=tuple(found[:classes].tolist()), unseen=int(found[NO_CLASS]) - masked, masked=masked,
                  confident=standing)


def thinned(canvas: Canvas, names: Sequence[str]) -> list[NDArray[Any]]:
    """Images of every so manieth row and column, so that a picture holds them."""
    step = -(-max(canvas.tiling.grid.shape) // _PICTURE)
    shape = -(-canvas.tiling.grid.height // step), -(-canvas.tiling.grid.width // step)
    found = {name: np.empty(shape, canvas.images[name][0]) for name in names}
    for row, column, height, width in canvas.windows():
        for name, image in found.items():
            part = canvas.window(name, row, column, height, width)[-row % step::step, -column % step::step]
            image[-(-row // step):, -(-column // step):][:part.shape[0], :part.shape[1]] = part
    return [*found.values()]
