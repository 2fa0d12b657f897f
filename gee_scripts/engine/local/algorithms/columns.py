"""Properties of a collection reduced."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee_scripts.engine.local.algorithms.records import over_records, table
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Collection, Reducer, get


@algorithm("Collection.reduceColumns")
def reduce_columns(collection: Collection, reducer: Reducer, selectors: list[str],
                   weights: list[str] | None) -> dict[str, Any]:
    """The reducer's outputs over properties, one for every input, and weights of the weighted ones.

    An input without a value is null: the reducers that need it leave the element out.
    """
    if len(selectors) != reducer.width:
        raise AlgorithmError(f"Need {reducer.width} input(s) for the reducer, got {len(selectors)}",
                             mend="give a selector for every input, or repeat the reducer")
    given, masks, ones = table([[get(item, name) for name in selectors] for item in collection.items], reducer.width)
    if weights:
        weighted = sorted({place for part in reducer.parts if part.weighted for place in part.inputs})
        if len(weights) != len(weighted):
            raise AlgorithmError(f"{len(weights)} weightSelectors for {len(weighted)} weighted inputs",
                                 mend="give one for every weighted input")
        for place, name in zip(weighted, weights, strict=True):
            shares = np.array([float(get(item, name) or 0) for item in collection.items])
            masks[place] = masks[place] * shares
    found = over_records(reducer, given, masks, ones, ones > 0)
    return dict(zip(reducer.outputs, found, strict=True))
