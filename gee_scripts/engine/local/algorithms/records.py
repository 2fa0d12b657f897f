"""What reducers do to records: the pixels of a region, the rows of a table, the elements of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import regressions
from gee_scripts.engine.local.algorithms.reductions import missing
from gee_scripts.engine.local.algorithms.samples import only_numbers, reduced_numbers
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.values import Collection, Date, Feature, Part, Reducer

Array = NDArray[Any]

def table(rows: Sequence[Sequence[Any]], width: int) -> tuple[list[Array], list[Array], Array]:
    """Columns, their masks (0 where a value is null), and weights of one, of rows of values."""
    columns, masks = [], []
    for place in range(width):
        given = [_plain(row[place]) for row in rows]
        masks.append(np.array([float(value is not None) for value in given]))
        columns.append(_column(given))
    return columns, masks, np.ones(len(rows))


def _plain(value: Any) -> Any:
    return value.milliseconds if isinstance(value, Date) else value


def _column(given: list[Any]) -> Array:
    known = [value for value in given if value is not None]
    if all(isinstance(value, bool | int | np.integer) and -2**63 <= value < 2**63 for value in known):
        return np.array([0 if value is None else value for value in given], np.int64)
    if all(isinstance(value, bool | int | float | np.number) for value in known):
        return np.array([np.nan if value is None else value for value in given], np.float64)
    column = np.empty(len(given), object)
    for place, value in enumerate(given):
        column[place] = np.asarray(value) if isinstance(value, list) and _numeric(value) else value
    return column


def _numeric(value: list[Any]) -> bool:
    try:
        return np.asarray(value).dtype.kind in "biuf" and len(value) > 0
    except ValueError:
        return False


def over_numbers(reducer: Reducer, values: Array, weights: Array, central: Array) -> list[Any]:
    """Every output of a reducer of one input over numbers; None where there is nothing to reduce.

    Args:
        values: (N,).
        weights: (N,), share of each that counts; those of 0 do not.
        central: (N,) bool, whether an unweighted reducer takes it.
    """
    return over_records(reducer, [values], [np.ones(len(values))], weights, central)


def over_records(reducer: Reducer, columns: Sequence[Array], masks: Sequence[Array], weights: Array,
                 central: Array) -> list[Any]:
    """Every output of a reducer over records; None where there is nothing to reduce.

    Args:
        columns: (N,) an input; object arrays hold texts or arrays.
        masks: (N,) an input, 0 … 1, its share; null where it is 0.
        weights: (N,), 0 … 1, share of each record that counts.
        central: (N,) bool, whether an unweighted reducer takes it.

    Raises:
        AlgorithmError: there are not as many columns as inputs, or a reducer does not take what they hold.
    """
    if len(columns) != reducer.width:
        raise AlgorithmError(f"Need {reducer.width} input(s) for the reducer, got {len(columns)}",
                             mend="give the reducer as many inputs as it takes")
    results: list[Any] = []
    for part in reducer.parts:
        found = _over(part, columns, masks, weights, central)
        results += [value for name, value in zip(part.outputs, found, strict=True) if name]
    return [item.item() if isinstance(item, np.generic) else item for item in results]


def amounts(masks: Array, weights: Array) -> Array:
    """What each record counts: the smaller of its mask and its weight, as masks of tables may be larger than 1."""
    # https://developers.google.com/earth-engine/guides/reducers_reduce_region#pixels-in-the-region
    return np.where(weights < 1, np.minimum(masks, weights), masks)


def _over(part: Part, columns: Sequence[Array], masks: Sequence[Array], weights: Array,
          central: Array) -> Sequence[Any]:
    own, shares = [columns[place] for place in part.inputs], [masks[place] for place in part.inputs]
    if part.kind == "repeat" and part.inner is not None:
        size = part.inner.width
        each = [over_records(part.inner, own[place:place + size], shares[place:place + size], weights, central)
                for place in range(0, len(own), size)]
        return [list(outputs) for outputs in zip(*each, strict=True)]
    if part.kind == "group":
        return [_groups(part, own, shares, weights, central)]
    needed = shares[:len(shares) - part.optional]
    known = np.min(needed, axis=0) if needed else np.ones(len(weights))
    if part.kind == "countEvery":
        return [int((central & (weights > 0)).sum())]
    if part.shares:
        for place in part.shares:
            known = np.where(masks[place] > 0, np.minimum(known, 1) * (columns[place] > 0), 0)
        amount = np.min([columns[place] for place in part.shares], axis=0).astype(np.float64)
        taken = central & (known > 0) & (weights > 0)
    else:
        amount = amounts(known, weights)
        taken = amount > 0 if part.weighted else central & (amount > 0)
    share = amount[taken] if part.weighted or part.shares else np.ones(int(taken.sum()))
    chosen = [column[taken] for column in own]
    if part.kind in ("toList", "toCollection") and (part.numbers or part.names):
        return [_tuples(part, chosen, [mask[taken] > 0 for mask in shares])]
    if part.kind == "forEachElement" and part.inner is not None:
        return _elements(part, chosen, share)
    if regressions.several(part):
        return _fitted(part, chosen, share)
    return reduced_numbers(part, chosen[0], share)


def _groups(part: Part, columns: Sequence[Array], masks: Sequence[Array], weights: Array,
            central: Array) -> list[dict[str, Any]]:
    """A dictionary of every value of the group's input, in their order."""
    field, inner = int(part.numbers[0]), part.inner
    if inner is None:
        raise missing("group")
    others = [place for place in range(len(columns)) if place != field]
    there = np.flatnonzero((masks[field] > 0) & (weights > 0))
    keys = columns[field][there]
    if keys.dtype == object:
        known: dict[Any, list[int]] = {}
        for place, key in zip(there.tolist(), keys, strict=True):
            known.setdefault(key, []).append(place)
        parts = [(key, np.array(known[key])) for key in sorted(known)]
    else:
        order = np.argsort(keys, kind="stable")
        values, starts = np.unique(keys[order], return_index=True)
        parts = [(_key_value(value), places)
                 for value, places in zip(values, np.split(there[order], starts[1:]), strict=True)] if len(keys) else []
    found = []
    for key, places in parts:
        places = np.sort(places)
        outputs = over_records(inner, [columns[place][places] for place in others],
                               [masks[place][places] for place in others], weights[places], central[places])
        found.append({part.names[0]: key, **dict(zip(inner.outputs, outputs, strict=True))})
    return found


