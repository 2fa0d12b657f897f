"""Statistics of one property over a collection; elements without it do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Collection, Date, get, hashable


def _column(collection: Collection, name: str) -> list[Any]:
    found = (get(element, name) for element in collection.items)
    return [value.milliseconds if isinstance(value, Date) else value for value in found if value is not None]


def _spread(of: Callable[..., Any], freedom: int) -> Callable[[list[Any]], float | None]:
    return lambda values: float(of(values, ddof=freedom)) if len(values) > freedom else None


_STATISTICS: dict[str, Callable[[list[Any]], Any]] = {
    "array": lambda values: values,
    "first": lambda values: values[0] if values else None,
    "count": len,
    "count_distinct": lambda values: len(set(map(hashable, values))),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": sum,
    "mean": lambda values: sum(values) / len(values) if values else None,
    "product": lambda values: float(np.prod(values)),
    "sample_sd": _spread(np.std, 1), "sample_var": _spread(np.var, 1),
    "total_sd": _spread(np.std, 0), "total_var": _spread(np.var, 0),
    "histogram": lambda values: {str(key): count for key, count in sorted(Counter(map(hashable, values)).items())},
}


def _over(statistic: Callable[[list[Any]], Any]) -> Callable[[Collection, str], Any]:
    def of(collection: Collection, name: str) -> Any:
        try:
            return statistic(_column(collection, name))
        except (TypeError, ValueError) as error:
            raise _mixed(name) from error

    return of


def _mixed(name: str) -> AlgorithmError:
    return AlgorithmError(f"Property '{name}' holds values that cannot be reduced together",
                          mend="filter the collection, or compute a property of numbers by map")


for _name, _statistic in _STATISTICS.items():
    algorithm(f"AggregateFeatureCollection.{_name}")(_over(_statistic))


@algorithm("AggregateFeatureCollection.stats")
def stats(collection: Collection, name: str) -> dict[str, Any]:
    """Count, extremes, mean and spread at once."""
    values = _column(collection, name)
    keys = {"min": "min", "max": "max", "mean": "mean", "sample_sd": "sample_sd", "sample_var": "sample_var",
            "sum": "sum", "total_sd": "total_sd", "total_var": "total_var"}
    if not all(isinstance(value, int | float) for value in values):
        raise _mixed(name)
    return {"type": "DataDictionary", "total_count": len(collection.items), "valid_count": len(values),
            "sum_sq": float(sum(value * value for value in values)),
            "weight_sum": len(values)} | {key: _STATISTICS[kind](values) for key, kind in keys.items()}
