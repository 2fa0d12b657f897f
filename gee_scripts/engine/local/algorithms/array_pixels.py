"""Functions of arrays over pixels that hold arrays: all pixels at once where their arrays have one shape, else all
pixels of a shape at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.language.registry import MOST_ITEMS, AlgorithmError
from gee_scripts.engine.local.rasters.raster import Mask, seen

Array = NDArray[Any]

_MOST_TOGETHER = 2**28
"""Elements of the arrays of all pixels of a tile: 2 GiB of doubles."""


def check_room(pixels: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Whether arrays of a shape may be made for so many pixels.

    Raises:
        AlgorithmError: they would not fit into memory.
    """
    size = math.prod(shape)
    if size > MOST_ITEMS or size * math.prod(pixels) > _MOST_TOGETHER:
        raise AlgorithmError("User memory limit exceeded.",
                             mend=f"an array has at most {MOST_ITEMS} elements here, those of a tile together "
                                  f"{_MOST_TOGETHER}")


def over_pixels(function: Callable[..., Array], ranks: Sequence[int], keyed: int, rank: int, dtype: np.dtype[Any],
                mask: Mask, *values: Array) -> Array:
    """A function of arrays at every pixel.

    Args:
        function: of arrays whose last axes are a pixel's and whose first ones are pixels, the same for all; of the
            last `keyed` inputs it takes the one array that all its pixels share. Gives such an array.
        ranks: number of a pixel's axes, an input.
        keyed: how many of the last inputs shape the result, so that only pixels with the same ones go together.
        rank: number of axes of a result's pixel.
        dtype: of the result.
        mask: pixels that are masked are not computed one by one; they hold anything.
        values: an input each, as `raster.read` has them; of fewer axes where they are the same everywhere.

    Returns:
        As `raster.read` has it: dense, or an object array of one array a pixel where shapes differ.
    """
    known = seen(mask)
    if known is not None and not known.any():
        return np.zeros((1,) * rank, dtype)
    plain = [_with_rank(item, places) for item, places in zip(values, ranks, strict=True)]
    leads = [_lead(item, places) for item, places in zip(plain, ranks, strict=True)]
    free = len(values) - keyed
    if all(item.dtype != object for item in plain) and all(lead == () for lead in leads[free:]):
        lead = np.broadcast_shapes(*leads)
        for item, own in zip(plain, leads, strict=True):
            check_room(lead, item.shape[len(own):])
        arrays = [np.broadcast_to(item, lead + item.shape[len(own):]) for item, own in zip(plain, leads, strict=True)]
        return np.asarray(function(*arrays[:free], *plain[free:])).astype(dtype, copy=False)
    lead = np.broadcast_shapes(*leads, () if known is None else known.shape)
    columns = [np.broadcast_to(item, lead + item.shape[len(own):]).reshape(-1, *item.shape[len(own):])
               for item, own in zip(plain, leads, strict=True)]
    where = (np.arange(int(np.prod(lead))) if known is None
             else np.flatnonzero(np.broadcast_to(known, lead)))
    groups = _groups([column[where] for column in columns], free)
    results = []
    for group in groups:
        here = where[group]
        taken = [np.stack(list(column[here])) if column.dtype == object else column[here] for column in columns]
        results.append(np.asarray(function(*taken[:free], *(item[0] for item in taken[free:]))).astype(dtype))
    return _scattered(results, [where[group] for group in groups], lead, rank, dtype)


def _with_rank(values: Array, rank: int) -> Array:
    values = np.asarray(values)
    return values if values.dtype == object or values.ndim >= rank else values.reshape(
        (1,) * (rank - values.ndim) + values.shape)


def _lead(values: Array, rank: int) -> tuple[int, ...]:
    return values.shape if values.dtype == object else values.shape[:values.ndim - rank]


def _groups(columns: Sequence[Array], free: int) -> list[NDArray[np.intp]]:
    """Places of the pixels that go together: whose arrays have one shape, and whose keyed inputs are equal."""
    number = len(columns[0])
    codes = np.zeros(number, np.int64)
    for place, column in enumerate(columns):
        if column.dtype == object:
            table: dict[Any, int] = {}
            keys = ((cell.shape, cell.tobytes() if place >= free else b"") for cell in column)
            code = np.fromiter((table.setdefault(key, len(table)) for key in keys), np.int64, number)
        elif place >= free and column[:1].size:
            code = np.unique(column.reshape(number, -1), axis=0, return_inverse=True)[1].reshape(-1)
        else:
            continue
        codes = np.unique(codes * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    return np.split(order, ends) if number else []


def _scattered(results: Sequence[Array], places: Sequence[NDArray[np.intp]], lead: tuple[int, ...], rank: int,
               dtype: np.dtype[Any]) -> Array:
    number = int(np.prod(lead))
    shapes = {result.shape[1:] for result in results}
    if len(shapes) == 1:
        dense = np.zeros((number, *shapes.pop()), dtype)
        for result, place in zip(results, places, strict=True):
            dense[place] = result
        return dense.reshape(*lead, *dense.shape[1:])
    ragged = np.empty(number, object)
    blank = np.zeros((0,) * rank, dtype)
    for cell in range(number):
        ragged[cell] = blank
    for result, place in zip(results, places, strict=True):
        for cell, array in zip(place, result, strict=True):
            ragged[cell] = array
    return ragged.reshape(lead)