def _key_value(value: Any) -> Any:
    number = value.item()
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _tuples(part: Part, columns: Sequence[Array], known: Sequence[Array]) -> Any:
    rows = [[value if there else None for value, there in zip(row, flags, strict=True)]
            for row, flags in zip(zip(*(column.tolist() for column in columns), strict=True),
                                  zip(*known, strict=True), strict=True)]
    if part.kind == "toList":
        return rows
    return Collection(tuple(
        Feature(properties={"system:index": str(place)} | {
            name: value for name, value in zip(part.names, row, strict=True) if value is not None})
        for place, row in enumerate(rows)))


def _stacked(part: Part, column: Array) -> Array:
    """(N, …): the arrays of a column."""
    cells = [np.asarray(cell) for cell in column]
    if len({cell.shape for cell in cells}) > 1:
        raise AlgorithmError(f"Reducer.{part.kind} takes arrays of one shape, not {cells[0].shape} and others",
                             mend="pad or slice the arrays first")
    return np.stack(cells)


def _elements(part: Part, columns: Sequence[Array], share: Array) -> list[Any]:
    inner = part.inner
    if inner is None or not len(share):
        return [None] * len(part.outputs)
    stacks = [_stacked(part, column) for column in columns]
    shape = stacks[0].shape[1:]
    flat = [stack.reshape(len(stack), -1) for stack in stacks]
    ones, shares = np.ones(len(share)), [share] * len(flat)
    each = [over_records(inner, [stack[:, place] for stack in flat], shares, ones, share > 0)
            for place in range(flat[0].shape[1])]
    return [np.array(values).reshape(shape) for values in zip(*each, strict=True)]


def _fitted(part: Part, columns: Sequence[Array], share: Array) -> Sequence[Any]:
    arrays = part.kind in ("covariance", "centeredCovariance")
    if len(share) < regressions.least(part):
        return [None] * len(part.outputs)
    if not arrays and any(column.dtype == object for column in columns):
        raise only_numbers(part.kind, columns)
    with np.errstate(all="ignore"):
        if arrays:
            columns = [_stacked(part, column) for column in columns]
            if columns[0].ndim != 2:
                raise AlgorithmError(f"Reducer.{part.kind} takes 1-D arrays, not arrays of {columns[0].ndim - 1} "
                                     "dimensions", mend="make an array of the bands by toArray first")
        elif part.kind in ("min", "max"):
            # Other inputs keep their type.
            place = (np.argmin if part.kind == "min" else np.argmax)(columns[0])
            return [column[place] for column in columns]
        found = regressions.fitted(part, columns, share)
    return [value if value.ndim else value.item() for value in map(np.asarray, found)]
