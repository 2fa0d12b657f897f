"""Reducers over many runs of records: segments and parcels, thousands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.records import amounts, over_records
from gee_scripts.engine.local.algorithms.weighted import over_shares
from gee_scripts.engine.local.values import Part, Reducer

Array = NDArray[Any]

# What these give is a number, and over records of one length the same as over a stack.
_COUNTS = {"count", "countDistinct", "countDistinctNonNull"}
_STACKED = _COUNTS | {"countEvery", "sum", "mean", "stdDev", "variance", "sampleStdDev", "sampleVariance", "median",
                      "percentile", "intervalMean", "mode", "min", "max", "minMax", "first", "last", "product",
                      "anyNonZero", "allNonZero", "skew", "kurtosis"}
# Stacks that are deep and narrow gain nothing.
_DEEP = 16


def over_runs(reducer: Reducer, columns: Sequence[Array], masks: Sequence[Array], weights: Array, central: Array,
              starts: Array) -> list[list[Any]]:
    """For every run the outputs of a reducer over its records, as `records.over_records` gives them.

    Args:
        columns, masks, weights, central: (N,), as there; the records of a run stand together.
        starts: (runs + 1,) where each run begins, and N.
    """
    sizes = np.diff(starts)
    results: list[list[Any]] = [[] for _ in sizes]
    plain = len(columns) == reducer.width == 1 and columns[0].dtype != object and all(
        part.kind in _STACKED and not part.shares for part in reducer.parts)
    order = np.argsort(sizes, kind="stable")
    lengths, firsts = np.unique(sizes[order], return_index=True)
    for length, runs in zip(lengths.tolist(), np.split(order, firsts[1:]) if len(order) else [], strict=True):
        if not plain or length == 0 or length > _DEEP * len(runs):
            for run in runs.tolist():
                own = slice(starts[run], starts[run + 1])
                results[run] = over_records(reducer, [column[own] for column in columns],
                                            [mask[own] for mask in masks], weights[own], central[own])
            continue
        places = starts[runs] + np.arange(length)[:, None]
        found = _over_stacks(reducer, columns[0][places], masks[0][places], weights[places], central[places])
        for run, row in zip(runs.tolist(), zip(*found, strict=True), strict=True):
            results[run] = list(row)
    return results


def _over_stacks(reducer: Reducer, values: Array, masks: Array, weights: Array, central: Array) -> list[list[Any]]:
    """Every output of every run, (length, runs) arrays being given."""
    found: list[list[Any]] = []
    amount = amounts(masks, weights)
    for part in reducer.parts:
        if part.kind == "countEvery":
            found.append((central & (weights > 0)).sum(axis=0).tolist())
            continue
        share = amount if part.weighted else ((amount > 0) & central).astype(np.float64)
        with np.errstate(all="ignore"):
            # What counts one has a share of one by now.
            outputs = over_shares(replace(part, weighted=True), values, share)
        known = _known(part, share)
        for name, output in zip(part.outputs, outputs, strict=True):
            if name:
                items = (output.astype(np.int64) if output.dtype.kind == "b" else output).tolist()
                found.append(items if known is None else [item if there else None
                                                          for item, there in zip(items, known, strict=True)])
    return found


def _known(part: Part, share: Array) -> list[bool] | None:
    """Where the outputs are not null; None: everywhere."""
    if part.kind in _COUNTS or part.kind == "sum":
        return None
    sample = part.kind in ("sampleStdDev", "sampleVariance")
    there = np.asarray(share.sum(axis=0) > 1 if sample else (share > 0).any(axis=0))
    return None if there.all() else there.tolist()
