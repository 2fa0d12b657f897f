"""Reducers of records at every pixel: of several bands, or of bands that hold arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import regressions
from gee_scripts.engine.local.algorithms.reductions import least, missing, over_stack, stacked_type
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, Node, PixelType, masked_band
from gee_scripts.engine.local.values import Part, Reducer

Array = NDArray[Any]


def together(reducer: Reducer) -> bool:
    """Whether a reducer needs this module: what it gives is not a number for each output of one input."""
    return reducer.width > 1 or any(part.kind in ("toList", "fixedHistogram", "repeat", "forEachElement",
                                                  "sampleStdDev", "sampleVariance") or regressions.several(part)
                                    or part.shares or "" in part.outputs for part in reducer.parts)


def dimensions(part: Part, of: int) -> tuple[int, ...]:
    """Rank of the arrays in each output, for inputs of rank `of`."""
    if part.kind in ("first", "last"):
        return (of,)
    if part.kind == "toList":
        return (2 if part.numbers else 1,)
    if part.kind == "fixedHistogram":
        return (2,)
    if part.inner is not None:
        inner = [rank for one in part.inner.parts for rank in dimensions(one, of if part.kind == "repeat" else 0)]
        return tuple(rank + (1 if part.kind == "repeat" else of) for rank in inner)
    return regressions.DIMENSIONS.get(part.kind, (0,) * len(part.outputs))


def result_type(part: Part, dtypes: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
    """The type of each output."""
    if part.inner is not None:
        return tuple(dtype for one in part.inner.parts for dtype in result_type(one, dtypes[:1]))
    if part.kind in ("min", "max") and len(part.inputs) > 1:
        return tuple(dtypes)
    if regressions.several(part) or part.kind == "fixedHistogram":
        return (np.dtype(np.float64),) * len(part.outputs)
    return (stacked_type(part.kind, np.result_type(*dtypes)),) * len(part.outputs)


def reduced(part: Part, columns: Sequence[Array], shares: Sequence[Array], ranks: Sequence[int],
            ) -> tuple[list[Array], Array]:
    """The outputs of one part, and where they are not null.

    Args:
        columns: (N, …) an input, and the axes of its arrays.
        shares: (N, …) an input, bool, or float where it is there in part; records count by the smallest.
        ranks: of the arrays that each input holds.

    Raises:
        AlgorithmError: the reducer has no value at a pixel.
    """
    share = np.minimum.reduce(list(shares[:len(shares) - part.optional]))
    there = share if share.dtype == np.bool_ else share > 0
    number = there.sum(axis=0)
    if part.kind == "repeat" and part.inner is not None:
        return _repeated(part.inner, columns, shares, ranks)
    if part.kind == "forEachElement" and part.inner is not None:
        around = tuple(range(there.ndim, there.ndim + ranks[0]))
        wide = np.broadcast_to(np.expand_dims(share, around), columns[0].shape)
        return _parts(part.inner, columns, [wide] * len(columns), [0] * len(columns))[0], number > 0
    vectors = part.kind in ("covariance", "centeredCovariance")
    if ranks[0] != 1 if vectors else (any(ranks) and part.kind not in ("count", "first", "last")):
        raise AlgorithmError(f"Reducer.{part.kind} takes {'1-D arrays' if vectors else 'numbers'}, not arrays of "
                             f"{max(ranks)} dimensions", mend="use Reducer.forEachElement, or arrayGet first")
    if part.kind == "toList":
        return [_lists(part, columns, there)], number > 0
    if regressions.several(part):
        fitted = regressions.fitted(part, columns, share if part.weighted else there)
        return list(fitted), number >= regressions.least(part)
    values = columns[0]
    if any(ranks):
        there = np.broadcast_to(np.expand_dims(there, tuple(range(there.ndim, values.ndim))), values.shape)
        first = over_stack(part, values, there)[0]
        return [number if part.kind == "count" else first], number > 0
    known = number >= least(part)
    if share.dtype == np.bool_:
        return list(over_stack(part, values, there)), known
    if part.weighted and part.kind in ("sampleStdDev", "sampleVariance"):
        known = known & (share.sum(axis=0) > 1)
    return list(over_shares(part, values, share)), known


def _parts(reducer: Reducer, columns: Sequence[Array], shares: Sequence[Array], ranks: Sequence[int],
           ) -> tuple[list[Array], Array]:
    found: list[Array] = []
    known: Array = np.True_  # type: ignore[assignment]
    for part in reducer.parts:
        values, there = reduced(part, [columns[n] for n in part.inputs], [shares[n] for n in part.inputs],
                                [ranks[n] for n in part.inputs])
        found += values
        known = known & there
    return found, known


def _repeated(inner: Reducer, columns: Sequence[Array], shares: Sequence[Array], ranks: Sequence[int],
              ) -> tuple[list[Array], Array]:
    size = inner.width
    each = [_parts(inner, columns[n:n + size], shares[n:n + size], ranks[n:n + size])
            for n in range(0, len(columns), size)]
    axis = each[0][1].ndim
    return ([np.stack(outputs, axis=axis) for outputs in zip(*(values for values, _ in each), strict=True)],
            np.logical_and.reduce([known for _, known in each]))


def _lists(part: Part, columns: Sequence[Array], there: Array) -> Array:
    """(…, N) values, or (…, N, inputs) tuples; an object array where not all are there."""
    cells = np.stack([np.moveaxis(column, 0, -1) for column in columns], axis=-1)
    cells = cells if part.numbers else cells[..., 0]
    if there.all():
        return np.asarray(cells)
    kept = np.moveaxis(there, 0, -1)
    ragged = np.empty(kept.shape[:-1], object)
    for cell in np.ndindex(*ragged.shape):
        ragged[cell] = cells[cell][kept[cell]]
    return ragged


def bands(reducer: Reducer, inputs: Sequence[Sequence[Band]], prefix: str = "") -> list[Band]:
    """The outputs of a reducer over stacks, as bands of a composite.

    Args:
        inputs: the bands of every input, each as many.
        prefix: of the names of the outputs.
    """
    nodes = [node for column in inputs for band in column for node in (band.values, band.mask)]
    ranks = [max((band.type.dimensions for band in column), default=0) for column in inputs]
    number = len(inputs[0]) if inputs else 0
    if not number:
        return []
    return results(reducer, [np.result_type(*(band.type.dtype for band in column)) for column in inputs], ranks,
                   lambda part: Apply(partial(_computed, part, number, ranks), tuple(nodes)), prefix)


def results(reducer: Reducer, dtypes: Sequence[np.dtype[Any]], ranks: Sequence[int], computed: Any,
            prefix: str) -> list[Band]:
    """A band for each output; `computed(part)` is the node of (outputs, where they are not null)."""
    found = []
    for part in reducer.parts:
        if part.kind in ("group", "histogram", "autoHistogram", "frequencyHistogram", "toCollection") or part.shares \
                or part.optional:
            raise missing(part.kind if not part.shares else "splitWeights")
        node: Node = computed(part)
        mask = Apply(_known, (node,))
        kinds = zip(part.outputs, result_type(part, [dtypes[n] for n in part.inputs]),
                    dimensions(part, ranks[part.inputs[0]]), strict=True)
        for place, (name, dtype, rank) in enumerate(kinds):
            if name:
                found.append(Band(name=prefix + name, type=PixelType(dtype, rank), composite=True, mask=mask,
                                  values=Apply(partial(_output, place, dtype), (node,))))
    return found


def _known(computed: tuple[list[Array], Array]) -> Mask:
    return None if bool(np.all(computed[1])) else computed[1]


def _output(place: int, dtype: np.dtype[Any], computed: tuple[list[Array], Array]) -> Array:
    value = computed[0][place]
    return value if value.dtype == object else np.nan_to_num(value, nan=0.0).astype(dtype) if (
        dtype.kind in "iu" and value.dtype.kind == "f") else value.astype(dtype, copy=False)


def _computed(part: Part, number: int, ranks: Sequence[int], *arrays: Any) -> tuple[list[Array], Array]:
    """One part over the bands of its inputs; all arrays at one shape first."""
    values, masks = [np.asarray(array) for array in arrays[::2]], arrays[1::2]
    if any(value.dtype == object for value in values):
        raise AlgorithmError(f"Reducer.{part.kind} takes arrays of one shape", mend="pad or slice the arrays first")
    of = [rank for rank in ranks for _ in range(number)]
    shape = np.broadcast_shapes(*(value.shape[:value.ndim - rank] for value, rank in zip(values, of, strict=True)),
                                *(mask.shape for mask in masks if mask is not None))
    columns, shares = [], []
    for place in part.inputs:
        own = slice(place * number, (place + 1) * number)
        rank = ranks[place]
        columns.append(np.stack([np.broadcast_to(value, shape + value.shape[value.ndim - rank:])
                                 for value in values[own]]))
        shares.append(np.stack([np.broadcast_to(np.True_ if mask is None else mask, shape) for mask in masks[own]]))
    return reduced(part, columns, shares, [ranks[place] for place in part.inputs])


def aligned(images: Sequence[Sequence[Band]]) -> list[list[Band]]:
    """The bands of each name of the first image, of every image; masked where an image has none."""
    names = [band.name for band in images[0]]
    rows = [{band.name: band for band in image} for image in images]
    return [[row.get(name) or masked_band(name, lead.type) for row in rows]
            for name, lead in zip(names, images[0], strict=True)]


def placed(band: Band, lead: Band) -> Band:
    """The band on the grid of another."""
    return replace(band, projection=lead.projection, composite=lead.composite)
