"""Whether samples still have the label that they were drawn with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agrispec.config import Config
from agrispec.engine import Engine
from agrispec.sample import UNLABELLED
from exports.export import places


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the label map says at the samples of one class.

    Attributes:
        name: of the class.
        asked: samples.
        agreeing: those whose place is of the class still.
        other: those whose place is of another class.
        unknown: those whose place has no class in the map.
    """

    name: str
    asked: int
    agreeing: int
    other: int
    unknown: int


def label_agreement(table: pd.DataFrame, engine: Engine, graphs: places.Graphs, config: Config,
                    progress: Callable[[str], None]) -> tuple[Agreement, ...]:
    """Reads the label map again at the labelled samples of the source seasons; by class, in the taxonomy's order.

    Two requests a shard. The target season's labels stay closed, whatever the table holds.

    Raises:
        EngineError: the engine refused a request.
    """
    source = table[table["season"].isin(config.season.source) & (table["label"] != UNLABELLED)]
    found = places.labels_of(source, config, engine, graphs, progress)
    drawn = source["label"].to_numpy(np.int64)
    now = source["row"].map(found.set_index("row")["label"]).fillna(UNLABELLED).to_numpy(np.int64)
    known, same = now != UNLABELLED, now == drawn
    asked, agreeing, other = (np.bincount(drawn[chosen], minlength=len(config.taxonomy)).tolist()
                              for chosen in (np.ones(len(drawn), bool), same, known & ~same))
    return tuple(Agreement(name=name, asked=asked[number], agreeing=agreeing[number], other=other[number],
                           unknown=asked[number] - agreeing[number] - other[number])
                 for number, name in enumerate(config.taxonomy.names))
